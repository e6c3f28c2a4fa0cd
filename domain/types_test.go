package domain_test

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"testing"

	"amends/domain"
	"amends/domain/domaintest"

	"pgregory.net/rapid"
)

// The names are a storage format: one may be added (then this hash is, too), none may change.
func TestTypeNamesAreFrozen(t *testing.T) {
	var names []string
	for _, typ := range domain.Types() {
		names = append(names, string(typ))
	}
	sum := sha256.Sum256([]byte(strings.Join(names, "\n")))
	if got, want := hex.EncodeToString(sum[:]), "4a570819f40c73436d3968cd6140e9fa2bf4276b044285e7e1f60770b064cb10"; got != want {
		t.Errorf("%d names, %s, want %s:\n%s", len(names), got, want, strings.Join(names, "\n"))
	}
}

// The generator leaves out no type.
func TestHistoriesCoverEveryType(t *testing.T) {
	seen := make(map[domain.Type]int)
	histories := rapid.Custom(func(t *rapid.T) []domain.Event {
		return slices.Concat(domaintest.History(t, "c"), domaintest.Merged(t, "c", "d"), domaintest.Ledger(t))
	})
	for seed := range 300 { // the same ones in each run: what is rare must not fail the test by chance
		for _, e := range histories.Example(seed) {
			seen[e.Type]++
		}
	}
	for _, typ := range domain.Types() {
		if seen[typ] == 0 {
			t.Errorf("%s was never drawn", typ)
		}
		d, ok := domain.NewData(typ)
		if !ok || d == nil {
			t.Errorf("%s has no payload", typ)
		}
	}
}

func TestFamily(t *testing.T) {
	if got := domain.Type("legal_hold.placed").Family(); got != "legal_hold" {
		t.Error(got)
	}
	if _, ok := domain.NewData("no.such"); ok {
		t.Error("an unknown type has a payload")
	}
}
