package domain

import "time"

// run is one run of a clock while it is worked out.
type run struct {
	complaint *Complaint
	policy    *Policy
	rule      *ClockRule
	start     *fact
	number    int

	moves   []move // extensions that count, in order
	refused int
	end     *fact // what stopped or cancelled it
	cancels bool  // end cancels
}

// move is an extension that counts.
type move struct {
	by   *Extension
	told time.Time // the date told; zero: none
}

// walk goes through the facts after the start at the given place. It returns the place of a reopening that starts the next
// run; below 0: none. Facts that by their times came before a registration count for the clock that it starts: the
// acknowledgement of a complaint may be dated before its registration, and it is an acknowledgement all the same.
func (r *run) walk(at int) (next int) {
	facts := r.complaint.facts
	first := at + 1
	if r.start.typ == "complaint.registered" {
		first = 0
	}
	for i := first; i < len(facts); i++ {
		if i == at {
			continue
		}
		f := &facts[i]
		switch {
		case r.end == nil && takesAny(r.rule.Stop, f):
			r.end = f
		case r.end == nil && takesAny(r.policy.Cancel, f):
			r.end, r.cancels = f, true
		case r.end == nil:
			r.extend(f)
		case f.typ != "complaint.reopened":
		case r.rule.OnReopen == onReopenRestart:
			return i
		case r.cancels: // what was taken back, or passed on, is to be answered after all, by the date that it always was
			r.end, r.cancels = nil, false
		}
	}
	return -1
}

// extend notes an extension, if the fact is one.
func (r *run) extend(f *fact) {
	used := len(r.moves)
	step := -1
	for i := range r.rule.Extensions {
		x := &r.rule.Extensions[i]
		if !takesAny(x.On, f) || step >= 0 {
			continue
		}
		if x.MaxCount == 0 || r.count(x) < x.MaxCount {
			step = i
		}
	}
	extended, told := f.data.(*ComplaintExtended)
	if told && extended.Policy != r.policy.ID || step < 0 && !r.extends(f) {
		return
	}
	due, _ := r.due(r.pauses(f.at))
	if step < 0 || !r.inTime(f, due) {
		r.refused++
		return
	}
	m := move{by: &r.rule.Extensions[step]}
	if told {
		m.told = extended.NewDue
	}
	r.moves = append(r.moves, m)
	if moved, _ := r.due(r.pauses(f.at)); !moved.After(due) { // no extension: it would take time away
		r.moves = r.moves[:used]
		r.refused++
	}
}

// extends reports whether some extension of the rule takes the fact, used up or not.
func (r *run) extends(f *fact) bool {
	for i := range r.rule.Extensions {
		if takesAny(r.rule.Extensions[i].On, f) {
			return true
		}
	}
	return false
}

func (r *run) count(x *Extension) int {
	n := 0
	for _, m := range r.moves {
		if m.by == x {
			n++
		}
	}
	return n
}

// inTime reports whether the fact is shown to have come by the due time, by its own time or on its source's word.
func (r *run) inTime(f *fact, due time.Time) bool {
	in, known := f.within(due, r.rule.DueAt == Exact, r.policy.zone)
	if timely := f.timely(); timely != nil && !known {
		return *timely
	}
	return in && known
}

// due is the due time, and the one without extensions, given the pauses.
func (r *run) due(pauses []span) (due, original time.Time) {
	if r.rule.Limit == nil {
		return noTime, noTime
	}
	original = r.policy.due(r.rule, r.start, r.rule.Limit, pauses)
	due = original
	for _, m := range r.moves {
		var most time.Time
		switch {
		case m.by.To != nil:
			most = r.policy.due(r.rule, r.start, m.by.To, pauses)
		case m.by.By != nil:
			most = r.policy.later(r.rule, due, m.by.By, pauses)
		}
		if moved := earliest(m.told, most); moved.After(due) {
			due = moved
		}
	}
	return due, original
}

// earliest is the earlier of two times, of which a zero one says nothing.
func earliest(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// pauses are the stretches up to the instant during which the clock stood still; zero: up to whatever is known.
func (r *run) pauses(until time.Time) []span {
	if r.rule.Pause == nil {
		return nil
	}
	start := r.start.instant(r.policy.zone)
	var out []span
	add := func(s span, awaiting string) {
		if !listed(awaiting, r.rule.Pause.Awaiting, nil) {
			return
		}
		if s.from.Before(start) {
			s.from = start
		}
		if !until.IsZero() && s.to.After(until) {
			s.to = until
		}
		if s.to.After(s.from) {
			out = append(out, s)
		}
	}
	for _, s := range r.complaint.pauses {
		add(s.span, s.awaiting)
	}
	if !r.complaint.PausedAt.IsZero() && !until.IsZero() {
		add(span{r.complaint.waitingSince, until}, r.complaint.AwaitingWhom)
	}
	return out
}

// deadline is the run as it came out.
func (r *run) deadline() Deadline {
	d := Deadline{ComplaintID: r.complaint.ID, CustomerID: r.complaint.CustomerID, Policy: r.policy, Rule: r.rule, Run: r.number,
		StartedAt: r.start.instant(r.policy.zone).UTC(), StartedBy: r.start.eventID, Extended: len(r.moves), Refused: r.refused}
	var until time.Time
	if r.end != nil {
		until = r.end.at
	}
	pauses := r.pauses(until)
	for _, s := range pauses {
		d.Paused += s.to.Sub(s.from)
	}
	d.DueAt, d.OriginalDueAt = r.due(pauses)
	if r.end == nil {
		if p := r.rule.Pause; p != nil && !r.complaint.PausedAt.IsZero() && listed(r.complaint.AwaitingWhom, p.Awaiting, nil) {
			d.PausedAt = r.complaint.waitingSince
			if d.PausedAt.Before(d.StartedAt) {
				d.PausedAt = d.StartedAt
			}
		}
		return d
	}
	d.StoppedBy = r.end.eventID
	if r.end.dated() {
		d.StoppedAt = r.end.at
	}
	d.ended, d.reason = r.verdict(d.DueAt)
	return d
}

// verdict judges a run that has ended.
func (r *run) verdict(due time.Time) (DeadlineState, DeadlineReason) {
	late, reason := r.late(due)
	switch {
	case r.rule.Optional && late:
		return DeadlineCancelled, ReasonLapsed
	case r.cancels && late && reason == ReasonNone: // it was overdue when it was cancelled
		return DeadlineMissed, r.cancelled()
	case r.cancels:
		return DeadlineCancelled, r.cancelled()
	case late:
		return DeadlineMissed, reason
	}
	return DeadlineMet, reason
}

// late reports whether the end came after the due time, or is not shown to have come before, and why if the dates do not tell.
func (r *run) late(due time.Time) (late bool, reason DeadlineReason) {
	timely := r.end.timely()
	if timely != nil && !*timely && r.policy.Family == FamilyRegulatory {
		return true, ReasonSourceLate // its source knows what its own rule counts as in time
	}
	if due.IsZero() {
		return false, ReasonNone
	}
	in, known := r.end.within(due, r.rule.DueAt == Exact, r.policy.zone)
	switch {
	case known:
		return !in, ReasonNone
	case timely == nil:
		return true, ReasonUnproven
	case *timely:
		return false, ReasonSourceTimely
	}
	return true, ReasonSourceLate
}

// cancelled is why the clock was cancelled.
func (r *run) cancelled() DeadlineReason {
	switch r.end.typ {
	case "complaint.withdrawn":
		return ReasonWithdrawn
	case "complaint.forwarded":
		return ReasonForwarded
	}
	if code := r.end.code(); code == RelationDuplicateOf || code == "duplicate" {
		return ReasonDuplicate
	}
	return ReasonOther
}

// due is when a limit that starts with the fact ends.
func (p *Policy) due(rule *ClockRule, start *fact, limit *Limit, pauses []span) time.Time {
	from := start.instant(p.zone).UTC()
	if limit.Unit.hours() {
		return p.later(rule, from, limit, pauses)
	}
	d, first := start.day(p.zone), 0
	if rule.Start.RollToBusinessDay {
		d = p.Calendar.roll(d, from)
	}
	if !rule.Start.ExcludeStartDay {
		first = 1 // the start day is the first of the days counted
	}
	return p.moment(rule, p.addDays(d-day(first), limit))
}

// later is the due time that lies the limit after the instant.
func (p *Policy) later(rule *ClockRule, from time.Time, limit *Limit, pauses []span) time.Time {
	work := time.Duration(limit.Count) * time.Hour
	switch limit.Unit {
	case BusinessHours:
		return p.Calendar.addHours(from, work, pauses).UTC()
	case Hours:
		due, _ := use(from, farFuture, &work, pauses)
		return due.UTC()
	}
	return p.moment(rule, p.addDays(dayOf(from, p.zone), limit))
}

// farFuture is after everything that a record may name.
var farFuture = time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC)

// addDays is the last of the days of the limit that begin after the day.
func (p *Policy) addDays(d day, limit *Limit) day {
	switch limit.Unit {
	case BusinessDays:
		return p.Calendar.addBusinessDays(d, limit.Count)
	case Weeks:
		return d + day(7*limit.Count)
	case Months:
		return d.addMonths(limit.Count)
	}
	return d + day(limit.Count)
}

// moment is the last moment in time of the last day.
func (p *Policy) moment(rule *ClockRule, last day) time.Time {
	if rule.DueAt == CloseOfBusiness {
		return last.at(p.Calendar.closes, p.zone).UTC()
	}
	return last.end(p.zone).UTC()
}
