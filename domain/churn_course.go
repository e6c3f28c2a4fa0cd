package domain

import (
	"cmp"
	"slices"
	"time"
)

// reading is a driver's value at an instant, with what becomes of it if nothing more happens.
type reading struct {
	known    bool // false: nothing is known, so that the driver weighs only what the weights give the unknown
	value    int64
	evidence evidence
	// later is the value on a day after that of the instant; nil: it does not change. It only rises or only falls, the unknown
	// coming last, from the instant to the first of the steps, between neighbouring steps, and after the last.
	later func(day int64) (value int64, known bool)
	steps []int64 // days, in any order
	// halfLife: the value only fades, by half in so many days, so that its way down need not be searched; 0: it may do otherwise.
	halfLife int64
}

// changeDays is how far ahead changes are looked for.
const changeDays = 3650

// changesAt is the start of the first day on which the value lies in another bin than now; zero: there is none within ten years.
func (s *scoring) changesAt(r *reading, points *DriverPoints, bin int) time.Time {
	if r.later == nil {
		return noTime
	}
	differs := func(day int64) bool {
		value, known := r.later(day)
		return !known || points.bin(value) != bin
	}
	slices.Sort(r.steps)
	from, limit := s.today, s.today+changeDays
	if r.halfLife > 0 && bin > 0 {
		if below := *points.Bins[bin-1].Below; below > 0 {
			guess := s.today + r.halfLife*(logOf(r.value)-logOf(below))/ln2
			if early := guess - 2; early > from && !differs(early) {
				from = early
			}
			if late := guess + 3; late > from && late < limit && differs(late) {
				limit = late + 1
			}
		}
	}
	for _, step := range append(r.steps, limit) {
		if step <= from || step > limit {
			continue
		}
		if last := step - 1; last > from && differs(last) {
			for from+1 < last { // it does not differ on from, and does on last
				if middle := (from + last) / 2; differs(middle) {
					last = middle
				} else {
					from = middle
				}
			}
			return startOfDay(last)
		}
		if differs(step) {
			return startOfDay(step)
		}
		from = step
	}
	return noTime
}

// seen is one event behind a value.
type seen struct {
	at time.Time
	id string
}

// evidence holds the latest events behind a value, the latest first, each once, at most MaxEvidence.
type evidence []seen

func (e *evidence) add(at time.Time, id string) {
	if id == "" || len(*e) == MaxEvidence && at.Before((*e)[MaxEvidence-1].at) {
		return
	}
	if i := slices.IndexFunc(*e, func(x seen) bool { return x.id == id }); i >= 0 {
		if !(*e)[i].at.Before(at) {
			return
		}
		*e = slices.Delete(*e, i, i+1)
	}
	place, _ := slices.BinarySearchFunc(*e, seen{at, id}, func(a, b seen) int {
		return cmp.Or(b.at.Compare(a.at), cmp.Compare(a.id, b.id))
	})
	*e = slices.Insert(*e, place, seen{at, id})
	*e = (*e)[:min(len(*e), MaxEvidence)]
}

// ids lists them.
func (e evidence) ids() []string {
	if len(e) == 0 {
		return nil
	}
	ids := make([]string, len(e))
	for i, x := range e {
		ids[i] = x.id
	}
	return ids
}

// fading sums what happened, each worth less the longer ago it is: half for each half-life, by days of the calendar (UTC).
type fading struct {
	s        *scoring
	halfLife int64
	items    []faded
	overdue  []int64 // days after which something counts in full for as long as it is not done
	now      int64   // how many things are overdue already
	evidence evidence
}

// faded is what happened on a day, one thing or several in a row; worth is in thousandths when fresh.
type faded struct{ day, worth int64 }

// add counts what happened at the time and is worth so many thousandths when fresh.
func (f *fading) add(at time.Time, worth int64, event string) {
	if at.IsZero() || at.After(f.s.at) || worth == 0 {
		return
	}
	day := utcDay(at)
	if (f.s.today-day)/f.halfLife > 40 {
		return // it has faded away
	}
	if n := len(f.items); n > 0 && f.items[n-1].day == day {
		f.items[n-1].worth += worth
	} else {
		f.items = append(f.items, faded{day, worth})
	}
	f.evidence.add(at, event)
}

// reading is the sum, in thousandths.
func (f *fading) reading() reading {
	if len(f.items) == 0 && len(f.overdue) == 0 && f.now == 0 {
		return reading{known: true}
	}
	r := reading{known: true, value: f.sum(f.s.today) + 1000*f.now, evidence: f.evidence}
	if len(f.overdue) == 0 && f.now == 0 {
		r.halfLife = f.halfLife
	}
	for _, day := range f.overdue {
		r.steps = append(r.steps, day+1)
	}
	r.later = func(day int64) (int64, bool) {
		value := f.sum(day) + 1000*f.now
		for _, due := range f.overdue {
			if day > due {
				value += 1000
			}
		}
		return value, true
	}
	return r
}

func (f *fading) sum(day int64) int64 {
	table := f.s.w.fade[f.halfLife]
	var sum int64 // millionths
	for _, x := range f.items {
		if age := day - x.day; age < int64(len(table)) {
			sum += table[age] * x.worth / 1000
		} else {
			sum += decayOfDays(age, f.halfLife) * x.worth / 1000
		}
	}
	return perRounded(sum, 1000)
}

// activity is when somebody came: on how many days, on which first and last.
type activity struct {
	days, first, last int64
	lastAt            time.Time
	lastBy            string
}

// note counts the time; times come in order.
func (a *activity) note(at time.Time, event string) {
	day := utcDay(at)
	if a.days == 0 {
		a.first = day
	} else if day < a.last {
		return // before the registration, which is the first
	}
	if a.days == 0 || day > a.last {
		a.days++
		a.last = day
	}
	a.lastAt, a.lastBy = at, event
}

// maxRepeats bounds of how many days of activity the model is told: beyond it they say nothing new.
const maxRepeats = 10_000

// deadOdds is how likely it is, by the rhythm of the customer's own activity, that the customer has stopped coming: the log-odds
// in thousandths, within 6000 of 0. By the MBG/NBD model they are ln(a/(b+x)) + (r+x)·ln((alpha+T)/(alpha+t)), x being on how
// many days the customer came after the first, t how long after the first the last was and T how long ago the first is.
func (s *scoring) deadOdds(a *activity, r *Rhythm) reading {
	if a.days == 0 {
		return reading{}
	}
	x := min(a.days-1, maxRepeats)
	fixed := logOf(r.A) - logOf(r.B+1000*x)
	logLast := s.w.logOf(r.Alpha + a.last - a.first)
	later := func(day int64) (int64, bool) {
		gone := s.w.logOf(r.Alpha+max(day-a.first, 0)) - logLast
		return min(max((fixed+(r.R+1000*x)*gone/1000)/million, -6000), 6000), true
	}
	out := reading{known: true, later: later}
	out.evidence.add(a.lastAt, a.lastBy)
	return s.now(out)
}
