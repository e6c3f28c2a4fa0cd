package mapping

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"amends/domain"

	"github.com/goccy/go-yaml/ast"
)

// event is one event that a row may give.
type event struct {
	typ      domain.Type
	line     int
	when     *expression // nil: always
	id       *template
	subject  *template
	time     *template
	optional []attribute // accuracy, actor, correlationid, causationid, dataschema
	accuracy *template
	data     *value
}

// attribute is a CloudEvents attribute that a record may lack.
type attribute struct {
	name  string
	value *template
}

// value is a part of an event's data: an object, a list, or a template.
type value struct {
	members []member
	list    []*value
	isList  bool
	leaf    *template
}

type member struct {
	name   string
	quoted []byte // the name as JSON, with its colon
	value  *value
}

func (m *Mapping) readEvents(d *document, c *compiler, n ast.Node) error {
	items, err := d.items(n, "events")
	if err != nil {
		return err
	}
	for i, item := range items {
		e, err := m.readEvent(d, c, item, fmt.Sprintf("events[%d]", i))
		if err != nil {
			return err
		}
		m.events = append(m.events, e)
	}
	return nil
}

func (m *Mapping) readEvent(d *document, c *compiler, n ast.Node, at string) (event, error) {
	ev := event{line: lineOf(n)}
	var data entry
	err := d.each(n, at, func(e entry, key string) (_ bool, err error) {
		switch e.key {
		case "type":
			var s string
			s, err = d.text(e.value, key)
			ev.typ = domain.Type(s)
			ev.line = lineOf(e.node)
			if _, known := domain.NewData(ev.typ); err == nil && (!known || ev.typ.LedgerOwn()) {
				err = fail(e.value, key, "%q is not a type of event that a customer's stream can have", s)
			}
		case "when":
			ev.when, err = c.readCondition(d, e.value, key)
		case "id":
			ev.id, err = c.readTemplate(d, e.value, key)
		case "subject":
			ev.subject, err = c.readTemplate(d, e.value, key)
		case "time":
			ev.time, err = c.readTemplate(d, e.value, key)
		case "accuracy":
			ev.accuracy, err = c.readTemplate(d, e.value, key)
			if err == nil {
				if s, ok := ev.accuracy.constantText(); ok && !isAccuracy(s) {
					err = fail(e.value, key, "%q is none of %q", s, accuracies)
				}
			}
		case "actor", "correlationid", "causationid", "dataschema":
			var t *template
			t, err = c.readTemplate(d, e.value, key)
			ev.optional = append(ev.optional, attribute{e.key, t})
		case "data":
			data = e
		default:
			return false, nil
		}
		return true, err
	})
	if err != nil {
		return ev, err
	}
	switch {
	case ev.typ == "":
		return ev, fail(n, at, `the key "type" is missing`)
	case ev.id == nil:
		return ev, fail(n, at, `the key "id" is missing: without an id from the source, importing again would record everything twice`)
	case ev.subject == nil:
		return ev, fail(n, at, `the key "subject" (the customer) is missing`)
	case ev.time == nil:
		return ev, fail(n, at, `the key "time" is missing: when it happened is never invented`)
	case data.value == nil:
		return ev, fail(n, at, `the key "data" is missing`)
	}
	order := []string{"actor", "correlationid", "causationid", "dataschema"}
	slices.SortFunc(ev.optional, func(a, b attribute) int { return slices.Index(order, a.name) - slices.Index(order, b.name) })
	empty, _ := domain.NewData(ev.typ)
	ev.data, err = c.readValue(d, data.value, at+".data", reflect.TypeOf(empty), 0)
	if err == nil && ev.data.leaf != nil {
		err = fail(data.value, at+".data", "the fields of %s are expected here", ev.typ)
	}
	return ev, err
}

var accuracies = []string{"exact", "day", "not_before", "not_after"}

func isAccuracy(s string) bool { return slices.Contains(accuracies, s) }

// maxDepth bounds how deep data may nest.
const maxDepth = 20

// readValue reads a part of data that becomes a field of the given type; nil: anything goes.
func (c *compiler) readValue(d *document, n ast.Node, key string, typ reflect.Type, depth int) (*value, error) {
	if depth > maxDepth {
		return nil, fail(n, key, "it nests too deep")
	}
	n, err := d.resolve(n, key)
	if err != nil {
		return nil, err
	}
	for typ != nil && typ.Kind() == reflect.Pointer {
		typ = typ.Elem()
	}
	switch n := n.(type) {
	case *ast.MappingNode, *ast.MappingValueNode:
		var fields map[string]reflect.Type
		if typ != nil {
			if typ.Kind() != reflect.Struct || typ == reflect.TypeFor[time.Time]() {
				return nil, fail(n, key, "one value is expected here, not keys with values")
			}
			fields = payloadFields(typ)
		}
		v := &value{}
		err := d.each(n, key, func(e entry, key string) (bool, error) {
			field, known := fields[e.key]
			if fields != nil && !known {
				return false, nil
			}
			member := member{name: e.key, quoted: append(appendText(nil, e.key), ':')}
			member.value, err = c.readValue(d, e.value, key, field, depth+1)
			v.members = append(v.members, member)
			return true, err
		})
		return v, err
	case *ast.SequenceNode:
		var element reflect.Type
		if typ != nil {
			if typ.Kind() != reflect.Slice {
				return nil, fail(n, key, "one value is expected here, not a list")
			}
			element = typ.Elem()
		}
		v := &value{isList: true}
		for i, item := range n.Values {
			one, err := c.readValue(d, item, fmt.Sprintf("%s[%d]", key, i), element, depth+1)
			if err != nil {
				return nil, err
			}
			v.list = append(v.list, one)
		}
		return v, nil
	}
	t, err := c.readTemplate(d, n, key)
	if err != nil {
		return nil, err
	}
	if reason := mismatch(t.typ, typ); reason != "" {
		return nil, fail(n, key, "%s", reason)
	}
	return &value{leaf: t}, nil
}

// payloadFields are the JSON names of a payload struct's fields, embedded ones included. What is free has no type.
func payloadFields(typ reflect.Type) map[string]reflect.Type {
	out := map[string]reflect.Type{}
	for i := range typ.NumField() {
		f := typ.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case f.Anonymous && name == "":
			for k, v := range payloadFields(f.Type) {
				out[k] = v
			}
		case name == "" || name == "-":
		case f.Type.Kind() == reflect.Slice && f.Type.Elem().Kind() == reflect.Uint8:
			out[name] = nil
		default:
			out[name] = f.Type
		}
	}
	return out
}

// mismatch says why a value of the one type cannot be a field of the other; empty when it may.
func mismatch(given, field reflect.Type) string {
	if given == nil || field == nil || given.Kind() == reflect.Interface {
		return ""
	}
	for given.Kind() == reflect.Pointer {
		given = given.Elem()
	}
	isMoment := given == reflect.TypeFor[moment]()
	switch field.Kind() {
	case reflect.String:
		if given.Kind() != reflect.String && !isMoment {
			return "text is expected here"
		}
	case reflect.Bool:
		if given.Kind() != reflect.Bool {
			return `true or false is expected here: a condition, or a lookup table whose values are true and false`
		}
	case reflect.Int, reflect.Int64:
		if given.Kind() != reflect.Int {
			return `a whole number is expected here: integer(...) or minor(...) make one of text`
		}
	case reflect.Struct:
		if field == reflect.TypeFor[time.Time]() {
			if !isMoment {
				return `a time is expected here: date(...) makes one of text`
			}
			return ""
		}
		return "keys with values are expected here"
	case reflect.Slice:
		if given.Kind() != reflect.Slice {
			return "a list is expected here"
		}
	}
	return ""
}
