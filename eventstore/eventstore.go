// Package eventstore is the contract between Amends and the log that keeps its records.
//
// A log holds many streams, one for each customer. A record has two places: its [Revision] in its stream, gapless from 1,
// and its [Position] in the whole log, strictly increasing but not necessarily dense. Stored bytes are never re-encoded:
// what was appended is what every reader gets.
//
// [Memory] is the executable specification. Package storetest holds every implementation to this contract.
package eventstore

import (
	"context"
	"errors"
	"fmt"
	"iter"
)

// MaxEventBytes is the largest event a store accepts: the entry limit of C2SP tlog-tiles (a uint16 length).
const MaxEventBytes = 65_535

// MaxAppendEvents is how many events one Append may carry: the largest atomic batch a JetStream server takes.
const MaxAppendEvents = 1_000

// MaxAppendBytes is how many bytes of events one Append may carry in any store. Embedded JetStream takes more; EventStoreDB
// refuses an append above its MaxAppendSize, by default 1 MiB with what it keeps beside each event.
const MaxAppendBytes = 512 << 10

// MaxIDBytes is how long an event id may be.
const MaxIDBytes = 256

// Position orders the whole log. The first event of a log has a position above 0; 0 means "before the first".
type Position uint64

// Revision is an event's place in its stream, gapless from 1; 0 is the revision of a stream without events.
type Revision uint64

// Event is what a caller appends: an id that is unique within its stream, and the bytes to keep.
type Event struct {
	ID   string
	Data []byte
}

// Unit is one append among several that are to keep their order in the log.
type Unit struct {
	Stream string
	Expect Expect
	Events []Event
}

// Recorded is an event as the log holds it. Its Data belongs to the caller who received it.
type Recorded struct {
	Event
	Stream   string
	Revision Revision
	Position Position
}

// Expect is the revision that a stream must have for an append to succeed.
type Expect struct{ revision Revision }

// NoStream expects a stream without events.
var NoStream = Expect{}

// At expects the stream to be exactly at revision r; At(0) is NoStream.
func At(r Revision) Expect { return Expect{revision: r} }

// Revision returns the expected revision.
func (e Expect) Revision() Revision { return e.revision }

// Store is a log. All methods may be called concurrently.
type Store interface {
	// Append adds the events to the stream as one unit, or adds none of them, and returns the position of each, in order.
	//
	// When it returns nil the events are durable: fsynced, or held by a majority. When the stream's revision is not the
	// expected one it returns a *ConflictError, unless the stream holds exactly these event ids in this order directly
	// after the expected revision: then the append had succeeded before, nothing is added, and the first positions are
	// returned. After any error but ErrConflict, ErrTooLarge and ErrInvalid the events' fate is unknown; retrying with the
	// same ids and the same expectation is safe and never duplicates.
	//
	// An event above MaxEventBytes, or in some stores more than MaxAppendBytes in all, gives ErrTooLarge; no event, more than MaxAppendEvents, an empty, repeated or too long id,
	// or a bad stream name gives ErrInvalid; in both cases nothing is stored. The events' bytes may be reused by the caller
	// once Append has returned, whatever it returned.
	Append(ctx context.Context, stream string, expect Expect, events ...Event) ([]Position, error)

	// Read yields the stream's events from the given revision (0 and 1 both mean the first), in order, up to the last one
	// that was acknowledged before the call, or later. A stream without events yields nothing. An error is yielded once
	// and ends the sequence.
	Read(ctx context.Context, stream string, from Revision) iter.Seq2[Recorded, error]

	// Follow yields every event of the log after the given position, in order of position, and then stays live. It never
	// yields a position and later an earlier one, and skips and repeats nothing, also across a reconnect. It ends, with
	// ctx's error, when ctx ends; any other error is yielded once and ends the sequence. The position is 0 or that of an
	// event; a store whose positions have gaps may answer any other with ErrPosition.
	Follow(ctx context.Context, after Position) iter.Seq2[Recorded, error]

	// End returns the position of the last acknowledged event, 0 for an empty log. Following up to End sees everything
	// that was acknowledged before the call.
	End(ctx context.Context) (Position, error)
}

var (
	// ErrConflict: the stream is not at the expected revision. The error's concrete type is *ConflictError.
	ErrConflict = errors.New("stream is not at the expected revision")
	// ErrTooLarge: an event is above MaxEventBytes, or the append as a whole above what the store takes.
	ErrTooLarge = errors.New("too large")
	// ErrInvalid: the call itself is malformed; nothing was sent to the log.
	ErrInvalid = errors.New("invalid append")
	// ErrPosition: no event of this log is at the position.
	ErrPosition = errors.New("no event of this log is at the position")
	// ErrClosed: the store was closed.
	ErrClosed = errors.New("event store is closed")
	// ErrDamaged: something that the log held is lost or is not what was appended. Trying again does not help; restoring the log
	// from a backup does. The error's concrete type is *DamageError.
	ErrDamaged = errors.New("log is damaged")
)

// DamageError says where the log is damaged. errors.Is(err, ErrDamaged) holds. Its text names places, never what records say.
type DamageError struct {
	Position Position // of the record that is lost or wrong; 0: not known
	Stream   string   // the one stream that is affected; empty: the log as a whole
	Reason   string   // what is wrong, in words
	Cause    error    // what showed it, for the operator; may be nil
}

func (e *DamageError) Error() string { return ErrDamaged.Error() + ": " + e.Reason }

// Is reports that a DamageError is an ErrDamaged.
func (e *DamageError) Is(target error) bool { return target == ErrDamaged }

// Unwrap returns what showed the damage.
func (e *DamageError) Unwrap() error { return e.Cause }

// ConflictError says which revision was expected and which one the stream has. errors.Is(err, ErrConflict) holds.
type ConflictError struct {
	Stream   string
	Expected Revision
	Actual   Revision
}

func (e *ConflictError) Error() string {
	return fmt.Sprintf("stream %s is at revision %d, not %d", e.Stream, e.Actual, e.Expected)
}

// Is reports that a ConflictError is an ErrConflict.
func (e *ConflictError) Is(target error) bool { return target == ErrConflict }

// ValidateAppend checks what every store must refuse before it touches its log. Implementations call it first.
func ValidateAppend(stream string, events []Event) error {
	if err := ValidateStream(stream); err != nil {
		return err
	}
	switch {
	case len(events) == 0:
		return fmt.Errorf("%w: no events", ErrInvalid)
	case len(events) > MaxAppendEvents:
		return fmt.Errorf("%w: %d events, at most %d in one append", ErrInvalid, len(events), MaxAppendEvents)
	}
	seen := make(map[string]struct{}, len(events))
	for _, e := range events {
		if e.ID == "" {
			return fmt.Errorf("%w: empty event id", ErrInvalid)
		}
		if len(e.ID) > MaxIDBytes {
			return fmt.Errorf("%w: event id has %d bytes, at most %d", ErrInvalid, len(e.ID), MaxIDBytes)
		}
		if _, dup := seen[e.ID]; dup {
			return fmt.Errorf("%w: event id %q twice", ErrInvalid, e.ID)
		}
		seen[e.ID] = struct{}{}
		if len(e.Data) > MaxEventBytes {
			return fmt.Errorf("%w: event %q has %d bytes, at most %d", ErrTooLarge, e.ID, len(e.Data), MaxEventBytes)
		}
	}
	return nil
}

// ValidateStream accepts [A-Za-z0-9_][A-Za-z0-9_-]{0,63}: a name that every engine can carry unescaped.
func ValidateStream(stream string) error {
	if stream == "" || len(stream) > 64 {
		return fmt.Errorf("%w: stream name has %d characters, 1 to 64 allowed", ErrInvalid, len(stream))
	}
	for i, c := range []byte(stream) {
		switch {
		case c >= 'A' && c <= 'Z', c >= 'a' && c <= 'z', c >= '0' && c <= '9', c == '_', c == '-' && i > 0:
		default:
			return fmt.Errorf("%w: stream name has a character outside A-Z a-z 0-9 _ -", ErrInvalid)
		}
	}
	return nil
}
