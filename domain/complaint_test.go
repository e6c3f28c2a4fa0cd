package domain_test

import (
	"testing"
	"time"

	"amends/domain"

	"github.com/google/go-cmp/cmp"
)

// The facts of a complaint, by the names of the table of transitions.
var facts = map[string]domain.Event{
	"registered":     on(0, "complaint.registered", &domain.ComplaintRegistered{ComplaintRef: about, Severity: "S2"}),
	"forwarded":      on(0, "complaint.forwarded", &domain.ComplaintForwarded{ComplaintRef: about}),
	"acknowledged":   on(0, "complaint.acknowledged", &domain.ComplaintAcknowledged{ComplaintRef: about}),
	"confirmed":      on(0, "complaint.record_confirmed", &domain.ComplaintRecordConfirmed{ComplaintRef: about}),
	"classified":     on(0, "complaint.classified", &domain.ComplaintClassified{ComplaintRef: about, Cause: "process.delay"}),
	"assigned":       on(0, "complaint.assigned", &domain.ComplaintAssigned{ComplaintRef: about, Owner: "a.kim"}),
	"escalated":      on(0, "complaint.escalated", &domain.ComplaintEscalated{ComplaintRef: about, Level: "stage_2"}),
	"paused":         on(0, "complaint.paused", &domain.ComplaintPaused{ComplaintRef: about, Awaiting: "customer"}),
	"resumed":        on(0, "complaint.resumed", &domain.ComplaintResumed{ComplaintRef: about}),
	"extended":       on(0, "complaint.extended", &domain.ComplaintExtended{ComplaintRef: about, Policy: "p", NewDue: day(40)}),
	"investigated":   on(0, "complaint.investigated", &domain.ComplaintInvestigated{ComplaintRef: about, RootCause: "people.error"}),
	"proposed":       on(0, "complaint.proposed", &domain.ComplaintProposed{ComplaintRef: about, ProposalID: "P"}),
	"accepted":       on(0, "complaint.proposal_accepted", &domain.ComplaintProposalAccepted{ComplaintRef: about}),
	"declined":       on(0, "complaint.proposal_declined", &domain.ComplaintProposalDeclined{ComplaintRef: about}),
	"decided":        on(0, "complaint.decided", &domain.ComplaintDecided{ComplaintRef: about, Outcome: "upheld"}),
	"responded":      on(0, "complaint.responded", &domain.ComplaintResponded{ComplaintRef: about, Kind: "final_response"}),
	"held":           on(0, "complaint.responded", &domain.ComplaintResponded{ComplaintRef: about, Kind: "holding_response"}),
	"resolved":       on(0, "complaint.resolved", &domain.ComplaintResolved{ComplaintRef: about}),
	"disputed":       on(0, "complaint.disputed", &domain.ComplaintDisputed{ComplaintRef: about}),
	"withdrawn":      on(0, "complaint.withdrawn", &domain.ComplaintWithdrawn{ComplaintRef: about}),
	"reopened":       on(0, "complaint.reopened", &domain.ComplaintReopened{ComplaintRef: about}),
	"referred":       on(0, "complaint.referred", &domain.ComplaintReferred{ComplaintRef: about, To: "ombudsman"}),
	"ruled":          on(0, "complaint.ruled", &domain.ComplaintRuled{ComplaintRef: about, Ruling: "award"}),
	"linked":         on(0, "complaint.linked", &domain.ComplaintLinked{ComplaintRef: about, RelatedComplaintID: "C-2", Relation: "duplicate_of"}),
	"closed":         on(0, "complaint.closed", &domain.ComplaintClosed{ComplaintRef: about, Satisfied: ptr(true)}),
	"something else": on(0, "purchase.recorded", &domain.PurchaseRecorded{}),
}

// story tells the facts on successive days, the first on day 0.
func story(names ...string) []domain.Event {
	var events []domain.Event
	for i, name := range names {
		e, ok := facts[name]
		if !ok {
			panic("no such fact: " + name)
		}
		e.Time = day(i)
		events = append(events, e)
	}
	return tell("c", 0, events...)
}

// TestTransitions goes through every state and every fact: the whole table in the comment of Complaint.advance.
func TestTransitions(t *testing.T) {
	to := map[string][]string{ // how to get into a state
		"registered":    {"registered"},
		"acknowledged":  {"registered", "acknowledged"},
		"assessed":      {"registered", "classified"},
		"investigating": {"registered", "investigated"},
		"proposed":      {"registered", "proposed"},
		"decided":       {"registered", "decided"},
		"responded":     {"registered", "responded"},
		"resolved":      {"registered", "resolved"},
		"disputed":      {"registered", "responded", "disputed"},
		"reopened":      {"registered", "closed", "reopened"},
		"referred":      {"registered", "responded", "referred"},
		"withdrawn":     {"registered", "withdrawn"},
		"closed":        {"registered", "closed"},
		"paused":        {"registered", "classified", "paused"},
	}
	same := "" // stays as it is
	order := []string{"registered", "acknowledged", "assessed", "investigating", "proposed", "decided", "responded",
		"resolved", "disputed", "reopened", "referred", "withdrawn", "closed", "paused"}
	quiet := []string{same, same, same, same, same, same, same, same, same, same, same, same, same, same}
	table := map[string][]string{
		"acknowledged": {"acknowledged", same, same, same, same, same, same, same, same, same, same, same, same, same},
		"classified":   {"assessed", "assessed", same, same, same, same, same, same, same, same, same, same, same, same},
		"assigned":     {"assessed", "assessed", same, same, same, same, same, same, same, same, same, same, same, same},
		"investigated": {"investigating", "investigating", "investigating", same, same, same, same, same, "investigating", "investigating", same, same, same, same},
		"proposed":     {"proposed", "proposed", "proposed", "proposed", same, same, same, same, "proposed", "proposed", same, same, same, same},
		"decided":      {"decided", "decided", "decided", "decided", "decided", same, same, same, "decided", "decided", same, same, same, same},
		"responded":    {"responded", "responded", "responded", "responded", "responded", "responded", same, same, "responded", "responded", same, same, same, same},
		"paused":       {"paused", "paused", "paused", "paused", "paused", "paused", "paused", same, "paused", "paused", "paused", same, same, same},
		"resumed":      {same, same, same, same, same, same, same, same, same, same, same, same, same, "assessed"},
		"resolved":     {"resolved", "resolved", "resolved", "resolved", "resolved", "resolved", "resolved", same, "resolved", "resolved", "resolved", same, same, "resolved"},
		"disputed":     {"disputed", "disputed", "disputed", "disputed", "disputed", "disputed", "disputed", "disputed", same, "disputed", same, same, same, same},
		"referred":     {"referred", "referred", "referred", "referred", "referred", "referred", "referred", "referred", "referred", "referred", same, same, same, same},
		"withdrawn":    {"withdrawn", "withdrawn", "withdrawn", "withdrawn", "withdrawn", "withdrawn", "withdrawn", "withdrawn", "withdrawn", "withdrawn", "withdrawn", same, same, "withdrawn"},
		"closed":       {"closed", "closed", "closed", "closed", "closed", "closed", "closed", "closed", "closed", "closed", "closed", "closed", same, "closed"},
		"reopened":     {"reopened", "reopened", "reopened", "reopened", "reopened", "reopened", "reopened", "reopened", "reopened", same, "reopened", "reopened", "reopened", "reopened"},
	}
	for name := range facts {
		if table[name] == nil {
			table[name] = quiet
		}
	}
	for name, row := range table {
		for i, from := range order {
			want := row[i]
			if want == same {
				want = from
			}
			given := story(to[from]...)
			if got := domain.Fold("c", given, domain.Limits{}).Complaints[0].State; string(got) != from {
				t.Fatalf("given %v: %s, want %s", to[from], got, from)
			}
			c := domain.Fold("c", story(append(append([]string{}, to[from]...), name)...), domain.Limits{})
			if got := c.Complaints[0].State; string(got) != want {
				t.Errorf("%s, when %s: %s, want %s", from, name, got, want)
			}
		}
	}
}

func TestComplaint(t *testing.T) {
	tests := []struct {
		name  string
		given []string
		then  func(k *domain.Complaint) (got, want any)
	}{
		{"work during a pause goes on underneath", []string{"registered", "paused", "decided", "resumed"},
			func(k *domain.Complaint) (any, any) { return k.State, domain.StateDecided }},
		{"a dispute during a pause shows after it", []string{"registered", "responded", "paused", "disputed", "resumed"},
			func(k *domain.Complaint) (any, any) { return k.State, domain.StateDisputed }},
		{"a pause that is ended by a resumption is counted in days", []string{"registered", "paused", "something else", "resumed"},
			func(k *domain.Complaint) (any, any) { return k.PausedTotal, 2 * 24 * time.Hour }},
		{"a resolution ends a pause", []string{"registered", "paused", "something else", "resolved"},
			func(k *domain.Complaint) (any, any) { return k.PausedTotal, 2 * 24 * time.Hour }},
		{"a closing ends a pause", []string{"registered", "paused", "closed"},
			func(k *domain.Complaint) (any, any) {
				return []any{k.PausedTotal, k.PausedAt, k.AwaitingWhom, k.ResumesTo},
					[]any{24 * time.Hour, time.Time{}, "", domain.State("")}
			}},
		{"a second pause within a pause is the same pause", []string{"registered", "paused", "paused", "resumed"},
			func(k *domain.Complaint) (any, any) {
				return []any{k.PausedTotal, k.PausedCount}, []any{2 * 24 * time.Hour, 1}
			}},
		{"a resumption without a pause is nothing", []string{"registered", "resumed"},
			func(k *domain.Complaint) (any, any) { return k.PausedTotal, time.Duration(0) }},
		{"a holding response is not final", []string{"registered", "held"},
			func(k *domain.Complaint) (any, any) {
				return []any{k.State, k.RespondedAt, k.Response, k.ResponseCount},
					[]any{domain.StateRegistered, time.Time{}, "holding_response", 1}
			}},
		{"the first final response is the one", []string{"registered", "held", "responded", "disputed", "responded"},
			func(k *domain.Complaint) (any, any) {
				return []any{k.State, k.RespondedAt, k.ResponseCount}, []any{domain.StateResponded, day(2), 3}
			}},
		{"a reopening counts, and undoes the closing", []string{"registered", "resolved", "closed", "reopened"},
			func(k *domain.Complaint) (any, any) {
				return []any{k.ReopenedCount, k.ResolvedAt, k.ClosedAt, k.ClosedSatisfied, k.FirstResolvedAt, k.FirstClosedAt, k.Open()},
					[]any{1, time.Time{}, time.Time{}, (*bool)(nil), day(1), day(2), true}
			}},
		{"work after the closing does not reopen", []string{"registered", "closed", "assigned", "classified", "decided"},
			func(k *domain.Complaint) (any, any) {
				return []any{k.State, k.Owner, k.Outcome}, []any{domain.StateClosed, "a.kim", "upheld"}
			}},
		{"closing what nobody acknowledged is a fact", []string{"registered", "closed"},
			func(k *domain.Complaint) (any, any) {
				return []any{k.State, k.AcknowledgedAt, k.ClosedAt}, []any{domain.StateClosed, time.Time{}, day(1)}
			}},
		{"a root cause outranks a classification", []string{"registered", "classified", "investigated", "classified"},
			func(k *domain.Complaint) (any, any) {
				return []any{k.Cause, k.RootCause}, []any{"people.error", "people.error"}
			}},
		{"the customer sees an acknowledgement, not an assignment", []string{"registered", "acknowledged", "assigned"},
			func(k *domain.Complaint) (any, any) { return k.LastVisibleUpdateAt, day(1) }},
		{"a duplicate names the other", []string{"registered", "linked"},
			func(k *domain.Complaint) (any, any) {
				return []any{k.DuplicateOf, k.Links}, []any{"C-2", []domain.Link{{ComplaintID: "C-2", CustomerID: "c", Relation: "duplicate_of"}}}
			}},
		{"an acceptance without a proposal's id is of the latest", []string{"registered", "proposed", "accepted"},
			func(k *domain.Complaint) (any, any) {
				return k.Proposals, []domain.Proposal{{ID: "P", At: day(1), Answer: "accepted", AnswerAt: day(2)}}
			}},
		{"an extension keeps the policy and the date", []string{"registered", "extended"},
			func(k *domain.Complaint) (any, any) { return []any{k.ExtendedTo, k.ExtendPolicy}, []any{day(40), "p"} }},
		{"facts before the registration wait for it", []string{"acknowledged", "classified", "registered"},
			func(k *domain.Complaint) (any, any) {
				return []any{k.State, k.RegisteredAt, k.AcknowledgedAt, k.Severity, k.Registered()},
					[]any{domain.StateAssessed, day(2), day(0), "S2", true}
			}},
		{"a shell is not registered", []string{"closed"},
			func(k *domain.Complaint) (any, any) {
				return []any{k.State, k.Registered()}, []any{domain.StateClosed, false}
			}},
		{"an answer before its proposal waits for it", []string{"registered", "accepted", "proposed"},
			func(k *domain.Complaint) (any, any) {
				return k.Proposals, []domain.Proposal{{ID: "P", At: day(2), Answer: "accepted", AnswerAt: day(1)}}
			}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := domain.Fold("c", story(tt.given...), domain.Limits{})
			if len(c.Complaints) != 1 {
				t.Fatalf("%d complaints", len(c.Complaints))
			}
			got, want := tt.then(c.Complaints[0])
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestHandoffsAreChangesOfOwner(t *testing.T) {
	assigned := func(n int, owner string) domain.Event {
		return on(n, "complaint.assigned", &domain.ComplaintAssigned{ComplaintRef: about, Owner: owner})
	}
	k := fold(facts["registered"], assigned(1, "a"), assigned(2, "a"), assigned(3, "b"), assigned(4, "a")).Complaints[0]
	if k.Handoffs != 2 || k.Owner != "a" || !k.AssignedAt.Equal(day(1)) {
		t.Errorf("handoffs %d, owner %s, assigned %v", k.Handoffs, k.Owner, k.AssignedAt)
	}
}
