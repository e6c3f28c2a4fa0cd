package mapping

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// HeaderError: the file's columns are not those that the mapping reads. Nothing of the file has been mapped.
type HeaderError struct{ Reason string }

func (e *HeaderError) Error() string { return "the file's header: " + e.Reason }

// Open reads the header and checks it, before any row. It returns a *HeaderError when the file is not one for this mapping.
// A rejects file of this mapping is read as it was written, whatever the mapping says of the format of its own files.
func (m *Mapping) Open(src io.Reader) (*Reader, error) {
	r := &Reader{
		mapping: m,
		format:  m.format,
		row:     map[string]string{},
		raw:     map[string]string{},
	}
	r.csv = csvReader{src: src, delimiter: m.format.delimiter, lazy: m.format.lazy}
	var err error
	if r.corrected, err = r.csv.beginsWith(rejectsHeads...); err != nil {
		return nil, err
	}
	if r.corrected {
		r.format = rejectsFormat(m.format)
		r.csv.delimiter, r.csv.lazy = r.format.delimiter, r.format.lazy
	}
	for range r.format.skip {
		if err := r.csv.skipLine(); err != nil {
			return nil, headerFault(err)
		}
	}
	r.header = slices.Clone(r.format.names)
	if r.header == nil {
		raw, err := r.csv.next()
		if err != nil {
			return nil, headerFault(err)
		}
		if raw.err != nil {
			return nil, &HeaderError{raw.err.Error()}
		}
		for i, field := range raw.fields {
			name, err := decode(field, r.format.encoding)
			if err != nil {
				return nil, &HeaderError{fmt.Sprintf("column %d has %v", i+1, err)}
			}
			r.header = append(r.header, strings.TrimSpace(name))
		}
	}
	if err := r.place(); err != nil {
		return nil, err
	}
	r.prepare()
	return r, nil
}

func headerFault(err error) error {
	if errors.Is(err, io.EOF) {
		return &HeaderError{"the file ends before it"}
	}
	return err
}

// place finds every column that the mapping reads, and deals with names that stand twice as the mapping says.
func (r *Reader) place() error {
	m := r.mapping
	r.slots = make(map[string]int, len(r.header))
	r.ignored = make([]bool, len(r.header))
	for i, name := range r.header {
		r.ignored[i] = slices.Contains(rejectColumns, name)
		first, twice := r.slots[name]
		if !twice {
			r.slots[name] = i
			continue
		}
		switch r.format.duplicates {
		case "number":
			numbered := ""
			for n := 2; ; n++ {
				numbered = fmt.Sprintf("%s (%d)", name, n)
				if _, taken := r.slots[numbered]; !taken && !slices.Contains(r.header, numbered) {
					break
				}
			}
			r.slots[numbered] = i
		case "same":
			r.same = append(r.same, [2]int{first, i})
		default:
			return &HeaderError{fmt.Sprintf("columns %d and %d are both named %q (the mapping's csv.duplicates says what to do)",
				first+1, i+1, name)}
		}
	}
	var missing []string
	for _, name := range m.required {
		if _, ok := r.slots[name]; !ok {
			missing = append(missing, fmt.Sprintf("%q", name))
		}
	}
	if len(missing) > 0 {
		reason := fmt.Sprintf("columns %s are missing", strings.Join(missing, ", "))
		if len(missing) == 1 {
			reason = fmt.Sprintf("column %s is missing", missing[0])
		}
		if len(r.header) == 1 {
			reason += " (there is only one column: is the delimiter right?)"
		}
		return &HeaderError{reason}
	}
	return nil
}

// prepare sets up what rows are evaluated with.
func (r *Reader) prepare() {
	m := r.mapping
	inRow := m.uses.row
	for _, more := range [][]string{m.uses.start, m.uses.last, m.uses.seen} {
		inRow = union(slices.Clone(inRow), more)
	}
	names := union(slices.Clone(inRow), m.uses.raw)
	for name, col := range m.columns {
		if col.required {
			names = union(names, []string{name})
		}
	}
	slices.Sort(names)
	used := make([]bool, len(r.header))
	for _, name := range names {
		col, described := m.columns[name]
		c := cell{
			name: name, place: -1, blank: m.blank, keepSpace: r.format.keepSpace,
			required: col.required, isRow: slices.Contains(inRow, name), isRaw: slices.Contains(m.uses.raw, name),
		}
		if described {
			c.keepSpace = col.keepSpace
			if col.blank != nil {
				c.blank = col.blank
			}
		}
		if i, ok := r.slots[name]; ok {
			c.place = i
			used[i] = true
		}
		r.cells = append(r.cells, c)
	}
	for _, name := range m.identity {
		if i, ok := r.slots[name]; ok {
			r.identity = append(r.identity, i)
			used[i] = true
		}
	}
	for i := range r.header {
		if len(m.identity) == 0 && !r.ignored[i] {
			r.identity = append(r.identity, i)
		}
		if !used[i] && !r.ignored[i] {
			r.unused = append(r.unused, r.header[i])
		}
	}
	r.memories = memories{
		uses: m.uses, together: m.together,
		cases: map[string]*caseMemory{}, finished: map[[16]byte]bool{},
	}
	r.view.Count = r.seen
	r.view.Seen = func(column, value string) bool { return r.seen(column, value) > 0 }
	r.env = map[string]any{"row": r.row, "raw": r.raw, "case": &r.view, "rowid": "", "number": 0, "line": 0}
}
