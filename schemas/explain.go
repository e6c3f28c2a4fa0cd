package schemas

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
)

// cause is one leaf of the library's error tree.
type cause struct {
	path []string // where the culprit stands in the payload; of a missing or an unknown field: where that field stands
	rank int      // among causes of one depth the lowest rank explains best
	err  *jsonschema.ValidationError
}

// best turns the library's error tree into one problem: the deepest cause, since the outer ones follow from it. At one depth
// a field that is unknown comes before one that is missing, which is usually the same field misspelt.
func (c *Codec) best(s *schema, err *jsonschema.ValidationError, base string) *Problem {
	causes := leaves(err, nil)
	first := slices.MinFunc(causes, func(a, b cause) int {
		return cmp.Or(cmp.Compare(len(b.path), len(a.path)), cmp.Compare(a.rank, b.rank), slices.Compare(a.path, b.path))
	})
	return c.problemOf(s, first, base)
}

func leaves(err *jsonschema.ValidationError, out []cause) []cause {
	for _, inner := range err.Causes {
		out = leaves(inner, out)
	}
	if len(err.Causes) > 0 {
		return out
	}
	at := func(rank int, names ...string) {
		out = append(out, cause{path: slices.Concat(err.InstanceLocation, names), rank: rank, err: err})
	}
	switch k := err.ErrorKind.(type) {
	case *kind.AdditionalProperties:
		at(0, slices.Min(k.Properties))
	case *kind.Required:
		at(1, k.Missing[0])
	case *kind.DependentRequired:
		at(2, k.Missing[0])
	case *kind.Type:
		at(3)
	case *kind.Minimum, *kind.Maximum:
		if strings.Contains(err.SchemaURL, "/then/") { // the rule for this case says more than the general one
			at(4)
		} else {
			at(5)
		}
	default:
		at(6)
	}
	return out
}

func (c *Codec) problemOf(s *schema, first cause, base string) *Problem {
	pointer := base + pointerTo(first.path)
	n := s.node.find(first.path)
	name := "The value"
	if len(first.path) > 0 {
		name = "The field " + fieldName(first.path)
	}
	switch k := first.err.ErrorKind.(type) {
	case *kind.AdditionalProperties:
		outer := first.path[:len(first.path)-1]
		return unknown(first.path[len(outer)], base+pointerTo(outer), "The payload of "+string(s.eventType), s.node.find(outer).names)
	case *kind.Required:
		return problem(missingField, pointer, name+" is required: "+n.description)
	case *kind.DependentRequired:
		return problem(missingField, pointer, fmt.Sprintf(
			"The fields %s and %s are given together, or not at all.", k.Prop, k.Missing[0]))
	case *kind.Type:
		return problem(wrongType, pointer, fmt.Sprintf("%s must be %s, but is %s.", name, article(k.Want[0]), article(k.Got)))
	case *kind.Enum:
		return problem(unknownCode, pointer, name+allowed(n, k.Got))
	case *kind.Pattern:
		return problem(wrongFormat, pointer, name+" must be "+c.ruleAt(first.err, "written as its pattern says")+".")
	case *kind.Format:
		return problem(wrongFormat, pointer, name+" must be "+formatRules[k.Want]+".")
	case *kind.Minimum, *kind.Maximum:
		rule := c.ruleAt(first.err, fmt.Sprintf("from %d to %d", n.minimum, n.maximum))
		return problem(outOfRange, pointer, name+" must be "+rule+".")
	case *kind.MaxLength:
		return problem(wrongLength, pointer, fmt.Sprintf("%s has %d characters, and at most %d are allowed.", name, k.Got, k.Want))
	case *kind.MinLength:
		return problem(wrongLength, pointer, name+" must not be empty.")
	case *kind.MaxItems:
		return problem(wrongLength, pointer, fmt.Sprintf("%s has %d items, and at most %d are allowed.", name, k.Got, k.Want))
	case *kind.MinItems:
		return problem(wrongLength, pointer, fmt.Sprintf("%s has %d items, and at least %d must be there.", name, k.Got, k.Want))
	case *kind.MaxProperties:
		return problem(wrongLength, pointer, fmt.Sprintf("%s has %d members, and at most %d are allowed.", name, k.Got, k.Want))
	}
	return problem(invalidData, pointer, name+" does not obey the schema "+s.id+".")
}

var formatRules = map[string]string{
	"date-time": "an RFC 3339 date-time with its offset, such as 2026-03-01T09:30:00Z",
	"date":      "a date, such as 2026-03-01",
	"uri":       "an absolute URI",
}

// ruleAt is the schema's own wording of the rule that was broken.
func (c *Codec) ruleAt(err *jsonschema.ValidationError, otherwise string) string {
	schema, notFound := c.documents.at(err.SchemaURL)
	if rule, ok := schema["x-amends-rule"].(string); ok && notFound == nil {
		return rule
	}
	return otherwise
}

// allowed lists the codes of an enumeration, or if there are too many says which is meant.
func allowed(n *node, got any) string {
	if len(n.codes) <= 20 {
		return " must be one of: " + strings.Join(n.codes, ", ") + "."
	}
	text, _ := got.(string)
	return fmt.Sprintf(" must be one of its %d codes, which the event catalogue lists.", len(n.codes)) +
		didYouMean(text, func(yield func(string) bool) {
			for _, code := range n.codes {
				if !yield(code) {
					return
				}
			}
		})
}

// unknown is the problem of a field that the contract does not have. A name that is not like one of ours may itself be
// personal, and is not repeated.
func unknown(name, parent, owner string, known []string) *Problem {
	if !plainName(name) {
		return problem(unknownField, parent, owner+" has a field that is not in the contract. What is yours alone belongs under extra.")
	}
	detail := owner + " has no field " + name + "."
	if meant := didYouMean(name, func(yield func(string) bool) {
		for _, k := range known {
			if !yield(k) {
				return
			}
		}
	}); meant != "" {
		detail += meant
	} else if slices.Contains(known, "extra") {
		detail += " What is yours alone belongs under extra."
	}
	return problem(unknownField, parent+"/"+name, detail)
}

// find is the node of the field at a path; an empty one if the schema has none there.
func (n *node) find(path []string) *node {
	for _, token := range path {
		if n.items != nil {
			n = n.items
			continue
		}
		i, ok := n.index[token]
		if !ok {
			return newNode()
		}
		n = n.props[i]
	}
	return n
}

func fieldName(path []string) string {
	last := path[len(path)-1]
	if _, err := strconv.Atoi(last); err == nil && len(path) > 1 {
		return path[len(path)-2] + "[" + last + "]"
	}
	return last
}
