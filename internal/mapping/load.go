package mapping

import (
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/expr-lang/expr/types"
	"github.com/goccy/go-yaml/ast"
)

var (
	mappingName  = regexp.MustCompile(`^[a-z][a-z0-9_-]{0,39}$`)
	variableName = regexp.MustCompile(`^[a-z][A-Za-z0-9_]{0,39}$`)
)

// load builds a Mapping from its text. The order matters: tables, dates and variables come before what uses them, in
// whatever order the file has them.
func load(text []byte) (*Mapping, error) {
	d, root, err := parseYAML(text)
	if err != nil {
		return nil, err
	}
	m := &Mapping{
		format:   format{delimiter: ',', duplicates: "refuse"},
		columns:  map[string]column{},
		blank:    map[string]bool{"": true},
		calendar: calendar{zone: time.UTC, ambiguous: "earlier", nonexistent: "shift"},
		patterns: map[string]layout{},
		tables:   map[string]*table{},
	}
	m.calendar.layouts = []layout{must(parsePattern("iso")), must(parsePattern("yyyy-MM-dd"))}
	entries, err := d.entries(root, "")
	if err != nil {
		return nil, err
	}
	c := newCompiler(m)
	sections := []struct {
		key  string
		read func(n ast.Node) error
	}{
		{"mapping", func(n ast.Node) error { return m.readName(d, n) }},
		{"description", func(n ast.Node) (err error) { m.description, err = d.text(n, "description"); return err }},
		{"source", func(n ast.Node) error { return m.readSource(d, n) }},
		{"salt", func(n ast.Node) (err error) { m.salt, err = d.text(n, "salt"); return err }},
		{"csv", func(n ast.Node) error { return m.readFormat(d, n) }},
		{"blank", func(n ast.Node) (err error) { m.blank, err = d.words(n, "blank"); return err }},
		{"columns", func(n ast.Node) error { return m.readColumns(d, n) }},
		{"dates", func(n ast.Node) error { return m.readDates(d, n) }},
		{"lookups", func(n ast.Node) error { return m.readTables(d, n) }},
		{"identity", func(n ast.Node) (err error) { m.identity, err = d.texts(n, "identity"); return err }},
		{"case", func(n ast.Node) error { return m.readCase(d, c, n) }},
		{"let", func(n ast.Node) error { return m.readVariables(d, c, n) }},
		{"reject", func(n ast.Node) error { return m.readRejects(d, c, n) }},
		{"unmatched", func(n ast.Node) error {
			word, err := d.choice(n, "unmatched", "reject", "ignore")
			m.ignore = word == "ignore"
			return err
		}},
		{"events", func(n ast.Node) error { return m.readEvents(d, c, n) }},
	}
	for _, e := range entries {
		known := slices.ContainsFunc(sections, func(s struct {
			key  string
			read func(n ast.Node) error
		}) bool {
			return s.key == e.key
		})
		if !known {
			return nil, fail(e.node, "", "unknown key %q", e.key)
		}
		if err := d.anchor(e.value); err != nil {
			return nil, err
		}
	}
	for _, s := range sections {
		for _, e := range entries {
			if e.key == s.key {
				if err := s.read(e.value); err != nil {
					return nil, err
				}
			}
		}
	}
	return m, m.finish(c)
}

// finish checks what no single key can tell.
func (m *Mapping) finish(c *compiler) error {
	if m.name == "" {
		return &LoadError{Reason: `the key "mapping" (its name) is missing`}
	}
	if len(m.events) == 0 {
		return &LoadError{Reason: `the key "events" is missing: the mapping makes no event`}
	}
	if m.source == "" {
		m.source = "urn:amends:import:" + m.name
	}
	m.uses = c.all
	if m.uses.isCase && m.key == nil {
		return &LoadError{Reason: `an expression asks about "case", and the key "case" (what makes a case) is missing`}
	}
	m.required = slices.Clone(m.identity)
	for _, columns := range [][]string{m.uses.row, m.uses.raw, m.uses.start, m.uses.last, m.uses.seen} {
		m.required = union(m.required, columns)
	}
	for name, col := range m.columns {
		if col.required {
			m.required = union(m.required, []string{name})
		}
	}
	slices.Sort(m.required)
	m.required = slices.DeleteFunc(m.required, func(name string) bool { return m.columns[name].optional })
	return nil
}

// anchor notes the anchors below a section before any section is read, because sections are read in an order of their own.
func (d *document) anchor(n ast.Node) error {
	for _, found := range append(ast.Filter(ast.AnchorType, n), n) {
		if a, ok := found.(*ast.AnchorNode); ok && a.Name != nil && a.Name.GetToken() != nil {
			name := a.Name.GetToken().Value
			for _, alias := range ast.Filter(ast.AliasType, a.Value) {
				if v := alias.(*ast.AliasNode).Value; v != nil && v.GetToken() != nil && v.GetToken().Value == name {
					return fail(a, "", "&%s holds itself", name)
				}
			}
			d.anchors[name] = a.Value
		}
	}
	return nil
}

func (m *Mapping) readName(d *document, n ast.Node) (err error) {
	if m.name, err = d.text(n, "mapping"); err == nil && !mappingName.MatchString(m.name) {
		return fail(n, "mapping", "a name has up to 40 small letters, digits, - and _, and begins with a letter")
	}
	return err
}

func (m *Mapping) readSource(d *document, n ast.Node) (err error) {
	if m.source, err = d.text(n, "source"); err == nil && (m.source == "" || strings.ContainsAny(m.source, " \t\n\"<>")) {
		return fail(n, "source", "a source is a URI")
	}
	return err
}

// each calls read for every key below n, and refuses a key for which read returns false.
func (d *document) each(n ast.Node, key string, read func(e entry, key string) (known bool, err error)) error {
	entries, err := d.entries(n, key)
	if err != nil {
		return err
	}
	for _, e := range entries {
		known, err := read(e, key+"."+e.key)
		if err != nil {
			return err
		}
		if !known {
			return fail(e.node, key, "unknown key %q", e.key)
		}
	}
	return nil
}

func (d *document) words(n ast.Node, key string) (map[string]bool, error) {
	list, err := d.texts(n, key)
	if err != nil {
		return nil, err
	}
	out := map[string]bool{"": true} // nothing at all is always blank
	for _, w := range list {
		out[strings.TrimSpace(w)] = true
	}
	return out, nil
}

func (m *Mapping) readCase(d *document, c *compiler, n ast.Node) error {
	err := d.each(n, "case", func(e entry, key string) (_ bool, err error) {
		switch e.key {
		case "key":
			m.key, err = c.readTemplate(d, e.value, key)
			if err == nil && c.all.isCase {
				err = fail(e.value, key, "what makes a case cannot ask about the case")
			}
		case "rows":
			var word string
			word, err = d.choice(e.value, key, "anywhere", "together")
			m.together = word == "together"
		default:
			return false, nil
		}
		return true, err
	})
	if err == nil && m.key == nil {
		err = fail(n, "case", `the key "key" is missing`)
	}
	return err
}

func (c *compiler) readTemplate(d *document, n ast.Node, key string) (*template, error) {
	v, err := d.scalar(n, key)
	if err != nil {
		return nil, err
	}
	if i, ok := v.(int64); ok {
		v = int(i)
	}
	return c.compileTemplate(v, lineOf(n), key)
}

func (m *Mapping) readVariables(d *document, c *compiler, n ast.Node) error {
	return d.each(n, "let", func(e entry, key string) (bool, error) {
		_, taken := c.env[e.key]
		if !variableName.MatchString(e.key) || taken || slices.Contains(functionNames, e.key) {
			return true, fail(e.node, key, "a name has letters, digits and _, begins with a small letter, and is not taken yet")
		}
		t, err := c.readTemplate(d, e.value, key)
		if err != nil {
			return true, err
		}
		m.lets = append(m.lets, variable{e.key, t})
		c.env[e.key] = typeFor(t.typ)
		return true, nil
	})
}

// typeFor is the type by which later expressions see a variable.
func typeFor(typ reflect.Type) types.Type {
	if typ == nil || typ.Kind() == reflect.Interface {
		return types.Any
	}
	return types.TypeOf(reflect.Zero(typ).Interface())
}

func (m *Mapping) readRejects(d *document, c *compiler, n ast.Node) error {
	items, err := d.items(n, "reject")
	if err != nil {
		return err
	}
	for i, item := range items {
		rule := rejectRule{line: lineOf(item)}
		at := fmt.Sprintf("reject[%d]", i)
		err := d.each(item, at, func(e entry, key string) (_ bool, err error) {
			switch e.key {
			case "when":
				rule.when, err = c.readCondition(d, e.value, key)
			case "reason":
				rule.reason, err = d.text(e.value, key)
			default:
				return false, nil
			}
			return true, err
		})
		if err != nil {
			return err
		}
		if rule.when == nil || rule.reason == "" {
			return fail(item, at, `it needs "when" and "reason"`)
		}
		m.rejects = append(m.rejects, rule)
	}
	return nil
}

// readCondition compiles an expression that must be true or false.
func (c *compiler) readCondition(d *document, n ast.Node, key string) (*expression, error) {
	v, err := d.scalar(n, key)
	if err != nil {
		return nil, err
	}
	source, ok := v.(string)
	if b, isBool := v.(bool); isBool {
		source, ok = fmt.Sprint(b), true
	}
	if !ok || strings.TrimSpace(source) == "" {
		return nil, fail(n, key, "a condition is expected here")
	}
	if strings.HasPrefix(source, "${") {
		return nil, fail(n, key, "a condition is written without ${ }")
	}
	x, err := c.compile(source)
	if err != nil {
		return nil, fail(n, key, "%v", err)
	}
	if x.typ != nil && x.typ.Kind() != reflect.Bool && x.typ.Kind() != reflect.Interface {
		return nil, fail(n, key, "a condition is true or false, and this is neither")
	}
	return x, nil
}

func must(l layout, err error) layout {
	if err != nil {
		panic(err)
	}
	return l
}
