package esdb_test

import (
	"testing"

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

