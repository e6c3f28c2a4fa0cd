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

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
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
	return drawTable(resp.Body, out)
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

// drawTable draws NDJSON objects; the columns are the members of the first one, in its order.
func drawTable(ndjson io.Reader, out io.Writer) error {
	t := newTable(out)
	rows := 0
	dec := jsontext.NewDecoder(ndjson)
	for {
		names, values, err := decodeRow(dec)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		if rows == 0 {
			header := make(table.Row, len(names))
			for i, n := range names {
				header[i] = n
			}
			t.AppendHeader(header)
		}
		rows++
		t.AppendRow(values)
	}
	if rows == 0 {
		_, err := fmt.Fprintln(out, "(no rows)")
		return err
	}
	t.Render()
	_, err := fmt.Fprintf(out, "%d %s\n", rows, plural(rows, "row"))
	return err
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
			return strings.ReplaceAll(s, "\n", " ")
		}
	}
	return string(raw)
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
