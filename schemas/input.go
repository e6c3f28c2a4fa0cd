package schemas

import (
	"bytes"
	"fmt"
	"mime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"amends/domain"
)

// Input is an event as a sender gave it, checked and decoded.
type Input struct {
	// Event has no Revision, Position or Recorded yet. Its Time is zero if the sender gave none; Encode then stores the time
	// of recording. An event without an id has been given a UUIDv7.
	Event domain.Event
	// Expected is the revision that the customer's stream must have before this event; nil: any.
	Expected *uint64
	// DataJSON is the payload as it was sent, without white space between tokens.
	DataJSON []byte
	// Sealed is the payload as it is stored, with its personal values sealed (see Codec.Seal); nil: DataJSON is stored.
	Sealed []byte
	// Schema is the dataschema that DataJSON obeys: the one that the sender named, or the latest of the type.
	Schema string
	// Traceparent is the W3C trace context that the sender gave, or empty.
	Traceparent string
}

// ParseInput checks one CloudEvent in JSON, strictly, and decodes it. The error is a *Problem and names the first thing
// found wrong; the Input is then empty. now is the ledger's clock, past which no event may lie.
//
// The payload of record.corrected is checked only as far as it can be without the corrected record; see Correction.
func (c *Codec) ParseInput(raw []byte, now time.Time) (Input, error) {
	in, p := c.parse(raw, now)
	if p != nil {
		return Input{}, p
	}
	return in, nil
}

func (c *Codec) parse(raw []byte, now time.Time) (Input, *Problem) {
	var attrs attributes
	if p := readAttributes(raw, &attrs); p != nil {
		return Input{}, p
	}
	in := Input{}
	e := &in.Event
	version, p := attrs.text(attrSpecversion, true)
	if p != nil {
		return in, p
	}
	if version != "1.0" {
		return in, problem(unsupportedValue, "/specversion", `The attribute specversion must be "1.0".`)
	}
	s, p := c.inputSchema(&attrs)
	if p != nil {
		return in, p
	}
	e.Type, in.Schema = s.eventType, s.id
	if e.Customer, p = subject(&attrs, e.Type); p != nil {
		return in, p
	}
	if e.Source, p = attrs.matching(attrSource, true); p != nil {
		return in, p
	}
	if e.ID, p = attrs.matching(attrID, false); p != nil {
		return in, p
	}
	if e.ID == "" {
		e.ID = uuid.Must(uuid.NewV7()).String()
	}
	if e.Actor, p = attrs.matching(attrActor, false); p != nil {
		return in, p
	}
	if e.CorrelationID, p = attrs.matching(attrCorrelationID, false); p != nil {
		return in, p
	}
	if e.CausationID, p = attrs.matching(attrCausationID, false); p != nil {
		return in, p
	}
	if in.Traceparent, p = attrs.matching(attrTraceparent, false); p != nil {
		return in, p
	}
	if p := inputTime(&attrs, e, now); p != nil {
		return in, p
	}
	if in.Expected, p = expected(attrs.value[attrExpectedRevision]); p != nil {
		return in, p
	}
	if p := contentType(&attrs); p != nil {
		return in, p
	}
	return in, c.inputData(&attrs, s, &in)
}

// inputSchema is the schema that the event names, or the latest of its type.
func (c *Codec) inputSchema(attrs *attributes) (*schema, *Problem) {
	name, p := attrs.text(attrType, true)
	if p != nil {
		return nil, p
	}
	s, ok := c.latest[domain.Type(name)]
	if !ok {
		return nil, problem(unknownType, "/type", "There is no such event type."+
			didYouMean(name, func(yield func(string) bool) { eachType(c.types, yield) }))
	}
	named, p := attrs.text(attrDataschema, false)
	if p != nil || named == "" || named == s.id {
		return s, p
	}
	if older, ok := c.schemas[named]; ok && older.eventType == s.eventType {
		return older, nil
	}
	return nil, problem(unknownSchema, "/dataschema", fmt.Sprintf(
		"%s has the schemas %s to %d; leave the attribute out for the latest.",
		s.eventType, schemaID(s.eventType, 1), s.version))
}

func eachType(types []domain.Type, yield func(string) bool) {
	for _, t := range types {
		if !yield(string(t)) {
			return
		}
	}
}

func inputTime(attrs *attributes, e *domain.Event, now time.Time) *Problem {
	text, p := attrs.text(attrTime, false)
	if p != nil {
		return p
	}
	if attrs.value[attrTime] != nil {
		if e.Time, p = eventTime(text, now); p != nil {
			return p
		}
	}
	accuracy, p := attrs.text(attrTimeAccuracy, false)
	if p != nil || attrs.value[attrTimeAccuracy] == nil {
		return p
	}
	e.Accuracy = domain.Accuracy(accuracy)
	if !slices.Contains([]domain.Accuracy{domain.AccuracyDay, domain.AccuracyNotBefore, domain.AccuracyNotAfter}, e.Accuracy) {
		return problem(unknownCode, "/timeaccuracy",
			"The attribute timeaccuracy must be day, not_before or not_after; leave it out when the time is exact.")
	}
	if e.Time.IsZero() {
		return problem(missingField, "/time", "The attribute timeaccuracy says how well the time is known, but there is no time.")
	}
	return nil
}

func expected(raw []byte) (*uint64, *Problem) {
	if raw == nil {
		return nil, nil
	}
	v, err := strconv.ParseUint(string(raw), 10, 53)
	if err != nil {
		return nil, problem(wrongType, "/expectedrevision",
			"The attribute expectedrevision must be a whole number from 0 (no record yet), written as a JSON number.")
	}
	return &v, nil
}

func contentType(attrs *attributes) *Problem {
	text, p := attrs.text(attrDataContentType, false)
	if p != nil || attrs.value[attrDataContentType] == nil || text == "application/json" {
		return p
	}
	media, parameters, err := mime.ParseMediaType(text)
	charset, given := parameters["charset"]
	if err != nil || media != "application/json" || given && !strings.EqualFold(charset, "utf-8") {
		return problem(contentEncoding, "/datacontenttype", "The attribute datacontenttype must be application/json.")
	}
	return nil
}

// inputData checks and decodes the payload.
func (c *Codec) inputData(attrs *attributes, s *schema, in *Input) *Problem {
	raw := attrs.value[attrData]
	if raw == nil {
		return problem(missingField, "/data", "The payload is missing: data must be an object that obeys "+s.id+".")
	}
	if raw[0] != '{' {
		return problem(wrongType, "/data", "The payload must be an object, but is "+article(kindOf(raw))+".")
	}
	in.DataJSON = appendCompact(make([]byte, 0, len(raw)), raw)
	if size := envelopeSize(in) + len(in.DataJSON); size > MaxRecord {
		return tooLarge(size, in.DataJSON)
	}
	payload, p := c.validate(s, in.DataJSON, "/data")
	if p != nil {
		return p
	}
	in.Event.Data = payload
	return nil
}

// Identify reads the id and the customer of a record that may be refused, so that the refusal can name it. Either is empty
// if it is not there or not well-formed.
func Identify(raw []byte) (id, customer string) {
	var attrs attributes
	_ = readAttributes(raw, &attrs) // what was read before something went wrong still identifies the record
	id, _ = attrs.matching(attrID, false)
	text, _ := attrs.text(attrSubject, false)
	if customerPattern.MatchString(text) && !looksLikePhone(text) || text == domain.LedgerStream {
		customer = text
	}
	return id, customer
}

// kindOf names the JSON type of a value.
func kindOf(raw []byte) string {
	switch bytes.TrimSpace(raw)[0] {
	case '"':
		return "string"
	case '{':
		return "object"
	case '[':
		return "array"
	case 't', 'f':
		return "boolean"
	case 'n':
		return "null"
	}
	return "number"
}

// article puts "a" or "an" before the name of a JSON type.
func article(kind string) string {
	switch kind {
	case "null":
		return kind
	case "object", "array", "integer":
		return "an " + kind
	}
	return "a " + kind
}
