package domain_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"amends/domain"
)

func published(t *testing.T, version string, at, recorded int) domain.Event {
	t.Helper()
	w := *domain.ExpertWeights()
	w.Version = version
	file, err := json.Marshal(w)
	if err != nil {
		t.Fatal(err)
	}
	loaded, err := domain.LoadWeights(file)
	if err != nil {
		t.Fatal(err)
	}
	return domain.Event{ID: version, Customer: domain.LedgerStream, Type: "weights.published", Time: day(at), Recorded: day(recorded),
		Position: uint64(recorded), Data: &domain.WeightsPublished{Version: version, SHA256: loaded.SHA256, Weights: file}}
}

// Which weights answer depends on both axes: what was in force then, and what was known of it.
func TestWeightsInForce(t *testing.T) {
	s := domain.NewWeightsSchedule(domain.ExpertWeights())
	for _, e := range []domain.Event{published(t, "b", 20, 25), published(t, "a", 10, 10), published(t, "b", 20, 25)} {
		if err := s.Add(&e); err != nil {
			t.Fatal(err)
		}
	}
	tests := []struct {
		limits domain.Limits
		want   string
	}{
		{domain.Limits{}, "b"},
		{domain.Limits{AsOf: day(9)}, "expert-2"},
		{domain.Limits{AsOf: day(10)}, "a"},
		{domain.Limits{AsOf: day(22)}, "b"},
		{domain.Limits{AsOf: day(22), KnownAt: day(22)}, "a"},
		{domain.Limits{KnownAt: day(9)}, "expert-2"},
	}
	for _, tt := range tests {
		if got := s.InForce(tt.limits).Version; got != tt.want {
			t.Errorf("%+v: %s, want %s", tt.limits, got, tt.want)
		}
	}
	if w, ok := s.Version("a"); !ok || w.Version != "a" {
		t.Error("a is not found")
	}
	if _, ok := s.Version("c"); ok {
		t.Error("c was never published")
	}

	for name, spoil := range map[string]func(*domain.WeightsPublished){
		"another hash":    func(d *domain.WeightsPublished) { d.SHA256 = strings.Repeat("0", 64) },
		"another version": func(d *domain.WeightsPublished) { d.Version = "z" },
		"no weights":      func(d *domain.WeightsPublished) { d.Weights = json.RawMessage(`{"intercept":1}`) },
	} {
		e := published(t, "bad", 30, 30)
		spoil(e.Data.(*domain.WeightsPublished))
		if err := s.Add(&e); !errors.Is(err, domain.ErrWeights) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if got := s.InForce(domain.Limits{AsOf: day(99).Add(time.Hour)}).Version; got != "b" {
		t.Errorf("what cannot be used is in force: %s", got)
	}
}
