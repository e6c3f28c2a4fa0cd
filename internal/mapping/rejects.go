package mapping

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
)

// rejectColumns come before the original ones in a rejects file. A mapping ignores them when it reads such a file, so that
// a corrected rejects file can be imported as it is and rows keep their identity.
var rejectColumns = []string{"amends_row", "amends_line", "amends_reason"}

// rejectsHeads are how a rejects file begins: as it was written, and as spreadsheets that quote every field save it.
var rejectsHeads = []string{strings.Join(rejectColumns, ","), `"` + strings.Join(rejectColumns, `","`) + `"`}

// rejectsFormat is the format that Rejects writes. What the mapping says of the columns still holds: they are the original
// ones.
func rejectsFormat(original format) format {
	return format{delimiter: ',', duplicates: original.duplicates, keepSpace: original.keepSpace}
}

// originalPlace gives the row of a rejects file the number and the line that it had in the original file, so that events and
// their ids come out as they would have; false if its columns do not say.
func originalPlace(row *Row) bool {
	if len(row.Fields) < len(rejectColumns) {
		return false
	}
	number, err := strconv.Atoi(strings.TrimSpace(row.Fields[0]))
	if err != nil || number < 1 {
		return false
	}
	line, err := strconv.Atoi(strings.TrimSpace(row.Fields[1]))
	if err != nil || line < 1 {
		return false
	}
	row.Number, row.Line = number, line
	return true
}

// Rejects writes the rows that were not recorded, with the reason, as CSV in UTF-8: whoever corrects the rows sees what was
// wrong beside them. It is for one goroutine.
type Rejects struct {
	w      *bufio.Writer
	header []string
	count  int
}

// NewRejects writes to w, below the original header (Reader.Header). Nothing is written before the first Add. Of a file that
// is itself a rejects file, the columns that the last import added are written anew and not a second time.
func NewRejects(w io.Writer, header []string) *Rejects {
	return &Rejects{w: bufio.NewWriter(w), header: header}
}

// Add writes one row with the reason why it was rejected (Row.Err) or why the ledger refused an event of it.
func (r *Rejects) Add(row Row, reason string) error {
	if r.count == 0 {
		r.line(rejectColumns, r.header)
	}
	r.count++
	fields := slices.Clone(row.Fields)
	for len(fields) < len(r.header) {
		fields = append(fields, "")
	}
	r.line([]string{strconv.Itoa(row.Number), strconv.Itoa(row.Line), reason}, fields)
	// bufio keeps its first error and Flush returns it.
	if err := r.w.Flush(); err != nil {
		return fmt.Errorf("writing the rejects file: %w", err)
	}
	return nil
}

func (r *Rejects) line(added, original []string) {
	fields := slices.Clone(added)
	for i, field := range original {
		if i >= len(r.header) || !slices.Contains(rejectColumns, r.header[i]) {
			fields = append(fields, field)
		}
	}
	for i, field := range fields {
		if i > 0 {
			r.w.WriteByte(',')
		}
		field = strings.ToValidUTF8(field, "\uFFFD")
		if strings.TrimSpace(field) == field && !strings.ContainsAny(field, ",\"\r\n") {
			r.w.WriteString(field)
			continue
		}
		r.w.WriteByte('"')
		r.w.WriteString(strings.ReplaceAll(field, `"`, `""`))
		r.w.WriteByte('"')
	}
	r.w.WriteByte('\n')
}
