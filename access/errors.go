package access

import "errors"

// The errors a caller may branch on. None of them repeats a credential.
var (
	// ErrNoCredentials: the operation needs a caller, and the request names none.
	ErrNoCredentials = errors.New("no credentials")
	// ErrInvalid: the credentials are not, or not any more, those of a caller: malformed, unknown, forged, for another
	// audience. It does not say which, so that trying teaches nothing.
	ErrInvalid = errors.New("the key or token is not valid")
	// ErrExpired: the credentials were good until they expired.
	ErrExpired = errors.New("the key or token has expired")
	// ErrRevoked: the key was revoked.
	ErrRevoked = errors.New("the key was revoked")
	// ErrUnavailable: the identity provider, or the file of the keys, cannot be asked now. Nobody is let in.
	ErrUnavailable = errors.New("credentials cannot be checked at present")
	// ErrUnknownKey: no key has the id.
	ErrUnknownKey = errors.New("there is no such key")
	// ErrUnknownRole: no role has the name.
	ErrUnknownRole = errors.New("there is no role")
	// ErrInvalidGrant: a key cannot be made as it was asked for; the text says why.
	ErrInvalidGrant = errors.New("the key cannot be made")
)
