package main

import (
	"os"
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
		Condition: func(cond string) (bool, error) {
			// The whole imports take minutes under the race detector; the packages' own tests cover the parts.
			return cond == "realdata" && testData() != "" && !testing.Short(), nil
		},
	})
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
