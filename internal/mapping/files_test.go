package mapping

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
)

// record is what the tests read of an event.
type record struct {
	ID, Source, Type, Subject, Time, TimeAccuracy, Actor string
	Data                                                 map[string]any
}

func (r record) extra(name string) any {
	extra, _ := r.Data["extra"].(map[string]any)
	return extra[name]
}

// realFile returns the bytes of one of the real files, and skips the test where they are not there.
func realFile(t testing.TB, name string) []byte {
	t.Helper()
	dir := os.Getenv("AMENDS_TEST_DATA")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared", "data")
	}
	path := filepath.Join(dir, name)
	b, err := os.ReadFile(path)
	if err != nil {
		t.Skipf("the real file %s is not here (AMENDS_TEST_DATA names its folder): %v", name, err)
	}
	return b
}

func builtinMapping(t testing.TB, name string) *Mapping {
	t.Helper()
	m, err := Builtin(name)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// parse decodes an event, strictly enough to notice invalid JSON.
func parse(t testing.TB, raw []byte) record {
	t.Helper()
	var r record
	if err := json.Unmarshal(raw, &r); err != nil {
		t.Fatalf("%v in %s", err, raw)
	}
	return r
}

// mapped maps a whole file and returns its rows and events.
func mapped(t testing.TB, m *Mapping, file []byte) ([]Row, []record) {
	t.Helper()
	var rows []Row
	var records []record
	for row, err := range m.Rows(bytes.NewReader(file)) {
		if err != nil {
			t.Fatal(err)
		}
		rows = append(rows, row)
		for _, raw := range row.Events {
			records = append(records, parse(t, raw))
		}
	}
	return rows, records
}

func tally[T any](items []T, key func(T) string) map[string]int {
	out := map[string]int{}
	for _, item := range items {
		out[key(item)]++
	}
	return out
}

func BenchmarkRows(b *testing.B) {
	for _, n := range []string{"cfpb", "helpdesk"} {
		f := map[string]string{"cfpb": "cfpb_complaints.csv", "helpdesk": "helpdesk_event_log.csv"}[n]
		b.Run(n, func(b *testing.B) {
			file := realFile(b, f)
			m := builtinMapping(b, n)
			rows := 0
			b.ReportAllocs()
			for b.Loop() {
				for _, err := range m.Rows(bytes.NewReader(file)) {
					if err != nil {
						b.Fatal(err)
					}
					rows++
				}
			}
			b.ReportMetric(float64(rows)/b.Elapsed().Seconds(), "rows/s")
		})
	}
}
