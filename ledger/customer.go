package ledger

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash/maphash"
	"sync"
	"time"

	"amends/domain"
	"amends/eventstore"
	"amends/schemas"
)

// customer is what a write needs to know about one customer: the end of the chain, the ids recorded so far, and what a
// record may point at. All of it is independent of the order in which things happened, so an append costs the same whatever
// the length of the history. The fold proper is for readers.
type customer struct {
	revision   eventstore.Revision
	prev       [sha256.Size]byte // of the last record's bytes
	recorded   time.Time         // of the last record
	seen       map[string]seen
	references domain.References
}

// seen is the receipt of a recorded event, and a fingerprint of its data as stored to tell a repetition from a reused id.
type seen struct {
	revision    eventstore.Revision
	position    eventstore.Position
	fingerprint uint64
	schema      string
}

var fingerprintSeed = maphash.MakeSeed()

func fingerprint(data []byte) uint64 { return maphash.Bytes(fingerprintSeed, data) }

// dataMarker precedes the payload in a stored record. It cannot stand inside a string of the envelope, where the quotes
// would be escaped, so its first occurrence is the attribute itself; data is the last attribute.
var dataMarker = []byte(`,"data":{`)

// payloadOf returns the bytes of a stored record's data.
func payloadOf(record []byte) []byte {
	_, data, ok := bytes.Cut(record, dataMarker)
	if !ok {
		return nil
	}
	return record[len(record)-len(data)-1 : len(record)-1]
}

// schemaMarker precedes the dataschema attribute; like dataMarker it cannot stand inside a string.
var schemaMarker = []byte(`"dataschema":"`)

// schemaOf returns a stored record's dataschema, which has no character that JSON escapes.
func schemaOf(record []byte) string {
	_, rest, ok := bytes.Cut(record, schemaMarker)
	if !ok {
		return ""
	}
	schema, _, _ := bytes.Cut(rest, []byte{'"'})
	return string(schema)
}

// load reads the customer's stream from the log.
func (l *Ledger) load(ctx context.Context, id string) (*customer, error) {
	c := &customer{}
	for rec, err := range l.cfg.Store.Read(ctx, id, 1) {
		if err != nil {
			return nil, fmt.Errorf("read customer %s: %w", id, err)
		}
		event, err := l.cfg.Codec.Decode(rec.Data)
		if err != nil {
			return nil, undecodable(rec, err)
		}
		c.revision, c.prev, c.recorded = rec.Revision, sha256.Sum256(rec.Data), event.Recorded
		c.remember(rec.ID, seen{
			revision: rec.Revision, position: rec.Position,
			fingerprint: fingerprint(payloadOf(rec.Data)), schema: schemaOf(rec.Data),
		})
		c.references.Add(event)
	}
	return c, nil
}

// undecodable is the error for a stored record that no longer means anything. Nobody but its customer is affected.
func undecodable(rec eventstore.Recorded, cause error) error {
	return &eventstore.DamageError{
		Position: rec.Position, Stream: rec.Stream, Cause: cause,
		Reason: fmt.Sprintf("the record at position %d (customer %s, revision %d) cannot be decoded", rec.Position, rec.Stream, rec.Revision),
	}
}

func (c *customer) remember(id string, s seen) {
	if c.seen == nil {
		c.seen = make(map[string]seen)
	}
	c.seen[id] = s
}

// maxAttempts bounds how often a group is decided anew because another process wrote to the same customer meanwhile.
const maxAttempts = 8

// recordCustomer decides on the items, all of one customer, and appends those that are to be recorded.
//
// The customers of one call are decided first and appended then, together, so that the store can commit them as one: deciding
// counts those who have not decided yet. A customer that another call holds does not keep the others waiting, who would
// otherwise wait for each other in a circle.
func (l *Ledger) recordCustomer(ctx context.Context, id string, items []*item, deciding *sync.WaitGroup) error {
	decided := sync.OnceFunc(deciding.Done)
	defer decided()
	entry := l.cache.acquire(id, decided)
	defer l.cache.release(entry)

	for attempt := 1; ; attempt++ {
		if entry.customer == nil {
			loaded, err := l.load(ctx, id)
			if l.refuseDamaged(err, items) {
				return nil
			}
			if err != nil {
				return err
			}
			entry.customer = loaded
		}
		err := l.decideAndAppend(ctx, entry.customer, id, items, func() { decided(); deciding.Wait() })
		if err == nil {
			return nil
		}
		entry.customer = nil // it ran ahead of the log: what it holds may not be stored
		if !errors.Is(err, eventstore.ErrConflict) || attempt == maxAttempts {
			return fmt.Errorf("customer %s: %w", id, err)
		}
		l.cfg.Logger.Debug().Str("customer", id).Int("attempt", attempt).Msg("another writer was first; deciding again")
	}
}

// refuseDamaged refuses the items if the error is damage of their customer alone: nothing can be decided about this customer until
// the log is mended, and nobody else must wait for that.
func (l *Ledger) refuseDamaged(err error, items []*item) bool {
	var damage *eventstore.DamageError
	if !errors.As(err, &damage) || damage.Stream == "" {
		return false
	}
	l.cfg.Logger.Error().Str("customer", damage.Stream).Uint64("position", uint64(damage.Position)).Err(damage.Cause).
		Msg("the log is damaged; nothing can be recorded for this customer")
	for _, it := range items {
		if !it.stored {
			it.receipt.refuse(&schemas.Problem{
				Type: ProblemLogDamaged, Title: "The log is damaged",
				Detail: damage.Error() + "; nothing was recorded. Only this customer is affected. Restore the log from a backup",
			})
		}
	}
	return true
}

// decideAndAppend works through the items in order and appends in units within eventstore's limits. c runs ahead
// of the log while a unit is under way; on an error it must be thrown away. Items that were answered in an earlier attempt
// come out the same: what was stored is a duplicate with the same receipt, so the answers of an attempt are final only when
// it succeeds. It calls together before each append.
func (l *Ledger) decideAndAppend(ctx context.Context, c *customer, id string, items []*item, together func()) error {
	var unit []eventstore.Event
	var accepted []*item
	size := 0 // of the unit, in bytes
	base := c.revision
	flush := func() error {
		if len(unit) == 0 {
			return nil
		}
		together()
		positions, err := l.cfg.Store.Append(ctx, id, eventstore.At(base), unit...)
		if err != nil {
			return err
		}
		for i, it := range accepted {
			s := c.seen[it.in.Event.ID]
			s.position = positions[i]
			c.seen[it.in.Event.ID] = s
			it.receipt.Status, it.receipt.Problem = Recorded, nil
			it.receipt.Revision, it.receipt.Position = uint64(s.revision), uint64(s.position)
			it.stored = true
		}
		base, unit, accepted, size = c.revision, unit[:0], accepted[:0], 0
		return nil
	}

	var repeats []*item
	for _, it := range items {
		if it.stored {
			continue // in an earlier attempt
		}
		if _, ok := c.seen[it.in.Event.ID]; ok {
			repeats = append(repeats, it)
			continue
		}
		if it.in.Event.Type == "policy.published" { // it is judged by those before it, which must be in the log for that
			if err := flush(); err != nil {
				return err
			}
		}
		if err := l.check(ctx, c, it); err != nil {
			var refused *refusedError
			if !errors.As(err, &refused) {
				return err
			}
			it.receipt.refuse(refused.cause)
			continue
		}
		it.receipt.Problem = nil
		recorded := l.cfg.Clock().UTC().Truncate(time.Microsecond)
		if recorded.Before(c.recorded) {
			recorded = c.recorded // recordedtime never goes backwards within a customer
		}
		if it.in.Event.Time.IsZero() {
			it.in.Event.Time = recorded // a sender who names no time means now
		}
		if l.cfg.Vault != nil {
			if err := l.cfg.Codec.Seal(ctx, l.cfg.Vault, &it.in, uint64(c.revision)+1); err != nil {
				return err
			}
		}
		data, err := l.cfg.Codec.Encode(it.in, recorded, uint64(c.revision)+1, c.prev)
		if err != nil {
			it.receipt.refuse(err)
			continue
		}
		event := it.in.Event
		event.Recorded, event.Revision = recorded, uint64(c.revision)+1
		c.references.Add(event)
		c.revision, c.prev, c.recorded = c.revision+1, sha256.Sum256(data), recorded
		c.remember(event.ID, seen{revision: c.revision, fingerprint: fingerprint(payloadOf(data)), schema: it.in.Schema})
		unit = append(unit, eventstore.Event{ID: event.ID, Data: data})
		accepted = append(accepted, it)
		size += len(data)
		if len(unit) == eventstore.MaxAppendEvents || size > eventstore.MaxAppendBytes-eventstore.MaxEventBytes {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	if err := flush(); err != nil {
		return err
	}
	for _, it := range repeats { // last, so that a repetition within the call finds the first one's position
		if err := l.answerRepeat(ctx, c, it); err != nil {
			return err
		}
	}
	return nil
}
