package fit

import (
	"slices"
	"testing"
	"time"

	"amends/domain"
)

// A row knows nothing that was recorded after its date, and its outcome is what is known now.
func TestRowsKnowOnlyWhatWasRecorded(t *testing.T) {
	on := func(month time.Month, day int) time.Time { return time.Date(2025, month, day, 12, 0, 0, 0, time.UTC) }
	h := &Histories{}
	add := func(customer string, revision uint64, happened, recorded time.Time, typ domain.Type, data domain.Data) {
		h.Add(domain.Event{ID: customer + string(typ), Customer: customer, Type: typ, Time: happened, Recorded: recorded, Revision: revision,
			Position: revision, Data: data})
	}
	add("c", 1, on(1, 5), on(1, 5), "customer.registered", &domain.CustomerRegistered{})
	add("c", 2, on(2, 10), on(4, 20), "complaint.registered", &domain.ComplaintRegistered{ComplaintRef: domain.ComplaintRef{ComplaintID: "k"}})
	add("c", 3, on(6, 20), on(8, 1), "customer.departed", &domain.CustomerDeparted{Reason: "price"})
	add("other", 4, on(9, 30), on(9, 30), "customer.registered", &domain.CustomerRegistered{})

	complaints := slices.IndexFunc(domain.DriverKinds(), func(k domain.DriverKind) bool { return k.Code == "recent_complaints" })
	rowsOf := func(asHappened bool) map[time.Month]row {
		s := sampling{histories: h, base: domain.ExpertWeights(), settings: domain.ExpertWeights(), asHappened: asHappened,
			horizons: map[string]int{domain.FormContractual: 60, domain.FormNonContractual: 60}}
		rows, err := s.rows(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		out := make(map[time.Month]row)
		for _, r := range rows[domain.FormNonContractual] {
			out[r.at.Month()] = r
		}
		return out
	}
	for _, tt := range []struct {
		asHappened           bool
		month                time.Month
		complained, is, left bool // whether the row knows of the complaint, is there at all, and has left
	}{
		{false, time.February, false, true, false}, {false, time.March, false, true, false}, {false, time.April, true, true, true},
		{false, time.May, true, true, true}, {false, time.June, true, true, true}, {true, time.February, true, true, false},
		{true, time.April, true, true, true}, {true, time.June, false, false, false}, {false, time.September, false, false, false},
	} {
		r, is := rowsOf(tt.asHappened)[tt.month]
		if is != tt.is || is && (r.left != tt.left || r.values[complaints].Value > 0 != tt.complained) {
			t.Errorf("as happened %v, end of %s: there %v, left %v, complaints %+v", tt.asHappened, tt.month, is, r.left, r.values)
		}
	}
}
