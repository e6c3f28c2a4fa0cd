package jetstream_test

import (
	"testing"

	"amends/eventstore"
	"amends/eventstore/jetstream"
	"amends/eventstore/storetest"
)

func TestStore(t *testing.T) {
	dirs := make(map[eventstore.Store]string)
	open := func(t *testing.T, dir string) eventstore.Store {
		s := open(t, jetstream.Config{Dir: dir})
		dirs[s] = dir
		return s
	}
	storetest.Run(t, storetest.Harness{
		Open: func(t *testing.T) eventstore.Store { return open(t, t.TempDir()) },
		Reopen: func(t *testing.T, s eventstore.Store) eventstore.Store {
			if err := s.(*jetstream.Store).Close(); err != nil {
				t.Fatal(err)
			}
			return open(t, dirs[s])
		},
	})
}

// open opens a store that is closed at the end of the test.
func open(t testing.TB, cfg jetstream.Config) *jetstream.Store {
	t.Helper()
	s, err := jetstream.Open(t.Context(), cfg)
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
