package ledger_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"amends/domain"
	"amends/eventstore"
	"amends/eventstore/storetest"
	"amends/ledger"
	"amends/schemas"
)

// now is the clock's first instant in these tests; each reading is a second later.
var now = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)

func newLedger(t testing.TB, store eventstore.Store) *ledger.Ledger {
	t.Helper()
	codec, err := schemas.New()
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	instant := now
	return ledger.New(ledger.Config{Store: store, Codec: codec, Clock: func() time.Time {
		mu.Lock()
		defer mu.Unlock()
		instant = instant.Add(time.Second)
		return instant
	}})
}

// event writes a CloudEvent as a sender would.
func event(customer, id, kind, data string, more ...string) []byte {
	return fmt.Appendf(nil, `{"specversion":"1.0","source":"test","type":%q,"subject":%q,"id":%q,"time":"2026-04-01T10:00:00Z",%s"data":%s}`,
		kind, customer, id, strings.Join(append(more, ""), ","), data)
}

func registered(customer, id, complaint string) []byte {
	return event(customer, id, "complaint.registered", fmt.Sprintf(`{"complaint_id":%q}`, complaint))
}

func record(t testing.TB, l *ledger.Ledger, raws ...[]byte) []ledger.Receipt {
	t.Helper()
	receipts, err := l.Record(t.Context(), raws)
	if err != nil {
		t.Fatal(err)
	}
	return receipts
}

func TestChain(t *testing.T) {
	store := eventstore.NewMemory()
	l := newLedger(t, store)
	receipts := record(t, l,
		registered("C-1", "a", "K-1"),
		registered("C-2", "b", "K-1"),
		event("C-1", "c", "complaint.acknowledged", `{"complaint_id":"K-1"}`))
	for i, r := range receipts {
		if r.Status != ledger.Recorded {
			t.Fatalf("event %d: %+v", i, r)
		}
	}
	record(t, newLedger(t, store), event("C-1", "d", "complaint.closed", `{"complaint_id":"K-1"}`)) // a cold cache goes on

	prev := strings.Repeat("0", 64)
	var last time.Time
	n := 0
	for rec, err := range store.Read(t.Context(), "C-1", 1) {
		if err != nil {
			t.Fatal(err)
		}
		n++
		var got struct {
			Revision     int       `json:"revision"`
			Prevhash     string    `json:"prevhash"`
			Recordedtime time.Time `json:"recordedtime"`
		}
		if err := json.Unmarshal(rec.Data, &got); err != nil {
			t.Fatal(err)
		}
		if got.Revision != n || got.Prevhash != prev {
			t.Errorf("revision %d says %+v, want prevhash %s", n, got, prev)
		}
		if got.Recordedtime.Before(last) {
			t.Errorf("recordedtime went backwards at revision %d", n)
		}
		sum := sha256.Sum256(rec.Data)
		prev, last = hex.EncodeToString(sum[:]), got.Recordedtime
	}
	if n != 3 {
		t.Errorf("C-1 has %d records, want 3", n)
	}
}

func TestRepeats(t *testing.T) {
	store := eventstore.NewMemory()
	l := newLedger(t, store)
	batch := [][]byte{registered("C-1", "a", "K-1"), registered("C-1", "a", "K-1"), registered("C-1", "b", "K-2")}
	first := record(t, l, batch...)
	want := []ledger.Status{ledger.Recorded, ledger.Duplicate, ledger.Recorded}
	for i, r := range first {
		if r.Status != want[i] || r.Problem != nil {
			t.Errorf("event %d: %+v, want %s", i, r, want[i])
		}
	}
	if first[1].Position != first[0].Position || first[1].Revision != first[0].Revision {
		t.Errorf("the repetition's receipt %+v is not the first one's %+v", first[1], first[0])
	}
	for name, again := range map[string]*ledger.Ledger{"warm": l, "cold": newLedger(t, store)} {
		for i, r := range record(t, again, batch...) {
			if r.Status != ledger.Duplicate || r.Position != first[i].Position || r.Revision != first[i].Revision || r.Problem != nil {
				t.Errorf("%s, event %d: %+v, want a duplicate of %+v", name, i, r, first[i])
			}
		}
		r := record(t, again, registered("C-1", "a", "K-3"))[0]
		if r.Status != ledger.Duplicate || r.Problem == nil || r.Problem.Type != "urn:amends:problem:id-reused" {
			t.Errorf("%s, the same id with other data: %+v", name, r)
		}
	}
}

func TestRefusals(t *testing.T) {
	l := newLedger(t, eventstore.NewMemory())
	for _, test := range []struct {
		name    string
		raw     []byte
		pointer string
	}{
		{"unknown complaint", event("C-1", "r1", "complaint.closed", `{"complaint_id":"K-9"}`), "/data/complaint_id"},
		{"registered twice", registered("C-1", "r2", "K-1"), "/data/complaint_id"},
		{"unknown commitment", event("C-1", "r3", "commitment.kept", `{"commitment_id":"P-9"}`), "/data/commitment_id"},
		{"wrong type", event("C-1", "r4", "complaint.eaten", `{}`), "/type"},
		{"missing field", event("C-1", "r5", "complaint.decided", `{"complaint_id":"K-1"}`), "/data/outcome"},
		{"set by the ledger", event("C-1", "r6", "complaint.closed", `{"complaint_id":"K-1"}`, `"revision":7`), "/revision"},
		{"wrong revision", event("C-1", "r7", "complaint.closed", `{"complaint_id":"K-1"}`, `"expectedrevision":7`), "/expectedrevision"},
		{"correction of nothing", event("C-1", "r8", "record.corrected", `{"event_id":"zzz","data":{}}`), "/data/event_id"},
		{"correction that does not fit", event("C-1", "r9", "record.corrected", `{"event_id":"a","data":{"complaint_id":"K-1","channel":"drum"}}`), "/data/data/channel"},
	} {
		t.Run(test.name, func(t *testing.T) {
			receipts := record(t, l, registered("C-1", "a", "K-1"), test.raw, event("C-1", "ok-"+test.name[:3], "complaint.acknowledged", `{"complaint_id":"K-1"}`))
			got := receipts[1]
			if got.Status != ledger.Refused || got.Problem == nil || got.Problem.Pointer != test.pointer {
				t.Errorf("got %+v (%v), want a refusal at %s", got, got.Problem, test.pointer)
			}
			if receipts[2].Status == ledger.Refused {
				t.Errorf("the neighbour was refused too: %v", receipts[2].Problem)
			}
		})
	}
}

func TestExpectedRevision(t *testing.T) {
	l := newLedger(t, eventstore.NewMemory())
	receipts := record(t, l,
		event("C-1", "a", "complaint.registered", `{"complaint_id":"K-1"}`, `"expectedrevision":0`),
		event("C-1", "b", "complaint.closed", `{"complaint_id":"K-1"}`, `"expectedrevision":1`),
		event("C-1", "c", "complaint.reopened", `{"complaint_id":"K-1"}`, `"expectedrevision":1`))
	var got []ledger.Status
	for _, r := range receipts {
		got = append(got, r.Status)
	}
	if diff := cmp.Diff([]ledger.Status{ledger.Recorded, ledger.Recorded, ledger.Refused}, got); diff != "" {
		t.Error(diff)
	}
}

// TestTwoProcesses: two ledgers on one log, each with a cache of its own, write to the same customer at once.
func TestTwoProcesses(t *testing.T) {
	store := eventstore.NewMemory()
	const writers, each = 4, 50
	var wg sync.WaitGroup
	for w := range writers {
		l := newLedger(t, store)
		wg.Go(func() {
			for i := range each {
				id := fmt.Sprintf("w%d-%d", w, i)
				for {
					receipts, err := l.Record(t.Context(), [][]byte{registered("C-1", id, id)})
					if err != nil && !errors.Is(err, eventstore.ErrConflict) {
						t.Error(err)
						return
					}
					if err == nil {
						if receipts[0].Status == ledger.Refused {
							t.Errorf("%s: %v", id, receipts[0].Problem)
						}
						break
					}
				}
			}
		})
	}
	wg.Wait()
	history, err := newLedger(t, store).History(t.Context(), "C-1", domain.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if len(history) != writers*each {
		t.Errorf("%d records, want %d", len(history), writers*each)
	}
}

// TestFailedAppends: an append whose fate is unknown is retried by the sender and ends up stored once.
func TestFailedAppends(t *testing.T) {
	for name, fate := range map[string]storetest.Fate{"not stored": storetest.LostRequest, "stored": storetest.LostReceipt} {
		t.Run(name, func(t *testing.T) {
			memory := eventstore.NewMemory()
			l := newLedger(t, storetest.NewFaulty(memory, fate))
			batch := [][]byte{registered("C-1", "a", "K-1"), event("C-1", "b", "complaint.closed", `{"complaint_id":"K-1"}`)}
			if _, err := l.Record(context.Background(), batch); !errors.Is(err, storetest.ErrInjected) {
				t.Fatalf("err = %v, want the injected fault", err)
			}
			for i, r := range record(t, l, batch...) {
				if r.Status == ledger.Refused || r.Revision != uint64(i+1) {
					t.Errorf("after the retry, event %d: %+v", i, r)
				}
			}
			if end, err := memory.End(t.Context()); err != nil || end != 2 {
				t.Errorf("the log ends at %d (%v), want 2", end, err)
			}
		})
	}
}

func TestMergedCustomersReferences(t *testing.T) {
	l := newLedger(t, eventstore.NewMemory())
	record(t, l, registered("C-2", "a", "K-2"), registered("C-1", "b", "K-1"))
	about := func(id string) []byte { return event("C-1", id, "complaint.closed", `{"complaint_id":"K-2"}`) }
	if r := record(t, l, about("c"))[0]; r.Status != ledger.Refused {
		t.Fatalf("before the merger: %+v", r)
	}
	record(t, l, event("C-1", "d", "customer.absorbed", `{"customer_id":"C-2"}`), event("C-2", "e", "customer.merged_into", `{"customer_id":"C-1"}`))
	if r := record(t, l, about("f"))[0]; r.Status != ledger.Recorded {
		t.Fatalf("after the merger: %+v %v", r, r.Problem)
	}
	history, err := l.History(t.Context(), "C-1", domain.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if len(history) != 5 {
		t.Errorf("the survivor's history has %d records, want 5", len(history))
	}
}

func BenchmarkAppendByHistory(b *testing.B) {
	for _, length := range []int{10, 10_000} {
		b.Run(fmt.Sprint(length), func(b *testing.B) {
			l := newLedger(b, eventstore.NewMemory())
			var batch [][]byte
			for i := range length {
				batch = append(batch, registered("C-1", fmt.Sprint("h", i), fmt.Sprint("K", i)))
			}
			record(b, l, batch...)
			b.ResetTimer()
			for i := range b.N {
				if _, err := l.Record(b.Context(), [][]byte{registered("C-1", fmt.Sprint("n", i), fmt.Sprint("N", i))}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
