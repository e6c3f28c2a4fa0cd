package mapping

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
)

// Whatever a file holds, its rows are numbered without a gap, give valid events or a reason, and end.
func FuzzRows(f *testing.F) {
	f.Add([]byte("A,T\nx,2025-01-01\n\"y\nz\",\n"))
	f.Add([]byte("\xef\xbb\xbfT,A,B\r\n2025-01-01,\"a\"\"b\",\xff\r\n\"open"))
	f.Add([]byte("\"A\",T\n\"\n\n,,,\n"))
	var mappings []*Mapping
	for _, more := range []string{"", "csv: {quotes: lazy, encoding: windows-1252, duplicates: same}\ncase: {key: '${row[\"A\"]}', rows: together}\n",
		"csv: {names: [A, T], skip: 1, delimiter: ';'}\nblank: [x]\n"} {
		mappings = append(mappings, loaded(f, shortMapping(more, "subject: ${row[\"A\"]}\nextra: {id: '${rowid}', slug: '${slug(row[\"A\"])}', n: '${minor(row[\"A\"])}'}")))
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		for _, m := range mappings {
			number, offset := 0, int64(0)
			for row, err := range m.Rows(bytes.NewReader(file)) {
				if err != nil {
					var header *HeaderError
					if !errors.As(err, &header) && !errors.Is(err, errUTF16) || number > 0 {
						t.Fatal(err)
					}
					break
				}
				if number++; row.Number != number || row.Offset <= offset || row.Offset > int64(len(file)) {
					t.Fatalf("row %d, offset %d after %d of %d", row.Number, row.Offset, offset, len(file))
				}
				offset = row.Offset
				if (row.Err == nil) != (len(row.Events) > 0) {
					t.Fatalf("%v and %d events", row.Err, len(row.Events))
				}
				for _, raw := range row.Events {
					if !json.Valid(raw) {
						t.Fatalf("%q", raw)
					}
				}
			}
			if number > 0 && offset != int64(len(file)) {
				t.Fatalf("%d of %d bytes", offset, len(file))
			}
		}
	})
}

// Whatever a mapping holds, it is loaded or refused, and what is loaded does not fail on a row in another way than with a reason.
func FuzzLoad(f *testing.F) {
	for _, name := range Builtins() {
		text, err := builtin.ReadFile(name + ".yaml")
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text))
	}
	f.Add(shortMapping("let: &a {x: '${row[\"A\"]}'}\n", "extra: {l: [*a, 1.5, true, null]}"))
	f.Add("mapping: [&x *x, !!str y, {<<: 1}]\n? a\n: b\n")
	f.Fuzz(func(t *testing.T, text string) {
		m, err := Load(strings.NewReader(text))
		if err != nil {
			var at *LoadError
			if !errors.As(err, &at) {
				t.Fatal(err)
			}
			return
		}
		file := strings.Join(m.required, ",") + "\n" + strings.Repeat("x,", max(0, len(m.required)-1)) + "2025-01-01\n"
		for range m.Rows(strings.NewReader(file)) {
		}
	})
}
