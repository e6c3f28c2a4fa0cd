package domain_test

import (
	"fmt"
	"time"

	"amends/domain"
)

// day is midnight UTC of a day counted from 2024-01-01, day 0.
func day(n int) time.Time { return time.Date(2024, time.January, 1+n, 0, 0, 0, 0, time.UTC) }

// on is an event that happened on a day.
func on(n int, typ domain.Type, d domain.Data) domain.Event {
	return domain.Event{Type: typ, Time: day(n), Data: d}
}

// tell makes a stream of the events: ids e-1, e-2, ..., recorded when they happened or, if something later was recorded
// before them, together with that. Positions leave room for other streams: offset is added.
func tell(customer string, offset uint64, events ...domain.Event) []domain.Event {
	var last time.Time
	for i := range events {
		e := &events[i]
		if e.ID == "" {
			e.ID = fmt.Sprintf("e-%d", i+1)
		}
		if e.Recorded.IsZero() {
			e.Recorded = e.Time
		}
		if e.Recorded.Before(last) {
			e.Recorded = last
		}
		last = e.Recorded
		e.Source, e.Customer, e.Revision, e.Position = "urn:test", customer, uint64(i+1), uint64(10*(i+1))+offset
	}
	return events
}

// recordedOn says when the ledger took the event.
func recordedOn(n int, e domain.Event) domain.Event {
	e.Recorded = day(n)
	return e
}

func by(actor string, e domain.Event) domain.Event {
	e.Actor = actor
	return e
}

func fold(events ...domain.Event) *domain.Customer {
	return domain.Fold("c", tell("c", 0, events...), domain.Limits{})
}

// about is C-1, the complaint that these stories are about.
var about = domain.ComplaintRef{ComplaintID: "C-1"}

func ptr[T any](v T) *T { return &v }

func money(minor int64, currency string) domain.Money {
	return domain.Money{AmountMinor: &minor, Currency: currency}
}
