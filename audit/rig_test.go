package audit

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"amends/audit/verifier"
	"amends/eventstore"
)

// writer appends records in the stored form, chained within each customer, as the ledger does.
type writer struct {
	t     testing.TB
	store eventstore.Store
	heads map[string]verifier.Head
	last  eventstore.Position
	all   [][]byte // every record, in the order of the log
}

func newWriter(t testing.TB, store eventstore.Store) *writer {
	return &writer{t: t, store: store, heads: map[string]verifier.Head{}}
}

func record(stream, kind string, head verifier.Head, data string) []byte {
	return fmt.Appendf(nil, `{"specversion":"1.0","id":"%[1]s-%[2]d","source":"test","type":%[3]q,"dataschema":"urn:amends:schema:%[3]s:1",`+
		`"subject":%[1]q,"time":"2026-04-01T10:00:00Z","recordedtime":"2026-04-01T10:00:00Z","revision":%[2]d,"prevhash":"%[4]x",`+
		`"datacontenttype":"application/json","data":%[5]s}`, stream, head.Count+1, kind, head.Hash, data)
}

// write appends n records to the customer.
func (w *writer) write(stream string, n int) {
	w.t.Helper()
	for i := range n {
		w.event(stream, "interaction.call", fmt.Sprintf(`{"n":%d}`, i))
	}
}

func (w *writer) event(stream, kind, data string) {
	w.t.Helper()
	head := w.heads[stream]
	b := record(stream, kind, head, data)
	at, err := w.store.Append(w.t.Context(), stream, eventstore.At(eventstore.Revision(head.Count)),
		eventstore.Event{ID: fmt.Sprintf("%s-%d", stream, head.Count+1), Data: b})
	if err != nil {
		w.t.Fatal(err)
	}
	w.heads[stream] = verifier.Head{Count: head.Count + 1, Hash: sha256.Sum256(b)}
	w.last = at[0]
	w.all = append(w.all, b)
}

// quick is a configuration that does not rest between checkpoints.
func quick(dir string, store eventstore.Store) Config {
	return Config{Dir: dir, Store: store, Interval: time.Nanosecond, MapInterval: time.Nanosecond}
}

// start runs a sealer until the test ends, or stop is called; stop returns what Run returned.
func start(t testing.TB, cfg Config) (s *Sealer, stop func() error) {
	t.Helper()
	s, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s, run(t, s)
}

func run(t testing.TB, s *Sealer) (stop func() error) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan struct{})
	var result error
	go func() {
		defer close(ended)
		result = s.Run(ctx)
	}()
	stop = func() error {
		cancel()
		<-ended
		return result
	}
	t.Cleanup(func() { _ = stop() })
	return stop
}

// sealAll seals what the store holds, map and all, and stops.
func sealAll(t testing.TB, cfg Config) {
	t.Helper()
	s, stop := start(t, cfg)
	end, err := cfg.Store.End(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := s.WaitForMap(t.Context(), end); err != nil {
		t.Fatal(err)
	}
	if err := stop(); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
}

// proofHashes takes the hashes out of a tlog-proof.
func proofHashes(t testing.TB, text []byte) [][]byte {
	t.Helper()
	var hashes [][]byte
	for line := range strings.Lines(string(text)) {
		h, err := base64.StdEncoding.DecodeString(strings.TrimSpace(line))
		if strings.HasPrefix(line, "c2sp") || strings.HasPrefix(line, "index") {
			continue
		}
		if line == "\n" {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		hashes = append(hashes, h)
	}
	return hashes
}
