package esdb_test

import (
	"os"
	"testing"

	"github.com/google/uuid"

	"amends/eventstore"
	"amends/eventstore/esdb"
	"amends/eventstore/storetest"
	"amends/internal/esdbtest"
)

func TestStore(t *testing.T) {
	servers := make(map[eventstore.Store]*esdbtest.Server)
	connect := func(t *testing.T, server *esdbtest.Server) eventstore.Store {
		s := open(t, esdb.Config{URL: server.URL()})
		servers[s] = server
		return s
	}
	storetest.Run(t, storetest.Harness{
		Open: func(t *testing.T) eventstore.Store { return connect(t, esdbtest.Start(t, esdbtest.Config{})) },
		Reopen: func(t *testing.T, s eventstore.Store) eventstore.Store {
			if err := s.(*esdb.Store).Close(); err != nil {
				t.Fatal(err)
			}
			server := servers[s]
			server.Restart()
			return connect(t, server)
		},
	})
}

// TestRealServer holds the store to the contract on a server that runs elsewhere. Each opening is a ledger of its own there.
func TestRealServer(t *testing.T) {
	url := os.Getenv("AMENDS_TEST_ESDB")
	if url == "" {
		t.Skip("no EventStoreDB or KurrentDB at hand: set AMENDS_TEST_ESDB to the connection string of one for tests")
	}
	prefixes := make(map[eventstore.Store]string)
	connect := func(t *testing.T, prefix string) eventstore.Store {
		s, err := esdb.OpenAs(t.Context(), esdb.Config{URL: url}, prefix)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
		prefixes[s] = prefix
		return s
	}
	storetest.Run(t, storetest.Harness{
		Open: func(t *testing.T) eventstore.Store { return connect(t, "amendstest"+uuid.NewString()+"-") },
		Reopen: func(t *testing.T, s eventstore.Store) eventstore.Store {
			if err := s.(*esdb.Store).Close(); err != nil {
				t.Fatal(err)
			}
			return connect(t, prefixes[s])
		},
	})
}

// open opens a store that is closed at the end of the test.
func open(t testing.TB, cfg esdb.Config) *esdb.Store {
	t.Helper()
	s, err := esdb.Open(t.Context(), cfg)
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
