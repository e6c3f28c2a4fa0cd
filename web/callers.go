package web

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"amends/access"
	"amends/domain"
	"amends/ledger"
)

type callerKey struct{}

// callerOf is who the request is done for. Every route but the public ones has one.
func callerOf(r *http.Request) *access.Caller {
	c, _ := r.Context().Value(callerKey{}).(*access.Caller)
	return c
}

// author is the caller as the ledger knows it.
func author(r *http.Request) *ledger.Author {
	c := callerOf(r)
	return &ledger.Author{
		ID: c.ID, Unbound: c.Kind == access.KindLocal, Sources: c.Sources, Reserved: access.Reserved,
		May: func(t domain.Type) bool { return c.May(toSend(t)) },
	}
}

// toSend is the permission that sending an event of the type needs. A system that writes must not be able to write that it was
// granted something, that a legal hold is over, or that somebody's data was erased.
func toSend(t domain.Type) access.Permission {
	switch {
	case t.LedgerOwn():
		return access.Administer
	case t == "erasure.requested":
		return access.RequestErasure
	case t == "legal_hold.placed" || t == "legal_hold.released":
		return access.ApproveErasure
	}
	return access.RecordEvents
}

// serveCaller finds the caller, checks what the route needs, and serves the route for as long as the credentials hold.
func (s *server) serveCaller(rt *route, w http.ResponseWriter, r *http.Request) error {
	session, err := s.admit(rt, r)
	if err != nil {
		return err
	}
	defer session.Close()
	ctx := session.Context
	err = rt.answer(w, r.WithContext(context.WithValue(ctx, callerKey{}, &session.Caller)))
	if cause := context.Cause(ctx); err != nil && (errors.Is(cause, access.ErrRevoked) || errors.Is(cause, access.ErrExpired)) {
		return unauthorized(cause) // what failed, failed because the caller's right to it ended
	}
	return err
}

// admit opens the caller's session, or says why not.
func (s *server) admit(rt *route, r *http.Request) (*access.Session, error) {
	if s.attempts.exhausted(r.RemoteAddr) {
		p := problemf(http.StatusTooManyRequests, "too-many-attempts", "Too many attempts",
			"too many requests from this address had credentials that are not valid; wait a moment")
		p.retryAfter = retryAfterSeconds
		return nil, p
	}
	credentials, err := bearer(r)
	if err != nil {
		return nil, err
	}
	session, err := s.cfg.Callers.Open(r.Context(), credentials)
	switch {
	case errors.Is(err, access.ErrUnavailable):
		p := problemf(http.StatusServiceUnavailable, "credentials-unchecked", "Credentials cannot be checked",
			"what knows the callers does not answer; send the same request again")
		p.cause, p.retryAfter = err, retryAfterSeconds
		return nil, p
	case err != nil:
		if credentials != "" {
			s.attempts.failed(r.RemoteAddr)
			s.cfg.Logger.Info().Str("method", r.Method).Str("route", rt.path).Str("reason", err.Error()).Msg("credentials refused")
		}
		return nil, unauthorized(err)
	}
	caller := &session.Caller
	if caller.Kind == access.KindLocal && !access.Loopback(r.Host) {
		// A page of another site can make a browser take a name of its own for this machine (DNS rebinding); the name in
		// the request gives it away.
		session.Close()
		return nil, problemf(http.StatusForbidden, "unknown-host", "Unknown host",
			"without credentials this ledger answers only to localhost and loopback addresses; use one of them, or a key")
	}
	if !caller.May(rt.needs) {
		session.Close()
		s.cfg.Logger.Warn().Str("caller", caller.ID).Str("route", rt.path).Str("needs", string(rt.needs)).Msg("permission denied")
		s.recordDenied(r.Context(), rt, caller)
		return nil, forbidden(rt.needs)
	}
	return session, nil
}

// bearer reads the credentials of the request (RFC 6750 §2.1); empty: there are none.
func bearer(r *http.Request) (string, error) {
	given := r.Header.Values("Authorization")
	if len(given) == 0 {
		return "", nil
	}
	scheme, credentials, _ := strings.Cut(given[0], " ")
	credentials = strings.TrimSpace(credentials)
	if len(given) > 1 || !strings.EqualFold(scheme, "Bearer") || credentials == "" {
		return "", unauthorized(access.ErrInvalid)
	}
	return credentials, nil
}

// unauthorized is the answer to credentials that are missing or not good (RFC 6750 §3).
func unauthorized(reason error) *Problem {
	if errors.Is(reason, access.ErrNoCredentials) {
		p := problemf(http.StatusUnauthorized, "no-credentials", "No credentials",
			"send a key or a token: Authorization: Bearer …; on the command line set AMENDS_TOKEN or --token-file")
		p.authenticate = `Bearer realm="amends"`
		return p
	}
	detail := "the key or token is not valid here"
	for _, known := range []error{access.ErrExpired, access.ErrRevoked} {
		if errors.Is(reason, known) {
			detail = known.Error()
		}
	}
	p := problemf(http.StatusUnauthorized, "invalid-credentials", "Invalid credentials", "%s; ask an administrator for a new one", detail)
	p.authenticate = `Bearer realm="amends", error="invalid_token", error_description="` + detail + `"`
	return p
}

// forbidden is the answer to a known caller who has not the permission.
func forbidden(needs access.Permission) *Problem {
	p := problemf(http.StatusForbidden, "permission-denied", "Permission denied",
		"this needs the permission %s, which none of the caller's roles has; amends access roles lists them", needs)
	p.authenticate = `Bearer realm="amends", error="insufficient_scope", scope="` + string(needs) + `"`
	return p
}
