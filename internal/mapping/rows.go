package mapping

import (
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/expr-lang/expr/vm"
)

// Row is one row of the file and what became of it: events, or the reason why there are none. Both are empty for a row
// that the mapping passes over on purpose (unmatched: ignore). A Row shares no memory with later ones.
type Row struct {
	Number int       // of the data row, from 1; the header does not count
	Line   int       // of the file, from 1, where the row begins
	Fields []string  // the original record, as text; of a malformed row its first line, as one field
	Events [][]byte  // CloudEvents in JSON, in the order in which they are to be recorded
	Err    *RowError // why the row cannot be mapped
	Offset int64     // bytes of the file consumed so far, this row included
}

// RowError says why a row cannot be mapped. It names columns and rules, never values.
type RowError struct {
	Line   int    // of the mapping file; 0 when the row itself is at fault
	Key    string // of the mapping, such as events[2].data.kind
	Reason string
}

func (e *RowError) Error() string {
	if e.Key == "" {
		return e.Reason
	}
	return fmt.Sprintf("%s (mapping line %d, %s)", e.Reason, e.Line, e.Key)
}

// Reader maps one file. It is for one goroutine, and reads the file once.
type Reader struct {
	mapping *Mapping
	format  format // of this file
	csv     csvReader
	// The file is a rejects file, corrected: its rows have the numbers that they had in the original file.
	corrected bool
	header    []string       // as in the file
	slots     map[string]int // column name to place
	same      [][2]int       // places of columns of one name that must agree
	ignored   []bool         // places of the columns that a rejects file adds
	unused    []string

	cells    []cell
	identity []int // places of the columns that make a row's identity
	memories memories
	number   int

	env     map[string]any
	row     map[string]string
	raw     map[string]string
	view    caseView
	now     *caseMemory // of the present row's case
	vm      vm.VM
	buf     []byte // of the event being written
	scratch []byte // of the text being put together
}

// cell is a column that the mapping reads.
type cell struct {
	name      string
	place     int // in the file; -1: an optional column that the file lacks
	blank     map[string]bool
	keepSpace bool
	required  bool
	isRow     bool
	isRaw     bool
}

// Rows maps a whole file: Open and Reader.Rows in one. An error of Open is yielded first and alone.
func (m *Mapping) Rows(r io.Reader) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		reader, err := m.Open(r)
		if err != nil {
			yield(Row{}, err)
			return
		}
		reader.Rows()(yield)
	}
}

// Rows yields every data row in the file's order. A non-nil error means that the file could not be read further; it comes
// last. What is wrong with a single row is in Row.Err.
func (r *Reader) Rows() iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		for {
			raw, err := r.csv.next()
			if errors.Is(err, io.EOF) {
				return
			}
			if err != nil {
				yield(Row{}, err)
				return
			}
			r.number++
			if !yield(r.mapRow(raw), nil) {
				return
			}
		}
	}
}

// Header returns the file's column names as they stand in it, or those of the mapping when the file has no header.
func (r *Reader) Header() []string { return slices.Clone(r.header) }

// Unused lists the file's columns that the mapping does not read, for the import's summary.
func (r *Reader) Unused() []string { return slices.Clone(r.unused) }

// mapRow turns one row into a Row.
func (r *Reader) mapRow(raw csvRow) Row {
	out := Row{Number: r.number, Line: raw.line, Offset: r.csv.offset}
	var bad error
	out.Fields, bad = r.decodeAll(raw.fields)
	numbered := true
	if r.corrected {
		numbered = originalPlace(&out)
	}
	switch {
	case raw.err != nil:
		out.Err = &RowError{Reason: "the row is malformed: " + raw.err.Error()}
	case len(out.Fields) == 1 && strings.TrimSpace(out.Fields[0]) == "" && len(r.header) > 1, allBlank(out.Fields):
		out.Err = &RowError{Reason: "the row is blank"}
	case bad != nil:
		out.Err = &RowError{Reason: bad.Error()}
	case len(out.Fields) != len(r.header):
		out.Err = &RowError{Reason: fmt.Sprintf("the row has %d columns, and the header %d", len(out.Fields), len(r.header))}
	case !numbered:
		out.Err = &RowError{Reason: fmt.Sprintf("columns %q and %q do not hold the row's number and line in the original file",
			rejectColumns[0], rejectColumns[1])}
	default:
		out.Events, out.Err = r.evaluate(&out)
	}
	return out
}

// decodeAll turns fields into text that stands in one allocation of its own.
func (r *Reader) decodeAll(fields [][]byte) ([]string, error) {
	out := make([]string, len(fields))
	total := 0
	for _, f := range fields {
		total += len(f)
	}
	if r.format.encoding == nil && !slices.ContainsFunc(fields, func(f []byte) bool { return !utf8.Valid(f) }) {
		all := make([]byte, 0, total)
		for _, f := range fields {
			all = append(all, f...)
		}
		text := string(all)
		at := 0
		for i, f := range fields {
			out[i] = text[at : at+len(f)]
			at += len(f)
		}
		return out, nil
	}
	var bad error
	for i, f := range fields {
		text, err := decode(f, r.format.encoding)
		if err != nil {
			text = readable(f)
			if bad == nil {
				bad = fmt.Errorf("column %d%s has %w", i+1, r.columnName(i), err)
			}
		}
		out[i] = text
	}
	return out, bad
}

func (r *Reader) columnName(i int) string {
	if i < len(r.header) {
		return fmt.Sprintf(" %q", r.header[i])
	}
	return ""
}

func allBlank(fields []string) bool {
	for _, f := range fields {
		if strings.TrimSpace(f) != "" {
			return false
		}
	}
	return true
}

// evaluate works out the events of a well-formed row.
func (r *Reader) evaluate(row *Row) ([][]byte, *RowError) {
	if err := r.fillCells(row.Fields); err != nil {
		return nil, err
	}
	m := r.mapping
	r.env["number"], r.env["line"] = row.Number, row.Line
	key := ""
	r.now = &r.memories.noCase
	if m.key != nil {
		var err *RowError
		if key, err = r.text(m.key, true); err != nil {
			return nil, err
		}
		var open bool
		if r.now, open = r.memories.enter(key); !open {
			return nil, &RowError{Line: m.key.line, Key: m.key.key,
				Reason: "the case has rows elsewhere in the file, and the mapping says that its rows stand together"}
		}
		if r.now.blocked > 0 {
			return nil, &RowError{Reason: fmt.Sprintf("the first row of this case (row %d) was rejected", r.now.blocked)}
		}
		r.showCase()
	}
	if m.uses.isRowID {
		r.env["rowid"] = r.now.rowID(key, r.identityOf(row.Fields))
	}
	events, err := r.build()
	switch {
	case m.key == nil:
	case err == nil:
		r.memories.remember(r.now, r.row)
	case r.now.rows == 0:
		r.now.blocked = row.Number
	}
	return events, err
}

// fillCells sets what expressions see as row and raw.
func (r *Reader) fillCells(fields []string) *RowError {
	for _, pair := range r.same {
		if fields[pair[0]] != fields[pair[1]] {
			return &RowError{Reason: fmt.Sprintf("columns %d and %d, both named %q, differ", pair[0]+1, pair[1]+1, r.header[pair[0]])}
		}
	}
	for i := range r.cells {
		c := &r.cells[i]
		text := ""
		if c.place >= 0 {
			text = fields[c.place]
		}
		if c.isRaw {
			r.raw[c.name] = text
		}
		trimmed := strings.TrimSpace(text)
		switch {
		case c.blank[trimmed]:
			text = ""
		case !c.keepSpace:
			text = trimmed
		}
		if text == "" && c.required {
			return &RowError{Reason: fmt.Sprintf("column %q is blank", c.name)}
		}
		if c.isRow {
			r.row[c.name] = text
		}
	}
	return nil
}

// showCase sets what expressions see as case.
func (r *Reader) showCase() {
	c := r.now
	r.view.First, r.view.Row = c.rows == 0, c.rows+1
	r.view.Start, r.view.Last = c.start, c.last
	if c.rows == 0 {
		r.view.Start, r.view.Last = r.row, nil
	}
}

// seen answers case.count, and case.seen by being above zero.
func (r *Reader) seen(column, value string) int {
	return r.now.counts[columnValue{column, value}]
}

func (r *Reader) identityOf(fields []string) []string {
	out := make([]string, len(r.identity))
	for i, place := range r.identity {
		out[i] = fields[place]
	}
	return out
}
