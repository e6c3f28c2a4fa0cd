package web

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"amends/domain"
)

func TestPolicies(t *testing.T) {
	g := newRig(t, nil)
	_, file, _ := domain.ShippedPolicy("psd2")
	file = []byte(strings.NewReplacer(`"version": "1"`, `"version": "2"`, `"product", "in": ["payment_services", "e_money"]`,
		`"product", "in": ["Card"]`).Replace(string(file)))
	data, err := json.Marshal(domain.PolicyPublished{PolicyID: "psd2", Version: "2", Policy: file})
	if err != nil {
		t.Fatal(err)
	}
	want(t, "status", g.post(t, typeJSON, event("p", "policy.published", "_ledger", string(data))).status, http.StatusCreated)

	byVersion := make(map[string]PolicyInfo)
	for _, p := range into[[]PolicyInfo](t, g.get(t, "/v1/policies")) {
		byVersion[p.PolicyID+" "+p.Version] = p
	}
	for name, inForce := range map[string]bool{"service 1": true, "cfpb 1": true, "psd2 1": false, "psd2 2": true, "fca-disp 1": false} {
		if p, ok := byVersion[name]; !ok || p.InForce != inForce || p.Published != (name == "psd2 2") {
			t.Errorf("%s: %+v", name, p)
		}
	}
	document := into[PolicyDocument](t, g.get(t, "/v1/policies/psd2"))
	if loaded, err := domain.LoadPolicy(document.Policy); err != nil || loaded.Version != "2" {
		t.Errorf("the policy in force is %v, %v", loaded, err)
	}
	want(t, "version", into[PolicyDocument](t, g.get(t, "/v1/policies/psd2?version=1")).Version, "1")
	problemOf(t, g.get(t, "/v1/policies/psd3"), http.StatusNotFound, "unknown-policy")

	clocks := into[[]domain.DeadlineStatus](t, g.get(t, "/v1/policies/psd2/test?received=2026-04-02T09:00:00Z&at=2026-04-28"))
	if len(clocks) != 1 || clocks[0].State != domain.DeadlineOverdue || clocks[0].DueOn != "2026-04-27" {
		t.Errorf("clocks: %+v", clocks)
	}
	want(t, "parameter", problemOf(t, g.get(t, "/v1/policies/psd2/test?received=yesterday"), http.StatusBadRequest, "bad-parameter").Parameter, "received")
	want(t, "parameter", problemOf(t, g.get(t, "/v1/policies/psd2/test"), http.StatusBadRequest, "bad-parameter").Parameter, "received")

	// Refused with the place of the mistake.
	a := g.post(t, typeJSON, event("q", "policy.published", "_ledger", `{"policy_id":"x","version":"1","policy":{"id":"x","versio":"1"}}`))
	if !strings.Contains(a.body, "invalid-policy") || !strings.Contains(a.body, "versio") {
		t.Errorf("refusal: %s", a.body)
	}
}

// The clocks are told with the customer, the history and the complaint, as of whenever one asks.
func TestDeadlinesInAnswers(t *testing.T) {
	g := newRig(t, nil)
	withComplaints(t, g) // registered on Sunday, 2026-03-01; now it is Monday, 09:00
	type answer struct {
		Deadlines []domain.DeadlineStatus `json:"deadlines"`
	}
	tell := func(path string) (out []string) {
		for _, d := range into[answer](t, g.get(t, path)).Deadlines {
			out = append(out, d.ComplaintID+" "+d.Clock+" "+string(d.State))
		}
		return out
	}
	for path, states := range map[string][]string{
		"/v1/customers/C1": {"K1 first_response running", "K1 resolution running", "K2 first_response met", "K2 resolution running"},
		"/v1/customers/C1?as_of=2026-03-01T10:30:00Z":            {"K1 first_response running", "K1 resolution running", "K2 first_response running", "K2 resolution running"},
		"/v1/customers/C1/history?as_of=2026-03-03":              {"K1 first_response overdue", "K1 resolution running", "K2 first_response met", "K2 resolution running"},
		"/v1/complaints/K2?after=4":                              {"K2 first_response met", "K2 resolution running"},
		"/v1/complaints/K1?customer=C2&after=4&as_of=2026-03-31": {"K1 first_response overdue", "K1 resolution overdue"},
		"/v1/complaints/K1?customer=C2&after=4&as_of=2026-02-01": nil,
		"/v1/customers/C1/history?known_at=2026-04-01":           {"K1 first_response overdue", "K1 resolution overdue", "K2 first_response met", "K2 resolution overdue"},
	} {
		want(t, path, tell(path), states)
	}
}

func TestWork(t *testing.T) {
	g := newRig(t, nil)
	withComplaints(t, g)
	g.post(t, typeJSON, event("e5", "complaint.assigned", "C1", `{"complaint_id":"K1","owner":"a.kim"}`))
	items := func(query string) (out []string) {
		for _, w := range into[[]WorkItem](t, g.get(t, "/v1/work?after=5&"+query)) {
			out = append(out, strings.Join([]string{w.CustomerID, w.ComplaintID, w.Name, w.State, w.TimeLeft}, " "))
		}
		return out
	}
	// A day of eight working hours from Monday, 09:00; forty are a week.
	want(t, "by Tuesday", items("within=1d"), []string{"C1 K1 first_response running 8h 0m", "C2 K1 first_response running 8h 0m"})
	want(t, "an owner's", items("within=7d&owner=a.kim"), []string{"C1 K1 first_response running 8h 0m", "C1 K1 resolution running 4d 8h"})
	want(t, "at another instant", items("within=0d&at="+url.QueryEscape("2026-03-02T17:30:01Z")),
		[]string{"C1 K1 first_response overdue -30m", "C2 K1 first_response overdue -30m"})
	want(t, "at the very moment", items("within=0d&at=2026-03-02T17:00:00Z"),
		[]string{"C1 K1 first_response running 0m", "C2 K1 first_response running 0m"})
	want(t, "parameter", problemOf(t, g.get(t, "/v1/work?within=soon"), http.StatusBadRequest, "bad-parameter").Parameter, "within")
}
