package main

import (
	"database/sql"
	"errors"
	"os"
	"os/exec"
	"strconv"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestMain lets the scripts of testdata run this very binary as `amends`.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"amends": main})
}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata",
		Setup: func(env *testscript.Env) error {
			env.Setenv("AMENDS_DATA", env.WorkDir+"/data")
			env.Setenv("AMENDS_TEST_DATA", testData())
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"exits": exits, "sqlite": sqlite},
		Condition: func(cond string) (bool, error) {
			// The whole imports take minutes under the race detector; the packages' own tests cover the parts.
			return cond == "realdata" && testData() != "" && !testing.Short(), nil
		},
	})
}

// exits is the scripts' command `exits CODE PROGRAM ARGUMENT…`: exec, and the exit code must be this very one.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE PROGRAM ARGUMENT…")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	var exit *exec.ExitError
	got := 0
	if err := ts.Exec(args[1], args[2:]...); errors.As(err, &exit) {
		got = exit.ExitCode()
	} else if err != nil {
		ts.Fatalf("%v", err)
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

// sqlite is the scripts' command `sqlite FILE STATEMENT`: somebody who writes into the file of the views.
func sqlite(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: sqlite FILE STATEMENT")
	}
	db, err := sql.Open("sqlite", ts.MkAbs(args[0]))
	ts.Check(err)
	defer db.Close()
	_, err = db.Exec(args[1])
	ts.Check(err)
}

// testData is the directory of the real files, or empty where they are absent.
func testData() string {
	for _, dir := range []string{os.Getenv("AMENDS_TEST_DATA"), "../../../shared/data"} {
		if dir == "" {
			continue
		}
		if _, err := os.Stat(dir + "/cfpb_complaints.csv"); err == nil {
			if abs, err := absolute(dir); err == nil {
				return abs
			}
		}
	}
	return ""
}
