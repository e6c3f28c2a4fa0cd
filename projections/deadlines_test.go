package projections

import (
	"encoding/json"
	"slices"
	"testing"
	"time"

	"amends/domain"
)

// happened moves an event to an instant.
func happened(e domain.Event, at time.Time) domain.Event {
	e.Time = at
	return e
}

func about(complaint string) domain.ComplaintRef { return domain.ComplaintRef{ComplaintID: complaint} }

// published is a version of the shipped policy, for every complaint and with another first limit.
func (r *rig) published(id, version string, limit int) domain.Event {
	r.Helper()
	shipped, _, ok := domain.ShippedPolicy(id)
	if !ok {
		r.Fatalf("no policy %s", id)
	}
	p := *shipped
	p.Version, p.AppliesIf, p.Clocks = version, nil, slices.Clone(p.Clocks)
	p.Clocks[0].Limit = &domain.Limit{Count: limit, Unit: p.Clocks[0].Limit.Unit}
	text, err := json.Marshal(p)
	if err != nil {
		r.Fatal(err)
	}
	return r.say(domain.LedgerStream, "policy.published", &domain.PolicyPublished{PolicyID: id, Version: version, Policy: text})
}

const clocksOf = "select customer_id, clock, run, policy_version, state, due_at from complaint_deadlines order by 1, 2, 3"

// A clock comes due without any event: its row says so once it is refreshed, whether the clock is the customer's own or that of
// one whom it absorbed, and the views are what a rebuild at that instant gives.
func TestClocksComeDue(t *testing.T) {
	r := newRig(t)
	start := noon.Add(-time.Hour) // Tuesday, 11:00: an S3 complaint is to be answered by Wednesday, 11:00
	r.record(happened(r.registered("c-1", "C-1"), start), happened(r.registered("c-2", "C-2"), start.Add(time.Minute)))
	r.record(r.say("c-3", "customer.absorbed", &domain.CustomerAbsorbed{CustomerID: "c-2"}),
		happened(r.registered("c-4", "C-4"), start), r.say("c-4", "customer.merged_into", &domain.CustomerMergedInto{CustomerID: "c-9"}))
	v := r.follow()
	r.caughtUp()
	firsts := "select customer_id, state from complaint_deadlines where clock = 'first_response' order by 1"
	want(t, r.table(firsts), "c-1 running", "c-2 running", "c-4 running")
	due, err := v.NextDue(t.Context())
	if err != nil || !due.Equal(start.Add(24*time.Hour)) {
		t.Fatalf("the next is due at %v, %v", due, err)
	}

	r.pass(due.Sub(r.now()))
	if n, err := v.Refresh(t.Context(), r.now()); err != nil || n != 0 {
		t.Fatalf("at the due time itself %d customers were refreshed, %v", n, err)
	}
	r.pass(30 * time.Second)
	if n, err := v.Refresh(t.Context(), r.now()); err != nil || n != 2 {
		t.Fatalf("after it %d customers were refreshed, %v", n, err)
	}
	want(t, r.table(firsts), "c-1 overdue", "c-2 running", "c-4 overdue")
	r.pass(time.Minute)
	if n, err := v.Refresh(t.Context(), r.now()); err != nil || n != 1 {
		t.Fatalf("a minute later %d customers were refreshed, %v", n, err)
	}
	want(t, r.table(firsts), "c-1 overdue", "c-2 overdue", "c-4 overdue")
	r.pass(100 * time.Hour)
	r.sound() // at the instants of the live rows
}

// A policy that is published changes no clock that was recorded before, over restarts and rebuilds.
func TestPublishedPoliciesAreFollowed(t *testing.T) {
	r := newRig(t)
	r.record(r.registered("c-1", "C-1"))
	r.follow()
	r.caughtUp()
	r.record(r.published("service", "2", 3)) // what is first in the file is the rule for S1
	r.record(r.published("psd2", "2", 3))
	r.record(r.registered("c-2", "C-2"))
	r.caughtUp()
	now := []string{
		"c-1 first_response 1 1 overdue 2026-02-27T17:00:00.000Z", "c-1 resolution 1 1 overdue 2026-03-05T17:00:00.000Z",
		"c-2 first_response 1 2 overdue 2026-02-27T17:00:00.000Z", "c-2 resolution 1 2 overdue 2026-03-05T17:00:00.000Z",
		"c-2 response 1 2 overdue 2026-03-03T22:59:59.000Z",
	}
	want(t, r.table(clocksOf), now...)
	r.sound()
	r.close()
	v := r.follow() // the policies are read again
	r.record(r.registered("c-3", "C-3"), r.called("c-1"))
	r.caughtUp()
	now = append(now, "c-3 first_response 1 2 overdue 2026-02-27T17:00:00.000Z", "c-3 resolution 1 2 overdue 2026-03-05T17:00:00.000Z",
		"c-3 response 1 2 overdue 2026-03-03T22:59:59.000Z")
	want(t, r.table(clocksOf), now...)
	if err := v.Rebuild(t.Context(), nil, nil); err != nil {
		t.Fatal(err)
	}
	r.record(r.called("c-2"))
	r.caughtUp()
	want(t, r.table(clocksOf), now...)
	r.sound()
}

// What is no policy is parked, and holds nothing up.
func TestAnUnusablePolicyIsParked(t *testing.T) {
	r := newRig(t)
	r.record(r.say(domain.LedgerStream, "policy.published", &domain.PolicyPublished{PolicyID: "x", Version: "1",
		Policy: json.RawMessage(`{"clocks":[]}`)}), r.registered("c-1", "C-1"))
	r.follow()
	r.caughtUp()
	want(t, r.table("select customer_id, event_id from parked"), "_ledger e-1")
	want(t, r.table("select count(*) from complaint_deadlines"), "2")
	r.sound()
}

// A reopening starts a clock again; each run has its row, and each is kept up to date.
func TestRunsOfAClock(t *testing.T) {
	r := newRig(t)
	r.follow()
	resolved := r.say("c-1", "complaint.resolved", &domain.ComplaintResolved{ComplaintRef: about("C-1")})
	for _, e := range []domain.Event{
		r.registered("c-1", "C-1"),
		resolved,
		r.say("c-1", "complaint.reopened", &domain.ComplaintReopened{ComplaintRef: about("C-1")}),
		r.say("c-1", "complaint.paused", &domain.ComplaintPaused{ComplaintRef: about("C-1"), Awaiting: "customer"}),
		r.called("c-1"),
	} {
		r.record(e)
		r.caughtUp()
	}
	want(t, r.table("select run, state, paused_at is not null, scored_at is not null from complaint_deadlines where clock = 'resolution' order by 1"),
		"1 met 0 0", "2 paused 1 1")
	r.record(r.say("c-1", "complaint.withdrawn", &domain.ComplaintWithdrawn{ComplaintRef: about("C-1")}))
	r.caughtUp()
	want(t, r.table("select run, state, reason, paused_seconds from complaint_deadlines where clock = 'resolution' order by 1"),
		"1 met <nil> 0", "2 cancelled withdrawn 2")
	r.sound()

	// It had not been resolved when it was reopened: there was one run only, and the other's row goes.
	corrected := r.correction(resolved, resolved.Data)
	corrected.Data.(*domain.RecordCorrected).Time = &corrected.Time
	r.record(corrected)
	r.caughtUp()
	want(t, r.table("select run, state, reason, paused_seconds from complaint_deadlines where clock = 'resolution' order by 1"),
		"1 cancelled withdrawn 2")
	r.sound()
}

// Work lists what is due, for everybody or one owner, the most urgent first, and promises too.
func TestWork(t *testing.T) {
	r := newRig(t)
	r.record(r.registered("c-1", "C-1"), r.say("c-1", "complaint.assigned", &domain.ComplaintAssigned{ComplaintRef: about("C-1"), Owner: "a.kim"}),
		happened(r.registered("c-2", "C-2"), noon),
		r.say("c-2", "commitment.made", &domain.CommitmentMade{CommitmentID: "P-1", What: "call back", DueAt: noon.Add(time.Hour), Medium: "phone"}))
	v := r.follow()
	r.caughtUp()
	for _, tt := range []struct {
		owner string
		until time.Time
		want  []string
	}{
		{"", noon, []string{"C-1 first_response", "C-1 resolution"}},
		{"", noon.AddDate(0, 0, 1), []string{"C-1 first_response", "C-1 resolution", " P-1", "C-2 first_response"}},
		{"a.kim", noon.AddDate(0, 0, 30), []string{"C-1 first_response", "C-1 resolution"}},
		{"nobody", noon.AddDate(0, 0, 30), nil},
	} {
		rows, err := v.Work(t.Context(), tt.owner, tt.until, 100)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for row := range rows.All() {
			complaint, _ := row[4].(string)
			got = append(got, complaint+" "+row[7].(string))
		}
		if rows.Err() != nil {
			t.Fatal(rows.Err())
		}
		want(t, got, tt.want...)
	}
}
