package domain_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"testing"

	"amends/domain"
)

func expertFile(t *testing.T) string {
	t.Helper()
	file, err := os.ReadFile("weights/expert-2.json")
	if err != nil {
		t.Fatal(err)
	}
	return string(file)
}

// A published file is never edited: a change is a new version.
func TestExpertWeightsAreFrozen(t *testing.T) {
	var compact bytes.Buffer
	if err := json.Compact(&compact, []byte(expertFile(t))); err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(compact.Bytes())
	w := domain.ExpertWeights()
	if w.SHA256 != hex.EncodeToString(sum[:]) || w.Version != "expert-2" {
		t.Errorf("%s %s", w.Version, w.SHA256)
	}
	if want := "c446482ab6e9f2fce59177c9ad31347bf82636c681c5b4d2f203a3f49fd868c6"; w.SHA256 != want {
		t.Errorf("weights/expert-2.json has changed: %s, want %s", w.SHA256, want)
	}
}
