package web

import (
	"bytes"
	"net/http"
	"strings"
	"testing"

	"amends/audit/verifier"
	"amends/eventstore"
	"amends/schemas"
	"amends/vault"
)

// TestEvidenceWithKeys: the keys in a bundle open what is sealed in its records and nothing that was erased, and the bundle is
// given after the reading is on record, for a purpose. Without being asked for there are none.
func TestEvidenceWithKeys(t *testing.T) {
	v, err := vault.Open(t.Context(), vault.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	log := &unwritable{Store: eventstore.NewMemory()}
	g, sealer := sealedRig(t, func(c *Config) { c.Store, c.Vault = log, v })
	g.post(t, typeJSON, event("e1", "interaction.call", "C1", call))
	g.post(t, typeJSON, event("e2", "customer.identity_linked", "C1", `{"kind":"email","value":"a@b.example"}`))
	g.post(t, typeJSON, event("e3", "interaction.call", "C2", call))
	g.post(t, typeJSON, event("e4", "customer.absorbed", "C1", `{"customer_id":"C2"}`))
	if _, err := v.Destroy(t.Context(), "C2", "X", []string{"interaction"}); err != nil {
		t.Fatal(err)
	}
	report := func(a answer) *verifier.Report {
		t.Helper()
		r, err := verifier.Check(bytes.NewReader([]byte(a.body)), int64(len(a.body)), verifier.Options{Key: sealer.Key()})
		if err != nil {
			t.Fatalf("%d %.200s: %v", a.status, a.body, err)
		}
		return r
	}
	const path = "/v1/customers/C1/evidence"
	if keys := report(g.get(t, path+"?keys=false")).Keys(); keys != nil {
		t.Errorf("not asked for: %s", keys)
	}
	problemOf(t, g.get(t, path+"?keys=true"), http.StatusBadRequest, "bad-parameter")
	problemOf(t, g.get(t, path+"?keys=true&purpose="+strings.Repeat("x", 201)), http.StatusBadRequest, "bad-parameter")
	if n := len(lines(g.get(t, "/v1/events?customer=_ledger", "Accept", typeNDJSON).body)); n != 0 {
		t.Errorf("%d accesses are on record before one was made", n)
	}

	a := g.get(t, path+"?keys=true&purpose=ombudsman+case")
	want(t, "Cache-Control", a.header.Get("Cache-Control"), "no-store")
	r := report(a)
	keys, err := vault.ParseKeys(r.Keys())
	if err != nil || keys.Len() != 2 {
		t.Fatalf("%d keys, %v", keys.Len(), err)
	}
	codec, err := schemas.New()
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	for _, record := range r.Records() {
		opened, _, err := codec.OpenWith(keys, record)
		if err != nil {
			t.Fatal(err)
		}
		text.Write(opened)
	}
	if s := text.String(); strings.Count(s, "kettle") != 1 || !strings.Contains(s, "a@b.example") || strings.Count(s, schemas.Unopenable) != 2 {
		t.Errorf("opened: %s", s)
	}
	on := lines(g.get(t, "/v1/events?customer=_ledger", "Accept", typeNDJSON).body)
	if len(on) != 1 || !strings.HasSuffix(on[0],
		`"data":{"customer_id":"C1","purpose":"ombudsman case","scope":"evidence with keys: complaint_record, interaction"}}}`) {
		t.Errorf("accesses: %v", on)
	}

	log.full = true
	problemOf(t, g.get(t, path+"?keys=true&purpose=again"), http.StatusServiceUnavailable, "log-unavailable")
}

// TestEvidenceKeysWithoutVault: where nothing is sealed nobody is given keys.
func TestEvidenceKeysWithoutVault(t *testing.T) {
	g, _ := sealedRig(t)
	g.post(t, typeJSON, event("e1", "complaint.registered", "C1", `{"complaint_id":"K1"}`))
	problemOf(t, g.get(t, "/v1/customers/C1/evidence?keys=true&purpose=x"), http.StatusForbidden, "not-permitted")
}
