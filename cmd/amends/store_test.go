package main

import (
	"bytes"
	"fmt"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"amends/eventstore"
	"amends/eventstore/esdb"
	"amends/eventstore/jetstream"
	"amends/internal/esdbtest"
)

// TestStoreScripts runs the scripts that need a server for the log; each has two, of its own.
func TestStoreScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/stores",
		Setup: func(env *testscript.Env) error {
			env.Setenv("AMENDS_DATA", env.WorkDir+"/data")
			env.Setenv("ESDB", esdbtest.Start(t, esdbtest.Config{}).URL())
			env.Setenv("ESDB2", esdbtest.Start(t, esdbtest.Config{}).URL())
			return nil
		},
	})
}

// TestCopyKilled: a copy that is killed in the middle is completed by the same command.
func TestCopyKilled(t *testing.T) {
	amends, err := exec.LookPath("amends") // testscript.Main put this binary there
	if err != nil {
		t.Fatal(err)
	}
	const records = 2_000
	dir := filepath.Join(t.TempDir(), "source")
	fillSource(t, dir, records)
	server := esdbtest.Start(t, esdbtest.Config{})
	target, err := esdb.Open(t.Context(), esdb.Config{URL: server.URL()})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := target.Close(); err != nil {
			t.Error(err)
		}
	}()

	killed := exec.Command(amends, "copy", "--from", dir, "--to", server.URL())
	if err := killed.Start(); err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, err := range target.Follow(t.Context(), 0) {
		if err != nil {
			t.Fatal(err)
		}
		if seen++; seen == 100 {
			break
		}
	}
	if err := killed.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := killed.Wait(); err == nil {
		t.Skip("this machine copied everything before it could be killed")
	}

	out, err := exec.Command(amends, "copy", "--from", dir, "--to", server.URL()).Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if !bytes.Contains(out, fmt.Appendf(nil, `"records":%d,`, records)) || bytes.Contains(out, []byte(`"already_there":0,`)) ||
		!bytes.Contains(out, []byte(`"same_order":true`)) {
		t.Errorf("after the kill: %s", out)
	}
}

// fillSource makes a log in a data directory: so many records of some customers, taking turns.
func fillSource(t *testing.T, dir string, records int) {
	t.Helper()
	s, err := jetstream.Open(t.Context(), jetstream.Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	const customers, unit = 10, 20
	for i := range records / unit {
		var events []eventstore.Event
		for j := range unit {
			events = append(events, eventstore.Event{ID: fmt.Sprintf("%d-%d", i, j), Data: fmt.Appendf(nil, `{"unit":%d,"record":%d}`, i, j)})
		}
		at := eventstore.At(eventstore.Revision(i / customers * unit))
		if _, err := s.Append(t.Context(), fmt.Sprint("C-", i%customers), at, events...); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}
