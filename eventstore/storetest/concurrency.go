package storetest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"amends/eventstore"
)

func races(t *testing.T, h Harness) {
	s := h.Open(t)
	const rounds, racers = 20, 16
	for r := range rounds {
		var wg sync.WaitGroup
		errs := make([]error, racers)
		for i := range racers {
			wg.Go(func() {
				_, errs[i] = s.Append(t.Context(), "customer", eventstore.At(eventstore.Revision(r)), event(fmt.Sprintf("%d-%d", r, i)))
			})
		}
		wg.Wait()
		won := 0
		for _, err := range errs {
			var c *eventstore.ConflictError
			switch {
			case err == nil:
				won++
			case !errors.As(err, &c):
				t.Fatalf("round %d: got %v, want a conflict", r, err)
			case c.Actual != eventstore.Revision(r)+1:
				t.Fatalf("round %d: the conflict names revision %d", r, c.Actual)
			}
		}
		if won != 1 {
			t.Fatalf("round %d: %d appends won, want 1", r, won)
		}
	}
	if n := wholeWorld(t, s); n != rounds {
		t.Fatalf("the log has %d events, want %d", n, rounds)
	}
}

func manyStreams(t *testing.T, h Harness) {
	s := h.Open(t)
	const streams, each = 64, 20
	var wg sync.WaitGroup
	for c := range streams {
		wg.Go(func() {
			stream := fmt.Sprint("customer", c)
			for i := range each {
				// One in four is an append of two events.
				after := eventstore.Revision(i + i/4)
				n := 1
				if i%4 == 3 {
					n = 2
				}
				if _, err := s.Append(t.Context(), stream, eventstore.At(after), events(fmt.Sprint("e", i), n)...); err != nil {
					t.Errorf("append %d to %s: %v", i, stream, err)
					return
				}
			}
		})
	}
	wg.Wait()
	if n, want := wholeWorld(t, s), streams*(each+each/4); n != want {
		t.Fatalf("the log has %d events, want %d", n, want)
	}
}

// cancelledAppend gives up on appends at random moments while others go on, and then reuses the bytes.
func cancelledAppend(t *testing.T, h Harness) {
	s := h.Open(t)
	const callers, each = 8, 30
	var wg sync.WaitGroup
	for c := range callers {
		wg.Go(func() {
			stream := fmt.Sprint("customer", c)
			chance := rand.New(rand.NewPCG(1, uint64(c)))
			for i := range each {
				e := event(fmt.Sprint("e", i))
				at := eventstore.At(eventstore.Revision(i))
				if c%2 == 0 { // this caller loses patience, and then tries again with the same ids
					ctx, cancel := context.WithTimeout(t.Context(), time.Duration(chance.IntN(1000))*time.Microsecond)
					hasty := event(e.ID)
					_, err := s.Append(ctx, stream, at, hasty)
					clear(hasty.Data)
					cancel()
					if err != nil && !errors.Is(err, context.DeadlineExceeded) {
						t.Errorf("append: got %v, want the context's error", err)
						return
					}
				}
				if _, err := s.Append(t.Context(), stream, at, e); err != nil {
					t.Errorf("append: %v", err)
					return
				}
			}
		})
	}
	wg.Wait()
	if n := wholeWorld(t, s); n != callers*each {
		t.Fatalf("the log has %d events, want %d", n, callers*each)
	}
	for _, e := range mustFollow(t, s, 0) {
		same(t, "an event that was given up on", e.Event, event(e.ID))
	}
}

func appendsUnderEndedContext(t *testing.T, h Harness) {
	s := h.Open(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Append(ctx, "customer", eventstore.NoStream, event("e")); !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v, want context.Canceled", err)
	}
}

// operation is a call and what came of it, for the model of a stream below.
type operation struct {
	stream string
	expect eventstore.Revision
	id     string // empty for a read
}

type answer struct {
	conflict bool
	actual   eventstore.Revision
	ids      string // what a read saw, joined with commas
}

// stream is one customer's stream as a sequential object: its state is the list of its ids.
var stream = porcupine.Model{
	Partition: func(history []porcupine.Operation) [][]porcupine.Operation {
		byStream := make(map[string][]porcupine.Operation)
		for _, o := range history {
			name := o.Input.(operation).stream
			byStream[name] = append(byStream[name], o)
		}
		var parts [][]porcupine.Operation
		for _, p := range byStream {
			parts = append(parts, p)
		}
		return parts
	},
	Init: func() any { return "" },
	Step: func(state, input, output any) (bool, any) {
		var ids []string
		if state.(string) != "" {
			ids = strings.Split(state.(string), ",")
		}
		op, got := input.(operation), output.(answer)
		at := int(op.expect)
		switch {
		case op.id == "":
			return got.ids == state.(string), state
		case at == len(ids):
			return !got.conflict, strings.Join(append(ids, op.id), ",")
		case at < len(ids) && ids[at] == op.id:
			return !got.conflict, state
		default:
			return got.conflict && got.actual == eventstore.Revision(len(ids)), state
		}
	},
	DescribeOperation: func(input, output any) string { return fmt.Sprintf("%+v -> %+v", input, output) },
}

func linearizable(t *testing.T, h Harness) {
	s := h.Open(t)
	const clients, each = 8, 60
	var (
		wg      sync.WaitGroup
		mu      sync.Mutex
		history []porcupine.Operation
		began   = time.Now()
	)
	for c := range clients {
		wg.Go(func() {
			chance := rand.New(rand.NewPCG(7, uint64(c)))
			known := make(map[string]eventstore.Revision) // what this client last learnt of each stream
			var last operation
			for i := range each {
				op := operation{stream: fmt.Sprint("customer", chance.IntN(3))}
				switch chance.IntN(6) {
				case 0: // read
				case 1: // send the last append again
					if last.id != "" {
						op = last
					}
				default:
					op.expect, op.id = known[op.stream], fmt.Sprintf("%d-%d", c, i)
					last = op
				}
				start := time.Since(began)
				got, err := perform(t, s, op)
				end := time.Since(began)
				if err != nil {
					t.Error(err)
					return
				}
				switch {
				case op.id == "" && got.ids != "":
					known[op.stream] = eventstore.Revision(strings.Count(got.ids, ",") + 1)
				case op.id == "":
				case got.conflict:
					known[op.stream] = got.actual
				default:
					known[op.stream] = op.expect + 1
				}
				mu.Lock()
				history = append(history, porcupine.Operation{
					ClientId: c, Input: op, Call: start.Nanoseconds(), Output: got, Return: end.Nanoseconds(),
				})
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if t.Failed() {
		return
	}
	if result := porcupine.CheckOperationsTimeout(stream, history, 30*time.Second); result != porcupine.Ok {
		t.Fatalf("the history of %d operations is not linearizable: %s", len(history), result)
	}
	wholeWorld(t, s)
}

func perform(t *testing.T, s eventstore.Store, op operation) (answer, error) {
	if op.id == "" {
		var ids []string
		for e, err := range s.Read(t.Context(), op.stream, 1) {
			if err != nil {
				return answer{}, err
			}
			ids = append(ids, e.ID)
		}
		return answer{ids: strings.Join(ids, ",")}, nil
	}
	_, err := s.Append(t.Context(), op.stream, eventstore.At(op.expect), event(op.id))
	var c *eventstore.ConflictError
	if errors.As(err, &c) {
		return answer{conflict: true, actual: c.Actual}, nil
	}
	return answer{}, err
}
