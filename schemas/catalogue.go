package schemas

import (
	"maps"
	"slices"
	"strings"

	"amends/domain"
)

// Entry describes one version of one event type.
type Entry struct {
	Type        domain.Type
	Version     int
	Latest      bool
	Schema      string // the dataschema
	Title       string
	Description string
	Fields      []Field
	Document    []byte // the JSON Schema file; its references name files that Shared has
}

// Field describes one field of a payload.
type Field struct {
	Name        string
	Type        string // string, integer, boolean, object or array
	Items       string // of an array: the type of its items
	Format      string // date-time, date, uri, or empty
	Description string
	Rule        string // the format in words, or empty
	Required    bool
	Personal    string // retention class, or empty
	Corrects    bool   // the value is a payload of the corrected record's schema
	List        string // the name of the list of codes, or empty
	Fields      []Field
}

// Label is one code with what people read.
type Label struct {
	Code string
	En   string
	Zh   string
}

// List is a closed list of codes.
type List struct {
	Name        string
	Description string
	Labels      []Label
}

// Catalogue describes all event types in their order, older versions before newer ones.
func (c *Codec) Catalogue() []Entry {
	var out []Entry
	for _, id := range c.ids() {
		s := c.schemas[id]
		out = append(out, Entry{
			Type: s.eventType, Version: s.version, Latest: s.next == nil, Schema: id, Title: s.node.title, Description: s.node.description,
			Fields: s.node.fields(), Document: slices.Clone(c.documents.raw[id]),
		})
	}
	return out
}

func (n *node) fields() []Field {
	var out []Field
	for i, name := range n.names {
		p := n.props[i]
		f := Field{Name: name, Type: p.typeName, Format: p.formatName, Description: p.description, Rule: p.rule,
			Required: n.required&(1<<i) != 0, Personal: p.personal, Corrects: p.corrects, List: p.list, Fields: p.fields()}
		if p.items != nil {
			f.Items, f.List, f.Fields = p.items.typeName, p.items.list, p.items.fields()
		}
		out = append(out, f)
	}
	return out
}

// Lists are the closed lists of codes in the order of their file, each with its labels.
func (c *Codec) Lists() ([]List, error) {
	defs, err := c.documents.at(codesID + "#/$defs")
	if err != nil {
		return nil, err
	}
	names := slices.SortedFunc(maps.Keys(defs), func(a, b string) int {
		return c.documents.order[codesID+"#/$defs/"+a] - c.documents.order[codesID+"#/$defs/"+b]
	})
	var out []List
	for _, name := range names {
		n, err := c.documents.compile(codesID + "#/$defs/" + name)
		if err != nil {
			return nil, err
		}
		list := List{Name: name, Description: n.description}
		for _, code := range n.codes {
			list.Labels = append(list.Labels, n.labels[code])
		}
		out = append(out, list)
	}
	return out, nil
}

// Codes are the codes of a closed list, in its order; none if there is no such list.
func (c *Codec) Codes(list string) []string {
	n, err := c.documents.compile(codesID + "#/$defs/" + list)
	if err != nil {
		return nil
	}
	return slices.Clone(n.codes)
}

// Title is the event type in words; empty if there is no such type.
func (c *Codec) Title(t domain.Type) string {
	if s := c.latest[t]; s != nil {
		return s.node.title
	}
	return ""
}

// codesID is the file of the lists of codes.
const codesID = schemaPrefix + "codes"

// listName is the name of the list of codes that a reference leads to, or empty.
func listName(ref string) string {
	name, _ := strings.CutPrefix(ref, codesID+"#/$defs/")
	if name == ref {
		return ""
	}
	return name
}

// Shared are the files that event schemas refer to, by their $id.
func (c *Codec) Shared() map[string][]byte {
	out := make(map[string][]byte)
	for id, raw := range c.documents.raw {
		if _, _, ok := split(id); !ok {
			out[id] = slices.Clone(raw)
		}
	}
	return out
}
