package schemas

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"time"

	"amends/domain"
)

// ErrNotRecord is returned for bytes that are not a stored record, or one of a schema that this version does not know.
var ErrNotRecord = errors.New("not a stored record")

// Decode reads a stored record. The bytes must be in the stored form, as Encode writes it: attributes in their order and no
// white space between them. Position is left 0: it is not in the record. The payload of an older schema is lifted to the
// current one.
func (c *Codec) Decode(data []byte) (domain.Event, error) {
	e, s, payload, err := c.decodeEnvelope(data)
	if err != nil {
		return domain.Event{}, err
	}
	if e.Data, err = s.decode(payload); err != nil {
		return domain.Event{}, fmt.Errorf("%w: payload of %s: %w", ErrNotRecord, s.id, unquoted(err))
	}
	if correction, ok := e.Data.(*domain.RecordCorrected); ok && correction.EventSchema != "" {
		target, ok := c.schemas[correction.EventSchema]
		if !ok || target.eventType == e.Type {
			return domain.Event{}, fmt.Errorf("%w: it corrects a record of an unknown schema", ErrNotRecord)
		}
		if correction.Decoded, err = target.decode(correction.Data); err != nil {
			return domain.Event{}, fmt.Errorf("%w: corrected payload of %s: %w", ErrNotRecord, target.id, unquoted(err))
		}
	}
	return e, nil
}

// unquoted keeps where a payload failed and drops what stood there, which may be personal.
func unquoted(err error) error {
	return decodeProblem(err, "")
}

func (c *Codec) decodeEnvelope(data []byte) (e domain.Event, s *schema, payload []byte, err error) {
	r := record{rest: data}
	r.literal(`{"specversion":"1.0","id":"`)
	e.ID = string(r.until(`","source":"`))
	e.Source = string(r.until(`","type":"`))
	eventType := r.until(`","dataschema":"`)
	s = c.schemas[string(r.until(`","subject":"`))]
	if s == nil || string(s.eventType) != string(eventType) {
		r.failed = true
		s = &schema{}
	}
	e.Type = s.eventType
	e.Customer = string(r.until(`","time":"`))
	e.Time = r.instant()
	if r.optional(`,"timeaccuracy":"`) {
		e.Accuracy = domain.Accuracy(r.until(`"`))
	}
	r.literal(`,"recordedtime":"`)
	e.Recorded = r.instant()
	r.literal(`,"revision":`)
	revision, err := strconv.ParseUint(string(r.until(`,"prevhash":"`)), 10, 64)
	e.Revision = revision
	prev := r.until(`"`)
	if r.optional(`,"actor":"`) {
		e.Actor = string(r.until(`"`))
	}
	if r.optional(`,"correlationid":"`) {
		e.CorrelationID = string(r.until(`"`))
	}
	if r.optional(`,"causationid":"`) {
		e.CausationID = string(r.until(`"`))
	}
	if r.optional(`,"traceparent":"`) {
		r.until(`"`)
	}
	r.literal(`,"datacontenttype":"application/json","data":`)
	if r.failed || err != nil || len(prev) != 64 || len(r.rest) < 3 || r.rest[len(r.rest)-1] != '}' {
		return e, nil, nil, fmt.Errorf("%w: it is not in the stored form, or its schema is unknown, near byte %d of %d",
			ErrNotRecord, len(data)-len(r.rest), len(data))
	}
	return e, s, r.rest[:len(r.rest)-1], nil
}

// record reads the stored form from left to right. No attribute holds a character that JSON escapes, so a quotation mark
// ends a value. Once something is missing, failed stays set and everything reads as empty.
type record struct {
	rest   []byte
	failed bool
}

func (r *record) literal(text string) {
	if !r.optional(text) {
		r.failed = true
	}
}

func (r *record) optional(text string) bool {
	if r.failed || len(r.rest) < len(text) || string(r.rest[:len(text)]) != text {
		return false
	}
	r.rest = r.rest[len(text):]
	return true
}

// until is what stands before the separator, which is passed over. A value with a quotation mark or a backslash is none of ours.
func (r *record) until(separator string) []byte {
	i := bytes.IndexByte(r.rest, separator[0])
	if r.failed || i < 0 {
		r.failed = true
		return nil
	}
	value := r.rest[:i]
	r.rest = r.rest[i:]
	r.literal(separator)
	if bytes.IndexByte(value, '\\') >= 0 {
		r.failed = true
	}
	return value
}

func (r *record) instant() time.Time {
	var t time.Time
	if err := t.UnmarshalText(r.until(`"`)); err != nil {
		r.failed = true
	}
	return t.UTC()
}

// CustomerOf is the customer of a stored record; empty if the bytes are none. It reads no more than it must.
func CustomerOf(record []byte) string {
	// The mark cannot stand inside a string, where its quotes would be escaped, and only data comes after the subject.
	_, rest, _ := bytes.Cut(record, []byte(`","subject":"`))
	customer, _, _ := bytes.Cut(rest, []byte{'"'})
	return string(customer)
}
