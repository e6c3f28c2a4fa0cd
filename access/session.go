package access

import (
	"context"
	"time"
)

// Callers says who is let in. The zero value lets nobody in.
type Callers struct {
	// Local is the caller of requests that bring no credentials; nil: they are refused.
	Local *Caller
	// Keys are the API keys; nil: none is accepted.
	Keys *Keys
	// Tokens checks tokens of the identity provider; nil: none is accepted.
	Tokens *Tokens
	// Clock tells the present instant, against which the end of credentials is measured. Default: time.Now.
	Clock func() time.Time
}

// Session is one operation of a caller. Its context ends when the credentials do: when they expire or are revoked, the
// cause of the context's end then being ErrExpired or ErrRevoked. Close must be called.
type Session struct {
	Caller  Caller
	Context context.Context

	cancel  context.CancelCauseFunc
	release func() // what Keys remembers of the session
	expiry  *time.Timer
}

// Close ends the session.
func (s *Session) Close() {
	if s.expiry != nil {
		s.expiry.Stop()
	}
	if s.release != nil {
		s.release()
	}
	s.cancel(context.Canceled)
}

// Open finds the caller with these credentials (a key or a token, without "Bearer"); empty: the local user, where there is
// one. Credentials that are given are checked, also where none are needed: a wrong key is never taken for the local user.
//
// The errors are ErrNoCredentials, ErrInvalid, ErrExpired, ErrRevoked and ErrUnavailable.
func (c *Callers) Open(ctx context.Context, credentials string) (*Session, error) {
	s := &Session{}
	s.Context, s.cancel = context.WithCancelCause(ctx)
	if err := c.identify(s, credentials); err != nil {
		s.Close()
		return nil, err
	}
	if expires := s.Caller.Expires; !expires.IsZero() {
		now := time.Now
		if c.Clock != nil {
			now = c.Clock
		}
		s.expiry = time.AfterFunc(expires.Sub(now()), func() { s.cancel(ErrExpired) })
	}
	return s, nil
}

func (c *Callers) identify(s *Session, credentials string) error {
	switch {
	case credentials == "" && c.Local != nil:
		s.Caller = *c.Local
		return nil
	case credentials == "":
		return ErrNoCredentials
	case looksLikeKey(credentials):
		if c.Keys != nil {
			return c.Keys.authenticate(s, credentials)
		}
	case c.Tokens != nil:
		return c.Tokens.authenticate(s, credentials)
	}
	return ErrInvalid
}
