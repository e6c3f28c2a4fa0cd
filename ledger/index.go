package ledger

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"amends/domain"
	"amends/eventstore"
	"amends/vault"
)

const (
	// indexBatch bounds how many entries are committed together.
	indexBatch = 256
	// indexStride is after how many records without any entry the cursor is stored all the same.
	indexStride = 20_000
)

// Index follows the log until ctx ends and keeps the vault's index of identities and its list of open erasures. Both can
// be thrown away and are made anew from the log and the keys. Like any follower it is not in the path of a write.
func (l *Ledger) Index(ctx context.Context) error {
	cursor, err := l.cfg.Vault.Cursor(ctx)
	if err != nil {
		return err
	}
	end, err := l.cfg.Store.End(ctx)
	if err != nil {
		return err
	}
	if uint64(end) < cursor { // the log was restored from a backup that is older than the vault
		if err := l.cfg.Vault.Reindex(ctx); err != nil {
			return err
		}
		cursor = 0
	}
	l.indexed.reached(cursor)
	var held []indexEntry
	committed := cursor
	flush := func(position uint64) error {
		if err := l.indexEntries(ctx, position, held); err != nil {
			return err
		}
		held, committed = held[:0], position
		l.indexed.reached(position)
		return nil
	}
	for rec, err := range l.cfg.Store.Follow(ctx, eventstore.Position(cursor)) {
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		position := uint64(rec.Position)
		entry, found, err := l.indexEntry(ctx, &rec)
		if err != nil {
			return fmt.Errorf("position %d: %w", position, err)
		}
		if entry.completed != "" {
			// Before the cursor moves on: after a crash it is looked at again. What is indexed later in this batch under one of
			// these keys is left out, as they are gone.
			if err := l.destroyAgain(ctx, &entry); err != nil {
				return fmt.Errorf("position %d: %w", position, err)
			}
		}
		if found {
			held = append(held, entry)
		}
		atEnd := len(held) > 0 && rec.Position >= end
		if atEnd {
			if end, err = l.cfg.Store.End(ctx); err != nil {
				return err
			}
			atEnd = rec.Position >= end
		}
		switch {
		case len(held) >= indexBatch || len(held) > 0 && atEnd || position-committed >= indexStride:
			if err := flush(position); err != nil {
				return err
			}
		case len(held) == 0:
			l.indexed.reached(position) // nothing of it is missing; the stored cursor may lag behind
		}
	}
	return nil
}

// indexEntry is what one record says to the vault.
type indexEntry struct {
	customer   string
	event      string // the event whose identities these are
	identities []vault.Identity
	requested  string // erasure ids
	approved   string
	completed  string
	destroyed  []domain.DestroyedKey // by the completed erasure
}

// The starts of the types that matter, as they stand in a stored record; all others are passed over unread.
var indexedTypes = [][]byte{
	[]byte(`,"type":"customer.registered"`), []byte(`,"type":"customer.identity_linked"`), []byte(`,"type":"record.corrected"`),
	[]byte(`,"type":"erasure.requested"`), []byte(`,"type":"erasure.approved"`), []byte(`,"type":"erasure.completed"`),
}

func (l *Ledger) indexEntry(ctx context.Context, rec *eventstore.Recorded) (indexEntry, bool, error) {
	matters := false
	if _, rest, ok := bytes.Cut(rec.Data, []byte(`,"type":"`)); ok {
		head := rec.Data[len(rec.Data)-len(rest)-len(`,"type":"`):]
		for _, t := range indexedTypes {
			matters = matters || bytes.HasPrefix(head, t)
		}
	}
	if !matters {
		return indexEntry{}, false, nil
	}
	event, err := l.cfg.Codec.Decode(rec.Data)
	if err != nil {
		return indexEntry{}, false, fmt.Errorf("customer %s, revision %d: %w", rec.Stream, rec.Revision, err)
	}
	entry := indexEntry{customer: event.Customer, event: event.ID}
	var identities []domain.Identity
	var pointerOf func(int) string
	base := "/data"
	data := event.Data
	if correction, ok := data.(*domain.RecordCorrected); ok {
		entry.event, data, base = correction.EventID, correction.Decoded, "/data/data"
	}
	switch d := data.(type) {
	case *domain.CustomerRegistered:
		identities = d.Identities
		pointerOf = func(i int) string { return fmt.Sprintf("%s/identities/%d/value", base, i) }
	case *domain.CustomerIdentityLinked:
		identities = []domain.Identity{d.Identity}
		pointerOf = func(int) string { return base + "/value" }
	case *domain.ErasureRequested:
		if entry.requested = d.ErasureID; d.ErasureID == "" {
			entry.requested = event.ID
		}
		return entry, true, nil
	case *domain.ErasureApproved:
		entry.approved = d.ErasureID
		return entry, true, nil
	case *domain.ErasureCompleted:
		entry.completed, entry.destroyed = d.ErasureID, d.Keys
		return entry, true, nil
	default:
		return indexEntry{}, false, nil
	}
	entry.identities, err = l.openIdentities(ctx, rec, identities, pointerOf)
	return entry, true, err
}

// destroyAgain destroys keys that a completed erasure destroyed and that are back, because the key store was restored from a
// copy made before. As in an erasure nobody writes to the customer meanwhile.
func (l *Ledger) destroyAgain(ctx context.Context, e *indexEntry) error {
	byCustomer := make(map[string][]vault.KeyID)
	for _, k := range e.destroyed {
		id, err := vault.ParseKeyID(k.KeyID)
		if err != nil {
			return fmt.Errorf("erasure %s of customer %s: %w", e.completed, e.customer, err)
		}
		byCustomer[k.CustomerID] = append(byCustomer[k.CustomerID], id)
	}
	for customer, ids := range byCustomer {
		entry := l.cache.acquire(customer, func() {})
		again, err := l.cfg.Vault.DestroyAgain(ctx, e.customer+"/"+e.completed, ids)
		l.cache.release(entry)
		if err != nil {
			return fmt.Errorf("erasure %s of customer %s: %w", e.completed, e.customer, err)
		}
		if len(again) > 0 {
			l.cfg.Logger.Warn().Str("erasure", e.completed).Str("customer", customer).Int("keys", len(again)).
				Msg("keys that an erasure had destroyed were back, from an older copy of the key store; they were destroyed again")
		}
	}
	return nil
}

// openIdentities opens the values, by where they stand; what cannot be opened any more is left out. A value that is in clear
// in the log is left out, too: there is no key with which its entry would go.
func (l *Ledger) openIdentities(ctx context.Context, rec *eventstore.Recorded, identities []domain.Identity, pointerOf func(int) string) ([]vault.Identity, error) {
	_, fields, err := l.cfg.Codec.Open(ctx, l.cfg.Vault, rec.Data)
	if err != nil {
		return nil, err
	}
	var out []vault.Identity
	for i, identity := range identities {
		for _, f := range fields {
			if f.Pointer != pointerOf(i) || f.Value == nil {
				continue
			}
			var value string
			if err := json.Unmarshal(f.Value, &value); err != nil {
				return nil, fmt.Errorf("%s is not a text", f.Pointer) // err would quote it
			}
			out = append(out, vault.Identity{Kind: identity.Kind, Value: value, Key: f.Key})
		}
	}
	return out, nil
}

func (l *Ledger) indexEntries(ctx context.Context, position uint64, entries []indexEntry) error {
	return l.cfg.Vault.Index(ctx, position, func(x *vault.Indexing) error {
		for _, e := range entries {
			var err error
			switch {
			case e.requested != "":
				err = x.Requested(ctx, e.customer, e.requested)
			case e.approved != "":
				err = x.Approved(ctx, e.customer, e.approved)
			case e.completed != "":
				err = x.Completed(ctx, e.customer, e.completed)
			default:
				err = x.Identities(ctx, e.customer, e.event, e.identities)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// Find lists the customers who are known by the identity. It sees everything that was acknowledged before: it waits for the
// index until ctx ends.
func (l *Ledger) Find(ctx context.Context, kind, value string) ([]string, error) {
	if err := l.AwaitIndex(ctx); err != nil {
		return nil, err
	}
	return l.cfg.Vault.Find(ctx, kind, value)
}

// AwaitIndex waits until the index has seen the log's present end.
func (l *Ledger) AwaitIndex(ctx context.Context) error {
	if l.cfg.Vault == nil {
		return errors.New("there is no vault, hence no index")
	}
	end, err := l.cfg.Store.End(ctx)
	if err != nil {
		return err
	}
	return l.indexed.await(ctx, uint64(end))
}
