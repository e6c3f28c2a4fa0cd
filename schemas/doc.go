// Package schemas is the wire contract of Amends: one JSON Schema (draft 2020-12) for each event type and version, and the
// codec between a sender's CloudEvent, the stored record and the domain's event.
//
// # Three forms
//
// What a sender writes is parsed strictly (ParseInput): a field that the contract does not know, a duplicate, a wrong type
// or a code that is in no list is refused with one Problem that names the field. What is stored (Encode) is one compact JSON
// object whose attributes stand in one fixed order; those bytes are the record, and are never encoded again. What the rules
// read (Decode) is a domain.Event.
//
// # The schemas are the law
//
// The files under events/ say everything about a payload: its fields, which are required, which are personal and under which
// retention class they are kept, the codes with their labels in English and Chinese, and what each means. At start-up they
// are compiled into a small checker that walks the bytes of a payload once. A full JSON Schema library explains every refusal,
// and has the last word; it alone would need more than the whole time budget of a record. A property test and a fuzz test
// hold that the two accept and refuse the same.
//
// # Versions
//
// A schema is never changed so that a record once accepted would be refused, or mean something else; such a change gets the
// next version. A sender may name an older version, and is then held to that one; the record is stored as it was sent. Decode
// lifts the payload of an older version, step by step (upcast.go), to what the domain's structs hold now. An example:
// complaint.paused called its field waiting_for in version 1, and calls it awaiting since version 2.
//
// The catalogue of events in docs/events.md is generated from the schemas.
package schemas

//go:generate go run ./internal/catalogue
