package domain

import "slices"

// Fold is the state of a customer after a history: what had happened and what was known, within the limits.
//
// The history may be in any order and may hold several streams: the customer's own and those of customers that it absorbed
// (see Absorbed). Events are folded in the order of time, then position, then revision. These rules hold:
//
//   - A correction belongs to the axis of knowledge: from the moment it is known, the corrected record counts with the
//     correction's payload, and with its time if it gives one. Of several known corrections the one of the highest revision
//     stands. The correction's own time decides nothing but where the correction itself is counted.
//   - The events of an absorbed customer count while the absorption stands, all of them, also those from before it. Events of
//     any other stream are left out.
//   - What should not have happened is folded all the same. Nothing is refused here.
//   - An event may come before the one that opens what it is about, because their times were reported so. Then the first to
//     touch the thing makes a shell of it, which holds what is known so far. When the opening comes it fills in what is still
//     empty and moves the state no further back.
//
// The same history gives the same state on every machine and in whichever order it is passed.
func Fold(id string, history []Event, limits Limits) *Customer {
	events, streams := plan(id, history, limits)
	c := newCustomer(id, streams)
	for i := range events {
		c.apply(events[i].Event)
		c.fold.last = events[i].key
	}
	return c
}

// foldState is what a fold remembers between events, beside the state.
type foldState struct {
	last    foldKey
	streams []string // that count, the customer's own first
	index   map[entryRef]int32
	mergers []merger
	trace   *trace // set while Steps watches
}

// merger is one absorption that stands.
type merger struct{ survivor, absorbed string }

func newCustomer(id string, streams []string) *Customer {
	return &Customer{ID: id, fold: foldState{streams: streams}}
}

// Apply folds one more event into a state that Fold or Apply made. It costs the same however long the history is. It returns
// false, and changes nothing, when the event cannot simply be added at the end: when it comes earlier in the order of
// folding than (or is) the last event folded, when it is a correction, when it makes or undoes an absorption, or when its
// stream is not part of this customer's history. The caller then folds anew.
//
// The limits of the fold are not remembered: Apply is for states that were folded without an as-of limit.
func (c *Customer) Apply(e Event) bool {
	switch e.Data.(type) {
	case *RecordCorrected, *CustomerAbsorbed, *CustomerUnmerged:
		return false
	}
	if e.Customer != c.ID && !slices.Contains(c.fold.streams, e.Customer) {
		return false
	}
	if c.fold.streams == nil {
		c.fold.streams = []string{c.ID}
	}
	key := keyOf(&e)
	if c.Events > 0 && key.compare(&c.fold.last) <= 0 {
		return false
	}
	c.apply(&e)
	c.fold.last = key
	return true
}

// apply folds the event at the end of the state.
func (c *Customer) apply(e *Event) {
	c.Events++
	if e.Customer == c.ID {
		c.Revision = max(c.Revision, e.Revision)
	}
	c.Position = max(c.Position, e.Position)
	if c.FirstEventAt.IsZero() {
		c.FirstEventAt = e.Time
	}
	c.LastEventAt = e.Time

	switch e.Type.Family() {
	case "customer":
		c.applyCustomer(e)
	case "purchase", "contract":
		c.applyBusiness(e)
	case "interaction":
		c.applyInteraction(e)
	case "complaint":
		c.applyComplaint(e)
	case "apology":
		c.applyApology(e)
	case "redress":
		c.applyRedress(e)
	case "commitment":
		c.applyCommitment(e)
	case "followup":
		c.applyFollowup(e)
	case "survey":
		c.applySurvey(e)
	case "prevention":
		c.applyPrevention(e)
	case "legal_hold", "erasure":
		c.applyErasure(e)
	}
	// record.corrected has done its work in plan; policies, weights and accesses are about no customer.
}
