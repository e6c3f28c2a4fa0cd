package mapping

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// readAll returns every row as "line:field|field" or "line!reason".
func readAll(t testing.TB, c *csvReader) []string {
	t.Helper()
	var out []string
	for {
		row, err := c.next()
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		var fields []string
		for _, f := range row.fields {
			fields = append(fields, string(f))
		}
		mark := ":"
		if row.err != nil {
			mark = "!" + row.err.Error() + "!"
		}
		out = append(out, fmt.Sprintf("%d%s%s", row.line, mark, strings.Join(fields, "|")))
	}
}

func TestCSV(t *testing.T) {
	for _, c := range []struct {
		name, text string
		lazy       bool
		want       []string
	}{
		{"plain", "a,b\nc,d\n", false, []string{"1:a|b", "2:c|d"}},
		{"no last line break", "a,b\nc,d", false, []string{"1:a|b", "2:c|d"}},
		{"empty last field", "a,\n,b\n,", false, []string{"1:a|", "2:|b", "3:|"}},
		{"quoted", "\"a,b\",\"c\"\"d\",\"\"\n", false, []string{"1:a,b|c\"d|"}},
		{"line breaks in quotes stay", "\"a\nb\r\nc\",d\r\ne,f\r\n", false, []string{"1:a\nb\r\nc|d", "4:e|f"}},
		{"an empty line is a row", "a\n\nb\n", false, []string{"1:a", "2:", "3:b"}},
		{"byte order mark", "\xef\xbb\xbf\"a\",b\n", false, []string{"1:a|b"}},
		{"bare quote", "a\"b,c\nd,e\n", false, []string{"1!" + errBareQuote.Error() + "!a\"b,c", "2:d|e"}},
		{"bare quote, lazy", "a\"b,c\n", true, []string{"1:a\"b|c"}},
		{"text after a quote", "\"a\"b,c\nd,e\n", false, []string{"1!" + errAfterQuote.Error() + "!\"a\"b,c", "2:d|e"}},
		{"text after a quote, lazy", "\"a\"b\",c\n", true, []string{"1:a\"b|c"}},
		{"a quote that is not closed costs one line", "\"a,b\nc,d\ne,f\n", false, []string{"1!" + errOpenQuote.Error() + "!\"a,b", "2:c|d", "3:e|f"}},
		{"a quote that is closed too late costs one line", "\"a\nb\"c,d\ne,f\n", false,
			[]string{"1!" + errAfterQuote.Error() + "!\"a", "2!" + errBareQuote.Error() + "!b\"c,d", "3:e|f"}},
		{"quote at the end", "a,\"b\"", false, []string{"1:a|b"}},
		{"a lone carriage return is text", "a\rb,c\n", false, []string{"1:a\rb|c"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			for name, src := range map[string]io.Reader{"whole": strings.NewReader(c.text), "one byte": iotest.OneByteReader(strings.NewReader(c.text)),
				"data with EOF": iotest.DataErrReader(strings.NewReader(c.text))} {
				r := &csvReader{src: src, delimiter: ',', lazy: c.lazy}
				if diff := cmp.Diff(c.want, readAll(t, r)); diff != "" {
					t.Errorf("%s: %s", name, diff)
				}
				if r.offset != int64(len(c.text)) {
					t.Errorf("%s: %d of %d bytes", name, r.offset, len(c.text))
				}
			}
		})
	}
}

func TestARowHasALimit(t *testing.T) {
	text := "a,\"" + strings.Repeat("x", maxRow+firstBuffer) + "\nb,c\n"
	got := readAll(t, &csvReader{src: strings.NewReader(text), delimiter: ','})
	if !strings.Contains(got[0], "the row is longer") || got[len(got)-1] != "2:b|c" {
		t.Errorf("%d rows, %.80s, %s", len(got), got[0], got[len(got)-1])
	}
}

func TestAReadErrorEndsTheRows(t *testing.T) {
	broken := errors.New("disk gone")
	m := loaded(t, shortMapping("", ""))
	src := io.MultiReader(strings.NewReader("T\n2025-01-01\n2025"), iotest.ErrReader(broken))
	var rows, failures int
	for _, err := range m.Rows(src) {
		if err == nil {
			rows++
		} else if failures++; !errors.Is(err, broken) {
			t.Error(err)
		}
	}
	if rows != 1 || failures != 1 {
		t.Errorf("%d rows, %d errors", rows, failures)
	}
}

// What encoding/csv writes is read as it was meant.
func TestCSVRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		field := rapid.StringOf(rapid.SampledFrom([]rune("ab,;\"\n é")))
		rows := rapid.SliceOfN(rapid.SliceOfN(field, 2, 2), 1, 5).Draw(t, "rows")
		var b strings.Builder
		w := csv.NewWriter(&b)
		if err := w.WriteAll(rows); err != nil {
			t.Fatal(err)
		}
		c := &csvReader{src: iotest.HalfReader(strings.NewReader(b.String())), delimiter: ','}
		for i, want := range rows {
			got, err := c.next()
			if err != nil || got.err != nil || len(got.fields) != 2 || string(got.fields[0]) != want[0] || string(got.fields[1]) != want[1] {
				t.Fatalf("row %d: %q, %v, %v, want %q", i, got.fields, got.err, err, want)
			}
		}
	})
}

func TestEncodings(t *testing.T) {
	file := func(b string) string { return "A,T\n" + b + ",2025-01-01\n" }
	for _, c := range []struct{ encoding, bytes, want string }{
		{"utf-8", "gr\xc3\xbcn", `{"complaint_id":"k-1","subject":"grün"}`},
		{"utf-8", "gr\xfcn", `rejected: column 1 "A" has bytes that are not valid in the file's encoding`},
		{"iso-8859-1", "gr\xfcn", `{"complaint_id":"k-1","subject":"grün"}`},
		{"iso-8859-1", "\x80", `rejected: column 1 "A" has bytes that are not valid in the file's encoding`},
		{"windows-1252", "\x80 gr\xfcn", `{"complaint_id":"k-1","subject":"€ grün"}`},
		{"windows-1252", "\x81", `rejected: column 1 "A" has bytes that are not valid in the file's encoding`},
	} {
		m := loaded(t, shortMapping("csv: {encoding: "+c.encoding+"}", `subject: ${row["A"]}`))
		if got := outcomes(t, m, file(c.bytes)); got[0] != c.want {
			t.Errorf("%q in %s: %s", c.bytes, c.encoding, got[0])
		}
	}
	// A character may not span two fields.
	if got := outcomes(t, loaded(t, shortMapping("", "")), "A,T\n\xc3,\xbc\n"); !strings.HasPrefix(got[0], `rejected: column 1 "A" has bytes`) {
		t.Error(got)
	}
}

func TestBrokenRows(t *testing.T) {
	m := loaded(t, shortMapping("", ""))
	got := outcomes(t, m, "A,T\n\n ,\t\n,,,\nx\nx,2025-01-01,y\n\"x,2025-01-01\n")
	want := []string{"rejected: the row is blank", "rejected: the row is blank", "rejected: the row is blank",
		"rejected: the row has 1 columns, and the header 2", "rejected: the row has 3 columns, and the header 2",
		"rejected: the row is malformed: a quote is not closed"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
