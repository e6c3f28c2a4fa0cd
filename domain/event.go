// Package domain is the vocabulary and the rules of Amends: what may be recorded about a customer, what a history adds up
// to, and what that means at an instant. It is pure: no I/O, no clock, no randomness. Everything else in the house decides,
// projects, replays and restates with it, so no rule exists a second time.
package domain

import (
	"encoding/json"
	"time"
)

// Type is the stored name of an event type, such as "complaint.registered". Names are a storage format: they are never
// changed, and frozen by a test.
type Type string

// Family is the part of the name before the dot.
func (t Type) Family() string {
	for i := range len(t) {
		if t[i] == '.' {
			return string(t[:i])
		}
	}
	return string(t)
}

// Accuracy says how well an event's time is known. The empty value means exactly.
type Accuracy string

// The accuracies. A source that lacks the date of a fact gets the best bound there is, never an invention.
const (
	AccuracyExact     Accuracy = ""
	AccuracyDay       Accuracy = "day"        // the day is known (UTC), the hour is not
	AccuracyNotBefore Accuracy = "not_before" // the true time is unknown, and not before Time
	AccuracyNotAfter  Accuracy = "not_after"  // the true time is unknown, and not after Time
)

// Event is one record, decoded: what the fold reads. It is immutable once built.
type Event struct {
	ID       string
	Source   string
	Type     Type
	Customer string    // the stream: the customer id, or LedgerStream
	Time     time.Time // when it happened, UTC
	Accuracy Accuracy
	Recorded time.Time // when the ledger took it, UTC; never goes backwards within a customer
	Revision uint64    // place in the customer's stream, gapless from 1
	Position uint64    // place in the log; 0 while not yet stored

	Actor         string // who did it: an id, never a name
	CorrelationID string
	CausationID   string

	Data Data // a pointer to the payload struct of Type
}

// LedgerStream is the stream of the ledger's own records: policies, weights, access, checkpoints.
const LedgerStream = "_ledger"

// Data is a decoded payload: a pointer to one of this package's payload structs.
type Data interface {
	// payload keeps the set closed: a payload struct of this package, and nothing else, is Data.
	payload()
}

// Extra carries what a sender adds freely under "extra"; the ledger keeps it and gives it no meaning.
type Extra struct {
	Extra json.RawMessage `json:"extra,omitempty"`
}

func (Extra) payload() {}

// Money is an amount in minor units (cents, pence) of an ISO 4217 currency. A payload without an amount has neither field.
type Money struct {
	AmountMinor *int64 `json:"amount_minor,omitempty"`
	Currency    string `json:"currency,omitempty"`
}

// Document names something kept elsewhere: a recording, a scan, a mail.
type Document struct {
	URI    string `json:"uri"`
	SHA256 string `json:"sha256"` // lower-case hex
	Size   int64  `json:"size"`   // bytes
}
