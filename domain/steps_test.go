package domain_test

import (
	"testing"
	"time"

	"amends/domain"

	"github.com/google/go-cmp/cmp"
)

func TestStepsTellWhatChanged(t *testing.T) {
	history := tell("c", 0,
		facts["registered"],
		recordedOn(5, on(1, "complaint.assigned", &domain.ComplaintAssigned{ComplaintRef: about, Owner: "a.kim"})),
		on(6, "commitment.made", &domain.CommitmentMade{CommitmentID: "P", ComplaintID: "C-1", What: "x", DueAt: day(9), Medium: "phone"}),
		on(7, "complaint.assigned", &domain.ComplaintAssigned{ComplaintRef: about, Owner: "b.osei"}),
		correct(8, "e-4", &domain.ComplaintAssigned{ComplaintRef: about, Owner: "c.lee"}),
	)
	steps, _ := domain.Steps("c", history, domain.Limits{})
	want := [][]domain.Change{
		{
			{Thing: "complaint", ID: "C-1", What: "severity", To: "S2"},
			{Thing: "complaint", ID: "C-1", What: "state", To: "registered"},
			{Thing: "complaint", ID: "C-1", What: "registered_at", To: "2024-01-01T00:00:00Z"},
		},
		{
			{Thing: "complaint", ID: "C-1", What: "owner", To: "a.kim"},
			{Thing: "complaint", ID: "C-1", What: "state", From: "registered", To: "assessed"},
			{Thing: "complaint", ID: "C-1", What: "assigned_at", To: "2024-01-02T00:00:00Z"},
		},
		{
			{Thing: "commitment", ID: "P", What: "complaint_id", To: "C-1"},
			{Thing: "commitment", ID: "P", What: "state", To: "open"},
			{Thing: "commitment", ID: "P", What: "medium", To: "phone"},
			{Thing: "commitment", ID: "P", What: "made_at", To: "2024-01-07T00:00:00Z"},
			{Thing: "commitment", ID: "P", What: "due_at", To: "2024-01-10T00:00:00Z"},
			{Thing: "commitment", ID: "P", What: "original_due", To: "2024-01-10T00:00:00Z"},
			{Thing: "complaint", ID: "C-1", What: "last_visible_update_at", To: "2024-01-07T00:00:00Z"},
		},
		{
			{Thing: "complaint", ID: "C-1", What: "owner", From: "a.kim", To: "c.lee"},
			{Thing: "complaint", ID: "C-1", What: "handoffs", To: "1"},
		},
		nil,
	}
	var got [][]domain.Change
	for _, s := range steps {
		got = append(got, s.Changes)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("changes (-want +got):\n%s", diff)
	}
	corrected := steps[3]
	if corrected.CorrectedBy != "e-5" ||
		corrected.Event.Data.(*domain.ComplaintAssigned).Owner != "b.osei" ||
		corrected.Counted.Data.(*domain.ComplaintAssigned).Owner != "c.lee" {
		t.Errorf("the corrected step: %+v", corrected)
	}
	if steps[0].Late != 0 || steps[1].Late != 4*24*time.Hour {
		t.Errorf("late by %v and %v", steps[0].Late, steps[1].Late)
	}
}

func TestLate(t *testing.T) {
	tests := []struct {
		accuracy domain.Accuracy
		recorded time.Time
		want     time.Duration
	}{
		{domain.AccuracyExact, day(1), 0},
		{domain.AccuracyExact, day(2), 2 * 24 * time.Hour},
		{domain.AccuracyDay, day(2), 0}, // it may have happened at the end of the day
		{domain.AccuracyDay, day(4), 3 * 24 * time.Hour},
		{domain.AccuracyNotBefore, day(9), 0},
		{domain.AccuracyNotAfter, day(9), 9 * 24 * time.Hour},
	}
	for _, tt := range tests {
		e := domain.Event{Time: day(0), Recorded: tt.recorded, Accuracy: tt.accuracy}
		if got := e.Late(); got != tt.want {
			t.Errorf("%q recorded %v: late by %v, want %v", tt.accuracy, tt.recorded, got, tt.want)
		}
	}
}
