package domain

import (
	"cmp"
	"reflect"
	"slices"
	"time"
)

// Limits ask a question of a history on its two axes. The zero value asks for everything. Both limits are inclusive.
type Limits struct {
	AsOf    time.Time // what had happened: events whose time is not after it
	KnownAt time.Time // what we knew: events recorded not after it
}

// foldKey is an event's place in the order of folding: time first, then place in the log, then place in the stream. What has
// no place in the log yet comes after everything that has. Stream and id make the order total for events outside any log.
type foldKey struct {
	time     time.Time
	position uint64 // of an event not yet stored: the highest there is
	revision uint64
	stream   string
	id       string
}

func keyOf(e *Event) foldKey {
	position := e.Position
	if position == 0 {
		position = ^uint64(0)
	}
	return foldKey{e.Time, position, e.Revision, e.Customer, e.ID}
}

func (a *foldKey) compare(b *foldKey) int {
	if n := a.time.Compare(b.time); n != 0 {
		return n
	}
	if n := cmp.Compare(a.position, b.position); n != 0 {
		return n
	}
	if n := cmp.Compare(a.revision, b.revision); n != 0 {
		return n
	}
	if n := cmp.Compare(a.stream, b.stream); n != 0 {
		return n
	}
	return cmp.Compare(a.id, b.id)
}

// counted is one event of a history as it counts within some limits.
type counted struct {
	*Event              // as it counts: with the payload and the time of the correction that stands
	recorded    *Event  // as recorded
	correctedBy *Event  // the correction that stands; nil: none
	key         foldKey // of the event as it counts
}

// plan puts a history in order for one customer: corrections applied, limits applied, the streams that do not belong left
// out. It returns the events to fold and the streams they come from, the customer's own first.
func plan(id string, history []Event, limits Limits) ([]counted, []string) {
	events := make([]counted, 0, len(history))
	corrections := standingCorrections(history, limits)
	for i := range history {
		e := &history[i]
		if !limits.KnownAt.IsZero() && e.Recorded.After(limits.KnownAt) {
			continue
		}
		k := counted{Event: e, recorded: e}
		if by := corrections[recordRef{e.Customer, e.ID}]; by != nil {
			if as, ok := corrected(e, by.Data.(*RecordCorrected)); ok {
				k.Event, k.correctedBy = as, by
			}
		}
		if !limits.AsOf.IsZero() && k.Time.After(limits.AsOf) {
			continue
		}
		k.key = keyOf(k.Event)
		events = append(events, k)
	}
	byKey := func(a, b counted) int { return a.key.compare(&b.key) }
	if !slices.IsSortedFunc(events, byKey) {
		slices.SortFunc(events, byKey)
	}
	streams := belonging(id, events)
	if len(streams) == 1 {
		return slices.DeleteFunc(events, func(k counted) bool { return k.Customer != id }), streams
	}
	return slices.DeleteFunc(events, func(k counted) bool { return !slices.Contains(streams, k.Customer) }), streams
}

// recordRef is the identity of an event.
type recordRef struct{ stream, id string }

// standingCorrections finds, for each corrected record, the latest correction known: that of the highest revision.
func standingCorrections(history []Event, limits Limits) map[recordRef]*Event {
	var out map[recordRef]*Event
	for i := range history {
		e := &history[i]
		d, ok := e.Data.(*RecordCorrected)
		if !ok || (!limits.KnownAt.IsZero() && e.Recorded.After(limits.KnownAt)) {
			continue
		}
		if out == nil {
			out = make(map[recordRef]*Event)
		}
		ref := recordRef{e.Customer, d.EventID}
		if old := out[ref]; old == nil || old.Revision < e.Revision || old.Revision == e.Revision && old.ID < e.ID {
			out[ref] = e
		}
	}
	return out
}

// StandingCorrection finds the record with the id among the records of one customer's own stream, and the correction that stands
// for it: the one of the highest revision, if it fits the record. record is nil if there is no such record, by if no correction
// stands. Both point into own.
func StandingCorrection(own []Event, id string) (record, by *Event) {
	i := slices.IndexFunc(own, func(e Event) bool { return e.ID == id })
	if i < 0 {
		return nil, nil
	}
	record = &own[i]
	if by = standingCorrections(own, Limits{})[recordRef{record.Customer, id}]; by == nil {
		return record, nil
	}
	if _, fits := corrected(record, by.Data.(*RecordCorrected)); !fits {
		return record, nil
	}
	return record, by
}

// corrected is the event as the correction says it was. A time that the correction gives counts as exact. A correction that
// does not fit the record (another payload type, or of a correction) changes nothing.
func corrected(e *Event, by *RecordCorrected) (*Event, bool) {
	if _, isCorrection := e.Data.(*RecordCorrected); isCorrection || by.Decoded == nil ||
		reflect.TypeOf(by.Decoded) != reflect.TypeOf(e.Data) {
		return nil, false
	}
	as := *e
	as.Data = by.Decoded
	if by.Time != nil {
		as.Time, as.Accuracy = *by.Time, AccuracyExact
	}
	return &as, true
}

// belonging lists the streams that count for the customer: its own, those it absorbed, those that these absorbed, and so on,
// in order of absorption. Events are in the order of folding.
func belonging(id string, events []counted) []string {
	streams := []string{id}
	for i := 0; i < len(streams); i++ {
		for _, other := range absorbedBy(streams[i], events) {
			if !slices.Contains(streams, other) {
				streams = append(streams, other)
			}
		}
	}
	return streams
}

// absorbedBy lists the customers whose absorption into the stream's customer stands at the end of the events.
func absorbedBy(stream string, events []counted) []string {
	var standing []string
	for _, k := range events {
		switch d := k.Data.(type) {
		case *CustomerAbsorbed:
			if k.Customer == stream && d.CustomerID != stream && !slices.Contains(standing, d.CustomerID) {
				standing = append(standing, d.CustomerID)
			}
		case *CustomerUnmerged:
			if k.Customer == stream {
				standing = slices.DeleteFunc(standing, func(s string) bool { return s == d.CustomerID })
			}
		}
	}
	return standing
}

// Absorbed lists the customers that the owner of these records has absorbed, as far as the absorption stands within the
// limits. own is one customer's own stream. A caller who gathers a survivor's whole history reads these streams too, and
// asks again with each of them, as an absorbed customer may itself have absorbed others.
func Absorbed(own []Event, limits Limits) []string {
	if !slices.ContainsFunc(own, func(e Event) bool { _, ok := e.Data.(*CustomerAbsorbed); return ok }) {
		return nil
	}
	_, streams := plan(own[0].Customer, own, limits)
	if len(streams) == 1 {
		return nil
	}
	return streams[1:] // only the direct ones can show: no other stream's events are here
}
