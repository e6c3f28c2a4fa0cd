package web

import (
	"encoding/json"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"amends/domain"
)

// As-of answers use the weights in force then, unless others are asked for; the drivers add up to the risk.
func TestRiskUsesTheWeightsInForce(t *testing.T) {
	var days atomic.Int64
	g := newRig(t, func(c *Config) { c.Clock = func() time.Time { return testTime.AddDate(0, 0, int(days.Load())) } })
	g.post(t, typeJSON, registered("e1", "C1", "K1"))
	days.Add(10)
	w := *domain.ExpertWeights()
	w.Version = "second"
	file, err := json.Marshal(w)
	if err != nil {
		t.Fatal(err)
	}
	loaded, err := domain.LoadWeights(file)
	if err != nil {
		t.Fatal(err)
	}
	data, err := json.Marshal(domain.WeightsPublished{Version: "second", SHA256: loaded.SHA256, Weights: file})
	if err != nil {
		t.Fatal(err)
	}
	publication := `{"specversion":"1.0","id":"w1","source":"urn:test","type":"weights.published","subject":"_ledger","time":"` +
		testTime.AddDate(0, 0, 10).Format(time.RFC3339) + `","data":` + string(data) + `}`
	if a := g.post(t, typeJSON, publication); a.status != http.StatusCreated {
		t.Fatalf("%d %s", a.status, a.body)
	}

	for query, version := range map[string]string{
		"": "second", "?as_of=2026-03-05": "expert-2", "?as_of=2026-03-05&weights=latest": "second", "?weights=expert-2": "expert-2",
		"?known_at=2026-03-05": "expert-2", "?as_of=2026-03-05&weights=in_force": "expert-2",
	} {
		a := g.get(t, "/v1/customers/C1/risk"+query)
		if a.status != http.StatusOK {
			t.Errorf("%s: %d %s", query, a.status, a.body)
			continue
		}
		risk := into[Risk](t, a)
		if risk.WeightsVersion != version {
			t.Errorf("%s: weights %s, want %s", query, risk.WeightsVersion, version)
		}
		sum, points := loaded.FormOf(risk.Form).ReferenceLogOdds, 0
		for _, d := range risk.Drivers {
			sum, points = sum+d.LogOdds, points+d.Points
		}
		if risk.LogOdds == nil || *risk.LogOdds != sum || *risk.Points != points || risk.IsCalibrated {
			t.Errorf("%s: %s", query, a.body)
		}
	}
	if a := g.get(t, "/v1/customers/C1/risk?weights=third"); a.status != http.StatusBadRequest {
		t.Errorf("%d %s", a.status, a.body)
	}
	if a := g.get(t, "/v1/customers/C2/risk"); a.status != http.StatusNotFound {
		t.Errorf("%d %s", a.status, a.body)
	}
}
