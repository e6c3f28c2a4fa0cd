package domain_test

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"testing"

	"amends/domain"
)

func expertFile(t *testing.T) string {
	t.Helper()
	file, err := os.ReadFile("weights/expert-1.json")
	if err != nil {
		t.Fatal(err)
	}
	return string(file)
}

// A published file is never edited: a change is a new version.
func TestExpertWeightsAreFrozen(t *testing.T) {
	sum := sha256.Sum256([]byte(expertFile(t)))
	w := domain.ExpertWeights()
	if w.SHA256 != hex.EncodeToString(sum[:]) || w.Version != "expert-1" {
		t.Errorf("%s %s", w.Version, w.SHA256)
	}
	if want := "39544560a6dae15cad1609ede524e4f65845b275cddecd1674863b9c0ec5bf1c"; w.SHA256 != want {
		t.Errorf("weights/expert-1.json has changed: %s, want %s", w.SHA256, want)
	}
}
