package ledger

import (
	"slices"

	"amends/domain"
	"amends/schemas"
)

// Author is whoever sends events, as far as the ledger must know: for whom they may speak.
type Author struct {
	// ID becomes the actor of events that name none. It has the form of an actor; empty: they stay without.
	ID string
	// Unbound may name any actor and any source: the user who owns the ledger's files.
	Unbound bool
	// Sources are the only sources that the author may record under, and for these it may name other actors: a system that
	// acts for people. Empty: any source, and no actor but itself.
	Sources []string
	// Reserved reports whether an actor has the form of an author's own id, which nobody else may bear. nil: none has.
	Reserved func(actor string) bool
	// May reports whether the author may send events of the type; nil: of any.
	May func(domain.Type) bool
}

// sign checks that the author may speak as the event does, and signs events that name no actor.
//
// It is what makes source and actor say who called, without an attribute of their own: see docs/decisions/0031.
func (a *Author) sign(e *domain.Event) *schemas.Problem {
	if a.May != nil && !a.May(e.Type) {
		return foreign("type-denied", "Type denied", "/type", "None of the caller's roles permits sending "+string(e.Type)+".")
	}
	if a.Unbound {
		if e.Actor == "" {
			e.Actor = a.ID
		}
		return nil
	}
	if len(a.Sources) > 0 && !slices.Contains(a.Sources, e.Source) {
		return foreign("foreign-source", "Another's source", "/source",
			"The credentials are bound to other sources than this one; ask an administrator for a key that has it.")
	}
	switch {
	case e.Actor == "":
		e.Actor = a.ID
	case e.Actor == a.ID:
	case e.Type == "erasure.requested":
		return foreign("foreign-actor", "Another's name", "/actor",
			"Who asks for an erasure asks with credentials of their own: leave the actor out. Otherwise one person could ask and approve.")
	case len(a.Sources) == 0:
		return foreign("foreign-actor", "Another's name", "/actor",
			"The credentials speak for themselves only: leave the actor out, or use a key that is bound to its source.")
	case a.Reserved != nil && a.Reserved(e.Actor):
		return foreign("foreign-actor", "Another's name", "/actor",
			"The actor has the form of a caller's id, which nobody but that caller may bear.")
	}
	return nil
}

// correct checks that the author may correct a record of the type. Of an erasure nothing is corrected, by nobody: what was asked
// for is what the second person agreed to.
func (a *Author) correct(t domain.Type) *schemas.Problem {
	switch t {
	case "erasure.requested", "erasure.approved", "erasure.completed":
		return foreign("type-denied", "Type denied", "/data/event_id", "A record of an erasure cannot be corrected; ask for another erasure.")
	}
	if a.May != nil && !a.May(t) {
		return foreign("type-denied", "Type denied", "/data/event_id", "None of the caller's roles permits sending "+string(t)+", hence correcting it.")
	}
	return nil
}

func foreign(slug, title, pointer, detail string) *schemas.Problem {
	return &schemas.Problem{Type: "urn:amends:problem:" + slug, Title: title, Pointer: pointer, Detail: detail}
}
