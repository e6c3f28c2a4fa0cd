package esdbtest_test

import (
	"errors"
	"io"
	"math"
	"testing"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/google/uuid"

	"amends/internal/esdbtest"
)

// official is the client library, which knows nothing of doubles: what it understands is the server's language.
func official(t *testing.T, s *esdbtest.Server) *esdb.Client {
	t.Helper()
	conf, err := esdb.ParseConnectionString(s.URL())
	if err != nil {
		t.Fatal(err)
	}
	conf.Logger = esdb.NoopLogging()
	c, err := esdb.NewClient(conf)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func data(ids ...string) (events []esdb.EventData) {
	for _, id := range ids {
		events = append(events, esdb.EventData{
			EventID: uuid.NewSHA1(uuid.Nil, []byte(id)), EventType: "t", ContentType: esdb.ContentTypeJson, Data: []byte(`"` + id + `"`),
		})
	}
	return events
}

func TestOfficialClient(t *testing.T) {
	s := esdbtest.Start(t, esdbtest.Config{TLS: true, User: "u", Password: "p"})
	c := official(t, s)
	appendTo := func(expected esdb.ExpectedRevision, ids ...string) (*esdb.WriteResult, error) {
		return c.AppendToStream(t.Context(), "orders-1", esdb.AppendToStreamOptions{ExpectedRevision: expected}, data(ids...)...)
	}
	must := func(expected esdb.ExpectedRevision, ids ...string) *esdb.WriteResult {
		t.Helper()
		r, err := appendTo(expected, ids...)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	is := func(err error, code esdb.ErrorCode) {
		t.Helper()
		var e *esdb.Error
		if !errors.As(err, &e) || e.Code() != code {
			t.Errorf("got %v, want code %d", err, code)
		}
	}
	first := must(esdb.NoStream{}, "a", "b")
	if first.NextExpectedVersion != 1 {
		t.Errorf("the second event has number %d", first.NextExpectedVersion)
	}
	_, err := appendTo(esdb.NoStream{}, "c")
	is(err, esdb.ErrorCodeWrongExpectedVersion)
	_, err = appendTo(esdb.NoStream{}, "a", "c") // half a repetition
	is(err, esdb.ErrorCodeWrongExpectedVersion)
	if again := must(esdb.NoStream{}, "a", "b"); again.CommitPosition != first.CommitPosition {
		t.Errorf("a repetition is at %d, the first was at %d", again.CommitPosition, first.CommitPosition)
	}
	must(esdb.Revision(1), "c")
	if again := must(esdb.Any{}, "c"); again.NextExpectedVersion != 2 {
		t.Errorf("a repetition at any version was written as number %d", again.NextExpectedVersion)
	}
	s.Restart()
	c = official(t, s)          // the old one reports that its connection is gone
	must(esdb.Revision(1), "c") // still known
	if again := must(esdb.Any{}, "c"); again.NextExpectedVersion != 3 {
		t.Errorf("a repetition at any version after a restart got number %d, and not a number of its own", again.NextExpectedVersion)
	}

	read, err := c.ReadStream(t.Context(), "orders-1", esdb.ReadStreamOptions{From: esdb.Start{}}, math.MaxInt64)
	if err != nil {
		t.Fatal(err)
	}
	defer read.Close()
	var last uint64
	for i := 0; ; i++ {
		e, err := read.Recv()
		if errors.Is(err, io.EOF) {
			if i != 4 {
				t.Errorf("%d events were read, want 4", i)
			}
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if at := e.Event.Position; e.Event.EventNumber != uint64(i) || at.Commit <= last || at.Commit != at.Prepare {
			t.Errorf("event %d has number %d at %+v, after %d", i, e.Event.EventNumber, at, last)
		}
		last = e.Event.Position.Commit
	}

	sub, err := c.SubscribeToAll(t.Context(), esdb.SubscribeToAllOptions{
		From: esdb.Start{}, Filter: &esdb.SubscriptionFilter{Type: esdb.StreamFilterType, Prefixes: []string{"orders-"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer sub.Close()
	events, checkpoints := 0, 0
	for caught := false; !caught; {
		switch e := sub.Recv(); {
		case e.EventAppeared != nil:
			events++
		case e.CheckPointReached != nil:
			checkpoints++
		case e.SubscriptionDropped != nil:
			t.Fatal(e.SubscriptionDropped.Error)
		default:
			caught = e.CaughtUp != nil
		}
	}
	if events != 4 || checkpoints == 0 {
		t.Errorf("the subscription had %d events and %d checkpoints", events, checkpoints)
	}
	if _, err := c.TombstoneStream(t.Context(), "orders-1", esdb.TombstoneStreamOptions{ExpectedRevision: esdb.Any{}}); err != nil {
		t.Fatal(err)
	}
	_, err = appendTo(esdb.Any{}, "d")
	is(err, esdb.ErrorCodeStreamDeleted)
	if e := sub.Recv().EventAppeared; e == nil || e.Event.EventType != "$streamDeleted" {
		t.Errorf("the tombstone came as %+v", e)
	}
}
