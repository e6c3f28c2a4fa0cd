package domain

import "slices"

// applyComplaint folds complaint.*. How the states follow from the facts is told at Complaint.advance; the other fields
// follow one rule: what an event tells replaces what was known, what it does not tell stays.
func (c *Customer) applyComplaint(e *Event) {
	switch d := e.Data.(type) {
	case *ComplaintRegistered:
		c.registerComplaint(e, d)
	case *ComplaintForwarded:
		first(&c.complaint(e, d.ComplaintID).ForwardedAt, e.Time)
	case *ComplaintAcknowledged:
		k := c.complaint(e, d.ComplaintID)
		first(&k.AcknowledgedAt, e.Time)
		k.LastVisibleUpdateAt = e.Time
		k.advance(StateAcknowledged)
	case *ComplaintRecordConfirmed:
		k := c.complaint(e, d.ComplaintID)
		first(&k.ConfirmedAt, e.Time)
		k.LastVisibleUpdateAt = e.Time
	case *ComplaintClassified:
		c.complaint(e, d.ComplaintID).classify(e, d)
	case *ComplaintAssigned:
		k := c.complaint(e, d.ComplaintID)
		first(&k.AssignedAt, e.Time)
		if k.Owner != "" && k.Owner != d.Owner {
			k.Handoffs++
		}
		k.Owner, k.Team = d.Owner, d.Team
		k.advance(StateAssessed)
	case *ComplaintEscalated:
		k := c.complaint(e, d.ComplaintID)
		k.EscalatedAt = e.Time
		k.EscalatedCount++
		replace(&k.EscalationLevel, d.Level)
	case *ComplaintPaused:
		k := c.complaint(e, d.ComplaintID)
		k.pause(e.Time, d.Awaiting)
		if d.Awaiting == "customer" {
			k.LastVisibleUpdateAt = e.Time // they were asked for something
		}
	case *ComplaintResumed:
		c.complaint(e, d.ComplaintID).resume(e.Time)
	case *ComplaintExtended:
		k := c.complaint(e, d.ComplaintID)
		k.ExtendedTo, k.ExtendPolicy = d.NewDue, d.Policy
		k.LastVisibleUpdateAt = e.Time
	case *ComplaintInvestigated:
		k := c.complaint(e, d.ComplaintID)
		first(&k.InvestigatedAt, e.Time)
		replace(&k.RootCause, d.RootCause)
		replace(&k.Cause, d.RootCause)
		replace(&k.ResponsibleUnit, d.ResponsibleUnit)
		k.advance(StateInvestigating)
	case *ComplaintProposed:
		k := c.complaint(e, d.ComplaintID)
		first(&k.ProposedAt, e.Time)
		k.propose(e, d)
		k.LastVisibleUpdateAt = e.Time
		k.advance(StateProposed)
	case *ComplaintProposalAccepted:
		k := c.complaint(e, d.ComplaintID)
		k.AcceptedAt = e.Time
		k.answer(e, d.ProposalID, "accepted")
	case *ComplaintProposalDeclined:
		c.complaint(e, d.ComplaintID).answer(e, d.ProposalID, "declined")
	case *ComplaintLinked:
		k := c.complaint(e, d.ComplaintID)
		l := Link{ComplaintID: d.RelatedComplaintID, CustomerID: d.RelatedCustomerID, Relation: d.Relation}
		fill(&l.CustomerID, e.Customer)
		if !slices.Contains(k.Links, l) {
			k.Links = append(k.Links, l)
		}
		if d.Relation == RelationDuplicateOf {
			k.DuplicateOf = d.RelatedComplaintID
		}
	default:
		c.applyConclusion(e)
	}
	if about, ok := e.Data.(interface{ complaintID() string }); ok {
		c.complaint(e, about.complaintID()).noteFact(e)
	}
}

// RelationDuplicateOf is the relation of a complaint that says the same as another.
const RelationDuplicateOf = "duplicate_of"

// applyConclusion folds the later part of a complaint's life: decision, response, what became of it.
func (c *Customer) applyConclusion(e *Event) {
	switch d := e.Data.(type) {
	case *ComplaintDecided:
		k := c.complaint(e, d.ComplaintID)
		first(&k.DecidedAt, e.Time)
		k.Outcome, k.OutcomeAt = d.Outcome, e.Time
		k.advance(StateDecided)
	case *ComplaintResponded:
		k := c.complaint(e, d.ComplaintID)
		k.Response = d.Kind
		k.ResponseCount++
		if d.Timely != nil {
			k.Timely = d.Timely
		}
		k.LastVisibleUpdateAt = e.Time
		if FinalResponse(d.Kind) {
			first(&k.RespondedAt, e.Time)
			k.advance(StateResponded)
		}
	case *ComplaintResolved:
		k := c.complaint(e, d.ComplaintID)
		first(&k.FirstResolvedAt, e.Time)
		k.ResolvedAt = e.Time
		k.ResolvedCount++
		k.conclude(StateResolved, e.Time)
	case *ComplaintDisputed:
		k := c.complaint(e, d.ComplaintID)
		k.DisputedAt, k.DisputedBy = e.Time, e.ID
		k.contest(StateDisputed)
	case *ComplaintWithdrawn:
		k := c.complaint(e, d.ComplaintID)
		k.WithdrawnAt = e.Time
		k.conclude(StateWithdrawn, e.Time)
	case *ComplaintReopened:
		k := c.complaint(e, d.ComplaintID)
		k.ReopenedAt, k.ReopenedBy = e.Time, e.ID
		k.ReopenedCount++
		k.reopen(e.Time)
	case *ComplaintReferred:
		k := c.complaint(e, d.ComplaintID)
		k.ReferredAt, k.ReferredTo = e.Time, d.To
		k.contest(StateReferred)
	case *ComplaintRuled:
		k := c.complaint(e, d.ComplaintID)
		k.RuledAt, k.Ruling = e.Time, d.Ruling
		k.ComplyBefore = noTime
		if d.ComplyBefore != nil {
			k.ComplyBefore = *d.ComplyBefore
		}
	case *ComplaintClosed:
		k := c.complaint(e, d.ComplaintID)
		first(&k.FirstClosedAt, e.Time)
		k.ClosedAt, k.ClosedBy = e.Time, e.ID
		if d.Satisfied != nil {
			k.ClosedSatisfied = d.Satisfied
		}
		k.conclude(StateClosed, e.Time)
	}
}

// complaint is the complaint that the event is about.
func (c *Customer) complaint(e *Event, id string) *Complaint {
	return entry(c, thingComplaint, &c.Complaints, e, id, newComplaint(e, id))
}

func newComplaint(e *Event, id string) func() *Complaint {
	return func() *Complaint { return &Complaint{ID: id, CustomerID: e.Customer, State: StateRegistered} }
}

func (c *Customer) registerComplaint(e *Event, d *ComplaintRegistered) {
	k := opened(c, thingComplaint, &c.Complaints, e, d.ComplaintID, (*Complaint).Registered, newComplaint(e, d.ComplaintID))
	k.CustomerID = e.Customer
	first(&k.RegisteredAt, e.Time)
	fill(&k.RegisteredBy, e.ID)
	fill(&k.source, e.Source)
	fill(&k.Brand, d.Brand)
	fill(&k.Channel, d.Channel)
	fill(&k.Product, d.Product)
	fill(&k.SubProduct, d.SubProduct)
	fill(&k.Category, d.Category)
	fill(&k.SubCategory, d.SubCategory)
	fill(&k.Severity, d.Severity)
	fill(&k.Style, d.Style)
	fill(&k.RemedySought, d.RemedySought)
	fill(&k.Vulnerable, d.Vulnerable)
}

func (k *Complaint) classify(e *Event, d *ComplaintClassified) {
	first(&k.ClassifiedAt, e.Time)
	if k.RootCause == "" { // what the investigation found outranks a classification
		replace(&k.Cause, d.Cause)
	}
	replace(&k.Severity, d.Severity)
	replace(&k.Systemic, d.Systemic)
	replace(&k.Product, d.Product)
	replace(&k.SubProduct, d.SubProduct)
	replace(&k.Category, d.Category)
	replace(&k.SubCategory, d.SubCategory)
	replace(&k.Vulnerable, d.Vulnerable)
	replace(&k.Style, d.Style)
	k.advance(StateAssessed)
}

// propose adds a proposal, or fills in one that was answered before it came.
func (k *Complaint) propose(e *Event, d *ComplaintProposed) {
	id := ownID(d.ProposalID, e)
	for i := range k.Proposals {
		if p := &k.Proposals[i]; p.ID == id || p.ID == "" {
			if p.At.IsZero() {
				p.ID, p.At, p.Remedies = id, e.Time, d.Remedies
			}
			return
		}
	}
	k.Proposals = append(k.Proposals, Proposal{ID: id, At: e.Time, Remedies: d.Remedies})
}

// answer notes what the customer said to the named proposal, or to the latest one. If the proposal has not come yet, the
// answer waits for it.
func (k *Complaint) answer(e *Event, id, answer string) {
	i := len(k.Proposals) - 1
	if id != "" {
		i = slices.IndexFunc(k.Proposals, func(p Proposal) bool { return p.ID == id })
	}
	if i < 0 {
		k.Proposals = append(k.Proposals, Proposal{ID: id})
		i = len(k.Proposals) - 1
	}
	k.Proposals[i].Answer, k.Proposals[i].AnswerAt = answer, e.Time
}
