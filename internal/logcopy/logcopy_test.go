package logcopy_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"

	"amends/eventstore"
	"amends/eventstore/esdb"
	"amends/eventstore/jetstream"
	"amends/eventstore/storetest"
	"amends/internal/esdbtest"
	"amends/internal/logcopy"
)

// fill appends n records in all, of some customers, one by one and in units.
func fill(t *testing.T, s eventstore.Store, n int) {
	t.Helper()
	chance := rand.New(rand.NewPCG(1, 2))
	revisions := make(map[string]eventstore.Revision)
	for i := 0; i < n; {
		stream := fmt.Sprint("C-", chance.IntN(9))
		var unit []eventstore.Event
		for range min(1+chance.IntN(3), n-i) {
			unit = append(unit, eventstore.Event{ID: fmt.Sprint("id ", i), Data: fmt.Appendf(nil, `{"record":%d,"of":%q}`, i, stream)})
			i++
		}
		if _, err := s.Append(t.Context(), stream, eventstore.At(revisions[stream]), unit...); err != nil {
			t.Fatal(err)
		}
		revisions[stream] += eventstore.Revision(len(unit))
	}
}

// all is the log without its positions, which are the store's own.
func all(t *testing.T, s eventstore.Store) (records []eventstore.Recorded) {
	t.Helper()
	end, err := s.End(t.Context())
	if err != nil || end == 0 {
		t.Fatalf("end %d, %v", end, err)
	}
	for e, err := range s.Follow(t.Context(), 0) {
		if err != nil {
			t.Fatal(err)
		}
		last := e.Position == end
		e.Position = 0
		if records = append(records, e); last {
			break
		}
	}
	return records
}

func embedded(t *testing.T) eventstore.Store {
	t.Helper()
	s, err := jetstream.Open(t.Context(), jetstream.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func eventStoreDB(t *testing.T) eventstore.Store {
	t.Helper()
	s, err := esdb.Open(t.Context(), esdb.Config{URL: esdbtest.Start(t, esdbtest.Config{}).URL()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// From store to store to store: all is as it was.
func TestRoundTrip(t *testing.T) {
	stores := []eventstore.Store{eventstore.NewMemory(), embedded(t), eventStoreDB(t), embedded(t), eventstore.NewMemory()}
	fill(t, stores[0], 200)
	want := all(t, stores[0])
	for i, to := range stores[1:] {
		got, err := logcopy.Copy(t.Context(), logcopy.Config{From: stores[i], To: to})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(logcopy.Result{Customers: 9, Records: 200, Copied: 200, SameOrder: true}, got); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff(want, all(t, to)); diff != "" {
			t.Fatalf("after %d copies (-want +got):\n%s", i+1, diff)
		}
		again, err := logcopy.Copy(t.Context(), logcopy.Config{From: stores[i], To: to})
		if err != nil || again.Copied != 0 || again.AlreadyThere != 200 {
			t.Fatalf("copied again: %+v, %v", again, err)
		}
	}
}

// A copy that is interrupted at any append, with its fate unknown, is completed by another.
func TestResumes(t *testing.T) {
	for _, parallel := range []int{1, 4} {
		from, to := eventstore.NewMemory(), eventstore.NewMemory()
		fill(t, from, 300)
		runs := 0
		for done := false; !done; runs++ {
			script := make([]storetest.Fate, 5) // all pass but the last
			script[4] = []storetest.Fate{storetest.LostRequest, storetest.LostReceipt}[runs%2]
			faulty := storetest.NewFaulty(to, script...)
			result, err := logcopy.Copy(t.Context(), logcopy.Config{From: from, To: faulty, Parallel: parallel})
			done = err == nil
			if err != nil && !errors.Is(err, storetest.ErrInjected) {
				t.Fatal(err)
			}
			if done && (result.Records != 300 || result.SameOrder != (parallel == 1)) {
				t.Errorf("parallel %d: %+v", parallel, result)
			}
		}
		if runs < 2 {
			t.Errorf("parallel %d: nothing was interrupted", parallel)
		}
	}
}

func TestRefusesForeignTargets(t *testing.T) {
	from := eventstore.NewMemory()
	fill(t, from, 50)
	mine := all(t, from)[0]
	for name, put := range map[string]eventstore.Recorded{
		"another customer":           {Stream: "X", Event: eventstore.Event{ID: "x", Data: []byte("{}")}},
		"other bytes":                {Stream: mine.Stream, Event: eventstore.Event{ID: mine.ID, Data: []byte("{}")}},
		"another id":                 {Stream: mine.Stream, Event: eventstore.Event{ID: "x", Data: mine.Data}},
		"nothing (the copy is made)": {},
	} {
		to := eventstore.NewMemory()
		if put.Stream != "" {
			if _, err := to.Append(t.Context(), put.Stream, eventstore.NoStream, put.Event); err != nil {
				t.Fatal(err)
			}
		}
		_, err := logcopy.Copy(t.Context(), logcopy.Config{From: from, To: to})
		if foreign := errors.Is(err, logcopy.ErrForeign); foreign != (put.Stream != "") {
			t.Errorf("%s: got %v", name, err)
		}
		if end, err := to.End(t.Context()); err != nil || put.Stream != "" && end != 1 {
			t.Errorf("%s: the target was written to, up to %d (%v)", name, end, err)
		}
	}
	longer := eventstore.NewMemory()
	fill(t, longer, 60)
	if _, err := logcopy.Copy(t.Context(), logcopy.Config{From: from, To: longer}); !errors.Is(err, logcopy.ErrForeign) {
		t.Errorf("a target that is ahead: got %v", err)
	}
}

// altering is a store that keeps other bytes than it is given.
type altering struct{ eventstore.Store }

func (a altering) Append(ctx context.Context, stream string, at eventstore.Expect, events ...eventstore.Event) ([]eventstore.Position, error) {
	events[len(events)-1].Data = append(events[len(events)-1].Data, ' ')
	return a.Store.Append(ctx, stream, at, events...)
}

func TestVerifies(t *testing.T) {
	from := eventstore.NewMemory()
	fill(t, from, 20)
	if _, err := logcopy.Copy(t.Context(), logcopy.Config{From: from, To: altering{eventstore.NewMemory()}}); !errors.Is(err, logcopy.ErrDiffers) {
		t.Errorf("got %v, want ErrDiffers", err)
	}
}
