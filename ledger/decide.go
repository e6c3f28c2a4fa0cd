package ledger

import (
	"context"
	"errors"
	"fmt"

	"amends/domain"
	"amends/eventstore"
	"amends/schemas"
)

// refusedError marks an error as an answer to the sender, not a failure of the ledger.
type refusedError struct{ cause error }

func (e *refusedError) Error() string { return e.cause.Error() }
func (e *refusedError) Unwrap() error { return e.cause }

// check says whether the item may be recorded now; a *refusedError says why not, any other error is a failure.
func (l *Ledger) check(ctx context.Context, c *customer, it *item) error {
	if want := it.in.Expected; want != nil && *want != uint64(c.revision) {
		return &refusedError{&schemas.Problem{
			Type: ProblemRevisionConflict, Title: "Revision conflict", Pointer: "/expectedrevision",
			Detail: fmt.Sprintf("the customer is at revision %d, not %d; read what came in between and decide again", c.revision, *want),
		}}
	}
	if correction, ok := it.in.Event.Data.(*domain.RecordCorrected); ok {
		if target, known := c.seen[correction.EventID]; known {
			if p := it.author.correct(l.cfg.Codec.TypeOf(target.schema)); p != nil {
				return &refusedError{p}
			}
			if err := l.cfg.Codec.Correction(&it.in, target.schema); err != nil {
				return &refusedError{err}
			}
		}
	}
	if policy, ok := it.in.Event.Data.(*domain.PolicyPublished); ok {
		if err := l.checkPolicy(ctx, policy); err != nil {
			return err
		}
	}
	err := c.references.Check(it.in.Event)
	if err == nil {
		return nil
	}
	// What the survivor of a merger does not know itself, an absorbed customer may.
	if absorbed := c.references.Absorbed(); len(absorbed) > 0 {
		others := make([]*domain.References, 0, len(absorbed))
		for _, id := range absorbed {
			// Read anew rather than from the cache: two customers merged into each other must not wait for one another.
			other, err := l.load(ctx, id)
			if err != nil {
				return err
			}
			others = append(others, &other.references)
		}
		err = c.references.Check(it.in.Event, others...)
	}
	var refusal *domain.Refusal
	if errors.As(err, &refusal) {
		return &refusedError{refusal}
	}
	return err
}

// answerRepeat gives the first receipt. An id that now comes with other data is worth a word: nothing of it was recorded.
func (l *Ledger) answerRepeat(ctx context.Context, c *customer, it *item) error {
	first := c.seen[it.in.Event.ID]
	same, err := l.sameAsStored(ctx, c, it, first)
	if err != nil {
		return err
	}
	r := it.receipt
	r.Status, r.Revision, r.Position, r.Problem = Duplicate, uint64(first.revision), uint64(first.position), nil
	if !same {
		r.Problem = &schemas.Problem{
			Type: "urn:amends:problem:id-reused", Title: "Id recorded before with other data", Pointer: "/id",
			Detail: fmt.Sprintf("revision %d has this id and other data; nothing was added. Send a new fact under a new id, or a record.corrected", first.revision),
		}
	}
	return nil
}

// sameAsStored reports whether the item has the data of the record that its id was first recorded with. Sealing is
// deterministic, so the item sealed for the first one's place must give the same bytes. Where a key of the first one is gone
// nobody can tell any more, and the sender is believed.
func (l *Ledger) sameAsStored(ctx context.Context, c *customer, it *item, first seen) (bool, error) {
	if correction, ok := it.in.Event.Data.(*domain.RecordCorrected); ok {
		if target, known := c.seen[correction.EventID]; known {
			if err := l.cfg.Codec.Correction(&it.in, target.schema); err != nil {
				return false, nil // it was valid when it was first sent: this is another one
			}
		}
	}
	if l.cfg.Vault == nil {
		return first.fingerprint == fingerprint(it.in.DataJSON), nil
	}
	made, err := l.cfg.Codec.Reseal(ctx, l.cfg.Vault, &it.in, uint64(first.revision))
	if err != nil {
		return false, err
	}
	if made && first.fingerprint == fingerprint(it.in.Sealed) {
		return true, nil
	}
	return l.keyGone(ctx, it.in.Event.Customer, first.revision)
}

// keyGone reports whether a value of the record is sealed under a key that the vault does not have any more.
func (l *Ledger) keyGone(ctx context.Context, customer string, revision eventstore.Revision) (bool, error) {
	for rec, err := range l.cfg.Store.Read(ctx, customer, revision) {
		if err != nil {
			return false, fmt.Errorf("read customer %s: %w", customer, err)
		}
		keys, err := l.cfg.Codec.SealedKeys(rec.Data)
		if err != nil {
			return false, fmt.Errorf("customer %s, revision %d: %w", customer, revision, err)
		}
		for _, id := range keys {
			if gone, err := l.cfg.Vault.Erased(ctx, id); gone || err != nil {
				return gone, err
			}
		}
		break
	}
	return false, nil
}
