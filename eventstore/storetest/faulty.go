package storetest

import (
	"context"
	"errors"
	"sync"
	"testing"

	"amends/eventstore"
)

// Fate is what becomes of one Append.
type Fate int

const (
	// Pass leaves the append alone.
	Pass Fate = iota
	// LostRequest fails the append before anything is stored.
	LostRequest
	// LostReceipt stores the events, and fails the append all the same.
	LostReceipt
)

// ErrInjected is the cause of every failure that a Faulty store makes up.
var ErrInjected = errors.New("injected fault")

// Faulty is a store whose appends fail by script. A failed append has two fates that its caller cannot tell apart; both
// must end well when it is retried with the same ids.
type Faulty struct {
	eventstore.Store

	mu     sync.Mutex
	script []Fate
}

// NewFaulty returns a store whose nth Append meets the nth fate; those after the end of the script pass.
func NewFaulty(s eventstore.Store, script ...Fate) *Faulty { return &Faulty{Store: s, script: script} }

// Append implements eventstore.Store.
func (f *Faulty) Append(
	ctx context.Context, stream string, expect eventstore.Expect, events ...eventstore.Event,
) ([]eventstore.Position, error) {
	switch f.next() {
	case LostRequest:
		return nil, ErrInjected
	case LostReceipt:
		if _, err := f.Store.Append(ctx, stream, expect, events...); err != nil {
			return nil, err
		}
		return nil, ErrInjected
	default:
		return f.Store.Append(ctx, stream, expect, events...)
	}
}

func (f *Faulty) next() Fate {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.script) == 0 {
		return Pass
	}
	fate := f.script[0]
	f.script = f.script[1:]
	return fate
}

func retryAfterLostRequest(t *testing.T, h Harness) { retryAfter(t, h, LostRequest) }
func retryAfterLostReceipt(t *testing.T, h Harness) { retryAfter(t, h, LostReceipt) }

func retryAfter(t *testing.T, h Harness, fate Fate) {
	s := NewFaulty(h.Open(t), Pass, fate, fate, Pass, fate)
	mustAppend(t, s, "customer", 0, event("before"))
	pair := events("e", 2)
	for range 2 {
		if _, err := s.Append(t.Context(), "customer", eventstore.At(1), pair...); !errors.Is(err, ErrInjected) {
			t.Fatalf("got %v, want the injected fault", err)
		}
	}
	at := mustAppend(t, s, "customer", 1, pair...)
	if _, err := s.Append(t.Context(), "customer", eventstore.At(3), event("last")); !errors.Is(err, ErrInjected) {
		t.Fatalf("got %v, want the injected fault", err)
	}
	mustAppend(t, s, "customer", 3, event("last"))
	same(t, "the retried events", mustRead(t, s, "customer", 2)[:2], recordedAs("customer", 1, pair, at))
	if n := wholeWorld(t, s); n != 4 {
		t.Fatalf("the log has %d events, want 4", n)
	}
}
