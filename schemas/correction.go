package schemas

import (
	"fmt"

	"amends/domain"
)

// TypeOf is the type of the records that obey the schema, which a dataschema names; empty: there is no such schema.
func (c *Codec) TypeOf(dataschema string) domain.Type {
	if s, ok := c.schemas[dataschema]; ok {
		return s.eventType
	}
	return ""
}

// Correction completes a record.corrected, which ParseInput could check only from outside: its inner data must obey the
// schema of the record that it corrects. target is that record's dataschema. It fills in event_schema, in the decoded event
// and in DataJSON, and Decoded. A sender who named event_schema is held to it; it may be another version of the same type.
// The error is a *Problem.
func (c *Codec) Correction(in *Input, target string) error {
	correction, ok := in.Event.Data.(*domain.RecordCorrected)
	if !ok {
		return problem(wrongCorrection, "/type", "The record is not a correction.")
	}
	s, ok := c.schemas[target]
	if !ok {
		return problem(unknownSchema, "/data/event_id", "The corrected record obeys a schema that is not known.")
	}
	if s.eventType == in.Event.Type {
		return problem(wrongCorrection, "/data/event_id",
			"The record named is itself a correction. Correct the original record again instead.")
	}
	if correction.EventSchema != "" {
		named, ok := c.schemas[correction.EventSchema]
		if !ok || named.eventType != s.eventType {
			return problem(wrongCorrection, "/data/event_schema", fmt.Sprintf(
				"The corrected record is of the type %s; event_schema must name one of its schemas, or be left out.", s.eventType))
		}
		s = named
	}
	payload, p := c.validate(s, appendCompact(nil, correction.Data), "/data/data")
	if p != nil {
		return p
	}
	if correction.EventSchema == "" {
		correction.EventSchema = s.id
		open := in.DataJSON[:len(in.DataJSON)-1] // the payload has members: event_id and data
		data := make([]byte, 0, len(in.DataJSON)+len(s.id)+20)
		in.DataJSON = fmt.Appendf(append(data, open...), `,"event_schema":"%s"}`, s.id)
	}
	correction.Decoded = payload
	return nil
}
