package storetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"amends/eventstore"
)

func emptyStream(t *testing.T, h Harness) {
	s := h.Open(t)
	mustAppend(t, s, "another", 0, event("e"))
	if got := mustRead(t, s, "customer", 1); len(got) != 0 {
		t.Fatalf("read %d events, want none", len(got))
	}
}

func readsFrom(t *testing.T, h Harness) {
	s := h.Open(t)
	const n = 150
	for i := range n {
		mustAppend(t, s, "customer", eventstore.Revision(i), event(fmt.Sprint("e", i)))
		mustAppend(t, s, "neighbour", eventstore.Revision(i), event(fmt.Sprint("e", i)))
	}
	all := mustRead(t, s, "customer", 1)
	if len(all) != n {
		t.Fatalf("read %d events, want %d", len(all), n)
	}
	for _, from := range []eventstore.Revision{0, 2, 50, n - 1, n, n + 1, n + 1000} {
		want := all[min(max(from, 1)-1, n):]
		got := mustRead(t, s, "customer", from)
		if len(got) == len(want) && len(got) == 0 {
			continue
		}
		same(t, fmt.Sprint("the stream from ", from), got, want)
	}
}

func readsOwnWrites(t *testing.T, h Harness) {
	s := h.Open(t)
	var callers sync.WaitGroup
	for c := range 8 {
		callers.Go(func() {
			stream := fmt.Sprint("customer", c)
			for i := range 40 {
				if _, err := s.Append(t.Context(), stream, eventstore.At(eventstore.Revision(i)), event(fmt.Sprint("e", i))); err != nil {
					t.Error(err)
					return
				}
				n := 0
				for _, err := range s.Read(t.Context(), stream, 1) {
					if err != nil {
						t.Error(err)
						return
					}
					n++
				}
				if n != i+1 {
					t.Errorf("read %d events after the append of %d", n, i+1)
					return
				}
			}
		})
	}
	callers.Wait()
}

func readsPartly(t *testing.T, h Harness) {
	s := h.Open(t)
	mustAppend(t, s, "customer", 0, events("e", 200)...)
	for range 20 {
		for _, err := range s.Read(t.Context(), "customer", 1) {
			if err != nil {
				t.Fatal(err)
			}
			break
		}
		for _, err := range s.Follow(t.Context(), 0) {
			if err != nil {
				t.Fatal(err)
			}
			break
		}
	}
	wholeWorld(t, s)
}

func readsUntilCancelled(t *testing.T, h Harness) {
	s := h.Open(t)
	mustAppend(t, s, "customer", 0, events("e", 200)...)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, err := range s.Read(ctx, "customer", 1) {
		if !errors.Is(err, context.Canceled) {
			t.Fatalf("got %v, want context.Canceled", err)
		}
		return
	}
	t.Fatal("the read ended without an error")
}

func ends(t *testing.T, h Harness) {
	s := h.Open(t)
	end := func() eventstore.Position {
		t.Helper()
		p, err := s.End(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	if p := end(); p != 0 {
		t.Fatalf("the end of an empty log is %d", p)
	}
	at := mustAppend(t, s, "customer", 0, events("e", 3)...)
	if p := end(); p != at[2] {
		t.Fatalf("the end is %d, want %d", p, at[2])
	}
	if at[0] == 0 {
		t.Fatal("the first event is at position 0")
	}
	at = mustAppend(t, s, "other", 0, event("e"))
	if p := end(); p != at[0] {
		t.Fatalf("the end is %d, want %d", p, at[0])
	}
}
