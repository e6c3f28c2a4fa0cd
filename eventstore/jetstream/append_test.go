package jetstream_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"amends/eventstore"
	"amends/eventstore/jetstream"
)

// A batch is refused as a whole; the appends in it must not be.
func TestOneConflictDoesNotFailItsNeighbours(t *testing.T) {
	// So few remembered heads make the committer send what the server must refuse.
	s := open(t, jetstream.Config{Dir: t.TempDir(), CachedHeads: 1})
	const callers = 300
	taken := func(c int) bool { return c%50 == 7 }
	for c := range callers {
		if taken(c) {
			e := eventstore.Event{ID: "there"}
			if _, err := s.Append(t.Context(), fmt.Sprint("customer", c), eventstore.NoStream, e); err != nil {
				t.Fatal(err)
			}
		}
	}
	var wg sync.WaitGroup
	for c := range callers {
		wg.Go(func() {
			events := []eventstore.Event{{ID: "new"}}
			if c%10 == 0 {
				events = append(events, eventstore.Event{ID: "newer"})
			}
			_, err := s.Append(t.Context(), fmt.Sprint("customer", c), eventstore.NoStream, events...)
			if taken(c) != errors.Is(err, eventstore.ErrConflict) || !taken(c) && err != nil {
				t.Errorf("customer %d: %v", c, err)
			}
			if taken(c) {
				return
			}
			_, err = s.Append(t.Context(), fmt.Sprint("customer", c), eventstore.At(eventstore.Revision(len(events))), eventstore.Event{ID: "last"})
			if err != nil {
				t.Errorf("customer %d: %v", c, err)
			}
		})
	}
	wg.Wait()
}

// Without an answer nobody knows what became of an append. Its events are either there or not; retrying with the same ids
// finds out, and followers see what was stored.
func TestUnansweredAppend(t *testing.T) {
	s := open(t, jetstream.Config{Dir: t.TempDir(), AckWait: time.Nanosecond})
	unanswered := 0
	for i, n := range []int{1, 3, 50, 1} {
		events := make([]eventstore.Event, n)
		for j := range events {
			events[j].ID = fmt.Sprintf("%d-%d", i, j)
		}
		end, err := s.End(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var positions []eventstore.Position
		for positions == nil {
			var conflict *eventstore.ConflictError
			positions, err = s.Append(t.Context(), "customer", eventstore.At(eventstore.Revision(end)), events...)
			if errors.As(err, &conflict) || errors.Is(err, eventstore.ErrClosed) {
				t.Fatal(err)
			}
			if err != nil {
				unanswered++
			}
		}
		if positions[0] != end+1 || positions[n-1] != end+eventstore.Position(n) {
			t.Fatalf("after %d the append of %d events returned %v", end, n, positions)
		}
		for e, err := range s.Follow(t.Context(), end) {
			if err != nil {
				t.Fatal(err)
			}
			if e.Position == positions[n-1] {
				break
			}
		}
	}
	if unanswered == 0 {
		t.Fatal("every append was answered; the test tests nothing")
	}
}

// A log that may not grow refuses appends, keeps what it acknowledged, and goes on once there is room.
func TestNoRoom(t *testing.T) {
	dir := t.TempDir()
	s := open(t, jetstream.Config{Dir: dir, MaxBytes: 200_000})
	appendAt := func(s *jetstream.Store, r int) error {
		e := eventstore.Event{ID: fmt.Sprint(r), Data: make([]byte, 1000)}
		_, err := s.Append(t.Context(), "customer", eventstore.At(eventstore.Revision(r)), e)
		return err
	}
	stored := 0
	var refused error
	for ; refused == nil && stored < 1000; stored++ {
		refused = appendAt(s, stored)
	}
	stored--
	if refused == nil || errors.Is(refused, eventstore.ErrConflict) {
		t.Fatalf("after %d appends: %v", stored, refused)
	}
	t.Logf("after %d appends: %v", stored, refused)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, jetstream.Config{Dir: dir})
	if end, err := s.End(t.Context()); err != nil || end != eventstore.Position(stored) {
		t.Fatalf("the log ends at %d, %v; %d appends were acknowledged", end, err, stored)
	}
	if err := appendAt(s, stored); err != nil {
		t.Fatal(err)
	}
}

// Units that are appended in order stand in the log in this order, one after the other, round after round.
func TestAppendInOrder(t *testing.T) {
	s := open(t, jetstream.Config{Dir: t.TempDir()})
	ctx := t.Context()
	var want []string
	for round := range 5 {
		var units []eventstore.Unit
		for i := range 1 + round*60 {
			stream := fmt.Sprintf("c-%d", (i*7919)%1009)
			at := eventstore.Revision(0)
			for e, err := range s.Read(ctx, stream, 1) {
				if err != nil {
					t.Fatal(err)
				}
				at = e.Revision
			}
			u := eventstore.Unit{Stream: stream, Expect: eventstore.At(at)}
			for k := range 1 + i%3 {
				id := fmt.Sprintf("%s-%d", stream, int(at)+k+1)
				u.Events = append(u.Events, eventstore.Event{ID: id, Data: []byte(id)})
				want = append(want, id)
			}
			units = append(units, u)
		}
		positions, err := s.AppendInOrder(ctx, units...)
		if err != nil {
			t.Fatal(err)
		}
		if last := positions[len(positions)-1]; last != eventstore.Position(len(want)) {
			t.Fatalf("round %d ends at position %d, not %d", round, last, len(want))
		}
	}
	i := 0
	for e, err := range s.Follow(ctx, 0) {
		if err != nil {
			t.Fatal(err)
		}
		if e.ID != want[i] {
			t.Fatalf("position %d has %s, want %s", e.Position, e.ID, want[i])
		}
		if i++; i == len(want) {
			break
		}
	}
	twice := eventstore.Unit{Stream: "d", Events: []eventstore.Event{{ID: "1"}}}
	if _, err := s.AppendInOrder(ctx, twice, twice); !errors.Is(err, eventstore.ErrInvalid) {
		t.Errorf("two units of one stream: %v", err)
	}
	stale := eventstore.Unit{Stream: "c-0", Events: []eventstore.Event{{ID: "other"}}}
	if _, err := s.AppendInOrder(ctx, stale); !errors.Is(err, eventstore.ErrConflict) {
		t.Errorf("a unit that expects no stream: %v", err)
	}
}
