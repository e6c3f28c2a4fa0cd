package ledger

import (
	"bytes"
	"context"
	"fmt"
	"iter"

	"amends/domain"
)

// RevokedKeys lists the ids of the API keys of which the log says that they were revoked. What lists the keys themselves may
// be older than the log, when it was restored from a copy.
func (l *Ledger) RevokedKeys(ctx context.Context) ([]string, error) {
	var ids []string
	for event, err := range l.ownEvents(ctx, "access.revoked") {
		if err != nil {
			return nil, err
		}
		if d, ok := event.Data.(*domain.AccessRevoked); ok {
			ids = append(ids, d.KeyID)
		}
	}
	return ids, nil
}

// ownEvents reads the events of the type in the ledger's own stream; all others are passed over unread.
func (l *Ledger) ownEvents(ctx context.Context, t domain.Type) iter.Seq2[domain.Event, error] {
	marker := []byte(`,"type":"` + string(t) + `"`) // cannot stand inside a string of the envelope, and in data says nothing wrong
	return func(yield func(domain.Event, error) bool) {
		for rec, err := range l.cfg.Store.Read(ctx, domain.LedgerStream, 1) {
			if err != nil {
				yield(domain.Event{}, fmt.Errorf("read the ledger's own stream: %w", err))
				return
			}
			if !bytes.Contains(rec.Data, marker) {
				continue
			}
			event, err := l.cfg.Codec.Decode(rec.Data)
			if err != nil {
				yield(domain.Event{}, undecodable(rec, err))
				return
			}
			if event.Type == t && !yield(event, nil) {
				return
			}
		}
	}
}
