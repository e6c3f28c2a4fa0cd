package mapping

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"amends/domain"
	"amends/schemas"

	"github.com/google/go-cmp/cmp"
)

func byType(typ string, records []record) []record {
	var out []record
	for _, r := range records {
		if r.Type == typ {
			out = append(out, r)
		}
	}
	return out
}

func dataField(name string) func(record) string {
	return func(r record) string {
		s, _ := r.Data[name].(string)
		return s
	}
}

func noRejects(t *testing.T, rows []Row) {
	t.Helper()
	for _, row := range rows {
		if row.Err != nil || len(row.Events) == 0 {
			t.Fatalf("row %d: %v, %d events", row.Number, row.Err, len(row.Events))
		}
	}
}

func TestCFPBCounts(t *testing.T) {
	rows, records := mapped(t, builtinMapping(t, "cfpb"), realFile(t, "cfpb_complaints.csv"))
	noRejects(t, rows)
	if len(rows) != 6623 {
		t.Errorf("%d rows", len(rows))
	}
	registered := byType("complaint.registered", records)
	if n := len(tally(registered, dataField("complaint_id"))); n != 6623 {
		t.Errorf("%d complaints", n)
	}
	if n := len(tally(registered, func(r record) string { return r.Subject })); n != 6623 {
		t.Errorf("%d customers", n)
	}
	want := map[string]int{"web_form": 5143, "third_party_referral": 627, "phone": 482, "letter": 267, "fax": 102, "email": 2}
	if diff := cmp.Diff(want, tally(registered, dataField("channel"))); diff != "" {
		t.Error("channels:", diff)
	}
	responded := byType("complaint.responded", records)
	want = map[string]int{"explanation": 5557, "non_monetary_relief": 779, "monetary_relief": 211, "untimely": 37, "in_progress": 35, "closed": 4}
	if diff := cmp.Diff(want, tally(responded, dataField("kind"))); diff != "" {
		t.Error("responses:", diff)
	}
	late, narratives := 0, 0
	for _, r := range responded {
		if r.Data["timely"] == false {
			late++
		}
		if r.TimeAccuracy != "not_before" {
			t.Fatalf("%s: the answer's date is not known", r.ID)
		}
	}
	for _, r := range registered {
		if r.Data["description"] != nil {
			narratives++
		}
		if r.TimeAccuracy != "day" || !strings.HasSuffix(r.Time, "T00:00:00Z") {
			t.Fatalf("%s: %s %s", r.ID, r.Time, r.TimeAccuracy)
		}
	}
	if late != 94 || narratives != 1532 {
		t.Errorf("%d late, %d narratives", late, narratives)
	}
	want = map[string]int{"complaint.registered": 6623, "complaint.forwarded": 6623, "complaint.responded": 6623,
		"complaint.closed": 5557 + 779 + 211 + 4, "complaint.disputed": 9}
	if diff := cmp.Diff(want, tally(records, func(r record) string { return r.Type })); diff != "" {
		t.Error("events:", diff)
	}
}

func TestHelpdeskCounts(t *testing.T) {
	rows, records := mapped(t, builtinMapping(t, "helpdesk"), realFile(t, "helpdesk_event_log.csv"))
	noRejects(t, rows)
	if len(rows) != 21348 {
		t.Errorf("%d rows", len(rows))
	}
	want := map[string]int{
		"complaint.registered":   4580,
		"complaint.assigned":     5060,                    // Take in charge ticket
		"complaint.classified":   4938 + 5,                // Assign seriousness, Schedule intervention
		"complaint.resolved":     4983,                    // Resolve ticket
		"complaint.closed":       4574,                    // Closed
		"complaint.paused":       1463,                    // Wait
		"complaint.escalated":    119,                     // Require upgrade
		"complaint.investigated": 67 + 13 + 3 + 2 + 2 + 1, // the anomalies and their statuses
		"complaint.resumed":      773 + 558 + 7 + 2 + 2,   // what follows a Wait and is not another one
		"complaint.reopened":     17,
	}
	if diff := cmp.Diff(want, tally(records, func(r record) string { return r.Type })); diff != "" {
		t.Error("events:", diff)
	}
	more := 0
	for _, n := range tally(byType("complaint.resolved", records), dataField("complaint_id")) {
		if n > 1 {
			more++
		}
	}
	if more != 386 {
		t.Errorf("%d cases are resolved more than once", more)
	}
	if n := len(tally(byType("complaint.reopened", records), dataField("complaint_id"))); n != 17 {
		t.Errorf("%d cases go on after Closed", n)
	}
	others := map[string]bool{}
	streams := map[string]map[string]bool{}
	for _, r := range records {
		id := dataField("complaint_id")(r)
		if r.extra("other_customer") != nil {
			others[id] = true
		}
		if streams[id] == nil {
			streams[id] = map[string]bool{}
		}
		streams[id][r.Subject] = true
	}
	if len(others) != 7 {
		t.Errorf("%d cases name several customers", len(others))
	}
	for id, s := range streams {
		if len(s) != 1 {
			t.Errorf("%s lies in %d streams", id, len(s))
		}
	}
	if n := len(tally(byType("complaint.registered", records), func(r record) string { return r.Subject })); n != 394 {
		t.Errorf("%d customers", n) // of 397; three are named only by later rows of another customer's case
	}
}

// Every event of the shipped mappings is one that the ledger takes, and every import of a file gives the same events.
func TestRealFilesAreAccepted(t *testing.T) {
	codec, err := schemas.New()
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for name, file := range map[string]string{"cfpb": "cfpb_complaints.csv", "helpdesk": "helpdesk_event_log.csv"} {
		t.Run(name, func(t *testing.T) {
			text := realFile(t, file)
			var first [][]byte
			known := map[string]*domain.References{}
			ids := map[string]bool{}
			for row, err := range builtinMapping(t, name).Rows(bytes.NewReader(text)) {
				if err != nil {
					t.Fatal(err)
				}
				for _, raw := range row.Events {
					first = append(first, raw)
					in, err := codec.ParseInput(raw, now)
					if err != nil {
						t.Fatalf("row %d: %v in %s", row.Number, err, raw)
					}
					refs := known[in.Event.Customer]
					if refs == nil {
						refs = &domain.References{}
						known[in.Event.Customer] = refs
					}
					if err := refs.Check(in.Event); err != nil {
						t.Fatalf("row %d: %v", row.Number, err)
					}
					refs.Add(in.Event)
					if ids[in.Event.ID] {
						t.Fatalf("row %d: the id %s stands twice", row.Number, in.Event.ID)
					}
					ids[in.Event.ID] = true
				}
			}
			i := 0
			for row, err := range builtinMapping(t, name).Rows(bytes.NewReader(text)) {
				if err != nil {
					t.Fatal(err)
				}
				for _, raw := range row.Events {
					if !bytes.Equal(raw, first[i]) {
						t.Fatalf("row %d gives another event the second time", row.Number)
					}
					i++
				}
			}
			if i != len(first) {
				t.Errorf("%d events, then %d", len(first), i)
			}
		})
	}
}

// A byte order mark changes nothing.
func TestCFPBWithByteOrderMark(t *testing.T) {
	text := realFile(t, "cfpb_complaints.csv")
	m := builtinMapping(t, "cfpb")
	_, want := mapped(t, m, text[:100_000])
	marked := append([]byte("\xef\xbb\xbf"), text[:100_000]...)
	if _, got := mapped(t, m, marked); !cmp.Equal(want, got) {
		t.Error("the byte order mark changes the events")
	}
}
