package mapping

import (
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"
)

// This file reads the sections of a mapping that say how a file is written: csv, columns, dates and lookups.

func (m *Mapping) readFormat(d *document, n ast.Node) error {
	f := &m.format
	return d.each(n, "csv", func(e entry, key string) (bool, error) {
		switch e.key {
		case "delimiter":
			s, err := d.text(e.value, key)
			if s == "tab" {
				s = "\t"
			}
			if err == nil && !isDelimiter(s) {
				err = fail(e.value, key, "a delimiter is one ASCII character, or the word tab")
			}
			if err == nil {
				f.delimiter = s[0]
			}
			return true, err
		case "quotes":
			word, err := d.choice(e.value, key, "strict", "lazy")
			f.lazy = word == "lazy"
			return true, err
		case "encoding":
			word, err := d.choice(e.value, key, "utf-8", "iso-8859-1", "windows-1252")
			f.encoding = encodings[word]
			return true, err
		case "skip":
			v, err := d.scalar(e.value, key)
			lines, ok := v.(int64)
			if err == nil && (!ok || lines < 0 || lines > 1000) {
				err = fail(e.value, key, "a number of lines from 0 to 1000 is expected here")
			}
			f.skip = int(lines)
			return true, err
		case "names":
			names, err := d.texts(e.value, key)
			if err == nil && len(names) == 0 {
				err = fail(e.value, key, "the names of the columns are expected here")
			}
			f.names = names
			return true, err
		case "duplicates":
			word, err := d.choice(e.value, key, "refuse", "number", "same")
			f.duplicates = word
			return true, err
		case "trim":
			trim, err := d.boolean(e.value, key)
			f.keepSpace = !trim
			return true, err
		}
		return false, nil
	})
}

func (m *Mapping) readColumns(d *document, n ast.Node) error {
	return d.each(n, "columns", func(e entry, key string) (bool, error) {
		col := column{keepSpace: m.format.keepSpace}
		err := d.each(e.value, key, func(e entry, key string) (_ bool, err error) {
			switch e.key {
			case "blank":
				col.blank, err = d.words(e.value, key)
			case "trim":
				var trim bool
				trim, err = d.boolean(e.value, key)
				col.keepSpace = !trim
			case "optional":
				col.optional, err = d.boolean(e.value, key)
			case "required":
				col.required, err = d.boolean(e.value, key)
			default:
				return false, nil
			}
			return true, err
		})
		if err == nil && col.optional && col.required {
			err = fail(e.node, key, "a column is either optional or required")
		}
		m.columns[e.key] = col
		return true, err
	})
}

func (m *Mapping) readDates(d *document, n ast.Node) error {
	return d.each(n, "dates", func(e entry, key string) (_ bool, err error) {
		switch e.key {
		case "patterns":
			patterns, err := d.texts(e.value, key)
			if err == nil && len(patterns) == 0 {
				err = fail(e.value, key, "at least one pattern is expected here")
			}
			m.calendar.layouts = nil
			for _, p := range patterns {
				l, bad := parsePattern(p)
				if bad != nil && err == nil {
					err = fail(e.value, key, "%v", bad)
				}
				m.calendar.layouts = append(m.calendar.layouts, l)
			}
			return true, err
		case "zone":
			name, err := d.text(e.value, key)
			if err != nil {
				return true, err
			}
			zone, err := time.LoadLocation(name)
			if err != nil || name == "" || name == "Local" {
				return true, fail(e.value, key, "%q is not a time zone such as Europe/Rome or UTC", name)
			}
			m.calendar.zone = zone
		case "ambiguous":
			m.calendar.ambiguous, err = d.choice(e.value, key, "earlier", "later", "reject")
		case "nonexistent":
			m.calendar.nonexistent, err = d.choice(e.value, key, "shift", "reject")
		default:
			return false, nil
		}
		return true, err
	})
}

func (m *Mapping) readTables(d *document, n ast.Node) error {
	return d.each(n, "lookups", func(e entry, key string) (bool, error) {
		t := &table{values: map[string]any{}, folded: map[string]any{}, missing: "reject"}
		m.tables[e.key] = t
		var values ast.Node
		err := d.each(e.value, key, func(e entry, key string) (_ bool, err error) {
			switch e.key {
			case "values":
				values = e.value
			case "missing":
				t.missing, err = d.choice(e.value, key, "reject", "keep", "omit")
			case "ignore_case":
				t.ignoreCase, err = d.boolean(e.value, key)
			default:
				return false, nil
			}
			return true, err
		})
		if err != nil {
			return true, err
		}
		if values == nil {
			return true, fail(e.node, key, `the key "values" is missing`)
		}
		return true, d.each(values, key+".values", func(e entry, key string) (bool, error) {
			v, err := d.scalar(e.value, key)
			if i, ok := v.(int64); ok {
				v = int(i)
			}
			folded := strings.ToLower(e.key)
			if _, twice := t.folded[folded]; twice && t.ignoreCase && err == nil {
				err = fail(e.node, key, "the word stands here twice, once case is ignored")
			}
			t.values[e.key], t.folded[folded] = v, v
			return true, err
		})
	})
}

// find looks a word up: as it is written, and then, if the table ignores case, in any other way.
func (t *table) find(word string) (any, bool) {
	v, ok := t.values[word]
	if !ok && t.ignoreCase {
		v, ok = t.folded[strings.ToLower(word)]
	}
	return v, ok
}
