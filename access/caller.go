package access

import (
	"os/user"
	"slices"
	"strings"
	"time"
)

// Kind is how a caller proved who they are. It begins the caller's id, so that ids of two kinds are never the same.
type Kind string

// The kinds.
const (
	KindLocal Kind = "local" // the user who owns the ledger's files
	KindKey   Kind = "key"   // an API key
	KindToken Kind = "oidc"  // a token of the identity provider
)

// Caller is whoever an operation is done for.
type Caller struct {
	// ID is stable and carries no personal data beyond what the operator chose: key:… with the key's id, oidc:… with the
	// provider's subject, local:… with the system's user name. It has the form of an actor, and stands in records as one.
	ID    string
	Kind  Kind
	Roles []Role
	// Sources are the sources under which the caller records, naming other people as actors; empty: the caller speaks for
	// itself only.
	Sources []string
	// Expires is when the credentials end; zero: never.
	Expires time.Time
}

// May reports whether one of the caller's roles permits the operation.
func (c *Caller) May(p Permission) bool {
	for _, role := range c.Roles {
		if slices.Contains(grants[role], p) {
			return true
		}
	}
	return false
}

// Reserved reports whether an actor has the form of a caller's id. Only the caller itself may appear under such an id:
// whoever reads it in a record may take it as proved by credentials.
func Reserved(actor string) bool {
	kind, _, found := strings.Cut(actor, ":")
	return found && (kind == string(KindLocal) || kind == string(KindKey) || kind == string(KindToken))
}

// LocalUser is the user who runs this process, as administrator.
func LocalUser() *Caller {
	name := "user"
	if u, err := user.Current(); err == nil && u.Username != "" {
		name = u.Username
	}
	return &Caller{ID: string(KindLocal) + ":" + identifier(name), Kind: KindLocal, Roles: []Role{Administrator}}
}

// maxIdentifier keeps an id with its kind within the 128 characters of an actor.
const maxIdentifier = 120

// identifier replaces what an actor's id may not hold: a domain's backslash, a space.
func identifier(name string) string {
	out := strings.Map(func(c rune) rune {
		if idRune(c) {
			return c
		}
		return '-'
	}, name)
	return out[:min(len(out), maxIdentifier)]
}

func idRune(c rune) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.ContainsRune("_.:-", c)
}
