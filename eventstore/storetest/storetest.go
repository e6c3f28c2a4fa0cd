// Package storetest is the law for every eventstore.Store: one subtest for each guarantee of the contract.
//
// A store's own test is a few lines that say how to open it:
//
//	func TestStore(t *testing.T) {
//		storetest.Run(t, storetest.Harness{Open: func(t *testing.T) eventstore.Store { return eventstore.NewMemory() }})
//	}
package storetest

import (
	"fmt"
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"

	"amends/eventstore"
)

// Harness says how to get at the store under test, and what it is capable of.
type Harness struct {
	// Open returns a store with an empty log. Whatever it opened it closes at the end of the test, with t.Cleanup.
	Open func(t *testing.T) eventstore.Store
	// Reopen closes the store and opens the same data again; what it opened it closes at the end of the test. Nil for a
	// store that keeps nothing; then what needs it is skipped, and the skip says so.
	Reopen func(t *testing.T, s eventstore.Store) eventstore.Store
}

// Run holds the store to the contract.
func Run(t *testing.T, h Harness) {
	for _, law := range []struct {
		name string
		hold func(t *testing.T, h Harness)
	}{
		{"an append returns the position of each event, and they are read back as they were", appendsAndReads},
		{"an append of many events is stored whole", storesWhole},
		{"an append that is refused stores nothing of it", refusesWhole},
		{"NoStream fails on an existing stream, At on any other revision, and the conflict carries both", conflicts},
		{"the same event ids appended again return the first positions and add nothing", repeats},
		{"the same ids in another order, or only some of them, are a conflict", repeatsOnlyExactly},
		{"an event id is unique within its stream only", sameIDElsewhere},
		{"any event id survives", oddIDs},
		{"an event above the limit gives ErrTooLarge and one at the limit is stored", sizeLimit},
		{"a malformed append gives ErrInvalid and stores nothing", malformed},
		{"the largest append is stored, and one event more is not", countLimit},
		{"revisions of a stream are gapless, positions strictly increase", gapless},
		{"a stream without events reads as nothing", emptyStream},
		{"a read starts at the given revision", readsFrom},
		{"a read shows every event that was acknowledged before it", readsOwnWrites},
		{"a read that is broken off leaves the store usable", readsPartly},
		{"a read ends with the error of its context", readsUntilCancelled},
		{"bytes are the caller's own, going in and coming out", aliasing},
		{"of racing appends at one revision exactly one wins", races},
		{"concurrent appends to many streams all succeed, each in its order", manyStreams},
		{"concurrent appends and reads are linearizable", linearizable},
		{"the end is 0 for an empty log, and then the position of the last event", ends},
		{"following yields everything after the position, in order", followsAll},
		{"following stays live", followsLive},
		{"following never goes back while others append", followsInOrder},
		{"following resumes after any position", followsAgain},
		{"following ends with the error of its context", followsUntilCancelled},
		{"an append under a context that has ended fails", appendsUnderEndedContext},
		{"a cancelled append does not disturb others, and its retry does not duplicate", cancelledAppend},
		{"a failed append that stored nothing succeeds when retried", retryAfterLostRequest},
		{"a failed append that stored everything succeeds when retried, once", retryAfterLostReceipt},
		{"after a reopen every acknowledged event is there", reopens},
		{"after a reopen repeated ids return the first positions", repeatsAfterReopen},
		{"after a reopen a follower resumes", followsAfterReopen},
	} {
		t.Run(law.name, func(t *testing.T) { law.hold(t, h) })
	}
}

// reopen is the harness's, or a skip that says why.
func (h Harness) reopen(t *testing.T, s eventstore.Store) eventstore.Store {
	t.Helper()
	if h.Reopen == nil {
		t.Skip("this store keeps nothing between two openings")
	}
	return h.Reopen(t, s)
}

// event is one whose bytes tell it apart.
func event(id string) eventstore.Event {
	return eventstore.Event{ID: id, Data: []byte(`{"id":"` + id + `"}`)}
}

// events returns n events with ids prefix-0, prefix-1, and so on.
func events(prefix string, n int) []eventstore.Event {
	all := make([]eventstore.Event, n)
	for i := range all {
		all[i] = event(fmt.Sprintf("%s-%d", prefix, i))
	}
	return all
}

func mustAppend(
	t *testing.T, s eventstore.Store, stream string, after eventstore.Revision, events ...eventstore.Event,
) []eventstore.Position {
	t.Helper()
	positions, err := s.Append(t.Context(), stream, eventstore.At(after), events...)
	if err != nil {
		t.Fatalf("append %d events to %s after revision %d: %v", len(events), stream, after, err)
	}
	if len(positions) != len(events) {
		t.Fatalf("append of %d events returned %d positions", len(events), len(positions))
	}
	return positions
}

func mustRead(t *testing.T, s eventstore.Store, stream string, from eventstore.Revision) []eventstore.Recorded {
	t.Helper()
	var all []eventstore.Recorded
	for e, err := range s.Read(t.Context(), stream, from) {
		if err != nil {
			t.Fatalf("read %s from %d: %v", stream, from, err)
		}
		all = append(all, e)
	}
	return all
}

// mustFollow returns the events after the position, up to the end of the log at the time of the call.
func mustFollow(t *testing.T, s eventstore.Store, after eventstore.Position) []eventstore.Recorded {
	t.Helper()
	end, err := s.End(t.Context())
	if err != nil {
		t.Fatalf("end: %v", err)
	}
	var all []eventstore.Recorded
	if after >= end {
		return all
	}
	for e, err := range s.Follow(t.Context(), after) {
		if err != nil {
			t.Fatalf("follow after %d: %v", after, err)
		}
		all = append(all, e)
		if e.Position >= end {
			break
		}
	}
	return all
}

// recordedAs is what a reader must get for events that were appended after a revision, at these positions.
func recordedAs(
	stream string, after eventstore.Revision, events []eventstore.Event, at []eventstore.Position,
) []eventstore.Recorded {
	all := make([]eventstore.Recorded, len(events))
	for i, e := range events {
		all[i] = eventstore.Recorded{
			Event: e, Stream: stream, Revision: after + eventstore.Revision(i) + 1, Position: at[i],
		}
	}
	return all
}

func same[T any](t *testing.T, what string, got, want T) {
	t.Helper()
	if reflect.DeepEqual(want, got) { // much faster than a diff, which is for people
		return
	}
	t.Fatalf("%s (-want +got):\n%s", what, cmp.Diff(want, got))
}

// wholeWorld checks what must hold of any log at any time: followed from the start, positions strictly increase and each
// stream's revisions are gapless; and each stream read by itself is the same events. It returns the number of events.
func wholeWorld(t *testing.T, s eventstore.Store) int {
	t.Helper()
	var last eventstore.Position
	all := mustFollow(t, s, 0)
	streams := make(map[string][]eventstore.Recorded)
	for _, e := range all {
		if e.Position <= last {
			t.Fatalf("position %d follows %d", e.Position, last)
		}
		last = e.Position
		if want := eventstore.Revision(len(streams[e.Stream]) + 1); e.Revision != want {
			t.Fatalf("stream %s has revision %d where %d belongs", e.Stream, e.Revision, want)
		}
		streams[e.Stream] = append(streams[e.Stream], e)
	}
	for stream, want := range streams {
		same(t, "stream "+stream+" read by itself", mustRead(t, s, stream, 1), want)
	}
	return len(all)
}
