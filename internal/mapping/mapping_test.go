package mapping

import (
	"bytes"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// shortMapping is a mapping of columns A and T, to which a test adds what it is about.
func shortMapping(more, data string) string {
	return "mapping: short\n" + more + `
events:
  - type: complaint.registered
    id: short:${number}
    subject: c-${number}
    time: ${row["T"]}
    data:
      complaint_id: k-${number}
` + indent(data)
}

func indent(data string) string {
	if data == "" {
		return ""
	}
	return "      " + strings.ReplaceAll(strings.TrimSpace(data), "\n", "\n      ") + "\n"
}

func loaded(t testing.TB, text string) *Mapping {
	t.Helper()
	m, err := Load(strings.NewReader(text))
	if err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	return m
}

// outcome is a row's events, or its reason, as one line of text.
func outcome(t testing.TB, row Row) string {
	t.Helper()
	if row.Err != nil {
		return "rejected: " + row.Err.Reason
	}
	var out []string
	for _, raw := range row.Events {
		parse(t, raw)
		_, data, _ := strings.Cut(string(raw), `"data":`)
		out = append(out, strings.TrimSuffix(data, "}"))
	}
	return strings.Join(out, " ")
}

func outcomes(t testing.TB, m *Mapping, file string) []string {
	t.Helper()
	rows, _ := mapped(t, m, []byte(file))
	var out []string
	for _, row := range rows {
		out = append(out, outcome(t, row))
	}
	return out
}

func TestValues(t *testing.T) {
	for _, c := range []struct{ name, more, data, file, want string }{
		{"text and constants", "", "subject: 'A is ${row[\"A\"]}, $${B}'", "A,T\nx,2025-01-02\n",
			`{"complaint_id":"k-1","subject":"A is x, ${B}"}`},
		{"trimmed", "", `subject: ${row["A"]}`, "A,T\n  x  ,2025-01-02\n", `{"complaint_id":"k-1","subject":"x"}`},
		{"not trimmed", "csv: {trim: false}", `subject: ${row["A"]}`, "A,T\n  x  ,2025-01-02\n", `{"complaint_id":"k-1","subject":"  x  "}`},
		{"as it stands", "blank: [N/A]", `extra: {raw: '${raw["A"]}', row: '${row["A"]}'}`, "A,T\n N/A ,2025-01-02\n",
			`{"complaint_id":"k-1","extra":{"raw":" N/A "}}`},
		{"blank words", "blank: [N/A, None]", `subject: ${row["A"]}`, "A,T\nNone,2025-01-02\n", `{"complaint_id":"k-1"}`},
		{"a column's own blank words", "blank: [N/A]\ncolumns: {A: {blank: ['-']}}", `subject: ${row["A"]}`, "A,T\nN/A,2025-01-02\n-,2025-01-02\n",
			`{"complaint_id":"k-1","subject":"N/A"} | {"complaint_id":"k-2"}`},
		{"typed", "lookups: {yes: {values: {Y: true, N: false}}}", `vulnerable: ${lookup("yes", row["A"])}`, "A,T\nY,2025-01-02\nN,2025-01-02\n,2025-01-02\n",
			`{"complaint_id":"k-1","vulnerable":true} | {"complaint_id":"k-2","vulnerable":false} | {"complaint_id":"k-3"}`},
		{"strict table", "lookups: {s: {values: {a: S1}}}", `severity: ${lookup("s", row["A"])}`, "A,T\na,2025-01-02\nsecret,2025-01-02\n",
			`{"complaint_id":"k-1","severity":"S1"} | rejected: the lookup table "s" has no entry for the value [column "A"]`},
		{"table that keeps", "lookups: {s: {missing: keep, ignore_case: true, values: {Aa: S1}}}", `subject: ${lookup("s", row["A"])}`, "A,T\naA,2025-01-02\nb,2025-01-02\n",
			`{"complaint_id":"k-1","subject":"S1"} | {"complaint_id":"k-2","subject":"b"}`},
		{"table that omits", "lookups: {s: {missing: omit, values: {a: S1}}}", `subject: ${lookup("s", row["A"])}`, "A,T\nb,2025-01-02\n", `{"complaint_id":"k-1"}`},
		{"lists of objects", "", "documents:\n  - {uri: '${row[\"A\"]}', size: '${integer(\"7\")}'}", "A,T\nu,2025-01-02\n",
			`{"complaint_id":"k-1","documents":[{"uri":"u","size":7}]}`},
		{"nothing left of an object", "", "extra: {a: '${row[\"A\"]}', b: {c: '${row[\"A\"]}'}, d: ['${row[\"A\"]}']}", "A,T\n,2025-01-02\n", `{"complaint_id":"k-1"}`},
		{"free data", "", "extra: {n: 1, f: 1.5, b: true, l: [a, 2], x: '${[1, {\"y\": row[\"A\"]}]}'}", "A,T\nq,2025-01-02\n",
			`{"complaint_id":"k-1","extra":{"n":1,"f":1.5,"b":true,"l":["a",2],"x":[1,{"y":"q"}]}}`},
		{"variables", "let: {v: '${row[\"A\"] + \"!\"}', w: '${v + v}'}", "subject: ${w}", "A,T\nq,2025-01-02\n", `{"complaint_id":"k-1","subject":"q!q!"}`},
		{"anchors", "let: {v: &v '${row[\"A\"]}'}", "subject: *v", "A,T\nq,2025-01-02\n", `{"complaint_id":"k-1","subject":"q"}`},
		{"own reasons", "reject: [{when: 'row[\"A\"] == \"x\"', reason: not ours}]", "", "A,T\nx,2025-01-02\n", `rejected: not ours`},
		{"required", "columns: {A: {required: true}}", "", "A,T\n ,2025-01-02\n", `rejected: column "A" is blank`},
		{"optional", "columns: {A: {optional: true}}", `subject: ${row["A"]}`, "T\n2025-01-02\n", `{"complaint_id":"k-1"}`},
		{"no time", "", "", "A,T\nx,\n", `rejected: the time is blank, and none is invented [column "T"]`},
		{"no date", "", "", "A,T\nx,soon\n", `rejected: it matches none of the date patterns [column "T"]`},
		{"dates in data", "dates: {zone: Europe/Rome, patterns: [yyyy-MM-dd]}", `extra: {a: '${date(row["A"], "d.M.yyyy HH:mm")}', b: '${day(row["A"], "d.M.yyyy HH:mm")}', c: '${day("")}'}`,
			"A,T\n1.7.2025 00:30,2025-01-02\nsoon,2025-01-02\n",
			`{"complaint_id":"k-1","extra":{"a":"2025-06-30T22:30:00Z","b":"2025-07-01"}} | rejected: it matches none of the date patterns [column "A"]`},
		{"amounts", "", `extra: {a: '${minor(row["A"])}'}`, "A,T\n12.5,2025-01-02\n12.555,2025-01-02\n",
			`{"complaint_id":"k-1","extra":{"a":1250}} | rejected: it is not an amount of money, or has more decimals than its currency [column "A"]`},
		{"the first that is not blank", "", `subject: ${coalesce(row["A"], row["T"])}`, "A,T\n,2025-01-02\n", `{"complaint_id":"k-1","subject":"2025-01-02"}`},
		{"braces and quotes in expressions", "", `subject: '${{"}": row["A"] + "}"}["}"]}!'`, "A,T\nq,2025-01-02\n", `{"complaint_id":"k-1","subject":"q}!"}`},
		{"values stay out of reasons", "", `subject: ${string(int(row["A"]))}`, "A,T\nsecret,2025-01-02\n", `rejected: the expression cannot be evaluated on the row's values [column "A"]`},
		{"characters are escaped", "", `subject: ${row["A"]}`, "A,T\n\"a\"\"b\\\t\u2028<é>\",2025-01-02\n", "{\"complaint_id\":\"k-1\",\"subject\":\"a\\\"b\\\\\\t\u2028<é>\"}"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := strings.Join(outcomes(t, loaded(t, shortMapping(c.more, c.data)), c.file), " | ")
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestEnvelope(t *testing.T) {
	m := loaded(t, `
mapping: full
source: urn:example
events:
  - type: interaction.call
    id: full:${row["A"]}
    subject: ${row["A"]}
    time: ${row["T"]}
    accuracy: ${row["B"]}
    causationid: ${row["A"]}-cause
    actor: ${row["C"]}
    correlationid: 17
    data: {direction: inbound}
`)
	rows, _ := mapped(t, m, []byte("A,B,C,T\nx,not_before,me,2025-01-02T03:04:05.678901234+02:00\ny,,,2025-01-02T03:04:05Z\nz,about,,2025-01-02\na b,,,2025-01-02\n,,,2025-01-02\n"))
	want := []string{
		`{"specversion":"1.0","id":"full:x","source":"urn:example","type":"interaction.call","subject":"x","time":"2025-01-02T01:04:05.678901234Z","timeaccuracy":"not_before","actor":"me","correlationid":"17","causationid":"x-cause","datacontenttype":"application/json","data":{"direction":"inbound"}}`,
		`{"specversion":"1.0","id":"full:y","source":"urn:example","type":"interaction.call","subject":"y","time":"2025-01-02T03:04:05Z","correlationid":"17","causationid":"y-cause","datacontenttype":"application/json","data":{"direction":"inbound"}}`,
		`it is not an accuracy: exact, day, not_before or not_after [column "B"] (mapping line 9, events[0].accuracy)`,
		`it has other characters than an event id may have, or more than 128 [column "A"] (mapping line 6, events[0].id)`,
		`a part of it is blank [column "A"] (mapping line 6, events[0].id)`,
	}
	for i, row := range rows {
		got := ""
		if row.Err != nil {
			got = row.Err.Error()
		} else {
			got = string(row.Events[0])
		}
		if got != want[i] {
			t.Errorf("row %d:\n got %s\nwant %s", i+1, got, want[i])
		}
	}
}

func TestCases(t *testing.T) {
	text := func(rows string) string {
		return `
mapping: cases
case: {key: '${row["K"]}', rows: ` + rows + `}
columns: {X: {optional: true}}
events:
  - type: complaint.registered
    when: case.first
    id: ${row["K"]}:start
    subject: ${row["K"]}
    time: ${row["T"]}
    data: {complaint_id: '${row["K"]}'}
  - type: complaint.classified
    id: ${row["K"]}:${case.row}
    subject: ${row["K"]}
    time: ${row["T"]}
    data:
      complaint_id: ${row["K"]}
      extra:
        start: ${case.start["A"]}
        last: ${case.last["A"]}
        seen: ${case.seen("A", "x")}
        count: ${case.count("A", "x")}
        row: ${case.row}
`
	}
	file := "K,A,T\na,x,2025-01-01\na,y,2025-01-02\nb,y,2025-01-01\nb,x,2025-01-01\na,x,2025-01-03\n"
	extras := func(rows []Row) []string {
		var out []string
		for _, row := range rows {
			if row.Err != nil {
				out = append(out, row.Err.Reason)
				continue
			}
			_, extra, _ := strings.Cut(string(row.Events[len(row.Events)-1]), `"extra":`)
			out = append(out, fmt.Sprint(len(row.Events), " ", strings.TrimSuffix(extra, "}}")))
		}
		return out
	}
	rows, _ := mapped(t, loaded(t, text("anywhere")), []byte(file))
	want := []string{
		`2 {"start":"x","seen":false,"count":0,"row":1}`,
		`1 {"start":"x","last":"x","seen":true,"count":1,"row":2}`,
		`2 {"start":"y","seen":false,"count":0,"row":1}`,
		`1 {"start":"y","last":"y","seen":false,"count":0,"row":2}`,
		`1 {"start":"x","last":"y","seen":true,"count":1,"row":3}`,
	}
	if diff := cmp.Diff(want, extras(rows)); diff != "" {
		t.Error(diff)
	}
	rows, _ = mapped(t, loaded(t, text("together")), []byte(file))
	want[4] = "the case has rows elsewhere in the file, and the mapping says that its rows stand together"
	if diff := cmp.Diff(want, extras(rows)); diff != "" {
		t.Error(diff)
	}
	// A rejected first row takes its case along, and nothing else; a later rejected row counts for nothing.
	rows, _ = mapped(t, loaded(t, text("together")), []byte("K,A,T\na,x,never\na,y,2025-01-02\nb,x,2025-01-01\nb,y,never\nb,z,2025-01-03\n"))
	want = []string{
		`it matches none of the date patterns [column "T"]`,
		`the first row of this case (row 1) was rejected`,
		`2 {"start":"x","seen":false,"count":0,"row":1}`,
		`it matches none of the date patterns [column "T"]`,
		`1 {"start":"x","last":"x","seen":true,"count":1,"row":2}`,
	}
	if diff := cmp.Diff(want, extras(rows)); diff != "" {
		t.Error(diff)
	}
}

// A long file needs no more memory than its longest case, when its cases stand together.
func TestFinishedCasesAreForgotten(t *testing.T) {
	m := loaded(t, shortMapping("case: {key: '${row[\"A\"]}', rows: together}", `subject: ${case.last["A"] + rowid}`))
	var file strings.Builder
	file.WriteString("A,T\n")
	for i := range 500 {
		fmt.Fprintf(&file, "case %d,2025-01-01\ncase %d,2025-01-01\n", i, i)
	}
	reader, err := m.Open(strings.NewReader(file.String()))
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for row, err := range reader.Rows() {
		if err != nil || row.Err != nil {
			t.Fatal(err, row.Err)
		}
		if len(reader.memories.cases) != 1 {
			t.Fatalf("%d cases are remembered", len(reader.memories.cases))
		}
		n++
	}
	if n != 1000 || len(reader.memories.noCase.twins) != 0 {
		t.Errorf("%d rows, %d twins outside cases", n, len(reader.memories.noCase.twins))
	}
}

// A mapping serves several files at once.
func TestAMappingIsShared(t *testing.T) {
	m := loaded(t, shortMapping("", `subject: ${slug(row["A"])}`))
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			file := "A,T\n" + strings.Repeat(fmt.Sprintf("Value %d,2025-01-01\n", i), 200)
			for row, err := range m.Rows(strings.NewReader(file)) {
				if err != nil || row.Err != nil || !strings.Contains(string(row.Events[0]), fmt.Sprintf(`"value-%d"`, i)) {
					t.Error(err, row.Err)
					return
				}
			}
		})
	}
	wg.Wait()
}

func TestRowIDs(t *testing.T) {
	ids := func(m *Mapping, file string) []string {
		var out []string
		rows, _ := mapped(t, m, []byte(file))
		for _, row := range rows {
			for _, raw := range row.Events {
				out = append(out, parse(t, raw).ID)
			}
		}
		return out
	}
	text := strings.Replace(shortMapping("", `subject: ${row["A"]}`), "id: short:${number}", "id: short:${rowid}", 1)
	m := loaded(t, text)
	const file = "A,T\nx,2025-01-01\ny,2025-01-01\nx,2025-01-01\nx,2025-01-01\n"
	first := ids(m, file)
	if len(tally(first, func(s string) string { return s })) != 4 {
		t.Errorf("identical rows share an id: %q", first)
	}
	if first[0] != "short:a506d17efc242c900225fe9c" {
		t.Errorf("the id of a row has changed to %s: what was imported would be recorded again", first[0])
	}
	if diff := cmp.Diff(first, ids(m, file+"z,2025-01-01\nx,2025-01-01\n")[:4]); diff != "" {
		t.Error("rows behind change the ids of those before:", diff)
	}
	if diff := cmp.Diff(first, ids(m, "amends_row,amends_line,amends_reason,A,T\n1,2,no,x,2025-01-01\n2,3,no,y,2025-01-01\n3,4,no,x,2025-01-01\n4,5,no,x,2025-01-01\n")); diff != "" {
		t.Error("the columns of a rejects file change the ids:", diff)
	}
	narrow := loaded(t, strings.Replace(text, "mapping: short", "mapping: short\nidentity: [A]", 1))
	a, b := ids(narrow, "A,T\nx,2025-01-01\n"), ids(narrow, "A,T\nx,2026-01-01\n")
	if a[0] != b[0] {
		t.Error("a column outside the identity changes the id")
	}
	keyed := loaded(t, strings.Replace(text, "mapping: short", "mapping: short\nidentity: [T]\ncase: {key: '${row[\"A\"]}'}", 1))
	if got := ids(keyed, "A,T\nx,2025-01-01\ny,2025-01-01\n"); got[0] == got[1] {
		t.Error("rows of two cases share an id")
	}
}

func TestUnmatchedRows(t *testing.T) {
	text := strings.Replace(shortMapping("", ""), "    id: short", "    when: row[\"A\"] == \"x\"\n    id: short", 1)
	if got := outcomes(t, loaded(t, text), "A,T\ny,2025-01-01\n"); got[0] != "rejected: no event of the mapping is for this row" {
		t.Error(got)
	}
	if got := outcomes(t, loaded(t, "unmatched: ignore\n"+text), "A,T\ny,2025-01-01\n"); got[0] != "" {
		t.Error(got)
	}
}

func TestTwoEventsOfOneID(t *testing.T) {
	text := shortMapping("", "")
	_, event, _ := strings.Cut(text, "events:\n")
	got := outcomes(t, loaded(t, text+event), "T\n2025-01-01\n")
	if got[0] != "rejected: two events of the row have the same id" {
		t.Error(got)
	}
}

func TestHeader(t *testing.T) {
	for _, c := range []struct{ name, more, file, want string }{
		{"missing", "", "A,B\n", `the file's header: column "T" is missing`},
		{"missing delimiter", "", "A;T\n", `the file's header: column "T" is missing (there is only one column: is the delimiter right?)`},
		{"several missing", "identity: [X, Y]", "A,T\n", `the file's header: columns "X", "Y" are missing`},
		{"twice", "", "T,A,A\n", `the file's header: columns 2 and 3 are both named "A" (the mapping's csv.duplicates says what to do)`},
		{"empty", "", "", `the file's header: the file ends before it`},
		{"malformed", "", "T,\"A\nx", `the file's header: a quote is not closed`},
		{"utf-16", "", "\xff\xfeT\x00", errUTF16.Error()},
		{"bytes", "", "T,\xe9\n", `the file's header: column 2 has bytes that are not valid in the file's encoding`},
		{"skipped too far", "csv: {skip: 3}", "a\nb\n", `the file's header: the file ends before it`},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := loaded(t, shortMapping(c.more, ""))
			n := 0
			for _, err := range m.Rows(strings.NewReader(c.file)) {
				if n++; err == nil || err.Error() != c.want {
					t.Errorf("got %v, want %s", err, c.want)
				}
			}
			if n != 1 {
				t.Errorf("%d rows", n)
			}
		})
	}
}

func TestColumnsOfOneName(t *testing.T) {
	number := loaded(t, shortMapping("csv: {duplicates: number}", `extra: {a: '${row["A"]}', b: '${row["A (2)"]}', c: '${row["A (3)"]}'}`))
	if got := outcomes(t, number, "T,A,A,A\n2025-01-01,1,2,3\n"); got[0] != `{"complaint_id":"k-1","extra":{"a":"1","b":"2","c":"3"}}` {
		t.Error(got)
	}
	same := loaded(t, shortMapping("csv: {duplicates: same}", `subject: ${row["A"]}`))
	got := outcomes(t, same, "T,A,A\n2025-01-01,1,1\n2025-01-01,1,2\n")
	if got[0] != `{"complaint_id":"k-1","subject":"1"}` || got[1] != `rejected: columns 2 and 3, both named "A", differ` {
		t.Error(got)
	}
}

func TestFilesWithoutHeader(t *testing.T) {
	m := loaded(t, shortMapping("csv: {skip: 1, names: [A, T], delimiter: tab}", `subject: ${row["A"]}`))
	got := outcomes(t, m, "# made on \"Monday\nx\t2025-01-01\n")
	if len(got) != 1 || got[0] != `{"complaint_id":"k-1","subject":"x"}` {
		t.Error(got)
	}
}

func TestUnusedColumns(t *testing.T) {
	r, err := loaded(t, shortMapping("", `subject: ${row["A"]}`)).Open(strings.NewReader("B,A,T,amends_row,C\n"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"B", "C"}, r.Unused()); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"B", "A", "T", "amends_row", "C"}, r.Header()); diff != "" {
		t.Error(diff)
	}
}

func TestRejectsFile(t *testing.T) {
	m := loaded(t, shortMapping("", `subject: ${row["A"]}`))
	file := "A,T\nx\xe9,2025-01-01\n\"a,\n\"\"b\"\"\",never\nshort\none,2025-01-01,three\n"
	reader, err := m.Open(strings.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	rejects := NewRejects(&out, reader.Header())
	for row, err := range reader.Rows() {
		if err != nil {
			t.Fatal(err)
		}
		if err := rejects.Add(row, row.Err.Reason); err != nil {
			t.Fatal(err)
		}
	}
	want := `amends_row,amends_line,amends_reason,A,T
1,2,"column 1 ""A"" has bytes that are not valid in the file's encoding",x\xe9,2025-01-01
2,3,"it matches none of the date patterns [column ""T""]","a,
""b""",never
3,5,"the row has 1 columns, and the header 2",short,
4,6,"the row has 3 columns, and the header 2",one,2025-01-01,three
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Error(diff)
	}
	// Corrected, it is imported as it is; rejected once more, it does not grow.
	again := "amends_row,amends_line,amends_reason,A,T\n2,3,no,fine,2025-01-01\n3,5,no,bad,never\n"
	reader, err = m.Open(strings.NewReader(again))
	if err != nil {
		t.Fatal(err)
	}
	out.Reset()
	rejects = NewRejects(&out, reader.Header())
	for row := range reader.Rows() {
		if row.Err == nil {
			continue
		}
		if err := rejects.Add(row, "still"); err != nil {
			t.Fatal(err)
		}
	}
	if want := "amends_row,amends_line,amends_reason,A,T\n3,5,still,bad,never\n"; out.String() != want {
		t.Errorf("got %q", out.String())
	}
}

// rejectsOf maps a file and returns its rejects file.
func rejectsOf(t *testing.T, m *Mapping, file string) string {
	t.Helper()
	reader, err := m.Open(strings.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	rejects := NewRejects(&out, reader.Header())
	for row, err := range reader.Rows() {
		if err != nil {
			t.Fatal(err)
		}
		if row.Err == nil {
			continue
		}
		if err := rejects.Add(row, row.Err.Error()); err != nil {
			t.Fatal(err)
		}
	}
	return out.String()
}

// Whatever the mapping says of the format of its files, a corrected rejects file gives the events that the original file
// would have given.
func TestCorrectedRejects(t *testing.T) {
	for _, c := range []struct{ name, csv, file string }{
		{"semicolons", `{delimiter: ";"}`, "A;T\ngrün;2025-01-01\nweiß, wie;never\n"},
		{"windows-1252", "{encoding: windows-1252}", "A,T\ngr\xfcn,2025-01-01\nwei\xdf \x80,never\n"},
		{"tabs, lazy quotes", "{delimiter: tab, quotes: lazy}", "A\tT\nx\t2025-01-01\nein \"Wort\"\tnever\n"},
		{"lines before the header", "{skip: 2}", "Export\n2025\nA,T\nx,2025-01-01\n\" y\",never\n"},
		{"no header", "{names: [A, T]}", "x,2025-01-01\ny,never\n"},
		{"columns of one name", "{duplicates: number}", "A,T,A\nx,2025-01-01,1\ny,never,2\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := loaded(t, strings.Replace(shortMapping("csv: "+c.csv, `subject: ${row["A"]}`), "c-${number}", `c-${hashid(row["A"])}`, 1))
			_, want := mapped(t, m, []byte(strings.Replace(c.file, "never", "2025-01-02", 1)))
			rejects := rejectsOf(t, m, c.file)
			quoted := `"amends_row","amends_line","amends_reason"` + strings.TrimPrefix(rejects, "amends_row,amends_line,amends_reason")
			for _, corrected := range []string{rejects, quoted, "\xef\xbb\xbf" + rejects} {
				rows, got := mapped(t, m, []byte(strings.Replace(corrected, "never", "2025-01-02", 1)))
				for _, row := range rows {
					if row.Err != nil {
						t.Fatalf("row %d: %v in\n%s", row.Number, row.Err, corrected)
					}
				}
				if diff := cmp.Diff(want[len(want)-len(got):], got); diff != "" || len(got) == 0 {
					t.Errorf("%d events: %s", len(got), diff)
				}
			}
		})
	}
	m := loaded(t, shortMapping("", ""))
	if got := outcomes(t, m, "amends_row,amends_line,amends_reason,A,T\n,,,x,2025-01-01\n"); !strings.Contains(got[0], `"amends_row"`) {
		t.Errorf("a row without its number: %s", got[0])
	}
}
