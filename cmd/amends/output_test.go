package main

import (
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/jedib0t/go-pretty/v6/text"
)

// hostile has what must not reach a terminal as it is: an escape sequence, C1, a bell, bidi overrides, line breaks.
const hostile = "a\x1b[2J\u009bb\a\u202egnp\u2066.\u200f\r\nc\tü👩\u200d👧"

const harmless = `a\u001b[2J\u009bb\u0007\u202egnp\u2066.\u200f  c ü👩` + "\u200d👧"

func TestVisible(t *testing.T) {
	if got := visible(hostile); got != harmless {
		t.Errorf("got %q", got)
	}
	quoted, err := jsontext.AppendQuote(nil, hostile)
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	if err := drawTable(strings.NewReader(`{"text":`+string(quoted)+`,"nested":{"x":`+string(quoted)+`}}`), &out, 0); err != nil {
		t.Fatal(err)
	}
	lines := strings.Join(describe([]byte(`{"`+"\u202e"+`":1,"text":`+string(quoted)+`,"nested":["`+"\u202e\u009b"+`"]}`)), "\n")
	h := history{Customer: hostile}
	h.Records = append(h.Records, historyRecord{SupersededBy: hostile, Changes: []historyChange{{hostile, hostile, hostile, hostile, hostile}}})
	h.Records[0].Event.Type, h.Records[0].Event.Actor, h.Records[0].Event.Subject = hostile, hostile, hostile
	h.Records[0].Event.Data = []byte(`{"complaint_id":` + string(quoted) + `}`)
	var told strings.Builder
	if err := h.tell(&told); err != nil {
		t.Fatal(err)
	}
	for _, shown := range []string{out.String(), lines, told.String()} {
		if !strings.Contains(shown, `\u202e`) {
			t.Errorf("nothing is shown of it:\n%s", shown)
		}
		for _, r := range strings.ReplaceAll(shown, "\n", "") {
			if isUnsafe(r) {
				t.Errorf("%q reaches the terminal in %q", r, shown)
			}
		}
	}
}

func TestStatusTable(t *testing.T) {
	var out strings.Builder
	raw := `{"version":"dev","log":{"end":7},"views":{"position":5,"parked":[{"position":3,"reason":"n\u001bo"}],"stale":[]}}`
	if err := drawStatus([]byte(raw), &out); err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{"version                  │ dev", "log.end                  │ 7", "views.parked[0].position │ 3",
		`views.parked[0].reason   │ n\u001bo`, "views.stale              │ none"} {
		if !strings.Contains(out.String(), line) {
			t.Errorf("no line %q in\n%s", line, &out)
		}
	}
	for _, broken := range []string{``, `{"a":`, `{"a":[1`, `{"a":[}`} {
		if err := drawStatus([]byte(broken), new(strings.Builder)); err == nil {
			t.Errorf("%s is drawn", broken)
		}
	}
}

func TestTableFitsTheTerminal(t *testing.T) {
	const rows = `{"id":"K-1","brand":null,"product":"Heat pump","state":"open","text":"` + "kurz" + `","last":1}
{"id":"K-2","brand":null,"product":"Gas","state":"closed","text":"0123456789012345678901234567890123456789012345678901234567890","last":2}
`
	for _, c := range []struct {
		width  int
		header string
		below  string
	}{
		{0, "id  │ brand │ product   │ state  │ text", "2 rows"},
		{200, "id  │ product   │ state  │ text", ": brand"},
		{85, "id  │ product   │ state  │ text", ": brand"},
		{69, "id  │ product   │ state  │ text", ": brand, last"},
		{40, "id  │ product   │ state", ": brand, text, last"},
		{1, "id", ": brand, product, state, text, last"},
	} {
		var out strings.Builder
		if err := drawTable(strings.NewReader(rows), &out, c.width); err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
		if !strings.HasPrefix(strings.TrimSpace(lines[0]), c.header) || !strings.HasSuffix(lines[len(lines)-1], c.below) {
			t.Errorf("width %d:\n%s", c.width, &out)
		}
		for _, line := range lines[:len(lines)-1] {
			if w := text.StringWidth(line); c.width > 1 && w > c.width {
				t.Errorf("width %d: a line of %d:\n%s", c.width, w, line)
			}
		}
	}
	if err := drawTable(strings.NewReader(`{"a":1}`+"\n"+`{"a":1,"b":2}`), new(strings.Builder), 0); err == nil {
		t.Error("rows of different columns are drawn")
	}
}
