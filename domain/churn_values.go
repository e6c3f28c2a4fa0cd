package domain

import (
	"slices"
	"time"
)

// DriverKind is a driver, apart from what it is worth.
type DriverKind struct {
	Code, Label, Unit string
	// Direction is 1 where more of it is known never to make leaving less likely, −1 where never more likely, 0 where nothing is
	// known beforehand.
	Direction int

	read func(*scoring) reading
}

// driverKinds are all drivers. Their rules are feature version 2: whoever changes a rule so that any value changes makes a
// new FeatureVersion. Counts that fade are in thousandths. Days are those of the calendar (UTC).
var driverKinds = []DriverKind{
	{"silence", "Silence, against the customer's own rhythm of contacts and purchases", "log-odds of having stopped, in thousandths", 1, silence},
	{"purchase_silence", "No purchase, against the customer's own rhythm of purchases", "log-odds of having stopped, in thousandths", 1, purchaseSilence},
	{"open_complaint", "Worst open complaint, by age and severity", "weighted days, in hundredths", 1, openComplaint},
	{"recent_complaints", "Recent complaints, fading", "thousandths", 1, recentComplaints},
	{"double_deviation", "Complaints reopened or disputed, fading", "thousandths", 1, doubleDeviation},
	{"broken_promises", "Promises broken or kept late, fading", "thousandths", 1, brokenPromises},
	{"overdue_promises", "Promises past due", "promises", 1, overduePromises},
	{"dissatisfaction", "Dissatisfied answers and negative tone, fading", "thousandths", 1, dissatisfaction},
	{"failed_redress", "Redress that failed, fading", "thousandths", 1, failedRedress},
	{"repeated_questions", "Asked again for what was known, fading", "thousandths", 1, repeatedQuestions},
	{"unanswered_followups", "Follow-ups overdue or not reached, fading", "thousandths", 1, unansweredFollowups},
	{"manager_change", "Change of account manager", "days since", -1, managerChange},
	{"contract_end", "End of the contract", "days to", -1, contractEnd},
	{"tenure", "Tenure", "days", 0, tenure},
	{"tier", "Tier", "rank", 0, tierRank},
}

// DriverKinds lists all drivers there are.
func DriverKinds() []DriverKind { return slices.Clone(driverKinds) }

func driverOf(code string) (*DriverKind, bool) {
	for i := range driverKinds {
		if driverKinds[i].Code == code {
			return &driverKinds[i], true
		}
	}
	return nil, false
}

// scoring is one customer at one instant, as the drivers' rules see it.
type scoring struct {
	c     *Customer
	at    time.Time
	today int64
	w     *Weights
}

func newScoring(c *Customer, at time.Time, w *Weights) *scoring {
	return &scoring{c: c, at: at, today: utcDay(at), w: w}
}

// fading is a sum of what fades with the half-life, nothing so far.
func (s *scoring) fading(halfLife int64) fading { return fading{s: s, halfLife: halfLife} }

// silence is of the days on which there was a contact or a purchase; the registration counts as one. One-way messages and calls
// that reached nobody are no contact.
func silence(s *scoring) reading {
	a := s.contacts()
	return s.deadOdds(&a, &s.w.Rhythms.Contact)
}

func (s *scoring) contacts() (a activity) {
	if t := s.c.RegisteredAt; !t.IsZero() && !t.After(s.at) {
		a.note(t, "")
	}
	touches, purchases := s.c.Interactions, s.c.Purchases // both in order of time
	for len(touches) > 0 || len(purchases) > 0 {
		if len(purchases) == 0 || len(touches) > 0 && !touches[0].At.After(purchases[0].At) {
			t := touches[0]
			touches = touches[1:]
			if t.Kind != kindBroadcast && t.Outcome != "no_answer" && t.Outcome != "left_message" && !t.At.After(s.at) {
				a.note(t.At, t.ID)
			}
			continue
		}
		if p := purchases[0]; !p.At.After(s.at) {
			a.note(p.At, p.EventID)
		}
		purchases = purchases[1:]
	}
	return a
}

func purchaseSilence(s *scoring) reading {
	a := s.purchases()
	return s.deadOdds(&a, &s.w.Rhythms.Purchase)
}

func (s *scoring) purchases() (a activity) {
	for _, p := range s.c.Purchases {
		if !p.At.After(s.at) {
			a.note(p.At, p.EventID)
		}
	}
	return a
}

// now fills in the value of today for readings that go on in the same way.
func (s *scoring) now(r reading) reading {
	if r.later != nil {
		r.value, r.known = r.later(s.today)
	}
	return r
}

// openComplaint is the age in days begun of the open complaint that weighs most, times the percentage of its severity.
func openComplaint(s *scoring) reading {
	type open struct{ day, percent int64 }
	var all []open
	r := reading{known: true}
	for _, k := range s.c.Complaints {
		if !k.Open() || k.State == StateResolved || !k.Registered() || k.RegisteredAt.After(s.at) {
			continue
		}
		percent, ok := s.w.SeverityPercent[k.Severity]
		if !ok {
			percent = 100
		}
		o := open{utcDay(k.RegisteredAt), percent}
		all = append(all, o)
		if v := (s.today - o.day + 1) * percent; v > r.value {
			r.value, r.evidence = v, nil
			r.evidence.add(k.RegisteredAt, k.RegisteredBy)
		}
	}
	if len(all) > 0 {
		r.later = func(day int64) (worst int64, known bool) {
			for _, o := range all {
				worst = max(worst, (day-o.day+1)*o.percent)
			}
			return worst, true
		}
	}
	return r
}

// recentComplaints counts complaints. One from which the customer was won back (it is resolved or closed, was neither
// reopened nor disputed, and the customer last said to be satisfied with it) counts for less, never for less than nothing.
func recentComplaints(s *scoring) reading {
	f := s.fading(s.w.HalfLifeDays.Complaint)
	if len(s.c.Complaints) == 0 {
		return f.reading()
	}
	said := saidOf(s.c, s.at)
	for _, k := range s.c.Complaints {
		worth := int64(1000)
		if wonBack(k, said[k.ID]) {
			worth = 10 * (100 - s.w.RecoveryRelief)
		}
		f.add(k.RegisteredAt, worth, k.RegisteredBy)
	}
	return f.reading()
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

func doubleDeviation(s *scoring) reading {
	f := s.fading(s.w.HalfLifeDays.Repeat)
	for _, k := range s.c.Complaints {
		f.add(k.ReopenedAt, 1000, k.ReopenedBy)
		f.add(k.DisputedAt, 1000, k.DisputedBy)
	}
	return f.reading()
}

// brokenPromises counts promises broken, and by half those kept late.
func brokenPromises(s *scoring) reading {
	f := s.fading(s.w.HalfLifeDays.Promise)
	for _, p := range s.c.Commitments {
		switch {
		case p.State == CommitmentIsBroken:
			f.add(p.BrokenAt, 1000, p.BrokenBy)
		case p.State == CommitmentIsKept && p.Late() && !p.DueAt.IsZero():
			f.add(p.KeptAt, 500, p.EventID)
		}
	}
	return f.reading()
}

// overduePromises counts open promises from the day after they are due.
func overduePromises(s *scoring) reading {
	r := reading{known: true}
	for _, p := range s.c.Commitments {
		if p.State != CommitmentOpen || p.DueAt.IsZero() {
			continue
		}
		if due := utcDay(p.DueAt); due < s.today {
			r.value++
			r.evidence.add(p.DueAt, p.MadeBy)
		} else {
			r.steps = append(r.steps, due+1)
		}
	}
	if overdue, steps := r.value, r.steps; len(steps) > 0 {
		r.later = func(day int64) (int64, bool) {
			n := overdue
			for _, step := range steps {
				if day >= step {
					n++
				}
			}
			return n, true
		}
	}
	return r
}

// dissatisfaction counts what the customer said or showed: a bad answer, a negative tone, great effort, "not satisfied".
func dissatisfaction(s *scoring) reading {
	f := s.fading(s.w.HalfLifeDays.Dissatisfaction)
	for _, a := range s.c.Surveys {
		if a.Score != nil {
			f.add(a.AnsweredAt, badAnswer(a.Metric, *a.Score), a.AnsweredBy)
		}
	}
	for _, t := range s.c.Interactions {
		switch {
		case t.Sentiment == "very_negative":
			f.add(t.At, 1000, t.ID)
		case t.Sentiment == "negative", t.Effort != nil && *t.Effort <= 2:
			f.add(t.At, 500, t.ID)
		}
	}
	for _, x := range s.c.Followups {
		if x.Satisfied != nil && !*x.Satisfied {
			f.add(x.CompletedAt, 1000, x.CompletedBy)
		}
	}
	for _, k := range s.c.Complaints {
		if k.ClosedSatisfied != nil && !*k.ClosedSatisfied {
			f.add(k.ClosedAt, 1000, k.ClosedBy)
		}
	}
	return f.reading()
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

func failedRedress(s *scoring) reading {
	f := s.fading(s.w.HalfLifeDays.Redress)
	for _, r := range s.c.Redress {
		if r.State == RedressHasFailed {
			f.add(r.FailedAt, 1000, r.FailedBy)
		}
	}
	return f.reading()
}

func repeatedQuestions(s *scoring) reading {
	f := s.fading(s.w.HalfLifeDays.Contact)
	for _, t := range s.c.Interactions {
		if t.RepeatInfoRequested != nil && *t.RepeatInfoRequested {
			f.add(t.At, 1000, t.ID)
		}
	}
	return f.reading()
}

// unansweredFollowups counts follow-ups that are overdue, in full from the day after they are due, and those that did not reach
// the customer, fading.
func unansweredFollowups(s *scoring) reading {
	f := s.fading(s.w.HalfLifeDays.Contact)
	for _, x := range s.c.Followups {
		switch due := utcDay(x.DueAt); {
		case x.CompletedAt.IsZero() && !x.DueAt.IsZero() && due < s.today:
			f.now++
			f.evidence.add(x.DueAt, x.ScheduledBy)
		case x.CompletedAt.IsZero() && !x.DueAt.IsZero():
			f.overdue = append(f.overdue, due)
		case !x.Reached:
			f.add(x.CompletedAt, 1000, x.CompletedBy)
		}
	}
	return f.reading()
}

func managerChange(s *scoring) reading {
	changed := s.c.ManagerChangedAt
	if changed.IsZero() || changed.After(s.at) {
		return reading{}
	}
	r := s.now(daysSince(utcDay(changed)))
	r.evidence.add(changed, s.c.ManagerChangedBy)
	return r
}

// daysSince is how many days ago something was.
func daysSince(then int64) reading {
	return reading{known: true, later: func(day int64) (int64, bool) { return day - then, true }}
}

// forgotten is for how many days after its end a contract still tells something.
const forgotten = 365

// contractEnd is the days to the end of the running contract that ends first, below 0 where it runs on after its end; 0 when the
// last contract has ended. An end that is a year ago tells nothing any more.
func contractEnd(s *scoring) reading {
	var ends []int64 // days, of the contracts that run
	var first evidence
	running, soonest := false, int64(0)
	for _, k := range s.c.Contracts {
		if k.StartedAt.IsZero() || k.StartedAt.After(s.at) || !k.EndedAt.IsZero() && !k.EndedAt.After(s.at) {
			continue
		}
		running = true
		end, err := time.Parse(time.DateOnly, k.EndsOn)
		if err != nil {
			continue // open-ended
		}
		if day := utcDay(end); s.today < day+forgotten {
			if len(ends) == 0 || day < soonest {
				soonest, first = day, nil
				first.add(end, k.StartedBy)
			}
			ends = append(ends, day)
		}
	}
	if !running {
		return s.endedContracts()
	}
	r := reading{evidence: first, later: func(day int64) (days int64, known bool) {
		for _, end := range ends {
			if day < end+forgotten && (!known || end-day < days) {
				days, known = end-day, true
			}
		}
		return days, known
	}}
	for _, end := range ends {
		r.steps = append(r.steps, end+forgotten)
	}
	return s.now(r)
}

// endedContracts is contractEnd where no contract runs.
func (s *scoring) endedContracts() (r reading) {
	last := int64(0)
	for _, k := range s.c.Contracts {
		if day := utcDay(k.EndedAt); !k.EndedAt.IsZero() && !k.EndedAt.After(s.at) && s.today < day+forgotten {
			last, r.known = max(last, day), true
			r.evidence.add(k.EndedAt, k.EndedBy)
		}
	}
	if r.known {
		r.later = func(day int64) (int64, bool) { return 0, day < last+forgotten }
	}
	return r
}

func tenure(s *scoring) reading {
	from := s.c.RegisteredAt
	if since, err := time.Parse(time.DateOnly, s.c.Since); err == nil {
		from = since
	}
	if from.IsZero() {
		from = s.c.FirstEventAt
	}
	if from.IsZero() || from.After(s.at) {
		return reading{}
	}
	return s.now(daysSince(utcDay(from)))
}

// tierRank is 1 for key, 2 for major, 3 for regular, 4 for small.
func tierRank(s *scoring) reading {
	i := slices.Index([]string{"key", "major", "regular", "small"}, s.c.Tier)
	return reading{known: i >= 0, value: int64(i + 1)}
}
