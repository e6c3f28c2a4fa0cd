package esdb_test

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"

	client "github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/google/uuid"

	"amends/eventstore"
	"amends/eventstore/esdb"
	"amends/internal/esdbtest"
)

// official returns the client library, as another program would use it on the same server.
func official(t *testing.T, server *esdbtest.Server) *client.Client {
	t.Helper()
	conf, err := client.ParseConnectionString(server.URL())
	if err != nil {
		t.Fatal(err)
	}
	conf.Logger = client.NoopLogging()
	c, err := client.NewClient(conf)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func readError(t *testing.T, s eventstore.Store, stream string) error {
	t.Helper()
	for _, err := range s.Read(t.Context(), stream, 1) {
		if err != nil {
			return err
		}
	}
	return nil
}

// followError follows until an error, or until the event with the last id.
func followError(t *testing.T, s eventstore.Store, last string) error {
	t.Helper()
	for e, err := range s.Follow(t.Context(), 0) {
		if err != nil || e.ID == last {
			return err
		}
	}
	return nil
}

// Whatever removes or hides events of a customer is an error that names the stream, for readers and for followers.
func TestMissingEventsAreDamage(t *testing.T) {
	for name, harm := range map[string]func(*testing.T, *client.Client){
		"a deletion": func(t *testing.T, c *client.Client) {
			_, err := c.DeleteStream(t.Context(), "amends-a", client.DeleteStreamOptions{})
			if err != nil {
				t.Fatal(err)
			}
		},
		"a tombstone": func(t *testing.T, c *client.Client) {
			_, err := c.TombstoneStream(t.Context(), "amends-a", client.TombstoneStreamOptions{})
			if err != nil {
				t.Fatal(err)
			}
		},
		"a truncation": func(t *testing.T, c *client.Client) {
			m := client.StreamMetadata{}
			m.SetTruncateBefore(2)
			if _, err := c.SetStreamMetadata(t.Context(), "amends-a", client.AppendToStreamOptions{}, m); err != nil {
				t.Fatal(err)
			}
		},
		"a limit": func(t *testing.T, c *client.Client) {
			m := client.StreamMetadata{}
			m.SetMaxCount(1)
			if _, err := c.SetStreamMetadata(t.Context(), "amends-a", client.AppendToStreamOptions{}, m); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			server := esdbtest.Start(t, esdbtest.Config{})
			s := open(t, esdb.Config{URL: server.URL()})
			mustAppend(t, s, "a", 0, "one", "two", "three")
			harm(t, official(t, server))
			mustAppend(t, s, "b", 0, "last")
			for range 2 {
				for what, err := range map[string]error{"read": readError(t, s, "a"), "follow": followError(t, s, "last")} {
					if err == nil || !strings.Contains(err.Error(), "amends-a") || !strings.Contains(err.Error(), "damaged") {
						t.Errorf("%s: got %v, want damage to amends-a", what, err)
					}
				}
				server.Scavenge() // and once more, with the events really gone
			}
			if err := readError(t, s, "b"); err != nil {
				t.Errorf("another customer: %v", err)
			}
		})
	}
}

// A deletion that was undone in time is no damage, though the log still tells of it.
func TestUndoneDeletion(t *testing.T) {
	server := esdbtest.Start(t, esdbtest.Config{})
	s, c := open(t, esdb.Config{URL: server.URL()}), official(t, server)
	mustAppend(t, s, "a", 0, "one", "two")
	if _, err := c.DeleteStream(t.Context(), "amends-a", client.DeleteStreamOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.SetStreamMetadata(t.Context(), "amends-a", client.AppendToStreamOptions{}, client.StreamMetadata{}); err != nil {
		t.Fatal(err)
	}
	mustAppend(t, s, "a", 2, "three")
	if err := errors.Join(readError(t, s, "a"), followError(t, s, "three")); err != nil {
		t.Fatal(err)
	}
}

// An append that expects no stream, where one was deleted, is taken by the server at a later number.
func TestAppendToDeleted(t *testing.T) {
	server := esdbtest.Start(t, esdbtest.Config{})
	s, c := open(t, esdb.Config{URL: server.URL()}), official(t, server)
	mustAppend(t, s, "a", 0, "one", "two")
	if _, err := c.DeleteStream(t.Context(), "amends-a", client.DeleteStreamOptions{}); err != nil {
		t.Fatal(err)
	}
	if at, err := s.Append(t.Context(), "a", eventstore.NoStream, event("anew")); err == nil {
		t.Fatalf("a deleted stream began anew at %v", at)
	}
	if _, err := c.TombstoneStream(t.Context(), "amends-b", client.TombstoneStreamOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Append(t.Context(), "b", eventstore.NoStream, event("anew")); err == nil || errors.Is(err, eventstore.ErrConflict) {
		t.Fatalf("a tombstoned stream: got %v", err)
	}
}

// What others keep on the same server is none of the ledger's business; what they write into a customer's stream is.
func TestForeignEvents(t *testing.T) {
	server := esdbtest.Start(t, esdbtest.Config{})
	s, c := open(t, esdb.Config{URL: server.URL()}), official(t, server)
	write := func(stream string) {
		t.Helper()
		_, err := c.AppendToStream(t.Context(), stream, client.AppendToStreamOptions{}, client.EventData{
			EventID: uuid.New(), EventType: "order-placed", ContentType: client.ContentTypeJson, Data: []byte(`{}`),
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	write("orders-1")
	if end, err := s.End(t.Context()); err != nil || end != 0 {
		t.Fatalf("the end of a log without records is %d, %v", end, err)
	}
	at := mustAppend(t, s, "a", 0, "one")
	for _, stream := range []string{"orders-1", "amendsx-1", "amends", "amends-not.a.customer", "$ce-amends"} {
		write(stream)
	}
	if end, err := s.End(t.Context()); err != nil || end != at[0] {
		t.Fatalf("the end is %d, want %d (%v)", end, at[0], err)
	}
	mustAppend(t, s, "a", 1, "two")
	if got := all(t, s); len(got) != 2 {
		t.Fatalf("%d events were followed, want 2", len(got))
	}
	write("amends-a")
	mustAppend(t, s, "b", 0, "last")
	for what, err := range map[string]error{"read": readError(t, s, "a"), "follow": followError(t, s, "last")} {
		if err == nil || !strings.Contains(err.Error(), "order-placed") {
			t.Errorf("%s: got %v, want an error that names the foreign type", what, err)
		}
	}
}

// A cursor of another log is refused; the server would wait in silence until it is reached.
func TestFollowFromElsewhere(t *testing.T) {
	server := esdbtest.Start(t, esdbtest.Config{})
	s := open(t, esdb.Config{URL: server.URL()})
	at := mustAppend(t, s, "a", 0, "one", "two")
	for _, after := range []eventstore.Position{1, at[0] + 1, at[1] + 1, at[1] + 100_000} {
		for _, err := range s.Follow(t.Context(), after) {
			if !errors.Is(err, eventstore.ErrPosition) {
				t.Errorf("position %d: got %v, want ErrPosition", after, err)
			}
			break
		}
	}
}

func TestAppendAboveTheServersLimit(t *testing.T) {
	server := esdbtest.Start(t, esdbtest.Config{})
	s := open(t, esdb.Config{URL: server.URL()})
	chance := rand.NewChaCha8([32]byte{})
	batch := func(bytes int) (events []eventstore.Event) {
		for n := 0; n < bytes; n += eventstore.MaxEventBytes {
			data := make([]byte, min(eventstore.MaxEventBytes, bytes-n))
			_, _ = chance.Read(data)
			events = append(events, eventstore.Event{ID: uuid.NewString(), Data: data})
		}
		return events
	}
	_, err := s.Append(t.Context(), "a", eventstore.NoStream, batch(2<<20)...)
	if !errors.Is(err, eventstore.ErrTooLarge) || !strings.Contains(err.Error(), "MaxAppendSize") {
		t.Fatalf("got %v, want ErrTooLarge and the setting's name", err)
	}
	fits := batch(eventstore.MaxAppendBytes)
	if _, err := s.Append(t.Context(), "a", eventstore.NoStream, fits...); err != nil {
		t.Fatal(err)
	}
	i := 0
	for e, err := range s.Read(t.Context(), "a", 1) {
		if err != nil || !bytes.Equal(e.Data, fits[i].Data) {
			t.Fatalf("event %d differs (%v)", i, err)
		}
		i++
	}
}

func TestOldServers(t *testing.T) {
	if _, err := esdb.Open(t.Context(), esdb.Config{URL: esdbtest.Start(t, esdbtest.Config{Version: "21.10.9"}).URL()}); err == nil ||
		!strings.Contains(err.Error(), "22.6") {
		t.Errorf("got %v, want an error that names the version needed", err)
	}
	// A server that calls itself newer, and has no positions all the same, is found out at the first read.
	server := esdbtest.Start(t, esdbtest.Config{NoStreamPositions: true})
	s := open(t, esdb.Config{URL: server.URL()})
	mustAppend(t, s, "a", 0, "one")
	if err := readError(t, s, "a"); err == nil || !strings.Contains(err.Error(), "position") {
		t.Errorf("got %v, want an error about the position", err)
	}
}
