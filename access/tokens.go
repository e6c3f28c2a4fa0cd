package access

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
)

// TokensConfig says whose tokens are accepted. Issuer and Audience must be set.
type TokensConfig struct {
	// Issuer is the identity provider, as its tokens name it (iss); its discovery document lies under it (OpenID Connect
	// Discovery 1.0 §4). https, or http on this machine.
	Issuer string
	// Audience is what a token must be meant for (aud; RFC 8725 §3.9).
	Audience string
	// RoleClaim is the claim that holds the roles, a text or a list of texts; dots lead into objects, as in
	// realm_access.roles. Default: roles.
	RoleClaim string
	// Roles maps the claim's values to roles. Empty: a value is a role's own name. Values that are not in it mean nothing.
	Roles map[string]Role
	// Client fetches the provider's documents. Default: one that gives up after 10 seconds.
	Client *http.Client
	// Clock tells the present instant. Default: time.Now.
	Clock func() time.Time
}

// clockSkew is by how much the provider's clock and ours may differ when a token expires. (Not-before has its own leeway of
// five minutes, within the library.)
const clockSkew = time.Minute

// discoverAgainAfter is how long a provider that failed to answer is left alone.
const discoverAgainAfter = 5 * time.Second

// signatures are the algorithms that a token may be signed with: asymmetric ones only. A token signed with "none", or with a
// public key used as an HMAC secret, is malformed here (RFC 8725 §2.1, §3.1).
var signatures = []string{oidc.RS256, oidc.RS384, oidc.RS512, oidc.PS256, oidc.PS384, oidc.PS512, oidc.ES256, oidc.ES384, oidc.ES512, oidc.EdDSA}

// Tokens checks tokens of one identity provider. The provider's keys are fetched when they are first needed and again when a
// token names one that is not known yet. Its methods may be called concurrently.
type Tokens struct {
	cfg TokensConfig

	mu       sync.Mutex
	verifier *oidc.IDTokenVerifier
	tried    time.Time
}

// NewTokens checks the configuration. It does not call the provider: the ledger starts without it, and lets no token in
// until it answers.
func NewTokens(cfg TokensConfig) (*Tokens, error) {
	u, err := url.Parse(cfg.Issuer)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http":
		return nil, fmt.Errorf("the issuer %q is not a URL such as https://login.example.com/realms/care", cfg.Issuer)
	case u.Scheme == "http" && !Loopback(u.Host):
		return nil, fmt.Errorf("the issuer %q must be https: whoever can change its answers can let anybody in", cfg.Issuer)
	case cfg.Audience == "":
		return nil, errors.New("the audience is missing: without it, tokens that were given out for other services would be accepted")
	}
	if cfg.RoleClaim == "" {
		cfg.RoleClaim = "roles"
	}
	if len(cfg.Roles) == 0 {
		cfg.Roles = make(map[string]Role)
		for _, g := range Grants() {
			cfg.Roles[string(g.Role)] = g.Role
		}
	}
	if cfg.Client == nil {
		cfg.Client = &http.Client{Timeout: 10 * time.Second}
	}
	if cfg.Clock == nil {
		cfg.Clock = time.Now
	}
	return &Tokens{cfg: cfg}, nil
}

// authenticate finds the token's caller.
func (t *Tokens) authenticate(s *Session, text string) error {
	verifier, err := t.provider(s.Context)
	if err != nil {
		return err
	}
	ctx := oidc.ClientContext(s.Context, t.cfg.Client)
	token, err := verifier.Verify(ctx, text)
	var expired *oidc.TokenExpiredError
	switch {
	case errors.As(err, &expired):
		return ErrExpired
	case err != nil:
		// The library's errors quote parts of the token, and do not tell a forgery from a provider that is down.
		return ErrInvalid
	case token.Subject == "":
		return ErrInvalid
	}
	var claims map[string]json.RawMessage
	if err := token.Claims(&claims); err != nil {
		return ErrInvalid
	}
	s.Caller = Caller{
		ID: string(KindToken) + ":" + subjectID(token.Subject), Kind: KindToken,
		Roles: t.roles(claims), Expires: token.Expiry.Add(clockSkew),
	}
	return nil
}

// provider returns the verifier, asking the provider for its description if that has not been had yet.
func (t *Tokens) provider(ctx context.Context) (*oidc.IDTokenVerifier, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.verifier != nil {
		return t.verifier, nil
	}
	if now := time.Now(); now.Sub(t.tried) < discoverAgainAfter {
		return nil, fmt.Errorf("%w: the identity provider did not answer a moment ago", ErrUnavailable)
	}
	// The provider outlives the request, and keeps the client for its keys.
	provider, err := oidc.NewProvider(oidc.ClientContext(context.WithoutCancel(ctx), t.cfg.Client), t.cfg.Issuer)
	if err != nil {
		t.tried = time.Now()
		return nil, fmt.Errorf("%w: the identity provider: %w", ErrUnavailable, err)
	}
	t.verifier = provider.Verifier(&oidc.Config{
		ClientID: t.cfg.Audience, SupportedSigningAlgs: signatures,
		Now: func() time.Time { return t.cfg.Clock().Add(-clockSkew) },
	})
	return t.verifier, nil
}

// subjectID is the provider's id of a person in the form of an actor. Providers that use an email address, or anything else
// that an id may not hold, get its hash: pseudonymous, but the same for the same person.
func subjectID(subject string) string {
	if len(subject) <= maxIdentifier && !strings.ContainsFunc(subject, func(c rune) bool { return !idRune(c) }) {
		return subject
	}
	sum := sha256.Sum256([]byte(subject))
	return "sha256-" + hex.EncodeToString(sum[:16])
}

// roles reads the role claim. A claim of another shape gives no role: the caller is known, and may do nothing.
func (t *Tokens) roles(claims map[string]json.RawMessage) []Role {
	raw, found := claims[t.cfg.RoleClaim] // first as it stands: names such as https://example.com/roles hold dots
	for rest := t.cfg.RoleClaim; !found; {
		var name string
		var inner bool
		name, rest, inner = strings.Cut(rest, ".")
		if raw = claims[name]; raw == nil || !inner {
			break
		}
		claims = nil
		if json.Unmarshal(raw, &claims) != nil {
			return nil
		}
	}
	var values []string
	if json.Unmarshal(raw, &values) != nil {
		var one string
		if json.Unmarshal(raw, &one) != nil {
			return nil
		}
		values = []string{one}
	}
	var out []Role
	for _, v := range values {
		if role, ok := t.cfg.Roles[v]; ok && !slices.Contains(out, role) {
			out = append(out, role)
		}
	}
	return out
}
