package domaintest

import (
	"amends/domain"

	"pgregory.net/rapid"
)

func (w *world) commitment(c *customer) {
	if len(c.commitments) == 0 || rapid.IntRange(0, 3).Draw(w.t, "new promise") == 0 {
		given, known := w.open(c, "PR")
		w.emit(c.id, "commitment.made", &domain.CommitmentMade{CommitmentID: given, ComplaintID: w.maybe(c.complaints),
			What: "We call back.", DueAt: w.due(), Medium: w.one("phone", "email", "letter"), Owner: "a.kim"})
		c.commitments = append(c.commitments, known)
		return
	}
	id := w.of(c.commitments)
	switch rapid.IntRange(0, 2).Draw(w.t, "promise") {
	case 0:
		w.emit(c.id, "commitment.kept", &domain.CommitmentKept{CommitmentID: id})
	case 1:
		w.emit(c.id, "commitment.broken", &domain.CommitmentBroken{CommitmentID: id})
	default:
		w.emit(c.id, "commitment.renegotiated", &domain.CommitmentRenegotiated{CommitmentID: id, NewDue: w.due()})
	}
}

func (w *world) redressed(c *customer) {
	if len(c.redress) == 0 || rapid.IntRange(0, 3).Draw(w.t, "new redress") == 0 {
		given, known := w.open(c, "R")
		w.emit(c.id, "redress.offered", &domain.RedressOffered{RedressID: given, ComplaintID: w.maybe(c.complaints),
			Remedy: w.one(remedies...), Money: w.money()})
		c.redress = append(c.redress, known)
		return
	}
	id := w.of(c.redress)
	switch rapid.IntRange(0, 4).Draw(w.t, "redress") {
	case 0:
		w.emit(c.id, "redress.approved", &domain.RedressApproved{RedressID: id, Approver: w.one("", "m.wu")})
	case 1:
		w.emit(c.id, "redress.accepted", &domain.RedressAccepted{RedressID: id})
	case 2:
		w.emit(c.id, "redress.declined", &domain.RedressDeclined{RedressID: id})
	case 3:
		w.emit(c.id, "redress.delivered", &domain.RedressDelivered{RedressID: id, Method: "bank_transfer", Money: w.money()})
	default:
		w.emit(c.id, "redress.failed", &domain.RedressFailed{RedressID: id})
	}
}

func (w *world) apology(c *customer) {
	if len(c.apologies) == 0 || rapid.Bool().Draw(w.t, "new apology") {
		given, known := w.open(c, "A")
		w.emit(c.id, "apology.offered", &domain.ApologyOffered{ApologyID: given, ComplaintID: w.maybe(c.complaints),
			Kind: w.one("regret", "admission"), Level: w.one("agent", "manager", "executive")})
		c.apologies = append(c.apologies, known)
		return
	}
	if id := w.of(c.apologies); rapid.Bool().Draw(w.t, "accepted") {
		w.emit(c.id, "apology.accepted", &domain.ApologyAccepted{ApologyID: id})
	} else {
		w.emit(c.id, "apology.declined", &domain.ApologyDeclined{ApologyID: id})
	}
}

func (w *world) followup(c *customer) {
	if rapid.Bool().Draw(w.t, "scheduled") {
		given, known := w.open(c, "F")
		w.emit(c.id, "followup.scheduled", &domain.FollowupScheduled{FollowupID: given, ComplaintID: w.maybe(c.complaints),
			DueAt: w.due()})
		c.followups = append(c.followups, known)
		return
	}
	d := &domain.FollowupCompleted{FollowupID: w.maybe(c.followups), Reached: rapid.Bool().Draw(w.t, "reached")}
	if d.Reached {
		d.Satisfied = w.yes()
	}
	w.emit(c.id, "followup.completed", d)
}

var metrics = []string{"csat", "nps", "ces", "acsi"}

func (w *world) survey(c *customer) {
	if rapid.IntRange(0, 2).Draw(w.t, "survey") == 0 {
		given, known := w.open(c, "S")
		w.emit(c.id, "survey.sent", &domain.SurveySent{SurveyID: given, Metric: w.one(metrics...), Channel: "email",
			ComplaintID: w.maybe(c.complaints)})
		c.surveys = append(c.surveys, known)
		return
	}
	metric := w.one(metrics...)
	w.emit(c.id, "survey.answered", &domain.SurveyAnswered{SurveyID: w.maybe(c.surveys), Metric: metric, Score: w.score(metric),
		ComplaintID: w.maybe(c.complaints)})
}

func (w *world) score(metric string) int {
	switch metric {
	case "csat":
		return rapid.IntRange(1, 5).Draw(w.t, "csat")
	case "nps":
		return rapid.IntRange(0, 10).Draw(w.t, "nps")
	case "ces":
		return rapid.IntRange(1, 7).Draw(w.t, "ces")
	}
	return rapid.IntRange(1, 10).Draw(w.t, "acsi")
}

func (w *world) prevention(c *customer) {
	if len(c.actions) > 0 && rapid.Bool().Draw(w.t, "completed") {
		w.emit(c.id, "prevention.completed", &domain.PreventionCompleted{ActionID: w.of(c.actions), Effective: w.yes()})
		return
	}
	given, known := w.open(c, "V")
	due := w.due()
	d := &domain.PreventionPlanned{ActionID: given, What: "Check the seals.", Cause: w.one(causes...), DueAt: &due}
	if id := w.maybe(c.complaints); id != "" {
		d.ComplaintIDs = []string{id}
	}
	w.emit(c.id, "prevention.planned", d)
	c.actions = append(c.actions, known)
}

func (w *world) erasure(c *customer) {
	switch rapid.IntRange(0, 4).Draw(w.t, "erasure") {
	case 0:
		given, known := w.open(c, "H")
		d := &domain.LegalHoldPlaced{HoldID: given, Reason: "litigation"}
		if rapid.Bool().Draw(w.t, "until") {
			until := w.due()
			d.Until = &until
		}
		w.emit(c.id, "legal_hold.placed", d)
		c.holds = append(c.holds, known)
	case 1:
		if len(c.holds) > 0 {
			w.emit(c.id, "legal_hold.released", &domain.LegalHoldReleased{HoldID: w.of(c.holds)})
		}
	case 2:
		given, known := w.open(c, "X")
		w.emit(c.id, "erasure.requested",
			&domain.ErasureRequested{ErasureID: given, Classes: []string{w.one(classes...)}, Reason: "on request"})
		c.erasures = append(c.erasures, known)
	case 3:
		if len(c.erasures) > 0 {
			w.emit(c.id, "erasure.approved", &domain.ErasureApproved{ErasureID: w.of(c.erasures), SinglePerson: true})
		}
	default:
		if len(c.erasures) > 0 {
			w.emit(c.id, "erasure.completed", &domain.ErasureCompleted{ErasureID: w.of(c.erasures),
				Classes: []string{w.one(classes...)}, Approver: "m.wu"})
		}
	}
}
