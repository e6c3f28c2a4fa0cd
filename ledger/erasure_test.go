package ledger_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"amends/domain"
	"amends/eventstore"
	"amends/ledger"
	"amends/schemas"
	"amends/vault"
)

// sealing is a ledger that seals, over a log and a vault that outlive it.
type sealing struct {
	*ledger.Ledger
	store eventstore.Store
	vault *vault.Vault
	codec *schemas.Codec
	stop  func()
}

// openSealing opens the ledger anew, as after a restart, with a clock that stands at the instant.
func openSealing(t testing.TB, store eventstore.Store, dir string, at time.Time) *sealing {
	t.Helper()
	return openSealingBy(t, store, dir, at, nil)
}

// openSealingBy is openSealing with retention rules; nil: the default.
func openSealingBy(t testing.TB, store eventstore.Store, dir string, at time.Time, rules domain.Retention) *sealing {
	t.Helper()
	codec, err := schemas.New()
	if err != nil {
		t.Fatal(err)
	}
	v, err := vault.Open(t.Context(), vault.Config{Dir: dir, Clock: func() time.Time { return at }})
	if err != nil {
		t.Fatal(err)
	}
	s := &sealing{store: store, vault: v, codec: codec}
	s.Ledger = ledger.New(ledger.Config{Store: store, Codec: codec, Vault: v, Retention: rules, Clock: func() time.Time { return at }})
	ctx, cancel := context.WithCancel(t.Context())
	var follower sync.WaitGroup
	follower.Go(func() {
		if err := s.Index(ctx); err != nil && ctx.Err() == nil {
			t.Error("index:", err)
		}
	})
	s.stop = sync.OnceFunc(func() {
		cancel()
		follower.Wait()
		if err := v.Close(); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(s.stop)
	return s
}

func (s *sealing) find(t testing.TB, kind, value string) []string {
	t.Helper()
	found, err := s.Find(t.Context(), kind, value)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// opened is everything of the customer, opened.
func (s *sealing) opened(t testing.TB, customer string) string {
	t.Helper()
	var all []byte
	for rec, err := range s.store.Read(t.Context(), customer, 1) {
		if err != nil {
			t.Fatal(err)
		}
		text, _, err := s.codec.Open(t.Context(), s.vault, rec.Data)
		if err != nil {
			t.Fatal(err)
		}
		all = append(append(all, text...), '\n')
	}
	return string(all)
}

// checkChain makes sure that the customer's records still follow from each other.
func (s *sealing) checkChain(t testing.TB, customer string) {
	t.Helper()
	prev := strings.Repeat("0", 64)
	for rec, err := range s.store.Read(t.Context(), customer, 1) {
		if err != nil {
			t.Fatal(err)
		}
		var got struct{ Prevhash string }
		if err := json.Unmarshal(rec.Data, &got); err != nil || got.Prevhash != prev {
			t.Fatalf("revision %d follows %s, not %s (%v)", rec.Revision, got.Prevhash, prev, err)
		}
		sum := sha256.Sum256(rec.Data)
		prev = hex.EncodeToString(sum[:])
	}
}

var (
	today = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	life  = [][]byte{
		event("C-1", "r1", "customer.registered", `{"name":"Li Wei","identities":[{"kind":"email","value":"Li@Example.org"},{"kind":"phone","value":"+44 20 7946"}],"extra":{"note":"has a parrot"}}`),
		event("C-1", "r2", "interaction.call", `{"direction":"inbound","summary":"asks about a kettle"}`),
		event("C-1", "r3", "interaction.broadcast", `{"direction":"outbound","summary":"spring letter"}`),
	}
)

func (s *sealing) request(t testing.TB, customer string, classes ...string) ledger.ErasureStatus {
	t.Helper()
	status, err := s.RequestErasure(t.Context(), ledger.ErasureRequest{Customer: customer, ID: "X-1", Classes: classes, Reason: "asked", Actor: "ann"})
	if err != nil {
		t.Fatal(err)
	}
	return status
}

func TestErasure(t *testing.T) {
	store, dir := eventstore.NewMemory(), t.TempDir()
	s := openSealing(t, store, dir, today)
	record(t, s.Ledger, life...)
	if diff := cmp.Diff([]string{"C-1"}, s.find(t, "email", " li@example.ORG")); diff != "" {
		t.Fatal(diff)
	}
	if status := s.request(t, "C-1", "interaction", "complaint_record"); status.State != ledger.ErasureRequested || status.RequestedBy != "ann" {
		t.Fatalf("%+v", status)
	}
	var problem *schemas.Problem
	if _, err := s.ApproveErasure(t.Context(), "C-1", "X-1", "ann", false); !errors.As(err, &problem) || problem.Type != "urn:amends:problem:four-eyes" {
		t.Fatalf("approved by who asked: %v", err)
	}
	if _, err := s.ApproveErasure(t.Context(), "C-1", "X-2", "bob", false); !errors.As(err, &problem) || problem.Type != "urn:amends:problem:unknown-erasure" {
		t.Fatalf("an unknown erasure: %v", err)
	}
	status, err := s.ApproveErasure(t.Context(), "C-1", "X-1", "bob", false)
	if err != nil || status.State != ledger.ErasureCompleted || status.ApprovedBy != "bob" {
		t.Fatalf("%+v, %v", status, err)
	}
	text := s.opened(t, "C-1")
	for _, gone := range []string{"Li Wei", "xample", "7946", "parrot", "kettle"} {
		if strings.Contains(text, gone) {
			t.Errorf("%s can still be read", gone)
		}
	}
	if !strings.Contains(text, "spring letter") || strings.Count(text, "[erased]") != 5 {
		t.Errorf("another class was erased, or not all of these: %s", text)
	}
	if found := s.find(t, "email", "li@example.org"); found != nil {
		t.Errorf("still found: %v", found)
	}
	s.checkChain(t, "C-1")
	// Sent again, the records are the duplicates that they were.
	for _, r := range record(t, s.Ledger, life...) {
		if r.Status != ledger.Duplicate || r.Problem != nil {
			t.Errorf("%+v", r)
		}
	}
	completed := lastOf(t, s, "C-1").Data.(*domain.ErasureCompleted)
	if len(completed.Keys) != 2 || completed.Approver != "bob" || !strings.Contains(completed.Backups, "epoch 1") {
		t.Errorf("%+v", completed)
	}
	// The customer comes back: a new key, which the old erasure does not touch.
	record(t, s.Ledger, event("C-1", "r9", "interaction.call", `{"direction":"inbound","summary":"hello again"}`))
	s.stop()
	s = openSealing(t, store, dir, today)
	if err := s.AwaitIndex(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n, err := s.RunErasures(t.Context()); n != 0 || err != nil {
		t.Errorf("erased again: %d, %v", n, err)
	}
	if text := s.opened(t, "C-1"); !strings.Contains(text, "hello again") {
		t.Error("what came after the erasure is gone")
	}
}

func lastOf(t testing.TB, s *sealing, customer string) (last domain.Event) {
	t.Helper()
	for rec, err := range s.store.Read(t.Context(), customer, 1) {
		if err != nil {
			t.Fatal(err)
		}
		if last, err = s.codec.Decode(rec.Data); err != nil {
			t.Fatal(err)
		}
	}
	return last
}

// TestErasureOnlyByLedger: nobody can post an approval or a completion.
func TestErasureOnlyByLedger(t *testing.T) {
	s := openSealing(t, eventstore.NewMemory(), t.TempDir(), today)
	record(t, s.Ledger, life...)
	s.request(t, "C-1", "marketing")
	for _, r := range record(t, s.Ledger, event("C-1", "f1", "erasure.approved", `{"erasure_id":"X-1"}`),
		event("C-1", "f2", "erasure.completed", `{"erasure_id":"X-1","classes":["marketing"]}`)) {
		if r.Status != ledger.Refused || r.Problem.Pointer != "/type" {
			t.Errorf("%+v", r)
		}
	}
}

// TestCheckpointOnlyByLedger: nobody can post a checkpoint; the ledger records each once.
func TestCheckpointOnlyByLedger(t *testing.T) {
	s := openSealing(t, eventstore.NewMemory(), t.TempDir(), today)
	head := domain.CheckpointPublished{Size: 7, Root: "wn9+uMTHBXDsU8lwc+FwwhOaZTMjRToGwaGqaakaqpU=", Checkpoint: "amends.ledger/1\n7\n\n"}
	data, err := json.Marshal(head)
	if err != nil {
		t.Fatal(err)
	}
	if r := record(t, s.Ledger, event(domain.LedgerStream, "checkpoint-7", "checkpoint.published", string(data)))[0]; r.Status != ledger.Refused || r.Problem.Pointer != "/type" {
		t.Errorf("%+v", r)
	}
	for range 2 {
		if err := s.Ledger.RecordCheckpoint(t.Context(), head); err != nil {
			t.Fatal(err)
		}
	}
	end, err := s.store.End(t.Context())
	if err != nil || end != 1 {
		t.Errorf("%d records (%v), want 1", end, err)
	}
}

// TestErasureInterrupted stops an approved erasure between every two of its steps, restarts and lets it finish. What is
// recorded between the crash and the restart is not erased unless its key had to go.
func TestErasureInterrupted(t *testing.T) {
	errStop := errors.New("stopped")
	finished := false
	for stopAt := 0; !finished; stopAt++ {
		t.Run(fmt.Sprint("step ", stopAt), func(t *testing.T) {
			store, dir := eventstore.NewMemory(), t.TempDir()
			s := openSealing(t, store, dir, today)
			record(t, s.Ledger, life...)
			record(t, s.Ledger, event("C-2", "o1", "interaction.call", `{"direction":"inbound","summary":"a parakeet"}`),
				event("C-1", "m1", "customer.absorbed", `{"customer_id":"C-2"}`), event("C-2", "m2", "customer.merged_into", `{"customer_id":"C-1"}`))
			s.request(t, "C-1", "interaction")
			steps, last := 0, ""
			s.SetFault(func(step string) error {
				if steps++; steps > stopAt {
					last = step
					return errStop
				}
				return nil
			})
			_, err := s.ApproveErasure(t.Context(), "C-1", "X-1", "bob", false)
			if err != nil && !errors.Is(err, errStop) {
				t.Fatal(err)
			}
			finished = err == nil
			s.stop()

			s = openSealing(t, store, dir, today)
			record(t, s.Ledger, event("C-1", "late", "interaction.call", `{"direction":"inbound","summary":"an ocelot"}`))
			if err := s.AwaitIndex(t.Context()); err != nil {
				t.Fatal(err)
			}
			if _, err := s.RunErasures(t.Context()); err != nil {
				t.Fatal(err)
			}
			text := s.opened(t, "C-1") + s.opened(t, "C-2")
			for _, gone := range []string{"parrot", "kettle", "parakeet"} {
				if strings.Contains(text, gone) {
					t.Errorf("%s can still be read", gone)
				}
			}
			// Up to the second step the keys of C-1 are still there, and what is recorded under them goes with them.
			if destroyed := stopAt >= 2; destroyed != strings.Contains(text, "ocelot") {
				t.Errorf("stopped at %q: what came after it is there: %v", last, !destroyed)
			}
			status, err := s.ErasureStatus(t.Context(), "C-1", "X-1")
			if err != nil || status.State != ledger.ErasureCompleted {
				t.Errorf("%+v, %v", status, err)
			}
			if n := strings.Count(text, `"type":"erasure.completed"`); n != 1 {
				t.Errorf("completed %d times", n)
			}
			s.checkChain(t, "C-1")
		})
	}
}

// TestErasureForbidden: a legal hold and the retention of complaint records stand in the way, each with its day; the approved
// erasure runs by itself afterwards.
func TestErasureForbidden(t *testing.T) {
	store, dir := eventstore.NewMemory(), t.TempDir()
	s := openSealing(t, store, dir, today)
	record(t, s.Ledger, append(life,
		event("C-1", "k", "complaint.registered", `{"complaint_id":"K-1","description":"leaks"}`),
		event("C-1", "h", "legal_hold.placed", `{"hold_id":"H-1","reason":"litigation"}`))...)
	status := s.request(t, "C-1", "complaint_record")
	received := time.Date(2026, 4, 1, 10, 0, 0, 0, time.UTC)
	day := received.AddDate(3, 0, 0)
	want := []ledger.Obstacle{{HoldID: "H-1"}, {Class: "complaint_record", Basis: "FCA DISP 1.9.1R", Until: &day}}
	if diff := cmp.Diff(want, status.Obstacles); diff != "" || status.PossibleAt != nil {
		t.Fatalf("%s %v", diff, status.PossibleAt)
	}
	if status, err := s.ApproveErasure(t.Context(), "C-1", "X-1", "bob", false); err != nil || status.State != ledger.ErasureApproved {
		t.Fatalf("%+v, %v", status, err)
	}
	record(t, s.Ledger, event("C-1", "h2", "legal_hold.released", `{"hold_id":"H-1"}`))
	status, err := s.ErasureStatus(t.Context(), "C-1", "X-1")
	if err != nil || status.PossibleAt == nil || !status.PossibleAt.Equal(day) {
		t.Fatalf("%+v, %v", status, err)
	}
	for _, test := range []struct {
		at   time.Time
		done int
	}{{day.Add(-time.Second), 0}, {day, 1}, {day.Add(time.Hour), 0}} {
		s.stop()
		s = openSealing(t, store, dir, test.at)
		if err := s.AwaitIndex(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n, err := s.RunErasures(t.Context()); n != test.done || err != nil {
			t.Errorf("at %v: %d done, %v", test.at, n, err)
		}
		if erased := !strings.Contains(s.opened(t, "C-1"), "leaks"); erased != !test.at.Before(day) {
			t.Errorf("at %v: erased %v", test.at, erased)
		}
	}
}

// TestErasureAfterOldKeys: a key store from before an erasure does not bring back what was erased.
func TestErasureAfterOldKeys(t *testing.T) {
	store, dir, old := eventstore.NewMemory(), t.TempDir(), t.TempDir()
	s := openSealing(t, store, dir, today)
	record(t, s.Ledger, life...)
	record(t, s.Ledger, event("C-2", "o1", "interaction.call", `{"direction":"inbound","summary":"a parakeet"}`),
		event("C-1", "m1", "customer.absorbed", `{"customer_id":"C-2"}`), event("C-2", "m2", "customer.merged_into", `{"customer_id":"C-1"}`),
		event("C-3", "t1", "interaction.call", `{"direction":"inbound","summary":"a toucan"}`))
	if err := s.AwaitIndex(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.stop()
	if err := os.CopyFS(filepath.Join(old, "keys"), os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	s = openSealing(t, store, dir, today)
	s.request(t, "C-1", "interaction", "complaint_record")
	if status, err := s.ApproveErasure(t.Context(), "C-1", "X-1", "bob", false); err != nil || status.State != ledger.ErasureCompleted {
		t.Fatalf("%+v, %v", status, err)
	}
	s.stop()

	old = filepath.Join(old, "keys")
	s = openSealing(t, store, old, today)
	if found := s.find(t, "email", "li@example.org"); found != nil {
		t.Errorf("found: %v", found)
	}
	text := s.opened(t, "C-1") + s.opened(t, "C-2") + s.opened(t, "C-3")
	for _, gone := range []string{"Li Wei", "xample", "7946", "parrot", "kettle", "parakeet"} {
		if strings.Contains(text, gone) {
			t.Errorf("%s can be read again", gone)
		}
	}
	for _, kept := range []string{"spring letter", "toucan"} {
		if !strings.Contains(text, kept) {
			t.Errorf("%s is gone", kept)
		}
	}
	// A second restart, with an index that begins anew, changes nothing more.
	record(t, s.Ledger, event("C-1", "r9", "interaction.call", `{"direction":"inbound","summary":"hello again"}`))
	if err := s.vault.Reindex(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.stop()
	s = openSealing(t, store, old, today)
	if err := s.AwaitIndex(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(s.opened(t, "C-1"), "hello again") {
		t.Error("what came after the erasure is gone")
	}
}

// TestFourEyes: one person does not become two by making keys.
func TestFourEyes(t *testing.T) {
	s := openSealing(t, eventstore.NewMemory(), t.TempDir(), today)
	grant := func(id, by string) []byte {
		raw := event(domain.LedgerStream, "g-"+id+by, "access.granted", `{"key_id":"`+id+`","roles":["administrator"],"expires_at":"2027-01-01T00:00:00Z"}`)
		return bytes.Replace(raw, []byte(`"data":`), []byte(`"actor":"`+by+`","data":`), 1)
	}
	record(t, s.Ledger, append(life, grant("k1", "local:ada"), grant("k2", "key:k1"), grant("k3", "key:k2"), grant("k4", "local:ada"),
		grant("k2", "local:ada"), grant("k5", "key:k6"), grant("k6", "key:k5"))...) // the second grant of k2 is made up
	for _, test := range []struct {
		asks, approves string
		refused        bool
	}{
		{"key:k1", "key:k1", true}, {"key:k1", "key:k2", true}, {"key:k1", "key:k3", true}, {"key:k1", "key:k4", false},
		{"key:k1", "key:k5", false}, {"key:k2", "key:k1", false}, {"oidc:7", "key:k2", false}, {"key:k1", "oidc:7", false},
	} {
		id := strings.ReplaceAll(test.asks+test.approves, ":", "-")
		_, err := s.RequestErasure(t.Context(), ledger.ErasureRequest{Customer: "C-1", ID: id, Classes: []string{"marketing"}, Reason: "asked", Actor: test.asks})
		if err != nil {
			t.Fatal(err)
		}
		status, err := s.ApproveErasure(t.Context(), "C-1", id, test.approves, false)
		var problem *schemas.Problem
		if refused := errors.As(err, &problem) && problem.Type == "urn:amends:problem:four-eyes"; refused != test.refused || !refused && err != nil {
			t.Errorf("%s approves what %s asked for: %v", test.approves, test.asks, err)
		}
		if done := status.State == ledger.ErasureCompleted; done == test.refused {
			t.Errorf("%s approves what %s asked for: %s", test.approves, test.asks, status.State)
		}
	}
}

// TestErasureNotCorrected: what was asked for stays what it was, and nobody corrects what they may not send.
func TestErasureNotCorrected(t *testing.T) {
	s := openSealing(t, eventstore.NewMemory(), t.TempDir(), today)
	record(t, s.Ledger, append(life, event("C-1", "x", "erasure.requested", `{"erasure_id":"X-1","classes":["marketing"],"reason":"asked"}`),
		event("C-1", "h", "legal_hold.placed", `{"hold_id":"H-1","reason":"litigation"}`))...)
	wider := event("C-1", "c1", "record.corrected", `{"event_id":"x","data":{"erasure_id":"X-1","classes":["marketing","interaction"],"reason":"asked"}}`)
	shorter := event("C-1", "c2", "record.corrected", `{"event_id":"h","data":{"hold_id":"H-1","reason":"litigation","until":"2026-04-02T00:00:00Z"}}`)
	recorder := ledger.Author{ID: "key:k1", May: func(t domain.Type) bool { return t != "legal_hold.placed" }}
	for name, test := range map[string]struct {
		author  ledger.Author
		raw     []byte
		refused bool
	}{
		"erasure, by the owner": {ledger.Author{Unbound: true}, wider, true},
		"hold, by a recorder":   {recorder, shorter, true},
		"hold, by the owner":    {ledger.Author{Unbound: true}, shorter, false},
	} {
		receipts, err := s.RecordAs(t.Context(), &test.author, [][]byte{test.raw})
		if err != nil {
			t.Fatal(err)
		}
		if r := receipts[0]; (r.Status == ledger.Refused) != test.refused || test.refused && r.Problem.Type != "urn:amends:problem:type-denied" {
			t.Errorf("%s: %+v %v", name, r, r.Problem)
		}
	}
}

// TestErasurePromised: an approved erasure waits for the rules that held at its approval, also under a ledger whose own are
// shorter, as one is that was restored without them; and for longer rules that came afterwards.
func TestErasurePromised(t *testing.T) {
	received := time.Date(2026, 4, 1, 10, 0, 0, 0, time.UTC)
	rules := func(years int) domain.Retention {
		return domain.Retention{{Class: domain.ComplaintRecord, Years: years, Basis: fmt.Sprintf("rule of %d", years)}}
	}
	for name, test := range map[string]struct {
		approved, later domain.Retention
		years           int
	}{
		"shorter rules": {rules(9), nil, 9},
		"no rules":      {rules(9), domain.Retention{}, 9},
		"longer rules":  {nil, rules(10), 10},
	} {
		t.Run(name, func(t *testing.T) {
			store, dir := eventstore.NewMemory(), t.TempDir()
			s := openSealingBy(t, store, dir, today, test.approved)
			record(t, s.Ledger, append(life, event("C-1", "k", "complaint.registered", `{"complaint_id":"K-1","description":"leaks"}`))...)
			s.request(t, "C-1", "complaint_record", "interaction")
			if status, err := s.ApproveErasure(t.Context(), "C-1", "X-1", "bob", false); err != nil || status.State != ledger.ErasureApproved {
				t.Fatalf("%+v, %v", status, err)
			}
			day := received.AddDate(test.years, 0, 0)
			for _, at := range []time.Time{day.Add(-time.Second), day} {
				s.stop()
				s = openSealingBy(t, store, dir, at, test.later)
				if err := s.AwaitIndex(t.Context()); err != nil {
					t.Fatal(err)
				}
				if _, err := s.RunErasures(t.Context()); err != nil {
					t.Fatal(err)
				}
				if erased := !strings.Contains(s.opened(t, "C-1"), "leaks"); erased != at.Equal(day) {
					t.Errorf("at %v: erased %v", at, erased)
				}
			}
		})
	}
}

// TestErasureOfMerged: what protects the survivor of a merger protects those it absorbed.
func TestErasureOfMerged(t *testing.T) {
	received := time.Date(2026, 4, 1, 10, 0, 0, 0, time.UTC)
	end := received.AddDate(3, 0, 0)
	for name, test := range map[string]struct {
		protects, release []byte
		want              ledger.Obstacle
	}{
		"hold": {
			event("C-1", "h", "legal_hold.placed", `{"hold_id":"H-1","reason":"litigation"}`),
			event("C-1", "h2", "legal_hold.released", `{"hold_id":"H-1"}`),
			ledger.Obstacle{Customer: "C-1", HoldID: "H-1"},
		},
		"complaint": {
			protects: event("C-1", "k", "complaint.registered", `{"complaint_id":"K-1"}`),
			want:     ledger.Obstacle{Customer: "C-1", Class: "complaint_record", Basis: "FCA DISP 1.9.1R", Until: &end},
		},
	} {
		for _, mutual := range []bool{true, false} { // whether the survivor says so, too
			t.Run(fmt.Sprintf("%s, mutual=%v", name, mutual), func(t *testing.T) {
				store, dir := eventstore.NewMemory(), t.TempDir()
				s := openSealing(t, store, dir, today)
				record(t, s.Ledger, event("C-2", "o1", "interaction.call", `{"direction":"inbound","summary":"a parakeet"}`),
					event("C-1", "r1", "customer.registered", `{}`), event("C-2", "m2", "customer.merged_into", `{"customer_id":"C-1"}`))
				if mutual {
					record(t, s.Ledger, event("C-1", "m1", "customer.absorbed", `{"customer_id":"C-2"}`))
				}
				record(t, s.Ledger, test.protects)
				s.request(t, "C-2", "interaction", "complaint_record")
				status, err := s.ApproveErasure(t.Context(), "C-2", "X-1", "bob", false)
				if err != nil || status.State != ledger.ErasureApproved {
					t.Fatalf("%+v, %v", status, err)
				}
				if diff := cmp.Diff([]ledger.Obstacle{test.want}, status.Obstacles); diff != "" {
					t.Error(diff)
				}
				if !strings.Contains(s.opened(t, "C-2"), "parakeet") {
					t.Error("it was erased")
				}
				if test.release != nil {
					record(t, s.Ledger, test.release)
				} else {
					s.stop()
					s = openSealing(t, store, dir, end)
				}
				if err := s.AwaitIndex(t.Context()); err != nil {
					t.Fatal(err)
				}
				if n, err := s.RunErasures(t.Context()); n != 1 || err != nil {
					t.Errorf("%d done, %v", n, err)
				}
			})
		}
	}
}

// TestRepeatsSealed: repetitions are told from reused ids also when the data is sealed, with a warm and a cold cache, and
// for corrections, which the ledger completes.
func TestRepeatsSealed(t *testing.T) {
	store, dir := eventstore.NewMemory(), t.TempDir()
	s := openSealing(t, store, dir, today)
	batch := append(life, event("C-1", "c1", "record.corrected", `{"event_id":"r2","data":{"direction":"inbound","summary":"asks about two kettles"}}`))
	record(t, s.Ledger, batch...)
	other := [][]byte{event("C-1", "r2", "interaction.call", `{"direction":"inbound","summary":"asks about a KETTLE"}`),
		event("C-1", "c1", "record.corrected", `{"event_id":"r2","data":{"direction":"inbound","summary":"asks about three kettles"}}`)}
	for _, name := range []string{"warm", "cold"} {
		for _, r := range record(t, s.Ledger, batch...) {
			if r.Status != ledger.Duplicate || r.Problem != nil {
				t.Errorf("%s: %+v %v", name, r, r.Problem)
			}
		}
		for _, r := range record(t, s.Ledger, other...) {
			if r.Status != ledger.Duplicate || r.Problem == nil || r.Problem.Type != "urn:amends:problem:id-reused" {
				t.Errorf("%s, other data: %+v", name, r)
			}
		}
		s.stop()
		s = openSealing(t, store, dir, today)
	}
}

// TestIndexCorrected: the index follows corrections, and is made anew when the log is shorter than it was.
func TestIndexCorrected(t *testing.T) {
	store, dir := eventstore.NewMemory(), t.TempDir()
	s := openSealing(t, store, dir, today)
	record(t, s.Ledger, append(life, event("C-2", "l", "customer.identity_linked", `{"kind":"account","value":"A-7"}`))...)
	if diff := cmp.Diff([]string{"C-2"}, s.find(t, "account", "A-7")); diff != "" {
		t.Error(diff)
	}
	record(t, s.Ledger, event("C-2", "l2", "record.corrected", `{"event_id":"l","data":{"kind":"account","value":"A-8"}}`))
	if diff := cmp.Diff([][]string{nil, {"C-2"}, {"C-1"}},
		[][]string{s.find(t, "account", "A-7"), s.find(t, "account", "A-8"), s.find(t, "phone", "0044207946")}, cmpopts.EquateEmpty()); diff != "" {
		t.Error(diff)
	}
	s.stop()
	s = openSealing(t, eventstore.NewMemory(), dir, today)
	record(t, s.Ledger, event("C-3", "n", "customer.identity_linked", `{"kind":"account","value":"A-9"}`))
	if a, b := s.find(t, "account", "A-8"), s.find(t, "account", "A-9"); a != nil || len(b) != 1 {
		t.Errorf("after the log was rolled back: %v %v", a, b)
	}
}

// TestSealedOnDisk: what is sealed is in no file of the vault.
func TestSealedOnDisk(t *testing.T) {
	dir := t.TempDir()
	s := openSealing(t, eventstore.NewMemory(), dir, today)
	record(t, s.Ledger, life...)
	if err := s.AwaitIndex(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.stop()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		text, err := os.ReadFile(dir + "/" + e.Name())
		if err != nil {
			t.Fatal(err)
		}
		for _, secret := range []string{"Li Wei", "xample", "7946", "parrot"} {
			if bytes.Contains(text, []byte(secret)) {
				t.Errorf("%s holds %s", e.Name(), secret)
			}
		}
	}
}

// BenchmarkRecord compares a ledger that seals with one that does not, over the memory store: the cost is the path's own.
func BenchmarkRecord(b *testing.B) {
	const customers, batch = 500, 1_000
	for _, seals := range []bool{false, true} {
		b.Run(fmt.Sprintf("sealed=%v", seals), func(b *testing.B) {
			l := newLedger(b, eventstore.NewMemory())
			if seals {
				l = openSealing(b, eventstore.NewMemory(), b.TempDir(), today).Ledger
			}
			text := strings.Repeat("The kettle leaks at the seam. ", 10)
			n := 0
			for b.Loop() {
				raws := make([][]byte, batch)
				for i := range raws {
					n++
					raws[i] = event(fmt.Sprint("C-", n%customers), fmt.Sprint("e", n), "interaction.call", fmt.Sprintf(`{"direction":"inbound","summary":%q}`, text))
				}
				record(b, l, raws...)
			}
			b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "events/s")
		})
	}
}
