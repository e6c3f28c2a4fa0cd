package web

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"amends/access"
	"amends/domain"
	"amends/eventstore"
)

// ownRecords are the records of the ledger's own stream, those of one type.
func (g *rig) ownRecords(t *testing.T, eventType string) []map[string]any {
	t.Helper()
	var out []map[string]any
	for rec, err := range g.store.Read(t.Context(), domain.LedgerStream, 1) {
		if err != nil {
			t.Fatal(err)
		}
		var record map[string]any
		if err := json.Unmarshal(rec.Data, &record); err != nil {
			t.Fatal(err)
		}
		if record["type"] == eventType {
			out = append(out, record)
		}
	}
	return out
}

const askForKey = `{"name":"Ada's import","roles":["recorder"],"sources":["urn:crm"],"lifetime_seconds":3600}`

func TestKeysOverTheAPI(t *testing.T) {
	g := newGuarded(t, nil)
	adminID, admin := g.key(t, access.Request{Roles: []access.Role{access.Administrator}})
	a := g.as(t, admin, http.MethodPost, "/v1/access/keys", askForKey)
	want(t, "status", a.status, http.StatusCreated)
	want(t, "Cache-Control", a.header.Get("Cache-Control"), "no-store")
	granted := into[KeyGranted](t, a)
	want(t, "roles", granted.Roles, []access.Role{access.Recorder})
	want(t, "lifetime", granted.Expires.Sub(granted.Created), time.Hour)

	records := g.ownRecords(t, "access.granted")
	if len(records) != 1 {
		t.Fatalf("%d grants are on record", len(records))
	}
	want(t, "actor", records[0]["actor"], any("key:"+adminID))
	want(t, "data", records[0]["data"], any(map[string]any{
		"key_id": granted.ID, "roles": []any{"recorder"}, "sources": []any{"urn:crm"}, "expires_at": granted.Expires.Format(time.RFC3339),
	})) // and neither its name nor its secret

	list := g.as(t, admin, http.MethodGet, "/v1/access/keys", "")
	if strings.Contains(list.body, granted.Key[20:]) || len(into[[]access.APIKey](t, list)) != 2 {
		t.Errorf("list: %s", list.body)
	}
	event := strings.Replace(registered("e1", "C1", "K1"), `"/test"`, `"urn:crm"`, 1)
	want(t, "the key works", g.as(t, granted.Key, http.MethodPost, "/v1/events", event).status, http.StatusCreated)

	revoke := "/v1/access/keys/" + granted.ID + "/revoke"
	for range 2 { // the second time changes nothing
		a := g.as(t, admin, http.MethodPost, revoke, `{"reason":"found in a build log"}`)
		want(t, "revoked", a.status, http.StatusOK)
		if into[access.APIKey](t, a).Revoked == nil {
			t.Errorf("not revoked: %s", a.body)
		}
	}
	problemOf(t, g.as(t, granted.Key, http.MethodPost, "/v1/events", event), http.StatusUnauthorized, "invalid-credentials")
	records = g.ownRecords(t, "access.revoked")
	if len(records) != 1 {
		t.Fatalf("%d revocations are on record", len(records))
	}
	want(t, "data", records[0]["data"], any(map[string]any{"key_id": granted.ID, "reason": "found in a build log"}))

	// An administrator may end the key that asks.
	want(t, "own key", g.as(t, admin, http.MethodPost, "/v1/access/keys/"+adminID+"/revoke", "{}").status, http.StatusOK)
	want(t, "on record", len(g.ownRecords(t, "access.revoked")), 2)
	problemOf(t, g.as(t, admin, http.MethodGet, "/v1/access/keys", ""), http.StatusUnauthorized, "invalid-credentials")
}

func TestBadKeyRequests(t *testing.T) {
	g := newGuarded(t, nil)
	_, admin := g.key(t, access.Request{Roles: []access.Role{access.Administrator}})
	for body, pointer := range map[string]string{
		`{"name":"a","roles":["recorder","root"]}`:                      "/roles/1",
		`{"name":"a","roles":["recorder"],"lifetime_seconds":99999999}`: "/lifetime_seconds",
		`{"name":"a","roles":["recorder"],"lifetime_seconds":-1}`:       "/lifetime_seconds",
		`{"name":"a"}`:           "",
		`{"roles":["recorder"]}`: "",
		`{"name":"a","roles":["auditor"],"sources":[""]}`: "",
	} {
		p := problemOf(t, g.as(t, admin, http.MethodPost, "/v1/access/keys", body), http.StatusUnprocessableEntity, "bad-request")
		want(t, body, p.Pointer, pointer)
	}
	problemOf(t, g.as(t, admin, http.MethodPost, "/v1/access/keys", `{"nam":"a"}`), http.StatusBadRequest, "bad-request")
	problemOf(t, g.as(t, admin, http.MethodPost, "/v1/access/keys/aaaaaaaaaa/revoke", `{}`), http.StatusNotFound, "unknown-key")
	problemOf(t, g.as(t, admin, http.MethodPost, "/v1/access/keys/aaaaaaaaaa/revoke", `{"reason":"`+strings.Repeat("x", 201)+`"}`),
		http.StatusUnprocessableEntity, "bad-request")
	want(t, "grants on record", len(g.ownRecords(t, "access.granted")), 0)
	problemOf(t, newRig(t, nil).get(t, "/v1/access/keys"), http.StatusNotFound, "no-keys")
}

// TestDeniedIsOnRecord: once a day for each caller and operation, so that trying does not fill the log.
func TestDeniedIsOnRecord(t *testing.T) {
	g := newGuarded(t, nil)
	id, analyst := g.key(t, access.Request{Roles: []access.Role{access.Analyst}})
	for range 3 {
		problemOf(t, g.as(t, analyst, http.MethodPost, "/v1/access/keys", askForKey), http.StatusForbidden, "permission-denied")
	}
	problemOf(t, g.as(t, analyst, http.MethodPost, "/v1/rebuild", "{}"), http.StatusForbidden, "permission-denied")
	problemOf(t, g.as(t, analyst, http.MethodGet, "/v1/events", ""), http.StatusForbidden, "permission-denied") // not an administrator's
	records := g.ownRecords(t, "access.denied")
	var operations []any
	for _, r := range records {
		want(t, "actor", r["actor"], any("key:"+id))
		operations = append(operations, r["data"].(map[string]any)["operation"])
	}
	want(t, "operations", operations, []any{"grant-key", "rebuild-views"})
	want(t, "grants", len(g.ownRecords(t, "access.granted")), 0)
}

// TestKeysWithoutTheLog: no key works that is not on record, and a leaked key ends whatever happens to the log.
func TestKeysWithoutTheLog(t *testing.T) {
	log := &broken{Store: eventstore.NewMemory()}
	g := newGuarded(t, func(cfg *Config) { cfg.Store = log })
	_, admin := g.key(t, access.Request{Roles: []access.Role{access.Administrator}})
	id, leaked := g.key(t, access.Request{Roles: []access.Role{access.Auditor}})
	problemOf(t, g.as(t, admin, http.MethodPost, "/v1/access/keys", askForKey), http.StatusServiceUnavailable, "log-unavailable")
	keys, err := g.keys.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want(t, "keys", len(keys), 2)

	revoke := "/v1/access/keys/" + id + "/revoke"
	problemOf(t, g.as(t, admin, http.MethodPost, revoke, "{}"), http.StatusServiceUnavailable, "log-unavailable")
	problemOf(t, g.as(t, leaked, http.MethodGet, "/v1/status", ""), http.StatusUnauthorized, "invalid-credentials")
	log.appendsLeft = 100 // the log is back: sending the same again completes the record
	want(t, "again", g.as(t, admin, http.MethodPost, revoke, "{}").status, http.StatusOK)
	want(t, "on record", len(g.ownRecords(t, "access.revoked")), 1)
}
