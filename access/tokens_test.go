package access

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/coreos/go-oidc/v3/oidc/oidctest"
	"github.com/google/go-cmp/cmp"
)

// provider is an identity provider in this process: discovery, keys, and what it signs.
type provider struct {
	url  string
	key  *ecdsa.PrivateKey
	down atomic.Bool
}

func newProvider(t *testing.T) *provider {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	p := &provider{key: key}
	documents := &oidctest.Server{
		PublicKeys: []oidctest.PublicKey{{PublicKey: key.Public(), KeyID: "k1", Algorithm: oidc.ES256}},
		Algorithms: []string{oidc.ES256},
	}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if p.down.Load() {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		documents.ServeHTTP(w, r)
	}))
	t.Cleanup(srv.Close)
	documents.SetIssuer(srv.URL)
	p.url = srv.URL
	return p
}

// claims are those of a good token, with the changes; a nil value takes a claim away.
func (p *provider) claims(change map[string]any) string {
	all := map[string]any{
		"iss": p.url, "aud": "amends", "sub": "248289761001", "exp": testTime.Add(time.Hour).Unix(), "roles": []string{"analyst", "cook"},
	}
	maps.Copy(all, change)
	maps.DeleteFunc(all, func(_ string, v any) bool { return v == nil })
	text, err := json.Marshal(all)
	if err != nil {
		panic(err)
	}
	return string(text)
}

func (p *provider) token(change map[string]any) string {
	return oidctest.SignIDToken(p.key, "k1", oidc.ES256, p.claims(change))
}

func (p *provider) callers(t *testing.T, change func(*TokensConfig)) *Callers {
	t.Helper()
	clock := func() time.Time { return testTime }
	cfg := TokensConfig{Issuer: p.url, Audience: "amends", Clock: clock}
	if change != nil {
		change(&cfg)
	}
	tokens, err := NewTokens(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return &Callers{Tokens: tokens, Clock: clock}
}

func TestTokenOpensSession(t *testing.T) {
	p := newProvider(t)
	s, err := p.callers(t, nil).Open(t.Context(), p.token(nil))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	want := Caller{ID: "oidc:248289761001", Kind: KindToken, Roles: []Role{Analyst}, Expires: testTime.Add(time.Hour + clockSkew)}
	if diff := cmp.Diff(want, s.Caller); diff != "" {
		t.Errorf("caller (-want +got):\n%s", diff)
	}
}

func TestRefusedTokens(t *testing.T) {
	p, other := newProvider(t), newProvider(t)
	callers := p.callers(t, nil)
	good := p.token(nil)
	parts := strings.Split(good, ".")
	raw := func(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }
	public, err := x509.MarshalPKIXPublicKey(p.key.Public())
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		token string
		want  error
	}{
		"expired":                {p.token(map[string]any{"exp": testTime.Add(-2 * time.Minute).Unix()}), ErrExpired},
		"expired within skew":    {p.token(map[string]any{"exp": testTime.Add(-30 * time.Second).Unix()}), nil},
		"without an end":         {p.token(map[string]any{"exp": nil}), ErrExpired},
		"not yet":                {p.token(map[string]any{"nbf": testTime.Add(time.Hour).Unix()}), ErrInvalid},
		"for another service":    {p.token(map[string]any{"aud": "wiki"}), ErrInvalid},
		"for several":            {p.token(map[string]any{"aud": []string{"wiki", "amends"}}), nil},
		"for nobody":             {p.token(map[string]any{"aud": nil}), ErrInvalid},
		"from another issuer":    {p.token(map[string]any{"iss": other.url}), ErrInvalid},
		"of nobody":              {p.token(map[string]any{"sub": nil}), ErrInvalid},
		"signed by another":      {oidctest.SignIDToken(other.key, "k1", oidc.ES256, p.claims(nil)), ErrInvalid},
		"unknown key":            {oidctest.SignIDToken(other.key, "k9", oidc.ES256, p.claims(nil)), ErrInvalid},
		"alg none":               {raw(`{"alg":"none"}`) + "." + parts[1] + ".", ErrInvalid},
		"alg none, signed":       {raw(`{"alg":"none"}`) + "." + parts[1] + "." + parts[2], ErrInvalid},
		"public key as a secret": {oidctest.SignIDToken(public, "k1", "HS256", p.claims(nil)), ErrInvalid},
		"other claims":           {parts[0] + "." + raw(p.claims(map[string]any{"roles": "administrator"})) + "." + parts[2], ErrInvalid},
		"not a token":            {"Zm9v", ErrInvalid},
		"two dots":               {"..", ErrInvalid},
		"not claims":             {oidctest.SignIDToken(p.key, "k1", oidc.ES256, `[1]`), ErrInvalid},
	} {
		s, err := callers.Open(t.Context(), test.token)
		if !errors.Is(err, test.want) {
			t.Errorf("%s: %v, want %v", name, err, test.want)
		}
		if err == nil {
			s.Close()
			continue
		}
		if strings.Contains(err.Error(), "amends") || strings.Contains(err.Error(), "wiki") || strings.Contains(err.Error(), p.url) {
			t.Errorf("%s: the error tells too much: %v", name, err)
		}
	}
}

func TestRoleClaims(t *testing.T) {
	p := newProvider(t)
	mapped := map[string]Role{"care-team": Handler, "audit": Auditor}
	for name, test := range map[string]struct {
		claim string
		roles map[string]Role
		value map[string]any
		want  []Role
	}{
		"one text":        {"roles", nil, map[string]any{"roles": "handler"}, []Role{Handler}},
		"mapped":          {"groups", mapped, map[string]any{"groups": []string{"audit", "care-team", "audit"}}, []Role{Auditor, Handler}},
		"own name is not": {"groups", mapped, map[string]any{"groups": []string{"administrator"}}, nil},
		"within objects": {"realm_access.roles", nil, map[string]any{"realm_access": map[string]any{"roles": []string{"auditor"}}},
			[]Role{Auditor}},
		"dots in a name":   {"https://example.com/roles", nil, map[string]any{"https://example.com/roles": "analyst"}, []Role{Analyst}},
		"missing":          {"groups", nil, nil, nil},
		"missing within":   {"realm_access.roles", nil, map[string]any{"realm_access": map[string]any{}}, nil},
		"not an object":    {"realm_access.roles", nil, map[string]any{"realm_access": "x"}, nil},
		"of another shape": {"roles", nil, map[string]any{"roles": map[string]any{"administrator": true}}, nil},
		"numbers":          {"roles", nil, map[string]any{"roles": []any{1, "administrator"}}, nil},
	} {
		callers := p.callers(t, func(cfg *TokensConfig) { cfg.RoleClaim, cfg.Roles = test.claim, test.roles })
		s, err := callers.Open(t.Context(), p.token(test.value))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if diff := cmp.Diff(test.want, s.Caller.Roles); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		s.Close()
	}
}

// TestProviderIsDown: nobody is let in, and the provider is not asked at every request.
func TestProviderIsDown(t *testing.T) {
	p := newProvider(t)
	p.down.Store(true)
	callers := p.callers(t, nil)
	for range 2 {
		if _, err := callers.Open(t.Context(), p.token(nil)); !errors.Is(err, ErrUnavailable) {
			t.Fatalf("got %v", err)
		}
	}
	p.down.Store(false)
	callers.Tokens.tried = time.Time{} // the rest is over
	s, err := callers.Open(t.Context(), p.token(nil))
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
	p.down.Store(true) // its keys are known
	if s, err = callers.Open(t.Context(), p.token(nil)); err != nil {
		t.Fatal(err)
	}
	s.Close()
}

func TestNewTokensRefuses(t *testing.T) {
	for name, cfg := range map[string]TokensConfig{
		"no issuer":    {Audience: "amends"},
		"no URL":       {Issuer: "login", Audience: "amends"},
		"plain http":   {Issuer: "http://login.example.com", Audience: "amends"},
		"no audience":  {Issuer: "https://login.example.com"},
		"other scheme": {Issuer: "ftp://login.example.com", Audience: "amends"},
	} {
		if _, err := NewTokens(cfg); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
}
