package web

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"iter"
	"math"
	"net/http"
	"slices"
	"strconv"
	"time"
)

// rowsAnswer is rows on their way out: the columns' names, and the values of each row in their order.
type rowsAnswer struct {
	columns []string
	rows    iter.Seq2[[]any, error]
}

// rowBodies are the media types of rows.
var rowBodies = []body{
	{mediaType: typeJSON, of: []map[string]any{}, description: "An array of row objects; members in the order of the columns"},
	{mediaType: typeNDJSON, description: "One row object a line"},
	{mediaType: typeCSV, description: "RFC 4180 with a header line; NULL is an empty field"},
}

// writeRows answers with the rows in the form that the caller asked for. Rows are written as they come. An error of the first
// row still makes a problem; a later one cuts the answer off, as does a caller who does not receive it.
func (s *server) writeRows(w http.ResponseWriter, r *http.Request, a rowsAnswer) error {
	next, stop := iter.Pull2(a.rows)
	defer stop()
	row, err, more := next()
	if err != nil {
		return err
	}
	mediaType := accepted(r, typeJSON, typeNDJSON, typeCSV)
	w.Header().Set("Content-Type", mediaType)
	timed := &timedWriter{w: w, control: http.NewResponseController(w), most: s.cfg.WriteTimeout}
	defer timed.end()
	out := bufio.NewWriterSize(timed, 32<<10)
	var write func(row []any) error
	switch mediaType {
	case typeCSV:
		w.Header().Set("Content-Type", typeCSV+"; charset=utf-8; header=present")
		write = csvRows(out)
		names := make([]any, len(a.columns))
		for i, name := range a.columns {
			names[i] = name
		}
		if err := write(names); err != nil {
			return err
		}
	case typeNDJSON:
		write = objectRows(out, a.columns, "", "\n")
	default:
		out.WriteByte('[')
		write = objectRows(out, a.columns, ",\n", "")
	}
	for ; more; row, err, more = next() {
		if err != nil {
			_ = out.Flush() // what went before; serve cuts the connection after it
			return err
		}
		if err := write(row); err != nil {
			return err
		}
	}
	if mediaType == typeJSON {
		out.WriteString("]\n")
	}
	return out.Flush()
}

// timedWriter gives up on a caller who takes too long to receive what is written.
type timedWriter struct {
	w       http.ResponseWriter
	control *http.ResponseController
	most    time.Duration
}

func (t *timedWriter) Write(p []byte) (int, error) {
	_ = t.control.SetWriteDeadline(time.Now().Add(t.most)) // not every writer has one
	return t.w.Write(p)
}

// end leaves the connection without a deadline for the next request.
func (t *timedWriter) end() { _ = t.control.SetWriteDeadline(time.Time{}) }

// objectRows writes rows as JSON objects, with a separator between and an ending after each.
func objectRows(out *bufio.Writer, columns []string, separator, ending string) func([]any) error {
	names := make([][]byte, len(columns))
	for i, name := range columns {
		quoted, _ := json.Marshal(name) // a string always encodes
		names[i] = append(quoted, ':')
	}
	first := true
	return func(row []any) error {
		if !first {
			out.WriteString(separator)
		}
		first = false
		out.WriteByte('{')
		for i, v := range row {
			if i > 0 {
				out.WriteByte(',')
			}
			out.Write(names[i])
			if err := writeCell(out, v); err != nil {
				return err
			}
		}
		out.WriteByte('}')
		_, err := out.WriteString(ending)
		return err
	}
}

// writeCell writes a value of a column as JSON.
func writeCell(out *bufio.Writer, v any) error {
	switch v := v.(type) {
	case nil:
		out.WriteString("null")
	case int64:
		out.Write(strconv.AppendInt(out.AvailableBuffer(), v, 10))
	case time.Time:
		out.WriteByte('"')
		out.Write(v.UTC().AppendFormat(out.AvailableBuffer(), time.RFC3339Nano))
		out.WriteByte('"')
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			out.WriteString("null") // JSON has no such number
			return nil
		}
		return encodeCell(out, v)
	default:
		return encodeCell(out, v)
	}
	return nil
}

func encodeCell(out *bufio.Writer, v any) error {
	var text bytes.Buffer
	if err := writeJSON(&text, v); err != nil {
		return err
	}
	_, err := out.Write(bytes.TrimSuffix(text.Bytes(), []byte{'\n'}))
	return err
}

// csvRows writes rows as CSV.
func csvRows(out *bufio.Writer) func([]any) error {
	w := csv.NewWriter(out)
	var fields []string
	return func(row []any) error {
		fields = fields[:0]
		for _, v := range row {
			fields = append(fields, csvField(v))
		}
		if err := w.Write(fields); err != nil {
			return fmt.Errorf("write CSV: %w", err)
		}
		w.Flush()
		return w.Error()
	}
}

func csvField(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	case []byte:
		return base64.StdEncoding.EncodeToString(v)
	case int64:
		return strconv.FormatInt(v, 10)
	case float64:
		return strconv.FormatFloat(v, 'g', -1, 64)
	case bool:
		return strconv.FormatBool(v)
	case time.Time:
		return v.UTC().Format(time.RFC3339Nano)
	}
	return fmt.Sprint(v)
}

// rowObject is one row in memory; in JSON its members keep the order of the columns.
type rowObject struct {
	columns []string
	values  []any
}

// member returns the value of a column; nil if there is no such column.
func (o rowObject) member(column string) any {
	if i := slices.Index(o.columns, column); i >= 0 {
		return o.values[i]
	}
	return nil
}

// MarshalJSON implements json.Marshaler.
func (o rowObject) MarshalJSON() ([]byte, error) {
	var text bytes.Buffer
	out := bufio.NewWriter(&text)
	if err := objectRows(out, o.columns, "", "")(o.values); err != nil {
		return nil, err
	}
	err := out.Flush()
	return text.Bytes(), err
}
