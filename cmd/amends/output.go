package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"
	"unicode"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
	"golang.org/x/term"
)

// accepts maps a format to the media type that the API answers it with. A table is drawn from NDJSON.
var accepts = map[format]string{
	formatTable: "application/x-ndjson", formatNDJSON: "application/x-ndjson", formatJSON: "application/json", formatCSV: "text/csv",
}

// printRows asks the API for rows and prints them in the format.
func (c *client) printRows(req rowsRequest, f format, out io.Writer) error {
	resp, err := c.awaitRows(req, accepts[f])
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if f != formatTable {
		_, err := io.Copy(out, resp.Body)
		return err
	}
	return drawTable(resp.Body, out, req.width)
}

// awaitRows asks again for as long as the views are still catching up with the log; the answer must hold what was acknowledged
// before the question.
func (c *client) awaitRows(req rowsRequest, accept string) (*http.Response, error) {
	for told := false; ; {
		resp, err := c.do(req.cmd.Context(), req.method, req.path, req.query, accept, req.contentType, bytes.NewReader(req.body))
		var problem *problemError
		if !errors.As(err, &problem) || problem.Type != problemViewsBehind && problem.Type != problemViewsOutdated {
			return resp, err
		}
		if !told && isTerminal(os.Stderr) {
			fmt.Fprintln(os.Stderr, "amends: waiting for the views to catch up with the log")
			told = true
		}
		select {
		case <-time.After(200 * time.Millisecond):
		case <-req.cmd.Context().Done():
			return nil, req.cmd.Context().Err()
		}
	}
}

// The problems that pass by themselves.
const (
	problemViewsBehind   = "urn:amends:problem:views-behind"
	problemViewsOutdated = "urn:amends:problem:views-outdated"
)

// problemLogDamaged does not pass by itself.
const problemLogDamaged = "urn:amends:problem:log-damaged"

// drawTable draws NDJSON objects; the columns are the members of the first one, in its order. A width above 0 is the terminal's:
// columns without any value, and then the last ones that do not fit, are left out and named below.
func drawTable(ndjson io.Reader, out io.Writer, width int) error {
	var header []string
	var rows []table.Row
	dec := jsontext.NewDecoder(ndjson)
	for {
		names, values, err := decodeRow(dec)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		if rows == nil {
			header = names
		}
		if len(names) != len(header) {
			return fmt.Errorf("row %d has %d columns and the first one %d", len(rows)+1, len(names), len(header))
		}
		rows = append(rows, values)
	}
	if len(rows) == 0 {
		_, err := fmt.Fprintln(out, "(no rows)")
		return err
	}
	shown, hidden := fitting(header, rows, width)
	t := newTable(out)
	pick := func(from func(column int) any) table.Row {
		row := make(table.Row, len(shown))
		for i, column := range shown {
			row[i] = from(column)
		}
		return row
	}
	t.AppendHeader(pick(func(column int) any { return visible(header[column]) }))
	for _, values := range rows {
		t.AppendRow(pick(func(column int) any {
			if width > 0 {
				return shorten(values[column].(string), widestCell)
			}
			return values[column]
		}))
	}
	t.Render()
	below := fmt.Sprintf("%d %s", len(rows), plural(len(rows), "row"))
	if len(hidden) > 0 {
		below += fmt.Sprintf("; not shown (empty, or no room; --columns a,b,c chooses): %s", strings.Join(hidden, ", "))
	}
	_, err := fmt.Fprintln(out, below)
	return err
}

// widestCell bounds a cell, in characters, where the table has to fit a terminal.
const widestCell = 40

// fitting chooses the columns that fit the width, 0 being boundless; the first one with a value is always shown.
func fitting(header []string, rows []table.Row, width int) (shown []int, hidden []string) {
	left := width + 1 // a line stands between columns, and none behind the last
	for i, name := range header {
		if width <= 0 {
			shown = append(shown, i)
			continue
		}
		widest := 0
		for _, row := range rows {
			widest = max(widest, text.StringWidth(shorten(row[i].(string), widestCell)))
		}
		need := max(widest, text.StringWidth(name)) + 3 // a space on either side, and the line
		if widest == 0 || need > left && len(shown) > 0 {
			hidden = append(hidden, name)
			if widest > 0 {
				left = 0 // the order stays: nothing further back takes the room
			}
			continue
		}
		shown = append(shown, i)
		left -= need
	}
	return shown, hidden
}

// terminalWidth is how many characters a line of the terminal takes; 0 when standard output is none.
func terminalWidth() int {
	if !isTerminal(os.Stdout) {
		return 0
	}
	width, _, err := term.GetSize(int(os.Stdout.Fd()))
	if err != nil {
		return 0
	}
	return width
}

func newTable(out io.Writer) table.Writer {
	t := table.NewWriter()
	t.SetOutputMirror(out)
	t.SetStyle(table.StyleLight)
	t.Style().Format.Header = text.FormatDefault
	t.Style().Options.DrawBorder = false
	return t
}

// decodeRow reads one object and keeps the order of its members.
func decodeRow(dec *jsontext.Decoder) (names []string, values table.Row, err error) {
	if _, err := dec.ReadToken(); err != nil {
		return nil, nil, err
	}
	for dec.PeekKind() != '}' {
		name, err := dec.ReadToken()
		if err != nil {
			return nil, nil, err
		}
		names = append(names, name.String())
		raw, err := dec.ReadValue()
		if err != nil {
			return nil, nil, err
		}
		values = append(values, cell(raw))
	}
	_, err = dec.ReadToken()
	return names, values, err
}

// cell shows a JSON value as people write it; null is empty.
func cell(raw jsontext.Value) string {
	switch raw.Kind() {
	case 'n':
		return ""
	case '"':
		var s string
		if json.Unmarshal(raw, &s) == nil {
			return visible(s)
		}
	}
	return visible(string(raw))
}

// visible makes a text safe to show on a terminal: what customers write must not move the cursor, hide or colour text, or turn
// its direction. Line breaks and tabs become spaces; other control characters (C0, C1) and those of the bidirectional
// algorithm are written as \u and their number.
func visible(s string) string {
	if !strings.ContainsFunc(s, isUnsafe) {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		switch {
		case r == '\n', r == '\r', r == '\t':
			b.WriteByte(' ')
		case isUnsafe(r):
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

func isUnsafe(r rune) bool {
	return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == '\u2028' || r == '\u2029'
}

func plural(n int, word string) string {
	if n == 1 {
		return word
	}
	return word + "s"
}

// afterEnd makes a read see everything that was acknowledged up to now.
func (c *client) afterEnd(cmd commandContext, query url.Values) error {
	end, err := c.end(cmd.Context())
	if err != nil {
		return err
	}
	query.Set("after", end)
	return nil
}

const get = http.MethodGet
