package ledger

import (
	"bytes"
	"context"
	"fmt"
	"iter"
	"strings"

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

// keyCaller begins the actor who has an API key; the key's id follows. It is the form of access.Caller's ID.
const keyCaller = "key:"

// descends reports whether the actor has an API key that the maker made, or that somebody made with a key that the maker made,
// and so on: such a key may be in the maker's own hand. Of a key the first grant counts, which was recorded before the key could
// be used; what an administrator records of it later changes nothing.
func (l *Ledger) descends(ctx context.Context, actor, maker string) (bool, error) {
	if !strings.HasPrefix(actor, keyCaller) {
		return false, nil
	}
	makers := make(map[string]string)
	for event, err := range l.ownEvents(ctx, "access.granted") {
		if err != nil {
			return false, err
		}
		if d, ok := event.Data.(*domain.AccessGranted); ok && makers[keyCaller+d.KeyID] == "" {
			makers[keyCaller+d.KeyID] = event.Actor
		}
	}
	for range len(makers) { // no longer than that, should keys make each other in a circle
		if actor = makers[actor]; actor == "" || actor == maker {
			break
		}
	}
	return actor != "" && actor == maker, nil
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
