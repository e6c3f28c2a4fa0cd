package web

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/coreos/go-oidc/v3/oidc/oidctest"
	"github.com/rs/zerolog"

	"amends/access"
	"amends/domain"
	"amends/schemas"
)

// guarded is a rig where nobody is let in without credentials.
type guarded struct {
	*rig
	keys *access.Keys
	log  *safeBuffer
}

// safeBuffer takes the log of several requests at once.
type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *safeBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *safeBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

func newGuarded(t *testing.T, change func(*Config)) *guarded {
	t.Helper()
	keys, err := access.OpenKeys(t.Context(), filepath.Join(t.TempDir(), "access.sqlite"), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := keys.Close(); err != nil {
			t.Error(err)
		}
	})
	g := &guarded{keys: keys, log: &safeBuffer{}}
	g.rig = newRig(t, func(cfg *Config) {
		cfg.Callers = access.Callers{Keys: keys}
		cfg.Logger = zerolog.New(g.log)
		if change != nil {
			change(cfg)
		}
	})
	return g
}

// key makes a key past the API.
func (g *guarded) key(t *testing.T, request access.Request) (id, secret string) {
	t.Helper()
	if request.Name == "" {
		request.Name = "test"
	}
	key, secret, err := g.keys.Draft(request)
	if err != nil {
		t.Fatal(err)
	}
	if err := g.keys.Store(t.Context(), key, secret); err != nil {
		t.Fatal(err)
	}
	return key.ID, secret
}

func (g *guarded) as(t *testing.T, secret, method, path, body string) answer {
	t.Helper()
	contentType := ""
	if body != "" {
		contentType = typeJSON
	}
	return g.do(t, method, path, contentType, body, "Authorization", "Bearer "+secret)
}

// TestEveryRouteForEveryRole goes through the routes as the server has them, so that a new one is covered from its first day.
func TestEveryRouteForEveryRole(t *testing.T) {
	g := newGuarded(t, nil)
	secrets := make(map[access.Role]string)
	for _, grant := range access.Grants() {
		_, secrets[grant.Role] = g.key(t, access.Request{Roles: []access.Role{grant.Role}})
	}
	// What each route needs, to be seen when it changes. Routes that are not in it are held to what they declare.
	needs := map[string]access.Permission{
		"record-events": "record_events", "read-events": "read_records", "read-customer": "read_views", "read-history": "read_records",
		"list-complaints": "read_views", "read-complaint": "read_views", "list-views": "read_views", "query-view": "read_views",
		"query-sql": "run_sql", "grant-key": "administer", "list-keys": "administer", "revoke-key": "administer",
		"rebuild-views": "administer", "read-status": "read_views", "health": "public",
	}
	for _, rt := range (&server{}).allRoutes() {
		if want, known := needs[rt.id]; known && rt.needs != want {
			t.Errorf("%s needs %q, want %q", rt.id, rt.needs, want)
		}
		path := rt.path
		for segment := range strings.SplitSeq(rt.path, "/") {
			if strings.HasPrefix(segment, "{") {
				path = strings.Replace(path, segment, "x1", 1)
			}
		}
		body := ""
		if rt.method != http.MethodGet {
			body = "{}"
		}
		nobody := g.do(t, rt.method, path, typeJSON, body)
		if public := rt.needs == access.Public; public != (nobody.status != http.StatusUnauthorized) {
			t.Errorf("%s for nobody: %d", rt.id, nobody.status)
		}
		if rt.needs == access.Public {
			continue
		}
		if !strings.HasPrefix(nobody.header.Get("WWW-Authenticate"), "Bearer ") {
			t.Errorf("%s does not say how to authenticate", rt.id)
		}
		for role, secret := range secrets {
			a := g.as(t, secret, rt.method, path, body)
			may := (&access.Caller{Roles: []access.Role{role}}).May(rt.needs)
			switch {
			case may && (a.status == http.StatusUnauthorized || a.status == http.StatusForbidden || a.status == http.StatusInternalServerError):
				t.Errorf("%s for %s: %d %s", rt.id, role, a.status, a.body)
			case !may:
				problemOf(t, a, http.StatusForbidden, "permission-denied")
			}
		}
	}
}

func TestRouteWithoutPermissionHasNoStart(t *testing.T) {
	for _, needs := range []access.Permission{"", "read_everything"} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("a route that needs %q starts", needs)
				}
			}()
			(&route{method: http.MethodGet, path: "/v1/new", needs: needs}).mustDeclare()
		}()
	}
	// Were one to start all the same, no role would have what it needs.
	g := newGuarded(t, nil)
	_, secret := g.key(t, access.Request{Roles: []access.Role{access.Administrator}})
	s := &server{cfg: Config{Callers: access.Callers{Keys: g.keys}, Clock: time.Now}, attempts: newAttempts()}
	r := httptest.NewRequest(http.MethodGet, "http://localhost/v1/new", nil)
	r.Header.Set("Authorization", "Bearer "+secret)
	w := httptest.NewRecorder()
	s.serve(&route{serve: func(w http.ResponseWriter, _ *http.Request) error { return answerJSON(w, 200, "open") }}, w, r)
	if w.Code != http.StatusForbidden {
		t.Errorf("status %d", w.Code)
	}
}

func TestZeroCallersLetNobodyIn(t *testing.T) {
	g := newRig(t, func(cfg *Config) { cfg.Callers = access.Callers{} })
	problemOf(t, g.get(t, "/v1/status"), http.StatusUnauthorized, "no-credentials")
}

func TestRefusedCredentials(t *testing.T) {
	g := newGuarded(t, nil)
	id, secret := g.key(t, access.Request{Roles: []access.Role{access.Auditor}})
	want(t, "good", g.as(t, secret, http.MethodGet, "/v1/status", "").status, http.StatusOK)
	want(t, "scheme in lower case", g.get(t, "/v1/status", "Authorization", "bearer "+secret).status, http.StatusOK)
	damaged := secret[:len(secret)-1] + "7"
	if damaged == secret {
		damaged = secret[:len(secret)-1] + "6"
	}
	for name, header := range map[string]string{
		"damaged": "Bearer " + damaged, "Basic": "Basic " + secret, "nothing": "Bearer ", "bare": secret, "JWT": "Bearer a.b.c",
	} {
		a := g.get(t, "/v1/status", "Authorization", header)
		problemOf(t, a, http.StatusUnauthorized, "invalid-credentials")
		if strings.Contains(a.body, secret[20:30]) || !strings.Contains(a.header.Get("WWW-Authenticate"), `error="invalid_token"`) {
			t.Errorf("%s: %s %s", name, a.header.Get("WWW-Authenticate"), a.body)
		}
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, g.URL+"/v1/status", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header["Authorization"] = []string{"Bearer " + secret, "Bearer " + secret}
	resp, err := g.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	want(t, "twice", resp.StatusCode, http.StatusUnauthorized)

	if _, err := g.keys.Revoke(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	p := problemOf(t, g.as(t, secret, http.MethodGet, "/v1/status", ""), http.StatusUnauthorized, "invalid-credentials")
	if !strings.Contains(p.Detail, "revoked") {
		t.Errorf("detail %q", p.Detail)
	}
	// The body of a refused request is not looked at, and nothing of it is in the log.
	g.as(t, secret, http.MethodPost, "/v1/events", registered("e1", "C-secret", "K1"))
	for _, hidden := range []string{secret[18:], damaged[18:], "C-secret"} {
		if strings.Contains(g.log.String(), hidden) {
			t.Errorf("the log holds %.5s…", hidden)
		}
	}
	if !strings.Contains(g.log.String(), "revoked") {
		t.Errorf("the log does not tell of refused credentials: %s", g.log)
	}
}

// TestStreamEndsWithItsKey: a subscription does not outlive the right to it.
func TestStreamEndsWithItsKey(t *testing.T) {
	for _, accept := range []string{typeSSE, typeNDJSON} {
		for _, how := range []string{"revoked", "expired"} {
			t.Run(accept+" "+how, func(t *testing.T) {
				g := newGuarded(t, nil)
				request := access.Request{Roles: []access.Role{access.Subscriber}}
				if how == "expired" {
					request.Lifetime = 2 * time.Second
				}
				id, secret := g.key(t, request)
				path := "/v1/events"
				if accept == typeNDJSON {
					path += "?follow=true"
				}
				req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, g.URL+path, nil)
				if err != nil {
					t.Fatal(err)
				}
				req.Header.Set("Accept", accept)
				req.Header.Set("Authorization", "Bearer "+secret)
				resp, err := g.Client().Do(req)
				if err != nil {
					t.Fatal(err)
				}
				defer resp.Body.Close()
				want(t, "status", resp.StatusCode, http.StatusOK)
				if how == "revoked" {
					if _, err := g.keys.Revoke(t.Context(), id); err != nil {
						t.Fatal(err)
					}
				}
				if _, err := io.Copy(io.Discard, resp.Body); err != nil { // returns when the stream ends, and only then
					t.Logf("the stream was cut: %v", err)
				}
				problemOf(t, g.as(t, secret, http.MethodGet, path, ""), http.StatusUnauthorized, "invalid-credentials")
			})
		}
	}
}

func TestTooManyAttempts(t *testing.T) {
	g := newGuarded(t, nil)
	var a answer
	for range 5 * attemptsBurst { // some come back while the test runs
		if a = g.get(t, "/v1/status", "Authorization", "Bearer wrong"); a.status == http.StatusTooManyRequests {
			break
		}
	}
	problemOf(t, a, http.StatusTooManyRequests, "too-many-attempts")
	want(t, "Retry-After", a.header.Get("Retry-After"), "2")
	want(t, "what needs no caller", g.get(t, "/healthz").status, http.StatusOK)
}

func TestAttemptsByAddress(t *testing.T) {
	a := newAttempts()
	for range attemptsBurst {
		a.failed("192.0.2.7:1000")
		a.failed("[2001:db8::1]:1000")
	}
	for address, exhausted := range map[string]bool{
		"192.0.2.7:2000": true, "[::ffff:192.0.2.7]:3": true, "192.0.2.8:1000": false,
		"[2001:db8::ffff:2]:9": true, "[2001:db8:0:1::1]:1000": false, "pipe": false,
	} {
		if a.exhausted(address) != exhausted {
			t.Errorf("%s: %v", address, !exhausted)
		}
	}
	for i := range attemptsAddresses {
		a.failed(fmt.Sprintf("10.%d.%d.%d:1", i>>16, i>>8&255, i&255))
	}
	want(t, "addresses remembered", a.byAddress.Len(), attemptsAddresses)
	want(t, "the oldest is forgotten", a.exhausted("192.0.2.7:2000"), false)
}

// TestOtherNamesForThisMachine: a page that got its own name resolved to a loopback address is not the local user.
func TestOtherNamesForThisMachine(t *testing.T) {
	g := newRig(t, nil)
	for host, status := range map[string]int{
		"evil.example": http.StatusForbidden, "localhost:1": http.StatusOK, "127.0.0.1": http.StatusOK, "10.0.0.1": http.StatusForbidden,
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, g.URL+"/v1/status", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Host = host
		resp, err := g.Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		want(t, host, resp.StatusCode, status)
	}
}

func TestActorIsTheCaller(t *testing.T) {
	g := newGuarded(t, nil)
	id, handler := g.key(t, access.Request{Roles: []access.Role{access.Handler}})
	_, recorder := g.key(t, access.Request{Roles: []access.Role{access.Recorder}, Sources: []string{"/test"}})
	named := strings.Replace(registered("e2", "C1", "K2"), `"data":`, `"actor":"agent-7","data":`, 1)

	want(t, "no actor", g.as(t, handler, http.MethodPost, "/v1/events", registered("e1", "C1", "K1")).status, http.StatusCreated)
	p := problemOf(t, g.as(t, handler, http.MethodPost, "/v1/events", named), http.StatusUnprocessableEntity, "foreign-actor")
	want(t, "pointer", p.Pointer, "/actor")
	want(t, "system for a person", g.as(t, recorder, http.MethodPost, "/v1/events", "["+named+"]").status, http.StatusOK)
	policy := strings.Replace(event("e3", "policy.published", domain.LedgerStream, `{"policy_id":"p","version":"1","policy":{}}`),
		`"data":`, `"actor":"key:`+id+`","data":`, 1)
	problemOf(t, g.as(t, handler, http.MethodPost, "/v1/events", policy), http.StatusUnprocessableEntity, "type-denied")

	log := lines(g.as(t, handler, http.MethodGet, "/v1/customers/C1/history", "").body)
	text := strings.Join(log, "")
	for _, actor := range []string{`"actor":"key:` + id + `"`, `"actor":"agent-7"`} {
		if strings.Count(text, actor) != 1 {
			t.Errorf("%s is not in the history once: %s", actor, text)
		}
	}
}

// TestTypesThatNeedMore: recording is not enough to erase, to release a hold, or to write of the ledger itself.
func TestTypesThatNeedMore(t *testing.T) {
	g := newGuarded(t, nil)
	secrets := make(map[access.Role]string)
	for _, role := range []access.Role{access.Recorder, access.Handler, access.Administrator} {
		_, secrets[role] = g.key(t, access.Request{Roles: []access.Role{role}})
	}
	for i, test := range []struct {
		event, customer, data string
		roles                 []access.Role
	}{
		{"legal_hold.placed", "C1", `{"hold_id":"H1","reason":"dispute"}`, []access.Role{access.Administrator}},
		{"legal_hold.released", "C1", `{"hold_id":"H1"}`, []access.Role{access.Administrator}},
		{"erasure.requested", "C1", `{"erasure_id":"E1","classes":["marketing"],"reason":"asked for"}`, []access.Role{access.Administrator, access.Handler}},
		{"access.recorded", domain.LedgerStream, `{"customer_id":"C1","purpose":"p","scope":"s"}`, []access.Role{access.Administrator}},
		{"weights.published", domain.LedgerStream, `{"version":"1","sha256":"` + strings.Repeat("0", 64) + `","weights":{}}`, []access.Role{access.Administrator}},
	} {
		want(t, "a customer", g.as(t, secrets[access.Recorder], http.MethodPost, "/v1/events", registered(fmt.Sprint("r", i), "C1", fmt.Sprint("K", i))).status,
			http.StatusCreated)
		for _, role := range []access.Role{access.Recorder, access.Handler, access.Administrator} {
			a := g.as(t, secrets[role], http.MethodPost, "/v1/events", event(fmt.Sprint("e", i), test.event, test.customer, test.data))
			if slices.Contains(test.roles, role) {
				if a.status != http.StatusCreated && a.status != http.StatusOK {
					t.Errorf("%s by %s: %d %s", test.event, role, a.status, a.body)
				}
				continue
			}
			problemOf(t, a, http.StatusUnprocessableEntity, "type-denied")
		}
	}
}

func TestTokensOfAProvider(t *testing.T) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	documents := &oidctest.Server{
		PublicKeys: []oidctest.PublicKey{{PublicKey: private.Public(), KeyID: "k1", Algorithm: oidc.ES256}}, Algorithms: []string{oidc.ES256},
	}
	provider := httptest.NewServer(documents)
	defer provider.Close()
	documents.SetIssuer(provider.URL)
	tokens, err := access.NewTokens(access.TokensConfig{Issuer: provider.URL, Audience: "amends"})
	if err != nil {
		t.Fatal(err)
	}
	g := newGuarded(t, func(cfg *Config) { cfg.Callers.Tokens = tokens })
	token := func(audience, role string, ends time.Duration) string {
		return oidctest.SignIDToken(private, "k1", oidc.ES256, fmt.Sprintf(`{"iss":%q,"aud":%q,"sub":"42","exp":%d,"roles":[%q]}`,
			provider.URL, audience, time.Now().Add(ends).Unix(), role))
	}
	want(t, "analyst reads views", g.as(t, token("amends", "analyst", time.Hour), http.MethodGet, "/v1/status", "").status, http.StatusOK)
	problemOf(t, g.as(t, token("amends", "analyst", time.Hour), http.MethodGet, "/v1/events", ""), http.StatusForbidden, "permission-denied")
	problemOf(t, g.as(t, token("amends", "cook", time.Hour), http.MethodGet, "/v1/status", ""), http.StatusForbidden, "permission-denied")
	problemOf(t, g.as(t, token("wiki", "administrator", time.Hour), http.MethodGet, "/v1/status", ""), http.StatusUnauthorized, "invalid-credentials")
	p := problemOf(t, g.as(t, token("amends", "analyst", -time.Hour), http.MethodGet, "/v1/status", ""), http.StatusUnauthorized, "invalid-credentials")
	want(t, "expired", strings.Contains(p.Detail, "expired"), true)
	for _, leaked := range []string{provider.URL, "wiki"} {
		if strings.Contains(g.log.String(), leaked) {
			t.Errorf("the log holds %s: %s", leaked, g.log)
		}
	}
}

// TestProviderIsDown: what cannot be checked is not let in, and is told from what is wrong.
func TestProviderIsDown(t *testing.T) {
	tokens, err := access.NewTokens(access.TokensConfig{Issuer: "http://127.0.0.1:1", Audience: "amends"})
	if err != nil {
		t.Fatal(err)
	}
	g := newGuarded(t, func(cfg *Config) { cfg.Callers.Tokens = tokens })
	a := g.get(t, "/v1/status", "Authorization", "Bearer a.b.c")
	problemOf(t, a, http.StatusServiceUnavailable, "credentials-unchecked")
	if strings.Contains(a.body, "127.0.0.1") || !strings.Contains(g.log.String(), "127.0.0.1") {
		t.Errorf("the reason is for the operator's log only: %s\n%s", a.body, g.log)
	}
}

// TestRolesHaveLabels holds the roles to the list of codes that records carry.
func TestRolesHaveLabels(t *testing.T) {
	codec, err := schemas.New()
	if err != nil {
		t.Fatal(err)
	}
	lists, err := codec.Lists()
	if err != nil {
		t.Fatal(err)
	}
	for _, list := range lists {
		if list.Name != "role" {
			continue
		}
		var codes, roles []string
		for _, l := range list.Labels {
			codes = append(codes, l.Code)
		}
		for _, g := range access.Grants() {
			roles = append(roles, string(g.Role))
		}
		want(t, "codes of roles", codes, roles)
		return
	}
	t.Error("there is no list of roles")
}

func TestOpenAPISaysWhatIsNeeded(t *testing.T) {
	g := newGuarded(t, nil)
	type operation struct {
		Permission string                `json:"x-amends-permission"`
		Security   []map[string][]string `json:"security"`
		Responses  map[string]any
	}
	doc := into[struct {
		Paths      map[string]map[string]operation
		Components struct {
			SecuritySchemes map[string]struct{ Type, Scheme string }
		}
	}](t, g.get(t, "/openapi.json"))
	want(t, "scheme", doc.Components.SecuritySchemes[securityScheme], struct{ Type, Scheme string }{"http", "bearer"})
	for _, rt := range (&server{}).allRoutes() {
		op := doc.Paths[strings.ReplaceAll(rt.path, "...}", "}")][strings.ToLower(rt.method)]
		want(t, rt.id, op.Permission, string(rt.needs))
		if public := rt.needs == access.Public; public != (len(op.Security) == 0) || public == (op.Responses["401"] != nil) {
			t.Errorf("%s: security %v", rt.id, op.Security)
		}
	}
}
