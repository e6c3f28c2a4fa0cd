package web

import (
	"encoding/json"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"amends/domain"
)

type rawHistory struct {
	Customer string
	Records  []struct {
		Position     uint64
		LateSeconds  int64  `json:"late_seconds"`
		SupersededBy string `json:"superseded_by"`
		Changes      []Change
		Event        jsontext.Value
	}
	State struct {
		Complaints []map[string]any
	}
}

func TestHistoryOnBothAxes(t *testing.T) {
	var days atomic.Int64 // the projector asks the clock too
	g := newRig(t, func(c *Config) { c.Clock = func() time.Time { return testTime.AddDate(0, 0, int(days.Load())) } })
	g.post(t, typeJSON, registered("e1", "C1", "K1"))
	days.Add(1)
	g.post(t, typeJSON, event("e2", "complaint.acknowledged", "C1", `{"complaint_id":"K1"}`))
	days.Add(1)
	g.post(t, typeJSON, event("e3", "record.corrected", "C1", `{"event_id":"e1","data":{"complaint_id":"K1","product":"Loan"}}`))
	all := g.stored(t)

	a := g.get(t, "/v1/customers/C1/history")
	want(t, "position header", a.header.Get(positionHeader), "3")
	h := into[rawHistory](t, a)
	want(t, "records", len(h.Records), 3)
	want(t, "who superseded the first", h.Records[0].SupersededBy, "e3")
	want(t, "state", h.State.Complaints[0]["product"], any("Loan"))
	for _, rec := range h.Records {
		want(t, "exact record", string(rec.Event), all[rec.Position])
		if rec.Position < 3 && len(rec.Changes) == 0 {
			t.Errorf("position %d changed nothing", rec.Position)
		}
	}

	for query, records := range map[string]int{
		"known_at=2026-03-02":           1, // the end of that day
		"known_at=2026-03-03T09:00:00Z": 2,
		"known_at=2026-03-03T08:59:59Z": 1,
		"as_of=2026-03-01T10:30:00Z":    1,
		"as_of=2026-03-01":              3, // all three happened on that day
	} {
		h := into[rawHistory](t, g.get(t, "/v1/customers/C1/history?"+query))
		want(t, query, len(h.Records), records)
	}
	h = into[rawHistory](t, g.get(t, "/v1/customers/C1/history?known_at=2026-03-03"))
	want(t, "product as known before the correction", h.State.Complaints[0]["product"], any("Card"))

	a = g.get(t, "/v1/customers/C1/history", "Accept", typeNDJSON)
	want(t, "NDJSON is the stored records", a.body, all[1]+"\n"+all[2]+"\n"+all[3]+"\n")

	problemOf(t, g.get(t, "/v1/customers/C2/history"), http.StatusNotFound, "unknown-customer")
	problemOf(t, g.get(t, "/v1/customers/C1/history?known_at=2026-01-01"), http.StatusNotFound, "unknown-customer")
	problemOf(t, g.get(t, "/v1/customers/a@b.c/history"), http.StatusBadRequest, "bad-customer-id")
	problemOf(t, g.get(t, "/v1/customers/C1/history?as_of=yesterday"), http.StatusBadRequest, "bad-parameter")
}

func TestCustomer(t *testing.T) {
	g := newRig(t, nil)
	g.post(t, typeJSON, event("e1", "customer.registered", "C1", `{"name":"Jane Doe","tier":"key"}`))
	g.post(t, typeJSON, registered("e2", "C1", "K1"))
	a := g.get(t, "/v1/customers/C1")
	got := into[struct {
		Customer string
		State    struct {
			ID, Tier   string
			Complaints []struct{ State string }
		}
	}](t, a)
	want(t, "tier", got.State.Tier, "key")
	want(t, "complaint", got.State.Complaints[0].State, "registered")
	if strings.Contains(a.body, "Jane") {
		t.Error("the state holds a name")
	}
	problemOf(t, g.get(t, "/v1/customers/C7"), http.StatusNotFound, "unknown-customer")
}

func TestStateNames(t *testing.T) {
	no := false
	c := &domain.Customer{
		ID: "C1", Position: 7, RegisteredAt: testTime,
		Complaints: []*domain.Complaint{{
			Touched: domain.Touched{Position: 7, EventID: "e1"}, ID: "K1", State: domain.StatePaused, Vulnerable: &no,
			PausedTotal: 90 * time.Minute, RedressMinor: map[string]int64{"EUR": 5},
			Proposals: []domain.Proposal{{ID: "P1", Remedies: []domain.Remedy{{Kind: "refund"}}}},
		}},
	}
	text, err := json.Marshal(state{c})
	if err != nil {
		t.Fatal(err)
	}
	want(t, "state", string(text), `{"id":"C1","position":7,"registered_at":"2026-03-02T09:00:00Z","complaints":[{"position":7,`+
		`"event_id":"e1","id":"K1","vulnerable":false,"state":"paused","paused_total_seconds":5400,`+
		`"proposals":[{"id":"P1","remedies":[{"kind":"refund"}]}],"redress_minor":{"EUR":5}}]}`)
	for name, snaked := range map[string]string{"ID": "id", "EventID": "event_id", "RegisteredAt": "registered_at", "LastCSATScore": "last_csat_score"} {
		want(t, name, snake(name), snaked)
	}
}
