package projections

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"amends/domain"
	"amends/domain/domaintest"
	"amends/eventstore"
)

func want(t testing.TB, got []string, lines ...string) {
	t.Helper()
	if diff := cmp.Diff(lines, got); diff != "" {
		t.Errorf("rows differ (-want +got):\n%s", diff)
	}
}

func TestCatchesUpAndThenFollows(t *testing.T) {
	r := newRig(t)
	r.record(r.registered("c-1", "k-1"), r.called("c-2"))
	r.follow()
	r.caughtUp()
	want(t, r.table("select complaint_id, customer_id, state, severity, is_disputed from complaints"), "k-1 c-1 registered S3 false")
	r.record(r.say("c-1", "complaint.acknowledged", &domain.ComplaintAcknowledged{ComplaintRef: domain.ComplaintRef{ComplaintID: "k-1"}}))
	r.caughtUp()
	want(t, r.table("select complaint_id, state, position from complaints"), "k-1 acknowledged 3")
	want(t, r.table("select position, event_id, customer_id, revision, type, channel, complaint_id from events"),
		"1 e-1 c-1 1 complaint.registered phone k-1", "2 e-2 c-2 1 interaction.call call <nil>", "3 e-3 c-1 2 complaint.acknowledged <nil> k-1")
	want(t, r.table("select customer_id, event_count, open_complaint_count, revision, position from customers"),
		"c-1 2 1 2 3", "c-2 1 0 1 2")
	want(t, r.table("select customer_id, scored_at from satisfaction"), "c-1 2026-03-10T12:00:00.000Z", "c-2 2026-03-10T12:00:00.000Z")
	r.sound()
}

func TestGoesOnAfterACrashWithoutGapsOrDoubles(t *testing.T) {
	r := newRig(t)
	for i := range 3000 {
		r.record(r.called(fmt.Sprintf("c-%d", i%70)))
	}
	// Every other round is killed in the middle of its transaction.
	for round := range 6 {
		v := r.open(func(c *Config) { c.CacheEvents = 100 })
		ctx, cancel := context.WithCancel(t.Context())
		err := v.projector.follow(ctx, following{until: eventstore.Position(480 * (round + 1)), gate: &v.gate,
			committed: v.committed, progressed: func(eventstore.Position) {
				if round%2 == 1 {
					cancel()
				}
			}})
		if round%2 == 1 && !errors.Is(err, context.Canceled) || round%2 == 0 && err != nil {
			t.Fatal(err)
		}
		cancel()
		n := r.table("select count(*), count(distinct position), max(position), (select position from checkpoint) from events")
		var count, distinct, last, cursor int
		if _, err := fmt.Sscan(n[0], &count, &distinct, &last, &cursor); err != nil {
			t.Fatal(err)
		}
		if count != distinct || last != cursor || count != cursor {
			t.Fatalf("after %d rounds: %d rows, %d positions, last %d, cursor %d", round, count, distinct, last, cursor)
		}
		r.close()
	}
	r.follow()
	r.caughtUp()
	want(t, r.table("select count(*), (select count(*) from interactions), (select sum(event_count) from customers) from events"),
		"3000 3000 3000")
	r.sound()
}

func TestLateEventsChangeWhatWasWritten(t *testing.T) {
	r := newRig(t)
	r.follow()
	first := r.registered("c-1", "k-1")
	late := r.say("c-1", "complaint.assigned", &domain.ComplaintAssigned{ComplaintRef: domain.ComplaintRef{ComplaintID: "k-1"}, Owner: "early"})
	r.record(first, r.say("c-1", "complaint.assigned",
		&domain.ComplaintAssigned{ComplaintRef: domain.ComplaintRef{ComplaintID: "k-1"}, Owner: "last"}))
	r.caughtUp()
	r.record(late)
	r.caughtUp()
	want(t, r.table("select owner, handoff_count, assigned_at from complaints"), "last 1 "+string(appendTime(nil, late.Time)))
	r.sound()
}

func TestCorrectionsReplaceAndLeaveATrace(t *testing.T) {
	for _, cached := range []bool{true, false} {
		r := newRig(t)
		r.follow()
		registered := r.record(r.registered("c-1", "k-1"))[0]
		r.record(r.called("c-2"))
		r.caughtUp()
		if !cached {
			r.close()
			r.follow()
		}
		changed := *registered.Data.(*domain.ComplaintRegistered)
		changed.Product, changed.ComplaintID = "card", "k-2"
		r.record(r.correction(registered, &changed))
		r.caughtUp()
		want(t, r.table("select complaint_id, product from complaints"), "k-2 card")
		want(t, r.table("select event_id, superseded_by from events where customer_id = 'c-1'"), "e-1 e-3", "e-3 <nil>")
		changed.Product = "rent"
		r.record(r.correction(registered, &changed))
		r.caughtUp()
		want(t, r.table("select event_id, superseded_by from events where event_id = 'e-1'"), "e-1 e-4")
		r.sound()
	}
}

func TestMergersCountTogetherUntilTheyAreUndone(t *testing.T) {
	r := newRig(t)
	r.follow()
	r.record(r.registered("c-1", "k-1"), r.registered("c-2", "k-1"), r.called("c-3"))
	r.caughtUp()
	r.record(r.say("c-2", "customer.merged_into", &domain.CustomerMergedInto{CustomerID: "c-1"}),
		r.say("c-1", "customer.absorbed", &domain.CustomerAbsorbed{CustomerID: "c-2"}))
	r.caughtUp()
	r.record(r.called("c-2"))
	r.caughtUp()
	want(t, r.table("select customer_id, merged_into, complaint_count, event_count from customers"),
		"c-1 <nil> 2 5", "c-2 c-1 1 3", "c-3 <nil> 0 1")
	want(t, r.table("select customer_id, complaint_id from complaints"), "c-1 k-1", "c-2 k-1")
	want(t, r.table("select customer_id from satisfaction"), "c-1", "c-3")
	want(t, r.table("select customer_id from churn_risk"), "c-1", "c-3")
	r.sound()
	r.close()

	r.follow() // what is known of mergers must outlive the process
	r.record(r.called("c-2"))
	r.caughtUp()
	want(t, r.table("select customer_id, event_count from customers"), "c-1 6", "c-2 4", "c-3 1")
	r.record(r.say("c-1", "customer.unmerged", &domain.CustomerUnmerged{CustomerID: "c-2"}),
		r.say("c-2", "customer.unmerged", &domain.CustomerUnmerged{CustomerID: "c-1"}))
	r.caughtUp()
	want(t, r.table("select customer_id, merged_into, complaint_count, event_count from customers"),
		"c-1 <nil> 1 3", "c-2 <nil> 1 5", "c-3 <nil> 0 1")
	want(t, r.table("select customer_id from satisfaction"), "c-1", "c-2", "c-3")
	r.sound()
}

func TestUnreadableRecordsAreParkedNotSkipped(t *testing.T) {
	r := newRig(t)
	r.follow()
	r.record(r.called("c-1"))
	r.put("c-1", eventstore.Event{ID: "broken", Data: []byte(`{"secret":"name@example.com"}`)})
	r.put("c-9", eventstore.Event{ID: "alone", Data: nil})
	r.record(r.called("c-1"), r.called("c-2"))
	r.caughtUp()
	want(t, r.table("select customer_id, is_stale, event_count, revision from customers"),
		"c-1 true 2 3", "c-2 false 1 1", "c-9 true 0 0")
	want(t, r.table("select position, customer_id, revision, event_id from parked"), "2 c-1 2 broken", "3 c-9 1 alone")
	want(t, r.table("select count(*) from parked where error like '%example%' or error = ''"), "0")
	s, err := r.views.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if s.Parked != 2 || s.StaleCustomers != 2 || s.Cursor != 5 || s.LagPositions != 0 || !s.Following {
		t.Errorf("status %+v", s)
	}
	r.sound()
}

func TestALogShorterThanTheViewsStopsThem(t *testing.T) {
	r := newRig(t)
	r.record(r.called("c-1"), r.called("c-1"))
	r.follow()
	r.caughtUp()
	r.close()
	r.store, r.heads = eventstore.NewMemory(), make(map[string]uint64)
	r.record(r.called("c-2"))
	v := r.open()
	if err := v.Run(t.Context()); !errors.Is(err, ErrLogBehind) {
		t.Fatalf("got %v, want ErrLogBehind", err)
	}
	if err := v.WaitFor(t.Context(), 3); !errors.Is(err, ErrLogBehind) {
		t.Fatalf("WaitFor gave %v, want ErrLogBehind", err)
	}
	if err := v.Rebuild(t.Context(), nil, nil); err != nil {
		t.Fatal(err)
	}
	want(t, r.table("select customer_id, (select position from checkpoint) from customers"), "c-2 1")
}

// The live views, made in whatever batches and with however small a cache, are what a rebuild gives.
func TestLiveEqualsRebuiltAfterAnyHistory(t *testing.T) {
	seen := make(map[domain.Type]bool)
	rapid.Check(t, func(rt *rapid.T) {
		r := newRig(t)
		defer r.close()
		var histories [][]domain.Event
		for i := range rapid.IntRange(1, 3).Draw(rt, "customers") {
			histories = append(histories, domaintest.History(rt, fmt.Sprintf("c-%d", i)))
		}
		histories = append(histories, domaintest.Merged(rt, "m-1", "m-2"), domaintest.Ledger(rt))
		r.follow(func(c *Config) { c.CacheEvents = rapid.SampledFrom([]int{1, 20, 1000}).Draw(rt, "cache") })
		for {
			var open []int
			for i, h := range histories {
				if len(h) > 0 {
					open = append(open, i)
				}
			}
			if len(open) == 0 {
				break
			}
			i := rapid.SampledFrom(open).Draw(rt, "next")
			n := rapid.IntRange(1, len(histories[i])).Draw(rt, "events")
			for _, e := range histories[i][:n] {
				seen[e.Type] = true
				fillCorrection(t, &e)
				r.record(e)
			}
			histories[i] = histories[i][n:]
			if rapid.IntRange(0, 3).Draw(rt, "wait") == 0 {
				r.caughtUp()
			}
			if rapid.IntRange(0, 9).Draw(rt, "restart") == 0 {
				r.close()
				r.follow()
			}
			r.pass(time.Duration(rapid.IntRange(0, 48).Draw(rt, "hours")) * time.Hour)
		}
		r.caughtUp()
		if rapid.Bool().Draw(rt, "refresh") {
			if _, err := r.views.Refresh(t.Context(), r.now()); err != nil {
				t.Fatal(err)
			}
		}
		report, err := r.views.Check(t.Context(), nil)
		if err != nil {
			rt.Fatalf("%v: %+v", err, report)
		}
		want(t, r.table("select count(*) from parked"), "0")
	})
	// Drawing may miss a rare type or two, but not whole families.
	var missed []domain.Type
	for _, typ := range domain.Types() {
		if !seen[typ] && !testing.Short() { // a few histories may lack a rare one
			missed = append(missed, typ)
		}
	}
	if len(missed) > 5 {
		t.Errorf("no history held any of %v", missed)
	}
}

// fillCorrection makes a drawn correction fit to be stored.
func fillCorrection(t testing.TB, e *domain.Event) {
	d, ok := e.Data.(*domain.RecordCorrected)
	if !ok {
		return
	}
	c := *d
	raw, err := json.Marshal(c.Decoded)
	if err != nil {
		t.Fatal(err)
	}
	c.Data = raw
	e.Data = &c
}
