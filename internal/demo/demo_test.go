package demo_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"testing"
	"time"

	"amends/domain"
	"amends/internal/demo"
	"amends/schemas"
)

// taken is the clock of the ledger that takes the demonstration.
var taken = time.Date(2026, time.July, 2, 0, 0, 0, 0, time.UTC)

func TestEveryInputIsValidAndPointsAtSomething(t *testing.T) {
	codec, err := schemas.New()
	if err != nil {
		t.Fatal(err)
	}
	for _, seed := range []int64{0, 1, 7, -3} {
		known := map[string]*domain.References{}
		latest := map[string]time.Time{}
		schemaOf := map[string]string{}
		seen := map[domain.Type]int{}
		events := 0
		for raw := range demo.Generate(demo.Config{Seed: seed}) {
			in, err := codec.ParseInput(raw, taken)
			if err != nil {
				t.Fatalf("seed %d: %v in %s", seed, err, raw)
			}
			e := in.Event
			refs := known[e.Customer]
			if refs == nil {
				refs = &domain.References{}
				known[e.Customer] = refs
			}
			if d, ok := e.Data.(*domain.RecordCorrected); ok {
				if err := codec.Correction(&in, schemaOf[d.EventID]); err != nil {
					t.Fatalf("seed %d: %v in %s", seed, err, raw)
				}
				e = in.Event
			}
			if err := refs.Check(e); err != nil {
				t.Fatalf("seed %d: %v in %s", seed, err, raw)
			}
			if _, twice := refs.Recorded(e.ID); twice {
				t.Fatalf("seed %d: the id %s stands twice", seed, e.ID)
			}
			refs.Add(e)
			schemaOf[e.ID] = in.Schema
			if e.Time.Before(latest[e.Customer]) {
				t.Fatalf("seed %d: %s goes back in time", seed, e.ID)
			}
			latest[e.Customer] = e.Time
			seen[e.Type]++
			events++
		}
		for _, typ := range domain.Types() {
			if !typ.LedgerOwn() && !typ.MadeByLedger() && seen[typ] == 0 {
				t.Errorf("seed %d: no %s", seed, typ)
			}
		}
		t.Logf("seed %d: %d events of %d customers, %d departures, %d complaints", seed, events, len(known), seen["customer.departed"], seen["complaint.registered"])
	}
}

func digest(cfg demo.Config) string {
	h := sha256.New()
	for raw := range demo.Generate(cfg) {
		h.Write(append(raw, '\n'))
	}
	return hex.EncodeToString(h.Sum(nil))
}

func TestTheSameSeedGivesTheSameBytes(t *testing.T) {
	cfg := demo.Config{Seed: 42, Customers: 40}
	generate := demo.Generate(cfg)
	var first, second []byte
	for raw := range generate {
		first = append(first, raw...)
	}
	for raw := range generate { // ranging again begins anew
		second = append(second, raw...)
	}
	if !bytes.Equal(first, second) {
		t.Error("one seed gave different bytes")
	}
	if digest(cfg) == digest(demo.Config{Seed: 43, Customers: 40}) {
		t.Error("two seeds gave the same bytes")
	}
}

func TestNothingHappensOutsideTheSpan(t *testing.T) {
	cfg := demo.Config{Seed: 5, Customers: 60,
		From: time.Date(2023, 3, 1, 0, 0, 0, 0, time.UTC), To: time.Date(2024, 3, 1, 0, 0, 0, 0, time.UTC)}
	n := 0
	for raw := range demo.Generate(cfg) {
		var e struct{ Time time.Time }
		if err := json.Unmarshal(raw, &e); err != nil {
			t.Fatal(err)
		}
		if e.Time.Before(cfg.From) || !e.Time.Before(cfg.To) {
			t.Fatalf("outside the span: %s", raw)
		}
		n++
	}
	if n < 300 {
		t.Errorf("only %d events", n)
	}
}

func TestRangingMayStopEarly(t *testing.T) {
	n := 0
	for range demo.Generate(demo.Config{}) {
		if n++; n == 10 {
			break
		}
	}
}

// What a satisfaction index and a churn model should find: those who were treated badly score lower, and more of them leave.
func TestScoresAndDeparturesFollowFromWhatHappened(t *testing.T) {
	type history struct {
		left, hurt   bool
		sum, answers float64
	}
	customers := map[string]*history{}
	for raw := range demo.Generate(demo.Config{Seed: 11, Customers: 1500}) {
		var e struct {
			Type, Subject string
			Data          struct {
				Metric string
				Score  float64
			}
		}
		if err := json.Unmarshal(raw, &e); err != nil {
			t.Fatal(err)
		}
		c := customers[e.Subject]
		if c == nil {
			c = &history{}
			customers[e.Subject] = c
		}
		switch e.Type {
		case "customer.departed":
			c.left = true
		case "commitment.broken", "complaint.disputed":
			c.hurt = true
		case "survey.answered":
			if e.Data.Metric == "csat" {
				c.sum += e.Data.Score
				c.answers++
			}
		}
	}
	type group struct{ customers, left, sum, answers float64 }
	groups := map[bool]*group{true: {}, false: {}}
	for _, c := range customers {
		g := groups[c.hurt]
		g.customers++
		if c.left {
			g.left++
		}
		g.sum += c.sum
		g.answers += c.answers
	}
	bad, fair := groups[true], groups[false]
	t.Logf("treated badly: %.0f, %.2f left, csat %.2f; others: %.0f, %.2f left, csat %.2f", bad.customers, bad.left/bad.customers,
		bad.sum/bad.answers, fair.customers, fair.left/fair.customers, fair.sum/fair.answers)
	if bad.customers < 100 || bad.left/bad.customers < 1.5*fair.left/fair.customers {
		t.Error("departures do not follow from what happened")
	}
	if bad.sum/bad.answers > fair.sum/fair.answers-0.3 {
		t.Error("scores do not follow from what happened")
	}
}
