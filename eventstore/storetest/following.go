package storetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"amends/eventstore"
)

// fill appends n events to each of three streams, in turns.
func fill(t *testing.T, s eventstore.Store, n int) (all []eventstore.Recorded) {
	t.Helper()
	for i := range n {
		for _, stream := range []string{"a", "b", "c"} {
			e := []eventstore.Event{event(fmt.Sprint(stream, i))}
			at := mustAppend(t, s, stream, eventstore.Revision(i), e...)
			all = append(all, recordedAs(stream, eventstore.Revision(i), e, at)...)
		}
	}
	return all
}

func followsAll(t *testing.T, h Harness) {
	s := h.Open(t)
	want := fill(t, s, 20)
	// Enough for a store to change from one way of reading to another on the way.
	for i := range 12 {
		many, after := events(fmt.Sprint("many", i), eventstore.MaxAppendEvents), eventstore.Revision(i*eventstore.MaxAppendEvents)
		want = append(want, recordedAs("d", after, many, mustAppend(t, s, "d", after, many...))...)
	}
	for _, after := range []int{0, 1, 59, 1000, 5000, 11_000, len(want) - 1} {
		var position eventstore.Position
		if after > 0 {
			position = want[after-1].Position
		}
		same(t, fmt.Sprint("the log after ", position), mustFollow(t, s, position), want[after:])
	}
}

func followsAgain(t *testing.T, h Harness) {
	s := h.Open(t)
	all := fill(t, s, 10)
	for i, e := range all[:len(all)-1] {
		same(t, fmt.Sprint("the log after ", e.Position), mustFollow(t, s, e.Position), all[i+1:])
	}
}

func followsLive(t *testing.T, h Harness) {
	s := h.Open(t)
	mustAppend(t, s, "customer", 0, event("old"))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	seen := make(chan eventstore.Recorded)
	go func() {
		defer close(seen)
		for e, err := range s.Follow(ctx, 0) {
			if err != nil {
				return
			}
			select {
			case seen <- e:
			case <-ctx.Done():
				return
			}
		}
	}()
	<-seen
	// Each is seen before the next one is appended, so the follower is live by then.
	for i := range 20 {
		want := []eventstore.Event{event(fmt.Sprint("new", i))}
		at := mustAppend(t, s, "customer", eventstore.Revision(i)+1, want...)
		got, ok := <-seen
		if !ok {
			t.Fatal("the follower ended")
		}
		same(t, "live event", got, recordedAs("customer", eventstore.Revision(i)+1, want, at)[0])
	}
}

func followsInOrder(t *testing.T, h Harness) {
	s := h.Open(t)
	const callers, each = 16, 50
	var followers, appenders sync.WaitGroup
	for range 2 {
		followers.Go(func() {
			var last eventstore.Position
			revisions := make(map[string]eventstore.Revision)
			n := 0
			for e, err := range s.Follow(t.Context(), 0) {
				if err != nil {
					t.Errorf("follow: %v", err)
					return
				}
				revisions[e.Stream]++
				if e.Position <= last || e.Revision != revisions[e.Stream] {
					t.Errorf("after position %d came %d, revision %d of %s, want revision %d",
						last, e.Position, e.Revision, e.Stream, revisions[e.Stream])
					return
				}
				last = e.Position
				if n++; n == callers*each {
					return
				}
			}
		})
	}
	for c := range callers {
		appenders.Go(func() {
			stream := fmt.Sprint("customer", c)
			for i := 0; i < each; i += 2 {
				pair := events(fmt.Sprint("e", i), 2)
				if _, err := s.Append(t.Context(), stream, eventstore.At(eventstore.Revision(i)), pair...); err != nil {
					t.Errorf("append: %v", err)
				}
			}
		})
	}
	appenders.Wait()
	followers.Wait()
}

func followsUntilCancelled(t *testing.T, h Harness) {
	s := h.Open(t)
	mustAppend(t, s, "customer", 0, event("e"))
	for _, when := range []string{"when it waits", "in the middle"} {
		if when == "in the middle" {
			for i := range 10 {
				many := events(fmt.Sprint("more", i), eventstore.MaxAppendEvents)
				mustAppend(t, s, "customer", eventstore.Revision(1+i*len(many)), many...)
			}
		}
		ctx, cancel := context.WithCancel(t.Context())
		var ended error
		for _, err := range s.Follow(ctx, 0) {
			if err != nil {
				if ended != nil {
					t.Errorf("%s: a second error: %v", when, err)
				}
				ended = err
				continue
			}
			cancel()
		}
		cancel()
		if !errors.Is(ended, context.Canceled) {
			t.Errorf("%s: got %v, want context.Canceled", when, ended)
		}
	}
}
