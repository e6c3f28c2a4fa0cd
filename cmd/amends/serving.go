package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"strings"

	"github.com/rs/zerolog"
	"github.com/spf13/pflag"

	"amends/access"
)

// serving says where the API listens and who is let in.
type serving struct {
	listen           string
	auth             bool
	issuer, audience string
	roleClaim        string
	roles            []string
	tlsCert, tlsKey  string
	insecureHTTP     bool
}

func (s *serving) flags(flags *pflag.FlagSet) {
	flags.StringVar(&s.listen, "listen", "127.0.0.1:8080", "address to listen on; any but a loopback address needs TLS and callers with credentials")
	flags.BoolVar(&s.auth, "auth", false, "ask for credentials also on a loopback address (anywhere else they are asked for anyway)")
	flags.StringVar(&s.issuer, "oidc-issuer", "", "accept tokens of this OpenID Connect provider, such as https://login.example.com; implies --auth")
	flags.StringVar(&s.audience, "oidc-audience", "", "what the tokens must be meant for (their aud)")
	flags.StringVar(&s.roleClaim, "oidc-role-claim", "roles", "claim of a token that holds the roles; dots lead into objects, as in realm_access.roles")
	flags.StringArrayVar(&s.roles, "oidc-role", nil, "VALUE=ROLE: what a value of the role claim means; may be repeated (default: a value is a role's own name)")
	flags.StringVar(&s.tlsCert, "tls-cert", "", "PEM file of the server's certificate, the intermediate ones after it; read again when it changes")
	flags.StringVar(&s.tlsKey, "tls-key", "", "PEM file of the certificate's private key")
	flags.BoolVar(&s.insecureHTTP, "insecure-http", false, "listen beyond this machine without TLS, because something in front of it does TLS")
}

// guarded reports whether every caller needs credentials.
func (s *serving) guarded() bool { return s.auth || s.issuer != "" || !access.Loopback(s.listen) }

// check finds flags that do not go together, before anything is opened.
func (s *serving) check() error {
	switch {
	case (s.tlsCert == "") != (s.tlsKey == ""):
		return usage(errors.New("--tls-cert and --tls-key belong together"))
	case !access.Loopback(s.listen) && s.tlsCert == "" && !s.insecureHTTP:
		return usage(fmt.Errorf("--listen %s reaches beyond this machine, where keys and personal data would go in clear: "+
			"give --tls-cert and --tls-key, or --insecure-http if something in front of it does TLS", s.listen))
	case s.issuer == "" && (s.audience != "" || len(s.roles) > 0):
		return usage(errors.New("--oidc-audience and --oidc-role need --oidc-issuer"))
	}
	_, err := s.tokens()
	return usage(err)
}

// tokens is the check of the provider's tokens; nil without a provider.
func (s *serving) tokens() (*access.Tokens, error) {
	if s.issuer == "" {
		return nil, nil
	}
	cfg := access.TokensConfig{Issuer: s.issuer, Audience: s.audience, RoleClaim: s.roleClaim, Roles: make(map[string]access.Role)}
	for _, mapping := range s.roles {
		value, name, found := strings.Cut(mapping, "=")
		if !found || value == "" {
			return nil, fmt.Errorf("--oidc-role %q is not VALUE=ROLE", mapping)
		}
		role, err := access.ParseRole(name)
		if err != nil {
			return nil, fmt.Errorf("--oidc-role %s: %w", mapping, err)
		}
		cfg.Roles[value] = role
	}
	tokens, err := access.NewTokens(cfg)
	if err != nil {
		return nil, fmt.Errorf("--oidc-issuer, --oidc-audience: %w", err)
	}
	return tokens, nil
}

// callers is who is let in. On a guarded server somebody must be able to come in.
func (s *serving) callers(ctx context.Context, keys *access.Keys, data string) (access.Callers, error) {
	if !s.guarded() {
		return access.Callers{Local: access.LocalUser(), Keys: keys}, nil
	}
	tokens, err := s.tokens()
	if err != nil {
		return access.Callers{}, usage(err)
	}
	usable, err := keys.Usable(ctx)
	if err != nil {
		return access.Callers{}, err
	}
	if !usable && tokens == nil {
		return access.Callers{}, usage(fmt.Errorf("every caller would need a key, and there is none that is valid; make one first: "+
			"amends access add NAME --role administrator --data %s", data))
	}
	return access.Callers{Keys: keys, Tokens: tokens}, nil
}

// whoMay says in words who is let in.
func (s *serving) whoMay(callers access.Callers) string {
	switch {
	case callers.Local != nil:
		return "needs no credentials: whoever reaches it from this machine is " + callers.Local.ID + ", administrator"
	case callers.Tokens != nil:
		return "needs an API key or a token of " + s.issuer
	default:
		return "needs an API key"
	}
}

// tls is the server's TLS; nil: none.
func (s *serving) tls(log zerolog.Logger) (*tls.Config, error) {
	if s.tlsCert == "" {
		return nil, nil
	}
	return serverTLS(s.tlsCert, s.tlsKey, log)
}
