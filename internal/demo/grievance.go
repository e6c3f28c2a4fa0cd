package demo

import (
	"fmt"
	"time"

	"amends/domain"
)

// handling is the story of one complaint.
type handling struct {
	*life
	id       string
	owner    string
	at       time.Time // the last step
	start    time.Time
	good     float64 // quality of the handling, 0 to 1
	systemic *incident
	g        grievance
}

// complain decides whether the customer complains this month, and how well that goes.
func (l *life) complain(at time.Time) {
	p := 0.025
	hit := l.w.during(at)
	if hit != nil {
		p += 0.07
	}
	if l.mood < -0.2 {
		p += 0.03
	}
	if !l.chance(p) || at.Before(l.ends) {
		return
	}
	g := pick(l.rng, grievances)
	if hit != nil && l.chance(0.75) {
		for _, other := range grievances {
			if other.cause == hit.cause {
				g = other
			}
		}
	} else {
		hit = nil
	}
	l.complaints++
	h := &handling{life: l, id: fmt.Sprintf("c-%04d-%d", l.n+1, l.complaints), owner: pick(l.rng, agents), systemic: hit, g: g}
	h.good = 0.25 + 0.75*l.rng.Float64()
	if l.neglected {
		h.good -= 0.25
	}
	if l.complaints > 1 {
		h.good -= 0.1 // the second complaint of a customer gets less care, which it should not
	}
	h.start = l.in(at)
	h.at = h.start
	h.tell()
	l.lastAt, l.ends = h.start, h.at
}

func (h *handling) does(typ domain.Type, data any, who string) string {
	return h.add(h.at, typ, data, facts{actor: who, correlation: h.id})
}

func (h *handling) ref() domain.ComplaintRef { return domain.ComplaintRef{ComplaintID: h.id} }

// tell is the whole story: reception, work, answer, and what the customer makes of it.
func (h *handling) tell() {
	h.mood -= 0.22
	h.receive()
	promise := h.promise()
	h.work()
	h.keep(promise)
	if h.good < 0.12 {
		h.peterOut()
		return
	}
	if h.chance(0.06) {
		h.withdraw()
		return
	}
	agreed := h.answer()
	if !agreed {
		agreed = h.dispute()
	}
	h.conclude(agreed)
}

func (h *handling) receive() {
	channel := pick(h.rng, []string{"phone", "phone", "email", "web_form", "letter", "branch", "app", "social"})
	kind := map[string]string{"phone": "call", "email": "email", "web_form": "web", "letter": "letter", "branch": "visit", "app": "message", "social": "social"}[channel]
	h.add(h.at.Add(-5*time.Minute), domain.Type("interaction."+kind), domain.Interaction{Direction: "inbound", Purpose: "complaint", HandledBy: h.owner,
		Sentiment: pick(h.rng, []string{"negative", "very_negative", "negative"}), Outcome: "follow_up_needed", Effort: ptr(h.score(1, 7, 3.5, 2)),
		RepeatInfoRequested: ptr(h.good < 0.35)}, facts{actor: h.owner, correlation: h.id})
	reg := domain.ComplaintRegistered{ComplaintRef: h.ref(), Channel: channel, Subject: h.g.subject, Description: pick(h.rng, h.g.texts),
		Product: h.g.product, Category: h.g.category, Severity: h.g.severity, Brand: "Larkfield",
		RemedySought: pick(h.rng, []string{"refund", "correction", "explanation", "apology", "repair"})}
	if h.chance(0.08) {
		reg.Vulnerable = ptr(true)
	}
	if h.chance(0.3) {
		reg.Style = pick(h.rng, []string{"calm", "emotional", "stubborn", "prepared"})
	}
	registered := h.does("complaint.registered", reg, h.owner)
	if h.chance(0.05) { // a slip of the pen that is put right the next day
		reg.Severity = "S2"
		h.add(h.at.AddDate(0, 0, 1), "record.corrected", correction(registered, "The severity was entered wrongly", reg), facts{actor: h.owner, correlation: h.id})
	}
	if h.good > 0.3 {
		h.at = h.later(h.at, 0, 1)
		if h.good < 0.5 {
			h.at = h.later(h.at, 4, 9) // late
			h.mood -= 0.05
		}
		h.does("complaint.acknowledged", domain.ComplaintAcknowledged{ComplaintRef: h.ref(), Channel: "email"}, h.owner)
		h.does("apology.offered", domain.ApologyOffered{ApologyID: h.id + "-sorry", ComplaintID: h.id, Kind: "regret", Level: "agent", Channel: "email"}, h.owner)
		h.mood += 0.05
	}
	if h.good > 0.6 {
		h.at = h.at.Add(time.Hour)
		h.does("complaint.record_confirmed", domain.ComplaintRecordConfirmed{ComplaintRef: h.ref(), Channel: "phone"}, h.owner)
	}
}

// promise is made by good and by bad handlers alike; what differs is whether it is kept.
func (h *handling) promise() string {
	if !h.chance(0.7) {
		return ""
	}
	h.at = h.at.Add(15 * time.Minute)
	id := h.id + "-promise"
	d := domain.CommitmentMade{CommitmentID: id, ComplaintID: h.id, What: pick(h.rng, promises), DueAt: h.office(h.at.AddDate(0, 0, 7)),
		Medium: pick(h.rng, []string{"phone", "email", "letter"}), Owner: h.owner}
	if h.chance(0.2) {
		d.Approver = pick(h.rng, leaders)
	}
	h.does("commitment.made", d, h.owner)
	return id
}

// keep ends a promise about the day it is due.
func (h *handling) keep(id string) {
	if id == "" {
		return
	}
	if h.good > 0.45 && h.chance(0.2) {
		h.at = h.later(h.at, 0, 2)
		h.does("commitment.renegotiated", domain.CommitmentRenegotiated{CommitmentID: id, NewDue: h.office(h.at.AddDate(0, 0, 6)),
			Reason: "The part comes a week later; agreed by telephone"}, h.owner)
	}
	h.at = h.later(h.at, 1, 5)
	switch {
	case h.chance(h.good + 0.15):
		h.does("commitment.kept", domain.CommitmentKept{CommitmentID: id}, h.owner)
		h.mood += 0.08
	case h.chance(0.7):
		h.does("commitment.broken", domain.CommitmentBroken{CommitmentID: id, Reason: "Nobody took it over during leave"}, pick(h.rng, leaders))
		h.mood -= 0.25
	default: // nobody even noticed
		h.mood -= 0.25
	}
}

// work is what the company does before it answers.
func (h *handling) work() {
	h.at = h.later(h.at, 0, 2)
	c := domain.ComplaintClassified{ComplaintRef: h.ref(), Cause: h.g.cause, Severity: h.g.severity}
	if h.systemic != nil {
		c.Systemic = ptr(true)
	}
	h.does("complaint.classified", c, h.owner)
	h.does("complaint.assigned", domain.ComplaintAssigned{ComplaintRef: h.ref(), Owner: h.owner, Team: "Complaints"}, pick(h.rng, leaders))
	if h.chance(0.15) {
		h.at = h.later(h.at, 0, 1)
		h.does("complaint.forwarded", domain.ComplaintForwarded{ComplaintRef: h.ref(), To: "Field service", Reason: "They have the work order"}, h.owner)
	}
	if h.systemic != nil {
		h.fightCause()
	}
	for range h.rng.IntN(3 - int(min(2, h.good*2.5))) { // each hand-over costs
		h.at = h.later(h.at, 2, 8)
		h.owner = pick(h.rng, agents)
		h.does("complaint.assigned", domain.ComplaintAssigned{ComplaintRef: h.ref(), Owner: h.owner, Team: "Complaints"}, pick(h.rng, leaders))
		h.mood -= 0.04
	}
	if h.chance(0.25) {
		h.at = h.later(h.at, 1, 3)
		h.does("complaint.paused", domain.ComplaintPaused{ComplaintRef: h.ref(), Awaiting: pick(h.rng, []string{"customer", "third_party"}),
			Reason: "A photograph of the meter is needed"}, h.owner)
		h.at = h.later(h.at, 3, 12)
		h.does("complaint.resumed", domain.ComplaintResumed{ComplaintRef: h.ref()}, h.owner)
	}
	if h.good < 0.4 || h.g.severity == "S1" {
		h.at = h.later(h.at, 1, 4)
		h.does("complaint.escalated", domain.ComplaintEscalated{ComplaintRef: h.ref(), Level: pick(h.rng, []string{"team_leader", "manager"}),
			To: pick(h.rng, leaders), Reason: "The customer asked for somebody who decides"}, h.owner)
	}
	if h.good < 0.3 {
		h.at = h.later(h.at, 15, 30)
		h.does("complaint.extended", domain.ComplaintExtended{ComplaintRef: h.ref(), Policy: "fca-disp", NewDue: h.office(h.start.AddDate(0, 0, 80)),
			Reason: "The supplier has not answered yet"}, h.owner)
	}
	h.at = h.later(h.at, 1, 4+int(20*(1-h.good)))
	h.does("complaint.investigated", domain.ComplaintInvestigated{ComplaintRef: h.ref(), RootCause: h.g.cause,
		ResponsibleUnit: pick(h.rng, []string{"Billing", "Field service", "Sales", "Digital"}), Finding: pick(h.rng, findings)}, h.owner)
}

// fightCause: the first complaint of an incident brings the corrective action; later ones are linked to it.
func (h *handling) fightCause() {
	i := h.systemic
	if i.complaint == "" {
		i.complaint, i.customer = h.id, h.customer
		h.add(h.at.Add(time.Hour), "prevention.planned", domain.PreventionPlanned{ActionID: i.id, What: i.what, Cause: i.cause,
			ComplaintIDs: []string{h.id}, Owner: pick(h.rng, leaders), DueAt: &i.fixed}, facts{actor: leaders[0]})
		done := i.fixed
		if !done.After(h.at.Add(time.Hour)) {
			done = h.at.AddDate(0, 0, 10)
		}
		h.add(done, "prevention.completed", domain.PreventionCompleted{ActionID: i.id, Effective: ptr(i.id != "app-outage")}, facts{actor: leaders[0]})
		return
	}
	if i.customer != h.customer {
		h.does("complaint.linked", domain.ComplaintLinked{ComplaintRef: h.ref(), RelatedComplaintID: i.complaint, RelatedCustomerID: i.customer,
			Relation: "same_cause"}, h.owner)
	}
}
