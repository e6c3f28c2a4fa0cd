package projections

import (
	"time"

	"amends/domain"
)

// entry is what the projector keeps of one customer's stream.
type entry struct {
	id     string
	events []domain.Event // those that could be decoded, in the order of the stream
	from   uint64         // revision of the first record held; 1: the stream is held from its beginning
	last   uint64         // revision of the last record held
	parked int            // how many records could not be projected
	// merges: the stream holds an absorption, so its unit may be larger than itself.
	merges bool
	// corrections: positions in events of corrections that came since the last flush.
	corrections []int

	// What follows is of the unit of which this customer is the root.
	state   *domain.Customer
	folded  int  // how many of events the state holds
	isNew   bool // the tables hold no row of this customer
	written *written
	touched bool // something came since the last flush
}

// written is what the tables hold of a unit, by fingerprints. A unit without it is written anew as a whole.
type written struct {
	rows   map[uint64]uint64 // by the key's fingerprint (see rowSink), the row's fingerprint
	counts []int             // rows by table number
	to     uint64            // position of the last event at the time of writing
}

// unit is what is folded and written together: a customer and all whom it absorbed.
type unit struct {
	state   *domain.Customer // of the root, over all streams of the unit
	members []member         // the root first
	at      time.Time        // the instant for scores
	weights *domain.Weights
	// policies are those in the log up to what was seen, or further.
	policies *domain.PolicyBook

	scores      scores // made by score when the first scored view asks
	customerRow customerRow
}

// member is one customer of a unit.
type member struct {
	state *domain.Customer // of its own stream and of those it absorbed
	stale bool
}
