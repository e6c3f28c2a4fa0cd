package storetest

import (
	"errors"
	"strings"
	"testing"

	"amends/eventstore"
)

func appendsAndReads(t *testing.T, h Harness) {
	s := h.Open(t)
	first, second := events("first", 1), events("second", 2)
	second[1].Data = []byte{0, 1, '\r', '\n', 0xff} // bytes are bytes
	at := mustAppend(t, s, "customer", 0, first...)
	then := mustAppend(t, s, "customer", 1, second...)
	want := append(recordedAs("customer", 0, first, at), recordedAs("customer", 1, second, then)...)
	same(t, "the stream", mustRead(t, s, "customer", 0), want)
	wholeWorld(t, s)
}

func storesWhole(t *testing.T, h Harness) {
	s := h.Open(t)
	many := events("e", 100)
	at := mustAppend(t, s, "customer", 0, many...)
	same(t, "the stream", mustRead(t, s, "customer", 1), recordedAs("customer", 0, many, at))
	wholeWorld(t, s)
}

func refusesWhole(t *testing.T, h Harness) {
	s := h.Open(t)
	mustAppend(t, s, "customer", 0, event("there"))
	if _, err := s.Append(t.Context(), "customer", eventstore.At(0), events("e", 10)...); !errors.Is(err, eventstore.ErrConflict) {
		t.Fatalf("got %v, want a conflict", err)
	}
	if n := wholeWorld(t, s); n != 1 {
		t.Fatalf("the log has %d events, want 1", n)
	}
}

func conflicts(t *testing.T, h Harness) {
	s := h.Open(t)
	expect := func(stream string, e eventstore.Expect, actual eventstore.Revision) {
		t.Helper()
		_, err := s.Append(t.Context(), stream, e, event("new"))
		var c *eventstore.ConflictError
		if !errors.As(err, &c) || !errors.Is(err, eventstore.ErrConflict) {
			t.Fatalf("got %v, want a *ConflictError", err)
		}
		same(t, "conflict", *c, eventstore.ConflictError{Stream: stream, Expected: e.Revision(), Actual: actual})
	}
	expect("empty", eventstore.At(1), 0)
	mustAppend(t, s, "customer", 0, events("e", 3)...)
	expect("customer", eventstore.NoStream, 3)
	expect("customer", eventstore.At(2), 3)
	expect("customer", eventstore.At(4), 3)
	mustAppend(t, s, "customer", 3, event("new"))
	if n := wholeWorld(t, s); n != 4 {
		t.Fatalf("the log has %d events, want 4", n)
	}
}

func repeats(t *testing.T, h Harness) {
	s := h.Open(t)
	one, two, three := events("one", 1), events("two", 2), events("three", 100)
	p1 := mustAppend(t, s, "customer", 0, one...)
	p2 := mustAppend(t, s, "customer", 1, two...)
	p3 := mustAppend(t, s, "customer", 3, three...)
	same(t, "positions of the first, again", mustAppend(t, s, "customer", 0, one...), p1)
	same(t, "positions of the second, again", mustAppend(t, s, "customer", 1, two...), p2)
	same(t, "positions of the third, again", mustAppend(t, s, "customer", 3, three...), p3)
	if n := wholeWorld(t, s); n != 103 {
		t.Fatalf("the log has %d events, want 103", n)
	}
}

func repeatsOnlyExactly(t *testing.T, h Harness) {
	s := h.Open(t)
	e := events("e", 3)
	mustAppend(t, s, "customer", 0, e...)
	for _, again := range [][]eventstore.Event{{e[1], e[0]}, {e[0], e[2]}, {e[1]}, {e[0], e[1], e[2], event("more")}} {
		if _, err := s.Append(t.Context(), "customer", eventstore.NoStream, again...); !errors.Is(err, eventstore.ErrConflict) {
			t.Fatalf("got %v, want a conflict", err)
		}
	}
	// A prefix of what is there, directly after the expected revision, is exactly what the contract asks for.
	mustAppend(t, s, "customer", 0, e[0], e[1])
	if n := wholeWorld(t, s); n != 3 {
		t.Fatalf("the log has %d events, want 3", n)
	}
}

func sameIDElsewhere(t *testing.T, h Harness) {
	s := h.Open(t)
	a := mustAppend(t, s, "a", 0, event("id"))
	b := mustAppend(t, s, "b", 0, event("id"))
	if a[0] == b[0] {
		t.Fatalf("both streams' events are at position %d", a[0])
	}
	wholeWorld(t, s)
}

func oddIDs(t *testing.T, h Harness) {
	s := h.Open(t)
	ids := []string{"with space", " lead", "trail ", "line\nbreak\r\n", "100%", "a+b", "https://example.com/x?y=1&z", "客户", "\x00",
		strings.Repeat("x", eventstore.MaxIDBytes)}
	var all []eventstore.Event
	for _, id := range ids {
		all = append(all, eventstore.Event{ID: id, Data: []byte("{}")})
	}
	at := mustAppend(t, s, "customer", 0, all...)
	same(t, "the stream", mustRead(t, s, "customer", 1), recordedAs("customer", 0, all, at))
	same(t, "positions, again", mustAppend(t, s, "customer", 0, all...), at)
}

func sizeLimit(t *testing.T, h Harness) {
	s := h.Open(t)
	large := eventstore.Event{ID: "large", Data: make([]byte, eventstore.MaxEventBytes)}
	for i := range large.Data {
		large.Data[i] = byte(i * i >> 8)
	}
	over := eventstore.Event{ID: "over", Data: make([]byte, eventstore.MaxEventBytes+1)}
	if _, err := s.Append(t.Context(), "customer", eventstore.NoStream, event("fits"), over); !errors.Is(err, eventstore.ErrTooLarge) {
		t.Fatalf("got %v, want ErrTooLarge", err)
	}
	at := mustAppend(t, s, "customer", 0, large)
	same(t, "the stream", mustRead(t, s, "customer", 1),
		recordedAs("customer", 0, []eventstore.Event{large}, at))
}

func malformed(t *testing.T, h Harness) {
	s := h.Open(t)
	for _, bad := range []struct {
		what   string
		stream string
		events []eventstore.Event
	}{
		{"no events", "customer", nil},
		{"an empty id", "customer", []eventstore.Event{{Data: []byte("{}")}}},
		{"an id twice", "customer", []eventstore.Event{event("a"), event("b"), event("a")}},
		{"a long id", "customer", []eventstore.Event{event(strings.Repeat("x", eventstore.MaxIDBytes+1))}},
		{"no stream name", "", events("e", 1)},
		{"a wildcard", "*", events("e", 1)},
		{"a dot", "a.b", events("e", 1)},
		{"a space", "a b", events("e", 1)},
		{"a long stream name", strings.Repeat("a", 65), events("e", 1)},
	} {
		if _, err := s.Append(t.Context(), bad.stream, eventstore.NoStream, bad.events...); !errors.Is(err, eventstore.ErrInvalid) {
			t.Errorf("%s: got %v, want ErrInvalid", bad.what, err)
		}
	}
	mustAppend(t, s, strings.Repeat("a", 64), 0, event("longest name"))
	if n := wholeWorld(t, s); n != 1 {
		t.Fatalf("the log has %d events, want 1", n)
	}
}

func countLimit(t *testing.T, h Harness) {
	s := h.Open(t)
	all := events("e", eventstore.MaxAppendEvents+1)
	if _, err := s.Append(t.Context(), "customer", eventstore.NoStream, all...); !errors.Is(err, eventstore.ErrInvalid) {
		t.Fatalf("got %v, want ErrInvalid", err)
	}
	mustAppend(t, s, "customer", 0, all[:eventstore.MaxAppendEvents]...)
	mustAppend(t, s, "customer", eventstore.MaxAppendEvents, all[eventstore.MaxAppendEvents:]...)
	if n := wholeWorld(t, s); n != len(all) {
		t.Fatalf("the log has %d events, want %d", n, len(all))
	}
}

func gapless(t *testing.T, h Harness) {
	s := h.Open(t)
	for i := range 30 {
		for _, stream := range []string{"a", "b", "_ledger"} {
			mustAppend(t, s, stream, eventstore.Revision(i), event(events(stream, i+1)[i].ID))
		}
		if i == 10 {
			if _, err := s.Append(t.Context(), "a", eventstore.At(3), event("late")); !errors.Is(err, eventstore.ErrConflict) {
				t.Fatalf("got %v, want a conflict", err)
			}
		}
	}
	if n := wholeWorld(t, s); n != 90 {
		t.Fatalf("the log has %d events, want 90", n)
	}
}

func aliasing(t *testing.T, h Harness) {
	s := h.Open(t)
	e := event("e")
	want := string(e.Data)
	mustAppend(t, s, "customer", 0, e)
	clear(e.Data)
	read := mustRead(t, s, "customer", 1)
	if string(read[0].Data) != want {
		t.Fatalf("the log followed the caller's bytes: %q", read[0].Data)
	}
	clear(read[0].Data)
	followed := mustFollow(t, s, 0)
	if string(followed[0].Data) != want {
		t.Fatalf("the log followed a reader's bytes: %q", followed[0].Data)
	}
	clear(followed[0].Data)
	if again := mustRead(t, s, "customer", 1); string(again[0].Data) != want {
		t.Fatalf("the log followed a follower's bytes: %q", again[0].Data)
	}
}
