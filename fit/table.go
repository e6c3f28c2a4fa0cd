package fit

import (
	"bufio"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Table is a table of rows with a known outcome.
type Table struct {
	Columns []Column
	Outcome []bool    // by row
	Dropped []Dropped // columns that were there and are not used
	// Duplicates is how many rows equal an earlier one in every column. Where they fall in both a fold that is fitted and one
	// that judges, the figures are too good.
	Duplicates int
}

// Column is a column of a table: numeric if Numbers is set, else of texts.
type Column struct {
	Name    string
	Numbers []float64 // NaN: missing
	Texts   []string  // empty: missing
}

// Dropped is a column that is not used, and why.
type Dropped struct {
	Column string `json:"column"`
	Reason string `json:"reason"`
}

// TableConfig says how to read a table.
type TableConfig struct {
	Label    string   // the column that holds the outcome: two values
	Positive string   // the label's value that is the outcome; empty: yes, true, 1, y or t in any case
	ID       string   // a column that names the row, and tells nothing; empty: none
	Drop     []string // columns to leave out
	Unique   bool     // leave out rows that equal an earlier one in every column
}

// ErrTable is what every refusal of a table wraps.
var ErrTable = errors.New("the table cannot be used")

// Limits of a table: beyond them it is no table of people.
const (
	maxTableRows    = 5_000_000
	maxTableColumns = 2_000
)

// ReadTable reads comma-separated values with a header line (RFC 4180; a byte order mark and semicolons as separators are
// understood). A blank, NA, N/A, NaN or null is missing. A column whose values are all numbers is numeric. Columns of which
// nothing can be learnt (one value only, or an identifier) are dropped with the reason. An error wraps ErrTable and names the
// line and the column; no value of the table is ever in it, as it may be personal.
func ReadTable(r io.Reader, config TableConfig) (*Table, error) {
	header, rows, err := readCSV(r)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrTable, err)
	}
	t, err := newTable(header, rows, config)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrTable, err)
	}
	return t, nil
}

// readCSV reads the header and the rows.
func readCSV(r io.Reader) (header []string, rows [][]string, err error) {
	in := bufio.NewReaderSize(r, 1<<16)
	if mark, err := in.Peek(3); err == nil && string(mark) == "\xef\xbb\xbf" {
		_, _ = in.Discard(3) // it was peeked
	}
	reader := csv.NewReader(in)
	start, _ := in.Peek(in.Size()) // a short table ends before; reading it will say whatever is wrong
	if line, _, _ := strings.Cut(string(start), "\n"); strings.Count(line, ";") > strings.Count(line, ",") {
		reader.Comma = ';'
	}
	header, err = reader.Read()
	if errors.Is(err, io.EOF) {
		return nil, nil, errors.New("it is empty; the first line must name the columns")
	}
	if err != nil {
		return nil, nil, placeOf(err)
	}
	if len(header) > maxTableColumns {
		return nil, nil, fmt.Errorf("line 1: %d columns; at most %d can be used", len(header), maxTableColumns)
	}
	seen := make(map[string]bool)
	for i := range header {
		header[i] = strings.TrimSpace(header[i])
		if header[i] != "" && seen[header[i]] {
			return nil, nil, fmt.Errorf("line 1: column %d has the name of an earlier one", i+1)
		}
		seen[header[i]] = true
	}
	for {
		row, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return header, rows, nil
		}
		if err != nil {
			return nil, nil, placeOf(err)
		}
		if len(rows) == maxTableRows {
			return nil, nil, fmt.Errorf("more than %d rows", maxTableRows)
		}
		rows = append(rows, row)
	}
}

// placeOf keeps of an error in CSV where it is and what is wrong.
func placeOf(err error) error {
	var at *csv.ParseError
	if errors.As(err, &at) {
		return fmt.Errorf("line %d: %w", at.Line, at.Err)
	}
	return err
}

// newTable makes the table of the rows.
func newTable(header []string, rows [][]string, config TableConfig) (*Table, error) {
	for _, name := range append([]string{config.Label, config.ID}, config.Drop...) {
		if name != "" && !slices.Contains(header, name) {
			return nil, fmt.Errorf("there is no column %q; there are: %s", name, strings.Join(header, ", "))
		}
	}
	if config.Label == "" {
		return nil, errors.New("the column of the outcome is not named")
	}
	t := &Table{}
	seen, kept := make(map[string]bool, len(rows)), rows[:0:0]
	for _, row := range rows {
		key := strings.Join(row, "\x1f")
		if seen[key] {
			t.Duplicates++
			if config.Unique {
				continue
			}
		}
		seen[key] = true
		kept = append(kept, row)
	}
	label := slices.Index(header, config.Label)
	var err error
	if t.Outcome, err = outcomes(kept, label, config.Positive); err != nil {
		return nil, fmt.Errorf("column %q: %w", config.Label, err)
	}
	for i, name := range header {
		switch {
		case i == label:
			continue
		case name == config.ID && name != "":
			t.drop(name, "names the row")
			continue
		case slices.Contains(config.Drop, name):
			t.drop(name, "as asked")
			continue
		}
		c := columnOf(name, kept, i)
		if reason := c.useless(); reason != "" {
			t.drop(name, reason)
			continue
		}
		t.Columns = append(t.Columns, c)
	}
	if len(t.Columns) == 0 {
		return nil, errors.New("no column is left to learn from")
	}
	return t, nil
}

func (t *Table) drop(name, reason string) { t.Dropped = append(t.Dropped, Dropped{name, reason}) }

// isMissing: a value that is none.
func isMissing(value string) bool {
	switch strings.ToLower(strings.TrimSpace(value)) {
	case "", "na", "n/a", "nan", "null":
		return true
	}
	return false
}

// outcomes reads the label.
func outcomes(rows [][]string, at int, positive string) ([]bool, error) {
	out := make([]bool, len(rows))
	values := make(map[string]bool) // each, and whether it is the outcome
	for i, row := range rows {
		value := strings.ToLower(strings.TrimSpace(row[at]))
		if isMissing(value) {
			return nil, fmt.Errorf("row %d has no outcome", i+1)
		}
		is, known := values[value]
		if !known {
			if len(values) == 2 {
				return nil, fmt.Errorf("row %d has a third value; an outcome has two, such as Yes and No", i+1)
			}
			is = isPositive(value, positive)
			values[value] = is
		}
		out[i] = is
	}
	events := 0
	for _, is := range values {
		if is {
			events++
		}
	}
	switch {
	case len(values) < 2:
		return nil, errors.New("has one value in all rows; an outcome has two, such as Yes and No")
	case events != 1:
		return nil, errors.New("its two values are not Yes and No, True and False, or 1 and 0; name the one that is the outcome (--positive)")
	}
	return out, nil
}

func isPositive(value, positive string) bool {
	if positive != "" {
		return value == strings.ToLower(strings.TrimSpace(positive))
	}
	switch value {
	case "yes", "y", "true", "t":
		return true
	}
	x, err := strconv.ParseFloat(value, 64)
	return err == nil && x == 1
}

// columnOf reads a column: as numbers if all its values are.
func columnOf(name string, rows [][]string, at int) Column {
	c := Column{Name: name, Numbers: make([]float64, len(rows)), Texts: make([]string, len(rows))}
	numeric := true
	for i, row := range rows {
		value := strings.TrimSpace(row[at])
		c.Numbers[i] = math.NaN()
		if isMissing(value) {
			continue
		}
		c.Texts[i] = value
		if !numeric {
			continue
		}
		x, err := strconv.ParseFloat(value, 64)
		if numeric = err == nil && !math.IsInf(x, 0); numeric {
			c.Numbers[i] = x
		}
	}
	if numeric {
		c.Texts = nil
	} else {
		c.Numbers = nil
	}
	return c
}

// maxCategories is how many texts a column of categories may have for each 20 rows, and at least 50: beyond that they name rather
// than classify.
const maxCategories = 50

// useless says why nothing can be learnt from the column; empty: something may be.
func (c *Column) useless() string {
	if c.Numbers != nil {
		distinct := make(map[float64]bool)
		present, whole := 0, true
		for _, x := range c.Numbers {
			if !math.IsNaN(x) {
				present++
				distinct[x] = true
				whole = whole && x == math.Trunc(x)
			}
		}
		switch {
		case present == 0:
			return "is empty"
		case len(distinct) == 1 && present == len(c.Numbers):
			return "has the same value in all rows"
		case whole && len(distinct) == present && present >= maxCategories:
			return "is a different whole number in each row, like an identifier"
		}
		return ""
	}
	distinct := make(map[string]bool)
	for _, s := range c.Texts {
		distinct[s] = true
	}
	switch {
	case len(distinct) == 1:
		return "has the same value in all rows"
	case len(distinct) > max(maxCategories, len(c.Texts)/20):
		return fmt.Sprintf("has %d different texts in %d rows, more like an identifier than a category", len(distinct), len(c.Texts))
	}
	return ""
}
