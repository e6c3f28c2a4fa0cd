package domain

import "time"

// fact is what happened to a complaint as far as clocks look at it, in the order of folding.
type fact struct {
	typ      Type
	at       time.Time
	accuracy Accuracy
	position uint64 // of the record; 0: not yet stored, so after everything that is
	eventID  string
	data     Data
}

// noteFact remembers an event of a complaint for its clocks.
func (k *Complaint) noteFact(e *Event) {
	k.facts = append(k.facts, fact{e.Type, e.Time, e.Accuracy, e.Position, e.ID, e.Data})
}

// hasCode reports whether events of the type have a code by which a selector may choose.
func hasCode(t Type) bool {
	switch t {
	case "complaint.responded", "complaint.escalated", "complaint.linked", "complaint.decided":
		return true
	}
	return false
}

// code is that code.
func (f *fact) code() string {
	switch d := f.data.(type) {
	case *ComplaintResponded:
		return d.Kind
	case *ComplaintEscalated:
		return d.Level
	case *ComplaintLinked:
		return d.Relation
	case *ComplaintDecided:
		return d.Outcome
	}
	return ""
}

// timely is the source's own judgement, where the fact is a response and the source judges.
func (f *fact) timely() *bool {
	d, ok := f.data.(*ComplaintResponded)
	if !ok {
		return nil
	}
	if d.Timely == nil && d.Kind == "untimely" {
		return new(bool)
	}
	return d.Timely
}

// dated reports whether the fact's own time is known, at least to the day.
func (f *fact) dated() bool { return f.accuracy == AccuracyExact || f.accuracy == AccuracyDay }

// day is the date of the fact: of one of which only the day is known, that day, whatever the zone.
func (f *fact) day(zone *time.Location) day {
	if f.accuracy == AccuracyDay {
		return dayOf(f.at, time.UTC)
	}
	return dayOf(f.at, zone)
}

// instant is when the fact happened, in the zone: of one of which only the day is known, the earliest that it can be there.
func (f *fact) instant(zone *time.Location) time.Time {
	if f.accuracy == AccuracyDay {
		return f.day(zone).at(0, zone)
	}
	return f.at
}

// within reports whether the fact happened by the due time, and whether that can be told at all. Where a due time is the end of
// a day or of business, and only the day of the fact is known, the days are compared.
func (f *fact) within(due time.Time, exact bool, zone *time.Location) (in, known bool) {
	switch f.accuracy {
	case AccuracyDay:
		last := dayOf(due, zone)
		switch d := f.day(zone); {
		case d != last:
			return d < last, true
		case exact:
			return false, false
		}
		return true, true
	case AccuracyNotBefore:
		return false, f.at.After(due)
	case AccuracyNotAfter:
		return true, !f.at.After(due)
	}
	return !f.at.Truncate(time.Second).After(due), true
}

// pauseSpan is a pause of the complaint that has ended, and for whom work waited.
type pauseSpan struct {
	span
	awaiting string
}
