// Package importtest holds the arrows between the packages: who may import whom.
package importtest

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// allowed is the rule: for each package of ours the packages of ours it may import, directly or
// not. A package under a listed one (a test kit, say) may also import what it stands under. internal/… and cmd/… may
// import everything; nothing may import cmd.
var allowed = map[string][]string{
	"access":               {},
	"domain":               {},
	"eventstore":           {},
	"vault":                {},
	"fit":                  {"domain"},
	"eventstore/jetstream": {"eventstore"},
	"eventstore/esdb":      {"eventstore"},
	"audit":                {"eventstore"},
	"feed":                 {"eventstore", "schemas", "domain", "vault"},
	"schemas":              {"domain", "vault"},
	"ledger":               {"domain", "schemas", "eventstore", "vault"},
	"projections":          {"domain", "schemas", "eventstore", "vault"},
	"web":                  {"domain", "schemas", "eventstore", "ledger", "projections", "vault", "audit", "feed", "access"},
}

func TestArrows(t *testing.T) {
	for _, p := range packages(t) {
		name := strings.TrimPrefix(p.ImportPath, "amends/")
		if strings.HasPrefix(name, "cmd/") || strings.HasPrefix(name, "internal/") || name == "amends" {
			continue
		}
		may, owner, ok := rule(name)
		if !ok {
			t.Errorf("%s has no rule: add it to the table here", name)
			continue
		}
		for _, dep := range p.Deps {
			ours, found := strings.CutPrefix(dep, "amends/")
			if !found || under(ours, owner) {
				continue
			}
			if _, of, ok := rule(ours); !ok || !slices.Contains(may, of) {
				t.Errorf("%s imports %s, which is not among %v", name, ours, may)
			}
		}
	}
}

// calendars are the one library that the domain may use: public holidays, computed from nothing but the year.
const calendars = "github.com/rickar/cal/v2"

// TestPureDomain: the domain decides without I/O, clock or chance, and has no dependency but the standard library and the
// calendars.
func TestPureDomain(t *testing.T) {
	for _, p := range packages(t) {
		if p.ImportPath != "amends/domain" {
			continue
		}
		for _, imported := range p.Imports {
			switch {
			case slices.Contains([]string{"os", "net", "net/http", "math/rand", "math/rand/v2", "crypto/rand", "database/sql", "log"}, imported):
				t.Errorf("domain imports %s", imported)
			case imported == calendars, strings.HasPrefix(imported, calendars+"/"):
			case strings.Contains(strings.SplitN(imported, "/", 2)[0], "."):
				t.Errorf("domain imports %s, which is neither the standard library nor the calendars", imported)
			}
		}
	}
}

// rule finds the entry for a package: its own, or that of the nearest package above it.
func rule(name string) (may []string, owner string, ok bool) {
	for at := name; ; {
		if may, ok := allowed[at]; ok {
			if at != name {
				may = append(slices.Clone(may), at)
			}
			return may, at, true
		}
		cut := strings.LastIndexByte(at, '/')
		if cut < 0 {
			return nil, "", false
		}
		at = at[:cut]
	}
}

// under reports whether a package stands at or below owner without having a rule of its own.
func under(name, owner string) bool {
	_, o, ok := rule(name)
	return ok && o == owner
}

type pkg struct {
	ImportPath string
	Imports    []string
	Deps       []string
}

func packages(t *testing.T) []pkg {
	t.Helper()
	cmd := exec.Command("go", "list", "-deps=false", "-json=ImportPath,Imports,Deps", "amends/...")
	out, err := cmd.Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			t.Fatalf("go list: %v\n%s", err, exit.Stderr)
		}
		t.Fatal(err)
	}
	var all []pkg
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p pkg
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
	if len(all) < 5 {
		t.Fatalf("go list names only %d packages", len(all))
	}
	return all
}
