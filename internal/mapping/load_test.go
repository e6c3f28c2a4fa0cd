package mapping

import (
	"errors"
	"strings"
	"testing"
)

func TestLoadErrors(t *testing.T) {
	event := func(lines string) string {
		return "mapping: m\nevents:\n  - " + strings.ReplaceAll(lines, "\n", "\n    ") + "\n"
	}
	const rest = "id: x\nsubject: x\ntime: 2025-01-01\n"
	for _, c := range []struct{ name, text, want string }{
		{"empty", "", "mapping: it is empty"},
		{"two documents", "mapping: a\n---\nmapping: b\n", "mapping line 3: a mapping is one YAML document"},
		{"not keys", "- a\n", "mapping line 1: keys with values are expected here"},
		{"unknown key", "mapping: m\nevnts: []\n", `mapping line 2: unknown key "evnts"`},
		{"unknown key below", "mapping: m\ncsv:\n  delimeter: ';'\n", `mapping line 3, csv: unknown key "delimeter"`},
		{"key twice", "mapping: m\nmapping: m\n", `mapping line 2: mapping key "mapping" already defined at [1:1]`},
		{"no name", "events:\n  - {type: customer.returned, id: x, subject: x, time: iso, data: {}}\n", `mapping: the key "mapping" (its name) is missing`},
		{"no events", "mapping: m\n", `mapping: the key "events" is missing: the mapping makes no event`},
		{"bad name", "mapping: My Mapping\n", "mapping line 1, mapping: a name has up to 40 small letters, digits, - and _, and begins with a letter"},
		{"no type", event("id: x"), `mapping line 3, events[0]: the key "type" is missing`},
		{"unknown type", event("type: complaint.eaten"), `mapping line 3, events[0].type: "complaint.eaten" is not a type of event that a customer's stream can have`},
		{"ledger's type", event("type: access.recorded"), `mapping line 3, events[0].type: "access.recorded" is not a type of event that a customer's stream can have`},
		{"no id", event("type: customer.returned\nsubject: x\ntime: iso\ndata: {}"), `mapping line 3, events[0]: the key "id" is missing: without an id from the source, importing again would record everything twice`},
		{"no time", event("type: customer.returned\nid: x\nsubject: x\ndata: {}"), `mapping line 3, events[0]: the key "time" is missing: when it happened is never invented`},
		{"unknown field", event("type: complaint.closed\n" + rest + "data:\n  complain_id: x"), `mapping line 8, events[0].data: unknown key "complain_id"`},
		{"unknown field in a list", event("type: complaint.resolved\n" + rest + "data: {complaint_id: x, remedies: [{sort: x}]}"), `mapping line 7, events[0].data.remedies[0]: unknown key "sort"`},
		{"text for a flag", event("type: complaint.closed\n" + rest + `data: {complaint_id: x, satisfied: '${row["A"]}'}`), `mapping line 7, events[0].data.satisfied: true or false is expected here: a condition, or a lookup table whose values are true and false`},
		{"text for a number", event("type: survey.answered\n" + rest + `data: {metric: nps, score: '${row["A"]}'}`), `mapping line 7, events[0].data.score: a whole number is expected here: integer(...) or minor(...) make one of text`},
		{"text for a time", event("type: followup.scheduled\n" + rest + `data: {due_at: '${row["A"]}'}`), `mapping line 7, events[0].data.due_at: a time is expected here: date(...) makes one of text`},
		{"flag for a text", event("type: complaint.closed\n" + rest + `data: {complaint_id: '${row["A"] == ""}'}`), `mapping line 7, events[0].data.complaint_id: text is expected here`},
		{"accuracy", event("type: complaint.closed\n" + rest + "accuracy: roughly\ndata: {complaint_id: x}"), `mapping line 7, events[0].accuracy: "roughly" is none of ["exact" "day" "not_before" "not_after"]`},
		{"syntax", event("type: complaint.closed\nid: ${row[}"), `mapping line 4, events[0].id: unexpected token EOF (at character 4 of the expression)`},
		{"unclosed", event("type: complaint.closed\nid: ${row"), `mapping line 4, events[0].id: ${ without its closing brace`},
		{"unknown name", event("type: complaint.closed\nid: ${rwo}"), `mapping line 4, events[0].id: unknown name rwo (at character 1 of the expression)`},
		{"unknown function", event("type: complaint.closed\nid: ${slgu(rowid)}"), `mapping line 4, events[0].id: unknown name slgu (at character 1 of the expression)`},
		{"the clock", event("type: complaint.closed\nid: x\nsubject: x\ntime: ${now()}"), `mapping line 6, events[0].time: unknown name now (at character 1 of the expression)`},
		{"wrong type", event("type: complaint.closed\nwhen: row[\"A\"] && true"), `mapping line 4, events[0].when: invalid operation: && (mismatched types string and bool) (at character 10 of the expression)`},
		{"condition", event("type: complaint.closed\nwhen: row[\"A\"]"), `mapping line 4, events[0].when: a condition is true or false, and this is neither`},
		{"condition in braces", event("type: complaint.closed\nwhen: ${true}"), `mapping line 4, events[0].when: a condition is written without ${ }`},
		{"column not named", event("type: complaint.closed\nid: ${row[rowid]}"), `mapping line 4, events[0].id: row names its column in quotes: row["Column"]`},
		{"row as a whole", event("type: complaint.closed\nid: ${len(row)}"), `mapping line 4, events[0].id: row names its column in quotes: row["Column"]`},
		{"case column not named", event("type: complaint.closed\nwhen: case.seen(rowid, \"x\")"), `mapping line 4, events[0].when: case.seen names its column in quotes: case.seen("Activity", "Closed")`},
		{"case as a whole", event("type: complaint.closed\nwhen: case == nil"), `mapping line 4, events[0].when: case stands with what is asked of it: case.first, case.row, case.start, case.last, case.seen, case.count`},
		{"no case", event("type: complaint.closed\nwhen: case.first\n" + rest + "data: {complaint_id: x}"), `mapping: an expression asks about "case", and the key "case" (what makes a case) is missing`},
		{"case of a case", "mapping: m\ncase: {key: '${case.row}'}\n", `mapping line 2, case.key: what makes a case cannot ask about the case`},
		{"no table", event("type: complaint.closed\nid: ${lookup(\"x\", rowid)}"), `mapping line 4, events[0].id: there is no lookup table "x"`},
		{"table not named", event("type: complaint.closed\nid: ${lookup(rowid, rowid)}"), `mapping line 4, events[0].id: lookup names its table in quotes: lookup("table", row["Column"])`},
		{"table without values", "mapping: m\nlookups:\n  t: {missing: keep}\n", `mapping line 3, lookups.t: the key "values" is missing`},
		{"pattern in an expression", event("type: complaint.closed\nid: ${day(rowid, \"yyyy-QQ\")}"), `mapping line 4, events[0].id: date pattern "yyyy-QQ": 'Q' is not a date letter (put literal letters in single quotes)`},
		{"pattern", "mapping: m\ndates: {patterns: [yyyy-MM]}\n", `mapping line 2, dates.patterns: date pattern "yyyy-MM": it needs y, M and d`},
		{"zone", "mapping: m\ndates: {zone: Mars/Olympus}\n", `mapping line 2, dates.zone: "Mars/Olympus" is not a time zone such as Europe/Rome or UTC`},
		{"delimiter", "mapping: m\ncsv: {delimiter: ab}\n", "mapping line 2, csv.delimiter: a delimiter is one ASCII character, or the word tab"},
		{"variable twice", "mapping: m\nlet: {row: x}\n", "mapping line 2, let.row: a name has letters, digits and _, begins with a small letter, and is not taken yet"},
		{"alias to nothing", "mapping: *x\n", "mapping line 1, mapping: nothing above is named &x"},
		{"alias to itself", "mapping: m\nevents: &x [*x]\n", "mapping line 2: &x holds itself"},
		{"merge key", "mapping: m\ncsv: {<<: {skip: 1}}\n", "mapping line 2, csv: merge keys (<<) are not supported"},
		{"tag", "mapping: !!str m\n", "mapping line 1, mapping: YAML tags have no meaning here"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Load(strings.NewReader(c.text))
			var at *LoadError
			if !errors.As(err, &at) || err.Error() != c.want {
				t.Errorf("got  %v\nwant %s", err, c.want)
			}
		})
	}
}

func TestBuiltinNames(t *testing.T) {
	for _, name := range Builtins() {
		if m := builtinMapping(t, name); m.Name() != name || m.Description() == "" {
			t.Errorf("%s is called %s, %q", name, m.Name(), m.Description())
		}
	}
	if _, err := Builtin("../cfpb"); err == nil {
		t.Error("a mapping that is not there")
	}
}

func TestAMappingHasALimit(t *testing.T) {
	// Each alias doubles what the one before stands for.
	var b strings.Builder
	b.WriteString("mapping: m\nlet: {v0: &a0 x}\nevents:\n  - type: customer.returned\n    id: x\n    subject: x\n    time: iso\n    data:\n      extra:\n        b0: &b0 [x, x]\n")
	for i := range 30 {
		b.WriteString(strings.NewReplacer("N", string(rune('a'+i%26))+string(rune('a'+i/26)), "P", prev(i)).Replace("        N: &N [*P, *P]\n"))
	}
	_, err := Load(strings.NewReader(b.String()))
	if err == nil || !strings.Contains(err.Error(), "too large") && !strings.Contains(err.Error(), "too deep") {
		t.Error(err)
	}
}

func prev(i int) string {
	if i == 0 {
		return "b0"
	}
	i--
	return string(rune('a'+i%26)) + string(rune('a'+i/26))
}
