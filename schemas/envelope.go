package schemas

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// The attributes of an event on the way in.
const (
	attrSpecversion = iota
	attrID
	attrSource
	attrType
	attrDataschema
	attrSubject
	attrTime
	attrTimeAccuracy
	attrActor
	attrCorrelationID
	attrCausationID
	attrTraceparent
	attrExpectedRevision
	attrDataContentType
	attrData
	attrCount
)

var attributeNames = [attrCount]string{"specversion", "id", "source", "type", "dataschema", "subject", "time", "timeaccuracy",
	"actor", "correlationid", "causationid", "traceparent", "expectedrevision", "datacontenttype", "data"}

var attributeIndex = func() map[string]int {
	index := make(map[string]int, attrCount)
	for i, name := range attributeNames {
		index[name] = i
	}
	return index
}()

// attributes are the members of an event, as JSON values within the sender's bytes; nil: absent, or null, which CloudEvents
// takes to be the same.
type attributes struct {
	value [attrCount][]byte
}

// reader is a JSON decoder over bytes, kept for the next record.
type reader struct {
	buffer  bytes.Buffer
	decoder jsontext.Decoder
}

var readers = sync.Pool{New: func() any { return new(reader) }}

// readAttributes reads the members of one event, in any order. It finds whatever is not one well-formed JSON object, and
// members that the contract does not have; the latter do not keep it from reading the others.
func readAttributes(raw []byte, attrs *attributes) *Problem {
	r := readers.Get().(*reader)
	defer func() {
		r.buffer = bytes.Buffer{} // the sender's bytes are not kept
		readers.Put(r)
	}()
	r.buffer = *bytes.NewBuffer(raw)
	dec := &r.decoder
	dec.Reset(&r.buffer)
	if kind := dec.PeekKind(); kind != '{' {
		if _, err := dec.ReadToken(); err != nil {
			return syntaxProblem(err, raw)
		}
		return problem(malformedJSON, "", "A record is one JSON object.")
	}
	if _, err := dec.ReadToken(); err != nil {
		return syntaxProblem(err, raw)
	}
	var stranger *Problem // the first
	for dec.PeekKind() == '"' {
		name, err := dec.ReadValue()
		if err != nil {
			return syntaxProblem(err, raw)
		}
		index, p := attributeOf(name)
		if p != nil && stranger == nil {
			stranger = p
		}
		value, err := dec.ReadValue()
		if err != nil {
			return syntaxProblem(err, raw)
		}
		if p == nil && value[0] != 'n' {
			end := int(dec.InputOffset())
			attrs.value[index] = raw[end-len(value) : end]
		}
	}
	if _, err := dec.ReadToken(); err != nil { // the closing brace, or what stands in its place
		return syntaxProblem(err, raw)
	}
	end := dec.InputOffset()
	if _, err := dec.ReadToken(); !errors.Is(err, io.EOF) {
		return problem(malformedJSON, "", fmt.Sprintf("Something follows the record's closing brace at byte %d.", end))
	}
	return stranger
}

// attributeOf is the index of an attribute by its name in quotes.
func attributeOf(quoted []byte) (int, *Problem) {
	if i, ok := attributeIndex[string(quoted[1:len(quoted)-1])]; ok {
		return i, nil
	}
	unquoted, err := jsontext.AppendUnquote(nil, quoted)
	if err != nil {
		return 0, problem(malformedJSON, "", "A member name is not a valid JSON string.")
	}
	name := string(unquoted)
	if i, ok := attributeIndex[name]; ok { // written with escapes
		return i, nil
	}
	switch name {
	case "recordedtime", "revision", "prevhash":
		return 0, problem(setByLedger, "/"+name, "The ledger itself sets "+name+" when it takes the record; leave it out.")
	case "data_base64":
		return 0, problem(contentEncoding, "/data_base64", "The payload must be JSON, in data.")
	}
	return 0, unknown(name, "", "An event", attributeNames[:])
}

// text is a string attribute.
func (a *attributes) text(i int, required bool) (string, *Problem) {
	raw := a.value[i]
	name := attributeNames[i]
	if raw == nil {
		if required {
			return "", problem(missingField, "/"+name, "The attribute "+name+" is required.")
		}
		return "", nil
	}
	if raw[0] != '"' {
		return "", problem(wrongType, "/"+name, "The attribute "+name+" must be a string, but is "+article(kindOf(raw))+".")
	}
	text := raw[1 : len(raw)-1]
	if bytes.IndexByte(text, '\\') < 0 {
		return string(text), nil
	}
	unquoted, err := jsontext.AppendUnquote(nil, raw)
	if err != nil {
		return "", problem(malformedJSON, "/"+name, "The attribute "+name+" is not a valid JSON string.")
	}
	return string(unquoted), nil
}

// syntaxProblem explains bytes that are not one valid JSON value.
func syntaxProblem(err error, raw []byte) *Problem {
	var syntactic *jsontext.SyntacticError
	if !errors.As(err, &syntactic) {
		return problem(malformedJSON, "", fmt.Sprintf("The record ends too early, at byte %d.", len(raw)))
	}
	pointer := safePointer(string(syntactic.JSONPointer))
	switch {
	case errors.Is(err, jsontext.ErrDuplicateName):
		return problem(duplicateField, pointer, "The field is given twice.")
	case errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF):
		return problem(malformedJSON, "", fmt.Sprintf("The record ends too early, at byte %d.", len(raw)))
	case syntactic.Err != nil && syntactic.Err.Error() == "invalid UTF-8":
		return problem(invalidUTF8, pointer, fmt.Sprintf("The bytes are not UTF-8 at byte %d.", syntactic.ByteOffset))
	}
	return problem(malformedJSON, pointer, fmt.Sprintf("The record is not valid JSON at byte %d.", syntactic.ByteOffset))
}

// decodeProblem explains why a payload that obeys its schema, as far as JSON Schema can say, does not fit.
func decodeProblem(err error, base string) *Problem {
	var semantic *json.SemanticError
	if errors.As(err, &semantic) {
		pointer := base + safePointer(string(semantic.JSONPointer))
		if semantic.JSONKind == '0' {
			return problem(wrongType, pointer, "The number must be a whole number, written without a decimal point or an exponent.")
		}
		return problem(invalidData, pointer, "The value does not fit the field.")
	}
	return problem(invalidData, base, "The payload could not be read.")
}
