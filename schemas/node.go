package schemas

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// kinds is a set of JSON types.
type kinds uint8

const (
	kindString kinds = 1 << iota
	kindInteger
	kindBoolean
	kindObject
	kindArray
	kindAny = kindString | kindInteger | kindBoolean | kindObject | kindArray
)

var kindNames = map[string]kinds{
	"string": kindString, "integer": kindInteger, "boolean": kindBoolean, "object": kindObject, "array": kindArray,
}

// node is one schema with its references resolved: what the checker, the catalogue and the lists of personal fields read.
// It knows the part of JSON Schema that the files use; compile refuses any other keyword.
type node struct {
	title, description, rule string
	personal                 string // retention class, or empty
	corrects                 bool   // the value is a payload of the corrected record's schema
	hidesAny                 bool   // something below is personal, or may be in a corrected payload
	hidesCorrection          bool   // a member is a corrected payload
	person                   bool   // an id of a person or a team of the company
	list                     string // the name of the list of codes, or empty
	labels                   map[string]Label

	types    kinds
	typeName string

	// strings
	minLength, maxLength int // characters; maxLength -1: no limit
	patternText          string
	pattern              matcher
	formatName           string
	format               func(string) error
	codes                []string
	enum                 map[string]bool

	// integers
	hasMin, hasMax   bool
	minimum, maximum int64

	// objects: names in the file's order, at most 64 of them
	names     []string
	props     []*node
	index     map[string]int
	required  uint64            // bit i: names[i] must be there
	dependent map[int]uint64    // with names[i] there, those must be there as well
	closed    bool              // no other names
	maxProps  int               // -1: no limit
	rules     []conditionalRule // if, then

	// arrays
	items              *node
	minItems, maxItems int // maxItems -1: no limit
}

type conditionalRule struct{ when, then *node }

func newNode() *node { return &node{types: kindAny, maxLength: -1, maxProps: -1, maxItems: -1} }

// compile resolves the schema at a location into a node. Beside a $ref stand annotations, or narrower properties and items,
// which are merged into what the reference names.
func (d *documents) compile(location string) (*node, error) {
	schema, err := d.at(location)
	if err != nil {
		return nil, err
	}
	if !strings.Contains(location, "#") {
		location += "#"
	}
	n := newNode()
	if err := d.merge(n, schema, location); err != nil {
		return nil, fmt.Errorf("%s: %w", location, err)
	}
	return n, nil
}

// merge adds to n what schema, which stands at location, says.
func (d *documents) merge(n *node, schema map[string]any, location string) error {
	if ref, ok := schema["$ref"].(string); ok {
		if strings.HasPrefix(ref, "#") {
			id, _, _ := strings.Cut(location, "#")
			ref = id + ref
		} else if !strings.Contains(ref, "#") {
			ref += "#"
		}
		target, err := d.at(ref)
		if err != nil {
			return err
		}
		if err := d.merge(n, target, ref); err != nil {
			return err
		}
		if name := listName(ref); name != "" {
			n.list = name
		}
		n.person = n.person || ref == personRef
	}
	// properties come first: required and dependentRequired refer to them.
	for _, keyword := range sortedKeywords(schema) {
		if err := d.keyword(n, keyword, schema[keyword], location); err != nil {
			return fmt.Errorf("%s: %w", keyword, err)
		}
	}
	return nil
}

// personRef is what a field refers to whose value is an id of a person or a team of the company.
const personRef = schemaPrefix + "ids#/$defs/person_id"

func sortedKeywords(schema map[string]any) []string {
	names := slices.Sorted(maps.Keys(schema))
	if i := slices.Index(names, "properties"); i > 0 {
		names = slices.Insert(slices.Delete(names, i, i+1), 0, "properties")
	}
	return names
}

func (d *documents) keyword(n *node, keyword string, value any, location string) (err error) {
	switch keyword {
	case "$schema", "$id", "$ref", "$defs":
	case "title":
		n.title = value.(string)
	case "description":
		n.description = value.(string)
	case "x-amends-rule":
		n.rule = value.(string)
	case "x-amends-personal":
		n.personal = value.(string)
	case "x-amends-corrects":
		n.corrects = value.(bool)
	case "x-amends-labels":
		n.labels = make(map[string]Label)
		for code, l := range value.(map[string]any) {
			l := l.(map[string]any)
			n.labels[code] = Label{Code: code, En: l["en"].(string), Zh: l["zh"].(string)}
		}
	case "type":
		name, _ := value.(string)
		if n.types = kindNames[name]; n.types == 0 {
			return fmt.Errorf("%v is not supported", value)
		}
		n.typeName = name
	case "pattern":
		n.patternText = value.(string)
		n.pattern, err = newMatcher(n.patternText)
	case "format":
		n.formatName = value.(string)
		if n.format = formats[n.formatName]; n.format == nil {
			return fmt.Errorf("%s is not supported", n.formatName)
		}
	case "const":
		code, ok := value.(string)
		if !ok {
			return fmt.Errorf("only strings are supported")
		}
		n.codes, n.enum = []string{code}, map[string]bool{code: true}
	case "enum":
		n.codes, n.enum = nil, make(map[string]bool)
		for _, code := range value.([]any) {
			n.codes = append(n.codes, code.(string))
			n.enum[code.(string)] = true
		}
	case "minLength":
		n.minLength, err = integer(value)
	case "maxLength":
		n.maxLength, err = integer(value)
	case "minimum":
		n.hasMin = true
		n.minimum, err = value.(json.Number).Int64()
	case "maximum":
		n.hasMax = true
		n.maximum, err = value.(json.Number).Int64()
	case "minItems":
		n.minItems, err = integer(value)
	case "maxItems":
		n.maxItems, err = integer(value)
	case "maxProperties":
		n.maxProps, err = integer(value)
	case "items":
		if n.items == nil {
			n.items = newNode()
		}
		err = d.merge(n.items, value.(map[string]any), location+"/items")
	case "properties":
		err = d.properties(n, value.(map[string]any), location+"/properties/")
	case "additionalProperties":
		if value != false {
			return fmt.Errorf("only false is supported")
		}
		n.closed = true
	case "required":
		mask, err := n.mask(value)
		n.required |= mask
		return err
	case "dependentRequired":
		for name, others := range value.(map[string]any) {
			i, ok := n.index[name]
			mask, err := n.mask(others)
			if err != nil || !ok {
				return fmt.Errorf("unknown field %s: %w", name, err)
			}
			if n.dependent == nil {
				n.dependent = make(map[int]uint64)
			}
			n.dependent[i] |= mask
		}
	case "allOf":
		for i, rule := range value.([]any) {
			if err := d.rule(n, rule.(map[string]any), fmt.Sprintf("%s/allOf/%d/", location, i)); err != nil {
				return err
			}
		}
	default:
		return fmt.Errorf("this keyword is not supported")
	}
	return err
}

// rule adds {"if": …, "then": …} to n.
func (d *documents) rule(n *node, rule map[string]any, location string) error {
	when, then := newNode(), newNode()
	for keyword, value := range rule {
		branch := map[string]*node{"if": when, "then": then}[keyword]
		if branch == nil {
			return fmt.Errorf("only if and then are supported, not %s", keyword)
		}
		if err := d.merge(branch, value.(map[string]any), location+keyword); err != nil {
			return err
		}
	}
	n.rules = append(n.rules, conditionalRule{when, then})
	return nil
}

func (d *documents) properties(n *node, properties map[string]any, location string) error {
	names := slices.Collect(maps.Keys(properties))
	slices.SortFunc(names, func(a, b string) int { return d.order[location+a] - d.order[location+b] })
	for _, name := range names {
		i, known := n.index[name]
		if !known {
			if n.index == nil {
				n.index = make(map[string]int)
			}
			i = len(n.names)
			if i == 64 {
				return fmt.Errorf("more than 64 properties")
			}
			n.index[name] = i
			n.names, n.props = append(n.names, name), append(n.props, newNode())
		}
		if err := d.merge(n.props[i], properties[name].(map[string]any), location+name); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

func (n *node) mask(names any) (mask uint64, err error) {
	for _, name := range names.([]any) {
		i, ok := n.index[name.(string)]
		if !ok {
			return 0, fmt.Errorf("unknown field %v", name)
		}
		mask |= 1 << i
	}
	return mask, nil
}

func integer(value any) (int, error) {
	v, err := value.(json.Number).Int64()
	return int(v), err
}
