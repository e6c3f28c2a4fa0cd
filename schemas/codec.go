package schemas

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"amends/domain"
)

// Codec turns senders' events into records and records into the domain's events. It is safe for concurrent use.
type Codec struct {
	documents *documents
	schemas   map[string]*schema      // by $id
	latest    map[domain.Type]*schema // the current version of each type
	types     []domain.Type           // the catalogue's order
	library   library
}

// schema is one version of one event type's payload.
type schema struct {
	id        string
	eventType domain.Type
	version   int
	node      *node
	lift      upcast // to the next version; nil for the latest
	next      *schema
	times     [][]int // the payload struct's time fields, to be put in UTC
}

// New compiles the embedded schemas. An error means that a schema is wrong, and is found by the package's tests.
func New() (*Codec, error) {
	documents, err := loadDocuments()
	if err != nil {
		return nil, err
	}
	c := &Codec{
		documents: documents, types: domain.Types(),
		schemas: make(map[string]*schema), latest: make(map[domain.Type]*schema),
	}
	c.library.documents = documents
	for id := range documents.parsed {
		if err := c.add(id); err != nil {
			return nil, fmt.Errorf("schemas: %s: %w", id, err)
		}
	}
	return c, c.chain()
}

// add compiles one event schema; the shared files are compiled where they are referred to.
func (c *Codec) add(id string) error {
	name, version, ok := split(id)
	if !ok {
		return nil
	}
	node, err := c.documents.compile(id)
	if err != nil {
		return err
	}
	node.markHidden()
	data, ok := domain.NewData(domain.Type(name))
	if !ok {
		return fmt.Errorf("there is no event type %s", name)
	}
	s := &schema{id: id, eventType: domain.Type(name), version: version, node: node, lift: upcasts[id]}
	s.times = timeFields(reflect.TypeOf(data).Elem(), nil)
	c.schemas[id] = s
	if current := c.latest[s.eventType]; current == nil || current.version < version {
		c.latest[s.eventType] = s
	}
	return nil
}

// chain ties each version to the next, and makes sure that none is missing.
func (c *Codec) chain() error {
	for _, t := range c.types {
		latest := c.latest[t]
		if latest == nil {
			return fmt.Errorf("schemas: no schema for %s", t)
		}
		for v := 1; v < latest.version; v++ {
			this, next := c.schemas[schemaID(t, v)], c.schemas[schemaID(t, v+1)]
			if this == nil || next == nil || this.lift == nil {
				return fmt.Errorf("schemas: %s has no way from version %d to %d", t, v, v+1)
			}
			this.next = next
		}
	}
	return nil
}

func schemaID(t domain.Type, version int) string {
	return fmt.Sprintf("%s%s:%d", schemaPrefix, t, version)
}

// ids are the $ids of all event schemas in the catalogue's order, older versions first.
func (c *Codec) ids() []string {
	var ids []string
	for _, t := range c.types {
		for v := 1; v <= c.latest[t].version; v++ {
			ids = append(ids, schemaID(t, v))
		}
	}
	return ids
}

// trusted are the options for a payload that has been checked, or was stored: its names are unique.
var trusted = json.JoinOptions(jsontext.AllowDuplicateNames(true))

// decode makes the current payload struct of data, which obeys s.
func (s *schema) decode(data []byte) (domain.Data, error) {
	var err error
	for ; s.next != nil; s = s.next {
		if data, err = s.lift(data); err != nil {
			return nil, fmt.Errorf("lift %s: %w", s.id, err)
		}
	}
	payload, _ := domain.NewData(s.eventType)
	if err := json.Unmarshal(data, payload, trusted); err != nil {
		return nil, err
	}
	if s.times != nil {
		inUTC(reflect.ValueOf(payload).Elem(), s.times)
	}
	return payload, nil
}

// explain is the one best problem of data under s, or nil if the library finds none.
func (c *Codec) explain(s *schema, data []byte, base string) *Problem {
	var value any
	if err := json.Unmarshal(data, &value); err != nil {
		return decodeProblem(err, base)
	}
	library, err := c.library.schema(s.id)
	if err != nil { // the tests compile every schema
		return problem(invalidData, base, "The payload does not obey the schema "+s.id+".")
	}
	var invalid *jsonschema.ValidationError
	if !errors.As(library.Validate(value), &invalid) {
		return nil
	}
	return c.best(s, invalid, base)
}

// validate checks compact data against s and decodes it. base is where data stands in the record.
func (c *Codec) validate(s *schema, data []byte, base string) (domain.Data, *Problem) {
	if bytes.Contains(data, []byte(`\u0000`)) {
		if pointer, found := nulText(data); found {
			return nil, problem(unstorableText, base+pointer, "A text must not hold the character U+0000.")
		}
	}
	if _, ok := s.node.check(data); !ok {
		if p := c.explain(s, data, base); p != nil {
			return nil, p
		}
	}
	payload, err := s.decode(data)
	if err != nil {
		return nil, decodeProblem(err, base)
	}
	return payload, nil
}

// nulText finds a text or a name that holds U+0000, which some of the stores behind the views cannot keep.
func nulText(data []byte) (pointer string, found bool) {
	dec := jsontext.NewDecoder(bytes.NewReader(data))
	for {
		token, err := dec.ReadToken()
		if err != nil {
			return "", false
		}
		if token.Kind() == '"' && strings.ContainsRune(token.String(), 0) {
			return safePointer(string(dec.StackPointer())), true
		}
	}
}

// PersonalField is a field that is sealed under the customer's key.
type PersonalField struct {
	Path  []string // member names from the payload's root; "*" stands for each item of an array
	Class string   // retention class: complaint_record, interaction or marketing
}

// Personal lists the personal fields of the payload that obeys the schema (a dataschema), in the schema's order. For
// record.corrected the inner data has, besides, those of the corrected record's schema.
func (c *Codec) Personal(dataschema string) []PersonalField {
	s, ok := c.schemas[dataschema]
	if !ok {
		return nil
	}
	return s.node.personalFields(nil, nil)
}

func (n *node) personalFields(path []string, out []PersonalField) []PersonalField {
	if n.personal != "" {
		return append(out, PersonalField{Path: slices.Clone(path), Class: n.personal})
	}
	for i, name := range n.names {
		out = n.props[i].personalFields(append(path, name), out)
	}
	if n.items != nil {
		out = n.items.personalFields(append(path, "*"), out)
	}
	return out
}

// StaffFields lists the fields of the payload (top-level members) that name a person or a team of the company by an id.
func (c *Codec) StaffFields(dataschema string) []string {
	s, ok := c.schemas[dataschema]
	if !ok {
		return nil
	}
	var out []string
	for i, name := range s.node.names {
		if s.node.props[i].person {
			out = append(out, name)
		}
	}
	return out
}
