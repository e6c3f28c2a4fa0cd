package domaintest

import (
	"encoding/json"
	"fmt"
	"reflect"
	"time"

	"amends/domain"

	"pgregory.net/rapid"
)

// event draws one event of some family for which there is something to tell.
func (w *world) event(c *customer) {
	families := []func(*customer){w.person, w.person, w.business, w.interaction, w.interaction, w.register}
	if len(c.complaints) > 0 {
		families = append(families, w.handle, w.handle, w.handle, w.conclude, w.conclude, w.conclude)
	}
	if len(c.proposals) > 0 {
		families = append(families, w.answer)
	}
	families = append(families, w.commitment, w.redressed, w.apology, w.followup, w.survey, w.survey, w.prevention, w.erasure)
	if len(c.own) > 0 {
		families = append(families, w.correction)
	}
	rapid.SampledFrom(families).Draw(w.t, "family")(c)
}

func (w *world) person(c *customer) {
	other := w.one("other-1", "other-2")
	switch rapid.IntRange(0, 10).Draw(w.t, "person") {
	case 0:
		w.emit(c.id, "customer.registered", &domain.CustomerRegistered{Name: "A. Nyone", Tier: w.one(tiers...), Locale: "en-GB",
			Since: "2021-05-01", Identities: []domain.Identity{{Kind: "email", Value: "anyone@example.org"}}})
	case 1:
		w.emit(c.id, "customer.profile_changed", &domain.CustomerProfileChanged{Locale: "zh-CN",
			PreferredChannel: w.one(channels...)})
	case 2:
		w.emit(c.id, "customer.identity_linked",
			&domain.CustomerIdentityLinked{Identity: domain.Identity{Kind: "phone", Value: "+441632960000"}})
	case 3:
		w.emit(c.id, "customer.tier_assigned", &domain.CustomerTierAssigned{Tier: w.one(tiers...)})
	case 4:
		w.emit(c.id, "customer.relationship_set",
			&domain.CustomerRelationshipSet{Level: w.one("basic", "reactive", "accountable", "proactive", "partnership")})
	case 5:
		w.emit(c.id, "customer.manager_assigned", &domain.CustomerManagerAssigned{Manager: w.one("m.diaz", "m.wu", "m.okafor")})
	case 6:
		w.emit(c.id, "customer.departed", &domain.CustomerDeparted{Reason: w.one(departures...)})
	case 7:
		w.emit(c.id, "customer.returned", &domain.CustomerReturned{})
	case 8:
		w.emit(c.id, "customer.merged_into", &domain.CustomerMergedInto{CustomerID: other})
		c.mergedInto = append(c.mergedInto, other)
	case 9:
		w.emit(c.id, "customer.absorbed", &domain.CustomerAbsorbed{CustomerID: other})
		c.absorbs = append(c.absorbs, other)
	case 10:
		switch {
		case len(c.absorbs) > 0:
			w.emit(c.id, "customer.unmerged", &domain.CustomerUnmerged{CustomerID: c.absorbs[0]})
			c.absorbs = without(c.absorbs, c.absorbs[0])
		case len(c.mergedInto) > 0:
			w.emit(c.id, "customer.unmerged", &domain.CustomerUnmerged{CustomerID: c.mergedInto[0]})
			c.mergedInto = without(c.mergedInto, c.mergedInto[0])
		}
		// An unmerging ends a merger in both directions.
		if len(c.absorbs) > 0 || len(c.mergedInto) > 0 {
			c.absorbs, c.mergedInto = stillMerged(c)
		}
	}
}

func stillMerged(c *customer) (absorbs, mergedInto []string) {
	probe := func(id string) bool {
		e := domain.Event{ID: "probe", Type: "customer.unmerged", Customer: c.id,
			Data: &domain.CustomerUnmerged{CustomerID: id}}
		return c.refs.Check(e) == nil
	}
	for _, id := range c.absorbs {
		if probe(id) {
			absorbs = append(absorbs, id)
		}
	}
	for _, id := range c.mergedInto {
		if probe(id) {
			mergedInto = append(mergedInto, id)
		}
	}
	return absorbs, mergedInto
}

func without(list []string, id string) []string {
	var out []string
	for _, s := range list {
		if s != id {
			out = append(out, s)
		}
	}
	return out
}

func (w *world) business(c *customer) {
	switch rapid.IntRange(0, 2).Draw(w.t, "business") {
	case 0:
		w.emit(c.id, "purchase.recorded", &domain.PurchaseRecorded{Product: "kettle", Channel: "web", Money: w.money()})
	case 1:
		given, known := w.open(c, "K")
		ends := ""
		if rapid.Bool().Draw(w.t, "limited") {
			ends = w.now.AddDate(0, rapid.IntRange(0, 24).Draw(w.t, "months"), 0).Format(time.DateOnly)
		}
		w.emit(c.id, "contract.started", &domain.ContractStarted{ContractID: given, Product: "line", EndsOn: ends, Money: w.money()})
		c.contracts = append(c.contracts, known)
	case 2:
		if len(c.contracts) > 0 {
			w.emit(c.id, "contract.ended", &domain.ContractEnded{ContractID: w.of(c.contracts)})
		}
	}
}

func (w *world) interaction(c *customer) {
	d := &domain.Interaction{Direction: w.one("inbound", "outbound"), Purpose: w.one(purposes...), HandledBy: "a.kim",
		Summary: "Talked about it.", Sentiment: w.one(sentiments...), ComplaintID: w.maybe(c.complaints),
		RepeatInfoRequested: w.yes()}
	if rapid.Bool().Draw(w.t, "effort told") {
		effort := rapid.IntRange(1, 7).Draw(w.t, "effort")
		d.Effort = &effort
	}
	w.emit(c.id, domain.Type("interaction."+w.one(kinds...)), d)
}

func (w *world) register(c *customer) {
	c.opened++
	id := fmt.Sprintf("C-%d", c.opened)
	w.emit(c.id, "complaint.registered", &domain.ComplaintRegistered{ComplaintRef: domain.ComplaintRef{ComplaintID: id},
		Channel: w.one(channels...), Subject: "It broke", Description: "It broke on the second day.", Product: "kettle",
		Category: w.one("fault", "delivery", "billing"), Severity: w.one(severities...), Vulnerable: w.yes(),
		Style: w.one("", "calm", "prepared"), Brand: w.one("North", "South")})
	c.complaints = append(c.complaints, id)
}

func (w *world) handle(c *customer) {
	ref := domain.ComplaintRef{ComplaintID: w.of(c.complaints)}
	switch rapid.IntRange(0, 12).Draw(w.t, "handling") {
	case 0:
		w.emit(c.id, "complaint.forwarded", &domain.ComplaintForwarded{ComplaintRef: ref, To: "claims"})
	case 1:
		w.emit(c.id, "complaint.acknowledged", &domain.ComplaintAcknowledged{ComplaintRef: ref, Channel: "email"})
	case 2:
		w.emit(c.id, "complaint.record_confirmed", &domain.ComplaintRecordConfirmed{ComplaintRef: ref})
	case 3:
		w.emit(c.id, "complaint.classified", &domain.ComplaintClassified{ComplaintRef: ref, Cause: w.one(causes...),
			Severity: w.one(severities...), Systemic: w.yes()})
	case 4:
		w.emit(c.id, "complaint.assigned", &domain.ComplaintAssigned{ComplaintRef: ref, Owner: w.one("a.kim", "b.osei", "c.lee")})
	case 5:
		w.emit(c.id, "complaint.escalated", &domain.ComplaintEscalated{ComplaintRef: ref, Level: w.one("stage_2", "manager")})
	case 6, 7:
		w.emit(c.id, "complaint.paused", &domain.ComplaintPaused{ComplaintRef: ref, Awaiting: w.one(awaiting...)})
	case 8:
		w.emit(c.id, "complaint.resumed", &domain.ComplaintResumed{ComplaintRef: ref})
	case 9:
		w.emit(c.id, "complaint.extended",
			&domain.ComplaintExtended{ComplaintRef: ref, Policy: "fca-disp", NewDue: w.due(), Reason: "awaiting a report"})
	case 10:
		w.emit(c.id, "complaint.investigated", &domain.ComplaintInvestigated{ComplaintRef: ref, RootCause: w.one(causes...),
			ResponsibleUnit: "warehouse", Finding: "The seal was worn."})
	default:
		given, known := w.open(c, "P")
		w.emit(c.id, "complaint.proposed",
			&domain.ComplaintProposed{ComplaintRef: ref, ProposalID: given, Remedies: w.remedies()})
		c.proposals = append(c.proposals, proposal{ref.ComplaintID, known})
	}
}

// answer draws what the customer said to a proposal.
func (w *world) answer(c *customer) {
	p := rapid.SampledFrom(c.proposals).Draw(w.t, "proposal")
	ref := domain.ComplaintRef{ComplaintID: p.complaint}
	id := w.one("", p.id)
	if rapid.Bool().Draw(w.t, "accepted") {
		w.emit(c.id, "complaint.proposal_accepted", &domain.ComplaintProposalAccepted{ComplaintRef: ref, ProposalID: id})
	} else {
		w.emit(c.id, "complaint.proposal_declined", &domain.ComplaintProposalDeclined{ComplaintRef: ref, ProposalID: id})
	}
}

func (w *world) conclude(c *customer) {
	ref := domain.ComplaintRef{ComplaintID: w.of(c.complaints)}
	switch rapid.IntRange(0, 9).Draw(w.t, "conclusion") {
	case 0:
		w.emit(c.id, "complaint.decided", &domain.ComplaintDecided{ComplaintRef: ref, Outcome: w.one(outcomes...)})
	case 1:
		w.emit(c.id, "complaint.responded", &domain.ComplaintResponded{ComplaintRef: ref, Kind: w.one(responses...), Timely: w.yes()})
	case 2:
		w.emit(c.id, "complaint.resolved", &domain.ComplaintResolved{ComplaintRef: ref, Remedies: w.remedies()})
	case 3:
		w.emit(c.id, "complaint.disputed", &domain.ComplaintDisputed{ComplaintRef: ref})
	case 4:
		w.emit(c.id, "complaint.withdrawn", &domain.ComplaintWithdrawn{ComplaintRef: ref})
	case 5:
		w.emit(c.id, "complaint.reopened", &domain.ComplaintReopened{ComplaintRef: ref})
	case 6:
		w.emit(c.id, "complaint.referred", &domain.ComplaintReferred{ComplaintRef: ref, To: "ombudsman"})
	case 7:
		d := &domain.ComplaintRuled{ComplaintRef: ref, Ruling: w.one(rulings...), Money: w.money()}
		if rapid.Bool().Draw(w.t, "to comply") {
			due := w.due()
			d.ComplyBefore = &due
		}
		w.emit(c.id, "complaint.ruled", d)
	case 8:
		d := &domain.ComplaintLinked{ComplaintRef: ref, RelatedComplaintID: "X-1", RelatedCustomerID: "c-elsewhere",
			Relation: w.one(relations...)}
		if other := w.of(c.complaints); other != ref.ComplaintID {
			d.RelatedComplaintID, d.RelatedCustomerID = other, ""
		}
		w.emit(c.id, "complaint.linked", d)
	case 9:
		w.emit(c.id, "complaint.closed", &domain.ComplaintClosed{ComplaintRef: ref, Satisfied: w.yes()})
	}
}

// correction draws a correction of any record but a correction: another payload, another time, or both.
func (w *world) correction(c *customer) {
	was := w.log[rapid.SampledFrom(c.own).Draw(w.t, "record")]
	if _, is := was.Data.(*domain.RecordCorrected); is {
		return
	}
	d := &domain.RecordCorrected{EventID: was.ID, Reason: "mistyped", Decoded: w.vary(was.Data)}
	if rapid.Bool().Draw(w.t, "other time") {
		at := was.Time.Add(time.Duration(rapid.IntRange(-30*24*60, 0).Draw(w.t, "minutes")) * time.Minute)
		d.Time = &at
	}
	raw, err := json.Marshal(d.Decoded)
	if err != nil {
		w.t.Fatalf("encode the corrected data: %v", err)
	}
	d.Data = raw
	w.emit(c.id, "record.corrected", d)
}

// vary is the payload with a detail changed, where it has one that may.
func (w *world) vary(d domain.Data) domain.Data {
	v := reflect.New(reflect.TypeOf(d).Elem())
	v.Elem().Set(reflect.ValueOf(d).Elem())
	as := v.Interface().(domain.Data)
	switch d := as.(type) {
	case *domain.ComplaintRegistered:
		d.Severity = w.one(severities...)
	case *domain.ComplaintDecided:
		d.Outcome = w.one(outcomes...)
	case *domain.ComplaintResponded:
		d.Kind = w.one(responses...)
	case *domain.ComplaintAssigned:
		d.Owner = w.one("a.kim", "b.osei")
	case *domain.Interaction:
		d.Sentiment = w.one(sentiments...)
	case *domain.SurveyAnswered:
		d.Score = w.score(d.Metric)
	case *domain.CommitmentMade:
		d.DueAt = w.due()
	case *domain.RedressOffered:
		d.Money = w.money()
	case *domain.PurchaseRecorded:
		d.Money = w.money()
	case *domain.CustomerTierAssigned:
		d.Tier = w.one(tiers...)
	}
	return as
}
