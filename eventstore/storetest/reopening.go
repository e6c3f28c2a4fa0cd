package storetest

import (
	"testing"

	"amends/eventstore"
)

func reopens(t *testing.T, h Harness) {
	s := h.Open(t)
	want := fill(t, s, 10)
	many := events("many", 200)
	want = append(want, recordedAs("d", 0, many, mustAppend(t, s, "d", 0, many...))...)
	for range 3 {
		s = h.reopen(t, s)
		same(t, "the log", mustFollow(t, s, 0), want)
		wholeWorld(t, s)
	}
	mustAppend(t, s, "a", 10, event("next"))
	if n := wholeWorld(t, s); n != len(want)+1 {
		t.Fatalf("the log has %d events, want %d", n, len(want)+1)
	}
}

func repeatsAfterReopen(t *testing.T, h Harness) {
	s := h.Open(t)
	one, two := events("one", 1), events("two", 100)
	p1, p2 := mustAppend(t, s, "customer", 0, one...), mustAppend(t, s, "customer", 1, two...)
	s = h.reopen(t, s)
	same(t, "positions of the first, again", mustAppend(t, s, "customer", 0, one...), p1)
	same(t, "positions of the second, again", mustAppend(t, s, "customer", 1, two...), p2)
	if n := wholeWorld(t, s); n != 101 {
		t.Fatalf("the log has %d events, want 101", n)
	}
}

func followsAfterReopen(t *testing.T, h Harness) {
	s := h.Open(t)
	all := fill(t, s, 10)
	seen := all[12].Position
	s = h.reopen(t, s)
	e := []eventstore.Event{event("new")}
	all = append(all, recordedAs("a", 10, e, mustAppend(t, s, "a", 10, e...))...)
	same(t, "the rest of the log", mustFollow(t, s, seen), all[13:])
}
