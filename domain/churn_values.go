package domain

import (
	"cmp"
	"slices"
	"time"
)

// driverRule reads a driver's value from the state, with the events that tell of it; false where nothing is known, so that
// the driver is left out and weighs nothing.
type driverRule func(c *Customer, at time.Time, w *Weights) (int64, evidence, bool)

// driverKind is a driver, apart from what it is worth.
type driverKind struct {
	code, label, unit string
	value             driverRule
}

// driverKinds are all drivers. Their rules are feature version 1: whoever changes a rule so that any value changes makes a
// new FeatureVersion. Counts that fade are in thousandths.
var driverKinds = []driverKind{
	{"silence", "Silence, against the customer's own rhythm", "percent of rhythm", silence},
	{"open_complaint", "Worst open complaint, by age and severity", "weighted days, in hundredths", openComplaint},
	{"recent_complaints", "Recent complaints, fading", "thousandths", recentComplaints},
	{"double_deviation", "Complaints reopened or disputed, fading", "thousandths", doubleDeviation},
	{"broken_promises", "Promises broken or kept late, fading", "thousandths", brokenPromises},
	{"overdue_promises", "Promises past due", "promises", overduePromises},
	{"dissatisfaction", "Dissatisfied answers and negative tone, fading", "thousandths", dissatisfaction},
	{"failed_redress", "Redress that failed, fading", "thousandths", failedRedress},
	{"repeated_questions", "Asked again for what was known, fading", "thousandths", repeatedQuestions},
	{"unanswered_followups", "Follow-ups overdue or not reached, fading", "thousandths", unansweredFollowups},
	{"manager_change", "Change of account manager", "days since", managerChange},
	{"contract_end", "End of the contract", "days to", contractEnd},
	{"tenure", "Tenure", "days", tenure},
	{"tier", "Tier", "rank", tierRank},
}

func driverOf(code string) (*driverKind, bool) {
	for i := range driverKinds {
		if driverKinds[i].code == code {
			return &driverKinds[i], true
		}
	}
	return nil, false
}

// evidence gathers the events behind a value.
type evidence []struct {
	at time.Time
	id string
}

func (e *evidence) add(at time.Time, id string) {
	if id != "" {
		*e = append(*e, struct {
			at time.Time
			id string
		}{at, id})
	}
}

// latest names the latest events, each once.
func (e evidence) latest() []string {
	slices.SortFunc(e, func(a, b struct {
		at time.Time
		id string
	}) int {
		return cmp.Or(b.at.Compare(a.at), cmp.Compare(a.id, b.id))
	})
	var ids []string
	for _, x := range e {
		if len(ids) < MaxEvidence && !slices.Contains(ids, x.id) {
			ids = append(ids, x.id)
		}
	}
	return ids
}

// fading sums what happened, each worth less the longer ago it is.
type fading struct {
	now      time.Time
	halfLife int64
	sum      int64 // millionths
	events   evidence
}

// add counts what happened at the time and is worth so many thousandths when fresh.
func (f *fading) add(at time.Time, worth int64, event string) {
	if at.IsZero() || at.After(f.now) || worth == 0 {
		return
	}
	f.sum += decay(f.now.Sub(at), f.halfLife) * worth / 1000
	f.events.add(at, event)
}

func (f *fading) value() (int64, evidence, bool) { return perRounded(f.sum, 1000), f.events, true }

// silence is how long ago the last contact or purchase was, in percent of the customer's own rhythm. The rhythm is the mean
// of the gaps between the days of contact; the cadence of the tier counts as some gaps more, so that a few contacts in a row
// do not make a rhythm. One-way messages and calls that reached nobody are no contact.
func silence(c *Customer, at time.Time, w *Weights) (int64, evidence, bool) {
	var days []int64
	last, by := c.RegisteredAt, ""
	note := func(t time.Time, event string) {
		if t.After(at) {
			return
		}
		days = append(days, t.Unix()/(24*3600))
		if !t.Before(last) {
			last, by = t, event
		}
	}
	for _, t := range c.Interactions {
		if t.Kind != kindBroadcast && t.Outcome != "no_answer" && t.Outcome != "left_message" {
			note(t.At, t.ID)
		}
	}
	for _, p := range c.Purchases {
		note(p.At, p.EventID)
	}
	if last.IsZero() || last.After(at) {
		return 0, nil, false
	}
	cadence, ok := w.CadenceDays[c.Tier]
	if !ok {
		cadence = w.CadenceDays["regular"]
	}
	total, gaps := w.RhythmPriorGaps*cadence, w.RhythmPriorGaps
	if slices.Sort(days); len(days) > 0 {
		total += days[len(days)-1] - days[0]
		gaps += int64(len(slices.Compact(days))) - 1
	}
	rhythm := max(1, perRounded(total, gaps))
	var e evidence
	e.add(last, by)
	return wholeDays(at.Sub(last)) * 100 / rhythm, e, true
}

// openComplaint is the age in days begun of the open complaint that weighs most, times the percentage of its severity.
func openComplaint(c *Customer, at time.Time, w *Weights) (int64, evidence, bool) {
	var worst int64
	var e evidence
	for _, k := range c.Complaints {
		if !k.Open() || k.State == StateResolved || !k.Registered() || k.RegisteredAt.After(at) {
			continue
		}
		if v := (wholeDays(at.Sub(k.RegisteredAt)) + 1) * severityPercent(w, k.Severity); v > worst {
			worst, e = v, nil
			e.add(k.RegisteredAt, k.RegisteredBy)
		}
	}
	return worst, e, true
}

func severityPercent(w *Weights, severity string) int64 {
	if percent, ok := w.SeverityPercent[severity]; ok {
		return percent
	}
	return 100
}

// recentComplaints counts complaints. One from which the customer was won back (it is resolved or closed, was neither
// reopened nor disputed, and the customer last said to be satisfied with it) counts for less, never for less than nothing.
func recentComplaints(c *Customer, at time.Time, w *Weights) (int64, evidence, bool) {
	f := fading{now: at, halfLife: w.HalfLifeDays.Complaint}
	said := saidOf(c, at)
	for _, k := range c.Complaints {
		worth := int64(1000)
		if wonBack(k, said[k.ID]) {
			worth = 10 * (100 - w.RecoveryRelief)
		}
		f.add(k.RegisteredAt, worth, k.RegisteredBy)
	}
	return f.value()
}

// statement is what a customer last said about how a complaint was handled.
type statement struct {
	at        time.Time
	satisfied bool
}

func saidOf(c *Customer, at time.Time) map[string]statement {
	said := make(map[string]statement)
	note := func(complaint string, t time.Time, satisfied bool) {
		if complaint != "" && !t.After(at) && !t.Before(said[complaint].at) {
			said[complaint] = statement{t, satisfied}
		}
	}
	for _, k := range c.Complaints {
		if k.ClosedSatisfied != nil {
			note(k.ID, k.ClosedAt, *k.ClosedSatisfied)
		}
	}
	for _, f := range c.Followups {
		if f.Satisfied != nil {
			note(f.ComplaintID, f.CompletedAt, *f.Satisfied)
		}
	}
	for _, s := range c.Surveys {
		if s.Score == nil {
			continue
		}
		if y, ok := normalised(s.Metric, *s.Score); ok {
			note(s.ComplaintID, s.AnsweredAt, y >= 700_000)
		}
	}
	return said
}

func wonBack(k *Complaint, said statement) bool {
	concluded := k.State == StateResolved || k.State == StateClosed
	return concluded && k.ReopenedCount == 0 && k.DisputedAt.IsZero() && said.satisfied
}

func doubleDeviation(c *Customer, at time.Time, w *Weights) (int64, evidence, bool) {
	f := fading{now: at, halfLife: w.HalfLifeDays.Repeat}
	for _, k := range c.Complaints {
		f.add(k.ReopenedAt, 1000, k.ReopenedBy)
		f.add(k.DisputedAt, 1000, k.DisputedBy)
	}
	return f.value()
}

// brokenPromises counts promises broken, and by half those kept late.
func brokenPromises(c *Customer, at time.Time, w *Weights) (int64, evidence, bool) {
	f := fading{now: at, halfLife: w.HalfLifeDays.Promise}
	for _, p := range c.Commitments {
		switch {
		case p.State == CommitmentIsBroken:
			f.add(p.BrokenAt, 1000, p.BrokenBy)
		case p.State == CommitmentIsKept && p.Late() && !p.DueAt.IsZero():
			f.add(p.KeptAt, 500, p.EventID)
		}
	}
	return f.value()
}

func overduePromises(c *Customer, at time.Time, _ *Weights) (int64, evidence, bool) {
	var n int64
	var e evidence
	for _, p := range c.Commitments {
		if p.Overdue(at) {
			n++
			e.add(p.DueAt, p.MadeBy)
		}
	}
	return n, e, true
}

// dissatisfaction counts what the customer said or showed: a bad answer, a negative tone, great effort, "not satisfied".
func dissatisfaction(c *Customer, at time.Time, w *Weights) (int64, evidence, bool) {
	f := fading{now: at, halfLife: w.HalfLifeDays.Dissatisfaction}
	for _, s := range c.Surveys {
		if s.Score != nil {
			f.add(s.AnsweredAt, badAnswer(s.Metric, *s.Score), s.AnsweredBy)
		}
	}
	for _, t := range c.Interactions {
		switch {
		case t.Sentiment == "very_negative":
			f.add(t.At, 1000, t.ID)
		case t.Sentiment == "negative", t.Effort != nil && *t.Effort <= 2:
			f.add(t.At, 500, t.ID)
		}
	}
	for _, x := range c.Followups {
		if x.Satisfied != nil && !*x.Satisfied {
			f.add(x.CompletedAt, 1000, x.CompletedBy)
		}
	}
	for _, k := range c.Complaints {
		if k.ClosedSatisfied != nil && !*k.ClosedSatisfied {
			f.add(k.ClosedAt, 1000, k.ClosedBy)
		}
	}
	return f.value()
}

// badAnswer is how bad an answer is, in thousandths: fully in the lowest quarter of the scale, by half up to two fifths, and
// for the net promoter score up to 6, below which an answer is a detractor's.
func badAnswer(metric string, score int) int64 {
	y, ok := normalised(metric, score)
	switch {
	case !ok:
		return 0
	case y <= 250_000:
		return 1000
	case y <= 400_000, metric == "nps" && y <= 600_000:
		return 500
	}
	return 0
}

func failedRedress(c *Customer, at time.Time, w *Weights) (int64, evidence, bool) {
	f := fading{now: at, halfLife: w.HalfLifeDays.Redress}
	for _, r := range c.Redress {
		if r.State == RedressHasFailed {
			f.add(r.FailedAt, 1000, r.FailedBy)
		}
	}
	return f.value()
}

func repeatedQuestions(c *Customer, at time.Time, w *Weights) (int64, evidence, bool) {
	f := fading{now: at, halfLife: w.HalfLifeDays.Contact}
	for _, t := range c.Interactions {
		if t.RepeatInfoRequested != nil && *t.RepeatInfoRequested {
			f.add(t.At, 1000, t.ID)
		}
	}
	return f.value()
}

// unansweredFollowups counts follow-ups that are overdue, in full, and those that did not reach the customer, fading.
func unansweredFollowups(c *Customer, at time.Time, w *Weights) (int64, evidence, bool) {
	f := fading{now: at, halfLife: w.HalfLifeDays.Contact}
	for _, x := range c.Followups {
		switch {
		case x.Overdue(at):
			f.sum += million
			f.events.add(x.DueAt, x.ScheduledBy)
		case !x.Reached:
			f.add(x.CompletedAt, 1000, x.CompletedBy)
		}
	}
	return f.value()
}

func managerChange(c *Customer, at time.Time, _ *Weights) (int64, evidence, bool) {
	if c.ManagerChangedAt.IsZero() || c.ManagerChangedAt.After(at) {
		return 0, nil, false
	}
	var e evidence
	e.add(c.ManagerChangedAt, c.ManagerChangedBy)
	return wholeDays(at.Sub(c.ManagerChangedAt)), e, true
}

// contractEnd is the days to the end of the running contract that ends first; 0 when the last contract has ended. An end
// more than a year ago tells nothing any more.
func contractEnd(c *Customer, at time.Time, _ *Weights) (int64, evidence, bool) {
	const forgotten = -365
	var soonest int64
	var e evidence
	known, running := false, false
	for _, k := range c.Contracts {
		if k.StartedAt.IsZero() || k.StartedAt.After(at) || !k.EndedAt.IsZero() && !k.EndedAt.After(at) {
			continue
		}
		running = true
		ends, err := time.Parse(time.DateOnly, k.EndsOn)
		if err != nil {
			continue // open-ended
		}
		if days := daysUntil(at, ends); days > forgotten && (!known || days < soonest) {
			known, soonest, e = true, days, nil
			e.add(ends, k.StartedBy)
		}
	}
	if known || running {
		return soonest, e, known
	}
	for _, k := range c.Contracts {
		if !k.EndedAt.IsZero() && !k.EndedAt.After(at) && daysUntil(at, k.EndedAt) > forgotten {
			known = true
			e.add(k.EndedAt, k.EndedBy)
		}
	}
	return 0, e, known
}

// daysUntil counts from the day of one instant to the day of another.
func daysUntil(at, then time.Time) int64 {
	day := func(t time.Time) int64 { return t.UTC().Truncate(24*time.Hour).Unix() / (24 * 3600) }
	return day(then) - day(at)
}

func tenure(c *Customer, at time.Time, _ *Weights) (int64, evidence, bool) {
	from := c.RegisteredAt
	if since, err := time.Parse(time.DateOnly, c.Since); err == nil {
		from = since
	}
	if from.IsZero() {
		from = c.FirstEventAt
	}
	if from.IsZero() || from.After(at) {
		return 0, nil, false
	}
	return wholeDays(at.Sub(from)), nil, true
}

// tierRank is 1 for key, 2 for major, 3 for regular, 4 for small.
func tierRank(c *Customer, _ time.Time, _ *Weights) (int64, evidence, bool) {
	i := slices.Index([]string{"key", "major", "regular", "small"}, c.Tier)
	return int64(i + 1), nil, i >= 0
}
