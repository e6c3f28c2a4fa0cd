package mapping

import (
	"os"
	"strings"
	"testing"
)

// example returns the code block of docs/import.md that follows the marker.
func example(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile("../../docs/import.md")
	if err != nil {
		t.Fatal(err)
	}
	_, after, found := strings.Cut(string(text), "<!-- example: "+name+" -->\n```")
	_, block, opened := strings.Cut(after, "\n")
	block, _, closed := strings.Cut(block, "```\n")
	if !found || !opened || !closed {
		t.Fatalf("docs/import.md has no example %q", name)
	}
	return block
}

func TestTheExampleInTheDocs(t *testing.T) {
	m, err := Load(strings.NewReader(example(t, "shop.yaml")))
	if err != nil {
		t.Fatal(err)
	}
	rows, records := mapped(t, m, []byte(example(t, "complaints.csv")))
	if len(rows) != 5 || len(records) != 4 {
		t.Fatalf("%d rows, %d events", len(rows), len(records))
	}
	if got, want := string(rows[0].Events[0]), strings.TrimSpace(example(t, "first event")); got != want {
		t.Errorf("the first event is\n%s\nand the docs say\n%s", got, want)
	}
	if rows[4].Err == nil || rows[4].Err.Error() != strings.TrimSpace(example(t, "reason")) {
		t.Errorf("the last row: %v", rows[4].Err)
	}
	if records[0].Subject == records[2].Subject || records[0].Subject != records[3].Subject {
		t.Error("the customers are mixed up")
	}
	money := records[3].Data["remedies"].([]any)[0].(map[string]any)
	if money["amount_minor"] != 104900.0 || money["currency"] != "EUR" {
		t.Errorf("the refund is %v", money)
	}
}

// What the docs advise works: correct the rejects file and import it with the same mapping.
func TestTheCorrectedRejectsOfTheExample(t *testing.T) {
	m := loaded(t, example(t, "shop.yaml"))
	file := example(t, "complaints.csv")
	whole := strings.Replace(file, "yesterday", "06.02.2025 09:00", 1)
	_, want := mapped(t, m, []byte(whole))
	corrected := strings.Replace(rejectsOf(t, m, file), "yesterday", "06.02.2025 09:00", 1)
	if !strings.HasPrefix(corrected, "amends_row,amends_line,amends_reason,No,Customer,When") {
		t.Fatal(corrected)
	}
	rows, got := mapped(t, m, []byte(corrected))
	if len(rows) != 1 || rows[0].Err != nil || rows[0].Number != 5 || rows[0].Line != 7 {
		t.Fatalf("%+v", rows)
	}
	if last := want[len(want)-1]; got[len(got)-1].ID != last.ID || got[len(got)-1].Subject != last.Subject {
		t.Errorf("%+v, want %+v", got, last)
	}
}

// Every key and every function of the format is in the docs.
func TestTheDocsAreComplete(t *testing.T) {
	text, err := os.ReadFile("../../docs/import.md")
	if err != nil {
		t.Fatal(err)
	}
	names := []string{"mapping", "description", "source", "salt", "csv.delimiter", "csv.quotes", "csv.encoding", "csv.skip", "csv.names",
		"csv.duplicates", "csv.trim", "blank", "dates.patterns", "dates.zone", "dates.ambiguous", "dates.nonexistent", "identity", "case.key",
		"case.rows", "let", "reject", "unmatched", "events"}
	for _, name := range names {
		if !strings.Contains(string(text), "| `"+name+"` |") {
			t.Errorf("docs/import.md does not have the key %s", name)
		}
	}
	for _, name := range functionNames {
		if !strings.Contains(string(text), "`"+name+"(") {
			t.Errorf("docs/import.md does not have the function %s", name)
		}
	}
}
