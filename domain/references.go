package domain

import (
	"fmt"
	"reflect"
)

// References is what a customer's own records have named so far, hence what further records may point at. It knows nothing
// of times: a fact may be told before the one that explains it has happened, only not before that one is recorded. Adding or
// checking an event costs the same however long the history is. The zero value is an empty history.
//
// A ledger keeps one for each customer that it has in memory, so it is compact: a short history costs one small slice for
// the events and one for the ids. It is not safe for concurrent use.
type References struct {
	events table[recordedEvent, *recordedEvent]
	known  table[knownID, *knownID]
}

// recordedEvent is what a correction needs to know of the record that it corrects.
type recordedEvent struct {
	id     string
	target uint64 // fingerprint of the ids that identify what the record is about
	typ    uint8  // index into newData
}

func (r *recordedEvent) key() refKey { return refKey{id: r.id} }

// knownID is an id that may be pointed at.
type knownID struct {
	id     string
	within string // for a proposal: its complaint
	kind   refKind
	ended  bool // for a merger: undone
}

func (k *knownID) key() refKey { return refKey{k.kind, k.within, k.id} }

type refKind uint8

const (
	refEvent refKind = iota
	refComplaint
	refProposal
	refAnyProposal // its id is the complaint's
	refApology
	refRedress
	refCommitment
	refFollowup
	refSurvey
	refAction
	refContract
	refHold
	refErasure
	refAbsorbed   // a customer that this one absorbed
	refMergedInto // the customer that absorbed this one
)

// words are how refusals name the kinds, in slugs (unknown-complaint) and in sentences.
var refWords = [...]string{refEvent: "record", refComplaint: "complaint", refProposal: "proposal", refAnyProposal: "proposal",
	refApology: "apology", refRedress: "redress", refCommitment: "commitment", refFollowup: "followup", refSurvey: "survey",
	refAction: "action", refContract: "contract", refHold: "hold", refErasure: "erasure", refAbsorbed: "merger",
	refMergedInto: "merger"}

// Refusal says why an event may not be recorded. It names the member and the rule, never a value.
type Refusal struct {
	Pointer string // RFC 6901, into the record: /data/complaint_id
	Slug    string // a stable short name of the rule: unknown-complaint
	Reason  string // a sentence for people
}

// Error is the refusal as one line.
func (r *Refusal) Error() string { return r.Pointer + ": " + r.Reason }

// Recorded tells the type of the customer's own record of that id, and whether there is one.
func (r *References) Recorded(eventID string) (Type, bool) {
	e := r.events.find(refKey{id: eventID})
	if e == nil {
		return "", false
	}
	return newData[e.typ].Type, true
}

// Len is how many events were added.
func (r *References) Len() int { return len(r.events.rows) }

// Check decides whether the event may be recorded after those added. It returns nil or a *Refusal. Refused is only what
// points at nothing, what opens again under an id that is taken, and what contradicts itself; what merely should not have
// happened is a fact, and accepted. absorbed are the references of customers that this one absorbed: what their records have
// named may be pointed at too, save by corrections, which stay within one stream.
//
// Check changes nothing. The event's payload must be valid by its schema.
func (r *References) Check(e Event, absorbed ...*References) error {
	if e.Type.LedgerOwn() {
		return nil
	}
	d, isCorrection := e.Data.(*RecordCorrected)
	if !isCorrection {
		return r.check(&e, "/data", absorbed, true)
	}
	was := r.events.find(refKey{id: d.EventID})
	switch {
	case was == nil:
		return refuse("/data/event_id", "unknown-record", "there is no such record of this customer to correct")
	case newData[was.typ].Type == "record.corrected":
		return refuse("/data/event_id", "corrects-correction",
			"a correction cannot be corrected; correct the original record again")
	case d.Decoded == nil || reflect.TypeOf(d.Decoded) != dataTypes[was.typ]:
		return refuse("/data/data", "correction-mismatch", "the corrected data is not of the record's type")
	}
	as := e
	as.ID, as.Type, as.Data = d.EventID, newData[was.typ].Type, d.Decoded
	if pointer, sum := identity(&as); sum != was.target {
		return refuse("/data/data"+pointer, "changes-identity",
			"a correction cannot change what the record is about; record a new event instead")
	}
	return r.check(&as, "/data/data", absorbed, false)
}

// check decides about a payload found at the pointer; opens is false for a corrected payload, whose id is rightly taken.
func (r *References) check(e *Event, at string, absorbed []*References, opens bool) error {
	c := checker{r, absorbed, at}
	refs := refsOf(e)
	if opens && refs.opens != 0 {
		if err := c.untaken(refs.opens, refs.within, refs.id, refs.field); err != nil {
			return err
		}
	}
	for _, p := range refs.points[:refs.n] {
		if !c.has(p.kind, p.within, p.id) {
			return refuse(at+p.field, "unknown-"+refWords[p.kind],
				fmt.Sprintf("no record of this customer has named this %s", refWords[p.kind]))
		}
	}
	return c.contradiction(e)
}

type checker struct {
	own      *References
	absorbed []*References
	at       string
}

func (c *checker) has(kind refKind, within, id string) bool {
	k := refKey{kind, within, id}
	if c.own.known.find(k) != nil {
		return true
	}
	for _, other := range c.absorbed {
		if other != nil && other.known.find(k) != nil {
			return true
		}
	}
	return false
}

func (c *checker) untaken(kind refKind, within, id, field string) error {
	if !c.has(kind, within, id) {
		return nil
	}
	if kind == refComplaint {
		return refuse(c.at+field, "already-registered", "a complaint of this id is already registered for this customer")
	}
	return refuse(c.at+field, "id-taken", fmt.Sprintf("another record has already opened a %s of this id", refWords[kind]))
}

// contradiction refuses what contradicts itself or the mergers so far.
func (c *checker) contradiction(e *Event) error {
	self := func() error {
		return refuse(c.at+"/customer_id", "merges-itself", "a customer cannot be merged with itself")
	}
	switch d := e.Data.(type) {
	case *CustomerAbsorbed:
		if d.CustomerID == e.Customer {
			return self()
		}
	case *CustomerMergedInto:
		if d.CustomerID == e.Customer {
			return self()
		}
	case *CustomerUnmerged:
		if d.CustomerID == e.Customer {
			return self()
		}
		if c.at == "/data" && !c.own.merged(refAbsorbed, d.CustomerID) && !c.own.merged(refMergedInto, d.CustomerID) {
			return refuse(c.at+"/customer_id", "not-merged", "this customer is not merged with that one")
		}
	case *ComplaintLinked:
		same := d.RelatedCustomerID == "" || d.RelatedCustomerID == e.Customer
		if same && d.RelatedComplaintID == d.ComplaintID {
			return refuse(c.at+"/related_complaint_id", "links-itself", "a complaint cannot be linked to itself")
		}
	}
	return nil
}

func (r *References) merged(kind refKind, customer string) bool {
	k := r.known.find(refKey{kind: kind, id: customer})
	return k != nil && !k.ended
}

// Add takes the event's names up. Events of one customer are added in the order of their revisions; an event that was added
// before, or one of another stream's type, adds nothing.
func (r *References) Add(e Event) {
	typ, ok := typeIndex[e.Type]
	if !ok || e.Type.LedgerOwn() || r.events.find(refKey{id: e.ID}) != nil {
		return
	}
	_, target := identity(&e)
	r.events.add(recordedEvent{id: e.ID, target: target, typ: typ})
	switch d := e.Data.(type) {
	case *CustomerAbsorbed:
		r.merge(refAbsorbed, d.CustomerID)
	case *CustomerMergedInto:
		r.merge(refMergedInto, d.CustomerID)
	case *CustomerUnmerged:
		for _, kind := range []refKind{refAbsorbed, refMergedInto} {
			if k := r.known.find(refKey{kind: kind, id: d.CustomerID}); k != nil {
				k.ended = true
			}
		}
	case *ComplaintProposed:
		r.name(knownID{kind: refAnyProposal, id: d.ComplaintID})
	}
	if refs := refsOf(&e); refs.opens != 0 {
		r.name(knownID{kind: refs.opens, within: refs.within, id: refs.id})
	}
}

func (r *References) name(k knownID) {
	if r.known.find(k.key()) == nil {
		r.known.add(k)
	}
}

func (r *References) merge(kind refKind, customer string) {
	if k := r.known.find(refKey{kind: kind, id: customer}); k != nil {
		k.ended = false
		return
	}
	r.known.add(knownID{kind: kind, id: customer})
}

// Absorbed lists the customers that this one has absorbed and not released, in order of absorption: those whose references
// Check wants beside the customer's own.
func (r *References) Absorbed() []string {
	var out []string
	for i := range r.known.rows {
		if k := &r.known.rows[i]; k.kind == refAbsorbed && !k.ended {
			out = append(out, k.id)
		}
	}
	return out
}

func refuse(pointer, slug, reason string) error {
	return &Refusal{Pointer: pointer, Slug: slug, Reason: reason}
}

// typeIndex and dataTypes number the types by their place in newData, and know the payload of each.
var (
	typeIndex = func() map[Type]uint8 {
		m := make(map[Type]uint8, len(newData))
		for i, t := range newData {
			m[t.Type] = uint8(i)
		}
		return m
	}()
	dataTypes = func() []reflect.Type {
		out := make([]reflect.Type, len(newData))
		for i, t := range newData {
			out[i] = reflect.TypeOf(t.New())
		}
		return out
	}()
)
