package ledger

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"amends/domain"
	"amends/eventstore"
)

// Record is one stored record with its meaning. Bytes are the record: exactly what the log holds.
type Record struct {
	Event domain.Event
	Bytes []byte
}

// History reads all records of the customer, and those of the customers absorbed within the limits, in order of (time,
// position). Nothing is filtered by the limits beyond that: fold with domain.Fold or domain.Steps. A customer without records
// has an empty history.
func (l *Ledger) History(ctx context.Context, customer string, limits domain.Limits) ([]Record, error) {
	if err := eventstore.ValidateStream(customer); err != nil {
		return nil, err
	}
	var all []Record
	read := map[string]bool{}
	for next := []string{customer}; len(next) > 0; {
		id := next[0]
		next = next[1:]
		if read[id] {
			continue
		}
		read[id] = true
		var events []domain.Event
		for rec, err := range l.cfg.Store.Read(ctx, id, 1) {
			if err != nil {
				return nil, fmt.Errorf("read customer %s: %w", id, err)
			}
			event, err := l.cfg.Codec.Decode(rec.Data)
			if err != nil {
				return nil, undecodable(rec, err)
			}
			event.Position = uint64(rec.Position)
			events = append(events, event)
			all = append(all, Record{Event: event, Bytes: rec.Data})
		}
		next = append(next, domain.Absorbed(events, limits)...)
	}
	slices.SortStableFunc(all, asHappened)
	return all, nil
}

func asHappened(a, b Record) int {
	if c := a.Event.Time.Compare(b.Event.Time); c != 0 {
		return c
	}
	return cmp.Compare(a.Event.Position, b.Event.Position)
}

// PersonHistory is History of the whole person: of the customer, those into whom it is merged at present, and all that these
// have absorbed.
func (l *Ledger) PersonHistory(ctx context.Context, customer string) ([]Record, error) {
	person, err := l.person(ctx, customer)
	if err != nil {
		return nil, err
	}
	var all []Record
	for _, c := range person {
		records, err := l.History(ctx, c.ID, domain.Limits{})
		if err != nil {
			return nil, err
		}
		all = append(all, records...)
	}
	slices.SortStableFunc(all, asHappened)
	return slices.CompactFunc(all, func(a, b Record) bool { return a.Event.Position == b.Event.Position }), nil
}
