package demo

import (
	"encoding/json"
	"time"

	"amends/domain"
)

// peterOut: nobody answers. The complaint stays open, and the customer falls silent.
func (h *handling) peterOut() {
	h.mood -= 0.45
	if h.chance(0.6) {
		h.at = h.later(h.at, 20, 40)
		h.does("interaction.call", domain.Interaction{Direction: "inbound", Purpose: "complaint", HandledBy: pick(h.rng, agents), ComplaintID: h.id,
			Summary: "Asked for the third time what has become of it.", Outcome: "callback_agreed", Sentiment: "very_negative",
			Effort: ptr(1), RepeatInfoRequested: ptr(true)}, "")
	}
}

func (h *handling) withdraw() {
	h.at = h.later(h.at, 1, 6)
	h.does("complaint.withdrawn", domain.ComplaintWithdrawn{ComplaintRef: h.ref(), Reason: "It has settled itself, says the customer"}, "")
	h.at = h.at.Add(time.Hour)
	h.does("complaint.closed", domain.ComplaintClosed{ComplaintRef: h.ref(), Reason: "Withdrawn"}, h.owner)
	h.mood += 0.1
}

// remedies are what the company is ready to do.
func (h *handling) remedies() (list []domain.Remedy, amount int64) {
	if h.good < 0.35 {
		return []domain.Remedy{{Kind: "explanation", Detail: "Letter with the calculation"}}, 0
	}
	amount = int64(1000 + 100*h.rng.IntN(140))
	if h.g.severity == "S1" {
		amount += 15000
	}
	money := domain.Money{AmountMinor: &amount, Currency: "GBP"}
	list = []domain.Remedy{{Kind: pick(h.rng, []string{"refund", "goodwill", "compensation_distress_inconvenience"}), Money: money}}
	if h.good > 0.6 {
		list = append(list, domain.Remedy{Kind: "process_change", Detail: "The order is checked by a second person"})
	}
	return list, amount
}

// answer proposes, decides and responds. It tells whether the customer agrees.
func (h *handling) answer() bool {
	list, amount := h.remedies()
	h.at = h.later(h.at, 0, 3)
	first := h.id + "-offer-1"
	h.does("complaint.proposed", domain.ComplaintProposed{ComplaintRef: h.ref(), ProposalID: first, Remedies: list}, h.owner)
	accepted := h.chance(0.35 + 0.6*h.good)
	h.at = h.later(h.at, 1, 4)
	if accepted {
		h.does("complaint.proposal_accepted", domain.ComplaintProposalAccepted{ComplaintRef: h.ref(), ProposalID: first}, "")
	} else {
		h.does("complaint.proposal_declined", domain.ComplaintProposalDeclined{ComplaintRef: h.ref(), ProposalID: first,
			Reason: pick(h.rng, []string{"Too little", "An apology first", "That is not what was asked for"})}, "")
		h.mood -= 0.08
		if h.good > 0.5 { // a second, better offer
			h.at = h.later(h.at, 1, 3)
			amount += 2500
			second := h.id + "-offer-2"
			h.does("complaint.proposed", domain.ComplaintProposed{ComplaintRef: h.ref(), ProposalID: second,
				Remedies: []domain.Remedy{{Kind: "goodwill", Money: domain.Money{AmountMinor: ptr(amount), Currency: "GBP"}}}}, h.owner)
			h.at = h.later(h.at, 1, 3)
			h.does("complaint.proposal_accepted", domain.ComplaintProposalAccepted{ComplaintRef: h.ref(), ProposalID: second}, "")
			accepted = true
		}
	}
	outcome := "not_upheld"
	switch {
	case h.good > 0.6:
		outcome = "upheld"
	case h.good > 0.35:
		outcome = "partially_upheld"
	}
	h.at = h.at.Add(time.Hour)
	h.does("complaint.decided", domain.ComplaintDecided{ComplaintRef: h.ref(), Outcome: outcome}, h.owner)
	h.apologise()
	h.at = h.later(h.at, 0, 2)
	h.does("complaint.responded", domain.ComplaintResponded{ComplaintRef: h.ref(), Kind: "final_response",
		Channel: pick(h.rng, []string{"email", "letter"})}, h.owner)
	if amount > 0 && (accepted || outcome != "not_upheld") {
		h.redress(amount, accepted)
	}
	if accepted {
		h.mood += 0.12 + 0.18*h.good
	}
	return accepted
}

// apologise: those who handle well also admit what went wrong.
func (h *handling) apologise() {
	if h.good < 0.45 {
		return
	}
	kind, level := "regret", "manager"
	if h.good > 0.65 {
		kind = "admission"
	}
	if h.tier == "key" || h.g.severity == "S1" {
		level = "executive"
	}
	id := h.id + "-apology"
	h.at = h.at.Add(30 * time.Minute)
	h.does("apology.offered", domain.ApologyOffered{ApologyID: id, ComplaintID: h.id, Kind: kind, Level: level, Channel: "phone"}, pick(h.rng, leaders))
	h.at = h.at.Add(5 * time.Minute)
	if h.chance(0.35 + 0.6*h.good) {
		h.does("apology.accepted", domain.ApologyAccepted{ApologyID: id}, "")
		h.mood += 0.1
	} else {
		h.does("apology.declined", domain.ApologyDeclined{ApologyID: id, Reason: "Words"}, "")
	}
}

// redress goes its own way beside the complaint.
func (h *handling) redress(amount int64, accepted bool) {
	id := h.id + "-money"
	money := domain.Money{AmountMinor: &amount, Currency: "GBP"}
	h.does("redress.offered", domain.RedressOffered{RedressID: id, ComplaintID: h.id, Remedy: "goodwill", Money: money}, h.owner)
	at := h.later(h.at, 0, 1)
	by := pick(h.rng, leaders)
	h.add(at, "redress.approved", domain.RedressApproved{RedressID: id, Approver: by}, facts{actor: by, correlation: h.id})
	at = at.Add(time.Hour)
	if !accepted && h.chance(0.6) {
		h.add(at, "redress.declined", domain.RedressDeclined{RedressID: id, Reason: "It does not settle the matter"}, facts{correlation: h.id})
		return
	}
	h.add(at, "redress.accepted", domain.RedressAccepted{RedressID: id}, facts{correlation: h.id})
	at = h.later(at, 1, 4+int(14*(1-h.good)))
	if h.chance(0.15 * (1.3 - h.good)) {
		h.add(at, "redress.failed", domain.RedressFailed{RedressID: id, Reason: "The account is closed"}, facts{actor: h.owner, correlation: h.id})
		h.mood -= 0.15
		if h.good < 0.5 {
			return
		}
		at = h.later(at, 2, 5)
	}
	h.add(at, "redress.delivered", domain.RedressDelivered{RedressID: id, Method: "bank_transfer", Money: money}, facts{actor: h.owner, correlation: h.id})
	h.mood += 0.06
}

// dispute: the customer does not accept the answer. It tells whether the customer agrees in the end.
func (h *handling) dispute() bool {
	if !h.chance(0.75) {
		return false
	}
	h.at = h.later(h.at, 2, 10)
	h.does("complaint.disputed", domain.ComplaintDisputed{ComplaintRef: h.ref(), Reason: "The answer does not speak of what I asked"}, "")
	if h.chance(0.45) { // to the ombudsman
		h.at = h.later(h.at, 10, 40)
		h.does("complaint.referred", domain.ComplaintReferred{ComplaintRef: h.ref(), To: "Energy Ombudsman", Reference: "EO-" + h.id}, "")
		if h.chance(0.25) {
			h.does("legal_hold.placed", domain.LegalHoldPlaced{HoldID: h.id + "-hold", Reason: "Ombudsman's case"}, "dpo-1")
			h.add(h.at.AddDate(0, 4, 0), "legal_hold.released", domain.LegalHoldReleased{HoldID: h.id + "-hold", Reason: "Case ended"}, facts{actor: "dpo-1"})
		}
		h.at = h.later(h.at, 30, 80)
		ruled := domain.ComplaintRuled{ComplaintRef: h.ref(), Ruling: "agreed"}
		if h.chance(0.6) {
			due := h.office(h.at.AddDate(0, 0, 28))
			ruled.Ruling, ruled.ComplyBefore = "award", &due
			ruled.Money = domain.Money{AmountMinor: ptr(int64(10000 + 100*h.rng.IntN(200))), Currency: "GBP"}
			h.mood += 0.05
		}
		h.does("complaint.ruled", ruled, "")
		h.mood -= 0.2
		return false
	}
	h.mood -= 0.1
	return false
}

// conclude resolves and closes, and afterwards asks, or does not ask, whether it really is settled.
func (h *handling) conclude(agreed bool) {
	h.at = h.later(h.at, 1, 4)
	h.does("complaint.resolved", domain.ComplaintResolved{ComplaintRef: h.ref()}, h.owner)
	h.at = h.later(h.at, 1, 6)
	closed := domain.ComplaintClosed{ComplaintRef: h.ref()}
	if h.good > 0.5 {
		closed.Satisfied = ptr(agreed && h.mood > -0.2)
	}
	h.does("complaint.closed", closed, h.owner)
	if !agreed && h.chance(0.3) || h.chance(0.05) {
		h.at = h.later(h.at, 5, 25)
		h.does("complaint.reopened", domain.ComplaintReopened{ComplaintRef: h.ref(), Reason: "The same error is on the next bill"}, h.owner)
		h.mood -= 0.2
		h.at = h.later(h.at, 3, 12)
		h.does("complaint.resolved", domain.ComplaintResolved{ComplaintRef: h.ref(), Remedies: []domain.Remedy{{Kind: "correction"}}}, h.owner)
		h.at = h.later(h.at, 0, 3)
		h.does("complaint.closed", domain.ComplaintClosed{ComplaintRef: h.ref()}, h.owner)
	}
	h.life.survey(h.at.AddDate(0, 0, 1), pick(h.rng, []string{"csat", "ces", "csat"}), h.id, 0.55)
	if h.good > 0.55 {
		h.followUp()
	}
}

func (h *handling) followUp() {
	id := h.id + "-after"
	h.does("followup.scheduled", domain.FollowupScheduled{FollowupID: id, ComplaintID: h.id, DueAt: h.office(h.at.AddDate(0, 0, 14)), Owner: h.owner}, h.owner)
	if h.chance(0.15) {
		return // forgotten
	}
	at := h.later(h.at, 10, 18)
	d := domain.FollowupCompleted{FollowupID: id, ComplaintID: h.id, Reached: h.chance(0.8)}
	if d.Reached {
		d.Satisfied = ptr(h.mood > -0.1)
		h.mood += 0.06
	}
	h.add(at, "followup.completed", d, facts{actor: h.owner, correlation: h.id})
}

// correction supersedes the payload of an earlier record.
func correction(id, reason string, data any) domain.RecordCorrected {
	raw, err := json.Marshal(data)
	if err != nil {
		panic(err)
	}
	return domain.RecordCorrected{EventID: id, Reason: reason, Data: raw}
}
