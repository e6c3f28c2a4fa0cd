package web

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"amends/access"
	"amends/eventstore"
	"amends/vault"
)

// sealingRig is the API over a log in memory, with a vault.
func sealingRig(t *testing.T, change func(*Config)) *rig {
	t.Helper()
	v, err := vault.Open(t.Context(), vault.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { v.Close() })
	var cfg *Config
	g := newRig(t, func(c *Config) {
		c.Vault = v
		if change != nil {
			change(c)
		}
		cfg = c
	})
	ctx, cancel := context.WithCancel(t.Context())
	var follower sync.WaitGroup
	follower.Go(func() { _ = cfg.Ledger.Index(ctx) })
	t.Cleanup(func() {
		cancel()
		follower.Wait()
	})
	return g
}

// TestDisclosureFollowsMerger: asked for by any of its ids, the person gets all of their data and every access to it.
func TestDisclosureFollowsMerger(t *testing.T) {
	g := sealingRig(t, nil)
	g.post(t, typeJSON, event("e1", "interaction.call", "G-1", call))
	g.post(t, typeJSON, event("e2", "interaction.call", "G-2", call))
	g.post(t, typeJSON, event("e3", "interaction.call", "G-3", call))
	g.post(t, typeJSON, event("m2", "customer.merged_into", "G-2", `{"customer_id":"G-1"}`))
	g.post(t, typeJSON, event("a3", "customer.absorbed", "G-1", `{"customer_id":"G-3"}`))
	g.get(t, "/v1/customers/G-1/history?open=true&purpose=call+back")
	g.get(t, "/v1/customers/G-3/history?open=true")
	var d Disclosure
	a := g.do(t, http.MethodPost, "/v1/customers/G-2/disclosure", "", "")
	if err := json.Unmarshal([]byte(a.body), &d); err != nil {
		t.Fatalf("%v: %s", err, a.body)
	}
	want(t, "calls", strings.Count(a.body, "about the kettle"), 3)
	want(t, "records", len(d.Records), 5)
	want(t, "customers", slices.Sorted(slices.Values(d.Customers)), []string{"G-1", "G-2", "G-3"})
	var purposes []string
	for _, a := range d.Accesses {
		if purposes = append(purposes, a.Purpose); a.At.IsZero() || !strings.Contains(a.Scope, "interaction") {
			t.Errorf("an access: %+v", a)
		}
	}
	// The first opened G-1 and, with it, G-3; then G-3; then the disclosure itself, of all three.
	const unstated = "purpose not stated"
	want(t, "purposes", purposes, []string{"call back", "call back", unstated, unstated, unstated, unstated})
	if strings.Contains(a.body, `"actor"`) || strings.Contains(a.body, access.LocalUser().ID) {
		t.Errorf("it names staff: %s", a.body)
	}
}

const call = `{"direction":"inbound","summary":"about the kettle","extra":{"n":1}}`

// TestOpenIsRecorded: opening gives the values in clear and leaves one access.recorded for each customer; exact records stay
// sealed and leave none.
func TestOpenIsRecorded(t *testing.T) {
	g := sealingRig(t, nil)
	g.post(t, typeJSON, event("e1", "interaction.call", "C1", call))
	g.post(t, typeJSON, event("e2", "interaction.call", "C2", call))
	g.post(t, typeJSON, event("e3", "complaint.registered", "C3", `{"complaint_id":"K1"}`))
	accesses := func() []string {
		var out []string
		for _, rec := range lines(g.get(t, "/v1/events?customer=_ledger", "Accept", typeNDJSON).body) {
			out = append(out, rec[strings.Index(rec, `"data":`):])
		}
		return out
	}
	for _, path := range []string{"/v1/customers/C1/history", "/v1/events", "/v1/events?open=false"} {
		if body := g.get(t, path).body; strings.Contains(body, "kettle") || !strings.Contains(body, "sealed:v1:") {
			t.Errorf("%s: %s", path, body)
		}
	}
	want(t, "accesses", accesses(), nil)

	if body := g.get(t, "/v1/customers/C1/history?open=true&purpose=call+back").body; !strings.Contains(body, `"summary":"about the kettle","extra":{"n":1}`) {
		t.Errorf("opened: %s", body)
	}
	if body := g.get(t, "/v1/customers/C3/history?open=true").body; !strings.Contains(body, "K1") {
		t.Errorf("nothing to open: %s", body)
	}
	if body := g.get(t, "/v1/events?open=true").body; strings.Count(body, "about the kettle") != 2 {
		t.Errorf("pages: %s", body)
	}
	want(t, "accesses", accesses(), []string{
		`"data":{"customer_id":"C1","purpose":"call back","scope":"history: interaction"}}}`,
		`"data":{"customer_id":"C1","purpose":"not stated","scope":"events: interaction"}}}`,
		`"data":{"customer_id":"C2","purpose":"not stated","scope":"events: interaction"}}}`,
	})
	problemOf(t, g.get(t, "/v1/events?open=true", "Accept", typeNDJSON), http.StatusBadRequest, "bad-parameter")
	problemOf(t, g.get(t, "/v1/events?open=true", "Accept", typeSSE), http.StatusBadRequest, "bad-parameter")
	problemOf(t, g.get(t, "/v1/customers/C1/history?open=true&purpose="+strings.Repeat("x", 201)), http.StatusBadRequest, "bad-parameter")
	if body := g.get(t, "/v1/customers/C1/history?open=true", "Accept", typeNDJSON).body; !strings.Contains(body, "kettle") {
		t.Errorf("opened lines: %s", body)
	}
}

// unwritable is a log that takes nothing more once it is told so.
type unwritable struct {
	eventstore.Store
	full bool
}

func (u *unwritable) Append(ctx context.Context, stream string, expect eventstore.Expect, events ...eventstore.Event) ([]eventstore.Position, error) {
	if u.full {
		return nil, errBroken
	}
	return u.Store.Append(ctx, stream, expect, events...)
}

// TestOpenFailsClosed: what cannot be recorded as read is not shown.
func TestOpenFailsClosed(t *testing.T) {
	log := &unwritable{Store: eventstore.NewMemory()}
	g := sealingRig(t, func(c *Config) { c.Store = log })
	g.post(t, typeJSON, event("e1", "interaction.call", "C1", call))
	log.full = true
	for _, path := range []string{"/v1/customers/C1/history?open=true", "/v1/events?open=true"} {
		a := g.get(t, path)
		problemOf(t, a, http.StatusServiceUnavailable, "log-unavailable")
		if strings.Contains(a.body, "kettle") {
			t.Errorf("%s shows it: %s", path, a.body)
		}
	}
	problemOf(t, g.do(t, http.MethodPost, "/v1/customers/C1/disclosure", "", ""), http.StatusServiceUnavailable, "log-unavailable")
}

func TestWithoutVault(t *testing.T) {
	g := newRig(t, nil)
	g.post(t, typeJSON, event("e1", "interaction.call", "C1", call))
	problemOf(t, g.get(t, "/v1/customers/C1/history?open=true"), http.StatusForbidden, "not-permitted")
	problemOf(t, g.do(t, http.MethodPost, "/v1/find", typeJSON, `{"kind":"email","value":"a@b"}`), http.StatusUnprocessableEntity, "nothing-sealed")
	problemOf(t, g.do(t, http.MethodPost, "/v1/keys/rotate", typeJSON, `{}`), http.StatusUnprocessableEntity, "nothing-sealed")
}

// TestFindBehind: a look-up that the index is not ready for says so, instead of finding nobody.
func TestFindBehind(t *testing.T) {
	v, err := vault.Open(t.Context(), vault.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	g := newRig(t, func(c *Config) { c.Vault, c.WaitForViews = v, time.Millisecond }) // nobody indexes
	g.post(t, typeJSON, event("e1", "customer.identity_linked", "C1", `{"kind":"email","value":"a@b"}`))
	problemOf(t, g.do(t, http.MethodPost, "/v1/find", typeJSON, `{"kind":"email","value":"a@b"}`), http.StatusServiceUnavailable, "index-behind")
}

func TestFindAndErase(t *testing.T) {
	g := sealingRig(t, nil)
	g.post(t, typeJSON, event("e1", "customer.identity_linked", "C1", `{"kind":"email","value":"A@b.example"}`))
	find := func() string {
		return strings.TrimSpace(g.do(t, http.MethodPost, "/v1/find?purpose=complaint", typeJSON, `{"kind":"email","value":" a@B.example"}`).body)
	}
	want(t, "found", find(), `{"customers":["C1"]}`)
	problemOf(t, g.do(t, http.MethodPost, "/v1/find", typeJSON, `{"kind":"email","value":" "}`), http.StatusUnprocessableEntity, "missing-field")
	problemOf(t, g.do(t, http.MethodPost, "/v1/find?email=a@b", typeJSON, `{}`), http.StatusBadRequest, "bad-parameter")

	erase := "/v1/customers/C1/erasures"
	p := problemOf(t, g.do(t, http.MethodPost, erase, typeJSON, `{"classes":["all","marketing"],"reason":"asked"}`), http.StatusUnprocessableEntity, "unknown-code")
	want(t, "pointer", p.Pointer, "/data/classes/0")
	problemOf(t, g.do(t, http.MethodPost, erase, typeJSON, `{"classes":["all"],"reason":""}`), http.StatusUnprocessableEntity, "wrong-length")
	problemOf(t, g.do(t, http.MethodPost, "/v1/customers/C9/erasures", typeJSON, `{"classes":["all"],"reason":"asked"}`), http.StatusNotFound, "unknown-customer")
	problemOf(t, g.do(t, http.MethodPost, erase+"/X9/approve", "", ""), http.StatusNotFound, "unknown-erasure")
	for range 2 { // sent again it adds nothing
		a := g.do(t, http.MethodPost, erase, typeJSON, `{"erasure_id":"X1","classes":["all"],"reason":"asked"}`)
		if !strings.Contains(a.body, `"state":"requested"`) {
			t.Fatalf("requested: %s", a.body)
		}
	}
	if open := g.get(t, "/v1/erasures").body; strings.Count(open, `"erasure_id":"X1"`) != 1 {
		t.Errorf("open erasures: %s", open)
	}
	for range 2 {
		a := g.do(t, http.MethodPost, erase+"/X1/approve", "", "")
		if !strings.Contains(a.body, `"state":"completed"`) {
			t.Fatalf("approved: %s", a.body)
		}
	}
	want(t, "found after the erasure", find(), `{"customers":[]}`)
	if history := g.get(t, "/v1/customers/C1/history?open=true").body; !strings.Contains(history, `"value":"[erased]"`) ||
		!strings.Contains(history, `"erased":[{"pointer":"/data/value","class":"complaint_record"}]`) || strings.Count(history, `"type":"erasure.completed"`) != 1 {
		t.Errorf("history: %s", history)
	}
	want(t, "open erasures", strings.TrimSpace(g.get(t, "/v1/erasures").body), `{"erasures":[]}`)
}
