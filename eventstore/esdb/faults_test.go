package esdb_test

import (
	"errors"
	"fmt"
	"testing"

	"amends/eventstore"
	"amends/eventstore/esdb"
	"amends/internal/esdbtest"
)

func event(id string) eventstore.Event {
	return eventstore.Event{ID: id, Data: []byte(`{"id":"` + id + `"}`)}
}

func mustAppend(t *testing.T, s eventstore.Store, stream string, after eventstore.Revision, ids ...string) []eventstore.Position {
	t.Helper()
	events := make([]eventstore.Event, len(ids))
	for i, id := range ids {
		events[i] = event(id)
	}
	at, err := s.Append(t.Context(), stream, eventstore.At(after), events...)
	if err != nil {
		t.Fatalf("append %v to %s: %v", ids, stream, err)
	}
	return at
}

// all follows the log to its end.
func all(t *testing.T, s eventstore.Store) []eventstore.Recorded {
	t.Helper()
	end, err := s.End(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var got []eventstore.Recorded
	if end == 0 {
		return nil
	}
	for e, err := range s.Follow(t.Context(), 0) {
		if err != nil {
			t.Fatal(err)
		}
		if got = append(got, e); e.Position >= end {
			break
		}
	}
	return got
}

// once makes the first append suffer a fate, and lets all others pass.
func once(fate esdbtest.Fate) func(string) esdbtest.Fate {
	return func(string) esdbtest.Fate {
		f := fate
		fate = esdbtest.Pass
		return f
	}
}

// An append whose fate is unknown is made again by the store itself, and is stored once.
func TestAppendSurvives(t *testing.T) {
	for name, fate := range map[string]esdbtest.Fate{
		"a lost request": esdbtest.LoseRequest, "a lost receipt": esdbtest.LoseReceipt,
		"a busy server": esdbtest.Busy, "a timeout that was none": esdbtest.TimeOut,
	} {
		t.Run(name, func(t *testing.T) {
			server := esdbtest.Start(t, esdbtest.Config{})
			s := open(t, esdb.Config{URL: server.URL()})
			mustAppend(t, s, "a", 0, "first")
			server.OnAppend(once(fate))
			one := mustAppend(t, s, "a", 1, "second")
			server.OnAppend(once(fate))
			many := mustAppend(t, s, "a", 2, "third", "fourth", "fifth")
			got := all(t, s)
			if len(got) != 5 || got[1].Position != one[0] || got[2].Position != many[0] || got[4].Position != many[2] {
				t.Fatalf("positions %v and %v, but the log has %d events: %+v", one, many, len(got), got)
			}
		})
	}
}

// The receipt is lost, and before the retry somebody else appends, and the server forgets what it had in memory.
func TestRetryAfterOthersWrote(t *testing.T) {
	server := esdbtest.Start(t, esdbtest.Config{})
	s, other := open(t, esdb.Config{URL: server.URL()}), open(t, esdb.Config{URL: server.URL()})
	mine := mustAppend(t, s, "a", 0, "mine", "mine too")
	mustAppend(t, other, "a", 2, "theirs")
	server.Restart()
	again := mustAppend(t, s, "a", 0, "mine", "mine too")
	if again[0] != mine[0] || again[1] != mine[1] {
		t.Fatalf("the retry returned %v, the first append %v", again, mine)
	}
	_, err := s.Append(t.Context(), "a", eventstore.At(2), event("late"))
	var conflict *eventstore.ConflictError
	if !errors.As(err, &conflict) || conflict.Actual != 3 || conflict.Expected != 2 {
		t.Fatalf("got %v, want a conflict at revision 3", err)
	}
}

// While the server is down a call waits; once it is up, the call goes through.
func TestAppendWaitsForTheServer(t *testing.T) {
	server := esdbtest.Start(t, esdbtest.Config{})
	s := open(t, esdb.Config{URL: server.URL()})
	mustAppend(t, s, "a", 0, "first")
	server.Down()
	done := make(chan error, 1)
	go func() {
		_, err := s.Append(t.Context(), "a", eventstore.At(1), event("second"))
		done <- err
	}()
	<-server.Refused()
	<-server.Refused()
	server.Up()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if n := len(all(t, s)); n != 2 {
		t.Fatalf("the log has %d events, want 2", n)
	}
}

// Patience ends, with an error that says so; the store is usable afterwards. (The client library's own connection would be
// closed for good.)
func TestPatienceEnds(t *testing.T) {
	server := esdbtest.Start(t, esdbtest.Config{})
	s := open(t, esdb.Config{URL: server.URL(), Patience: 1})
	server.Down()
	for range 3 {
		if _, err := s.Append(t.Context(), "a", eventstore.NoStream, event("e")); err == nil {
			t.Fatal("an append to a server that is down succeeded")
		}
		if _, err := s.End(t.Context()); err == nil {
			t.Fatal("the end of a log that is down was read")
		}
	}
	server.Up()
	patient := open(t, esdb.Config{URL: server.URL()})
	mustAppend(t, patient, "a", 0, "e")
	for {
		if end, err := s.End(t.Context()); err == nil && end > 0 {
			break // the old store has found its server again
		}
	}
}

// A read that is cut in the middle goes on from there; and so does a follower, without gap or repetition.
func TestReadsSurviveCuts(t *testing.T) {
	server := esdbtest.Start(t, esdbtest.Config{})
	s := open(t, esdb.Config{URL: server.URL()})
	const n = 60
	for i := range n {
		mustAppend(t, s, "a", eventstore.Revision(i), fmt.Sprint("e", i))
		server.SystemEvent()
	}
	cuts := 0
	server.OnRead(func(sent int) esdbtest.Fate {
		if sent == 7 && cuts%4 != 3 { // three times for each of the two
			cuts++
			return esdbtest.LoseRequest
		}
		return esdbtest.Pass
	})
	next := eventstore.Revision(1)
	for e, err := range s.Read(t.Context(), "a", 1) {
		if err != nil {
			t.Fatal(err)
		}
		if e.Revision != next {
			t.Fatalf("revision %d follows %d", e.Revision, next-1)
		}
		next++
	}
	if next != n+1 || cuts == 0 {
		t.Fatalf("%d events were read, with %d cuts", next-1, cuts)
	}
	cuts = 4
	if got := all(t, s); len(got) != n || cuts == 4 {
		t.Fatalf("%d events were followed, with %d cuts", len(got), cuts-4)
	}
}

// Subscriptions are dropped and connections cut all the time, while events of the ledger and of others come in.
func TestFollowSurvives(t *testing.T) {
	server := esdbtest.Start(t, esdbtest.Config{})
	s := open(t, esdb.Config{URL: server.URL()})
	const n = 200
	wrote := make(chan error, 1)
	go func() {
		for i := range n {
			if _, err := s.Append(t.Context(), "a", eventstore.At(eventstore.Revision(i)), event(fmt.Sprint("e", i))); err != nil {
				wrote <- err
				return
			}
			switch i % 10 {
			case 3:
				server.DropSubscriptions()
			case 6:
				server.Restart()
			default:
				server.SystemEvent()
			}
		}
		wrote <- nil
	}()
	var last eventstore.Position
	next := eventstore.Revision(1)
	for e, err := range s.Follow(t.Context(), 0) {
		if err != nil {
			t.Fatal(err)
		}
		if e.Revision != next || e.Position <= last {
			t.Fatalf("revision %d at %d follows revision %d at %d", e.Revision, e.Position, next-1, last)
		}
		last, next = e.Position, next+1
		if next > n {
			break
		}
	}
	if err := <-wrote; err != nil {
		t.Fatal(err)
	}
}

// A checkpoint names the next record. A follower that resumes at one must not pass over that record: here the subscription
// drops after thousands of foreign events, when the place it resumes at is a checkpoint.
func TestResumeAtCheckpoint(t *testing.T) {
	server := esdbtest.Start(t, esdbtest.Config{})
	s := open(t, esdb.Config{URL: server.URL()})
	mustAppend(t, s, "a", 0, "first")
	seen := make(chan string)
	go func() {
		defer close(seen)
		for e, err := range s.Follow(t.Context(), 0) {
			if err != nil {
				return
			}
			select {
			case seen <- e.ID:
			case <-t.Context().Done():
				return
			}
		}
	}()
	<-seen
	for i := range 5 {
		for range 1_000 { // a whole search window: the server sends a checkpoint
			server.SystemEvent()
		}
		server.DropSubscriptions()
		id := fmt.Sprint("after", i)
		mustAppend(t, s, "a", eventstore.Revision(i+1), id)
		if got := <-seen; got != id {
			t.Fatalf("got %q, want %q", got, id)
		}
	}
}

// Only the leader may answer: a lagging follower would not show what was acknowledged. The client library sets the header
// where it is never sent; without it this test reads nothing.
func TestLeaderIsRequired(t *testing.T) {
	leader := esdbtest.Start(t, esdbtest.Config{})
	lagging := leader.Follower(t)
	s := open(t, esdb.Config{URL: lagging.URL()}) // a single address, and it is not the leader's
	mustAppend(t, s, "a", 0, "first")
	got := 0
	for _, err := range s.Read(t.Context(), "a", 1) {
		if err != nil {
			t.Fatal(err)
		}
		got++
	}
	if got != 1 || len(all(t, s)) != 1 {
		t.Fatalf("%d events were read, want 1: the follower answered", got)
	}
}

// The leader changes, with and without the old one going away, under a cluster's connection string.
func TestLeaderChanges(t *testing.T) {
	first := esdbtest.Start(t, esdbtest.Config{})
	second := first.Follower(t)
	s := open(t, esdb.Config{URL: "esdb://" + first.Address() + "," + second.Address() + "?tls=false&gossipTimeout=1"})
	mustAppend(t, s, "a", 0, "at the first")
	second.Lead()
	mustAppend(t, s, "a", 1, "at the second")
	first.Lead()
	second.Down()
	mustAppend(t, s, "a", 2, "at the first again")
	second.Up()
	second.Lead()
	first.Down()
	mustAppend(t, s, "a", 3, "at the second, the first is gone")
	if n := len(all(t, s)); n != 4 {
		t.Fatalf("the log has %d events, want 4", n)
	}
}

func TestClose(t *testing.T) {
	server := esdbtest.Start(t, esdbtest.Config{})
	s := open(t, esdb.Config{URL: server.URL()})
	mustAppend(t, s, "a", 0, "e")
	ended := make(chan error, 1)
	started := make(chan struct{})
	go func() {
		for _, err := range s.Follow(t.Context(), 0) {
			if err != nil {
				ended <- err
				return
			}
			close(started)
		}
	}()
	<-started
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; !errors.Is(err, eventstore.ErrClosed) {
		t.Errorf("the follower got %v, want ErrClosed", err)
	}
	if _, err := s.Append(t.Context(), "a", eventstore.At(1), event("f")); !errors.Is(err, eventstore.ErrClosed) {
		t.Errorf("append got %v, want ErrClosed", err)
	}
	if err := s.Close(); err != nil {
		t.Errorf("closing twice: %v", err)
	}
}
