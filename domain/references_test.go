package domain_test

import (
	"errors"
	"fmt"
	"testing"

	"amends/domain"
)

func TestReferences(t *testing.T) {
	given := tell("c", 0,
		facts["registered"], // e-1
		on(1, "complaint.proposed", &domain.ComplaintProposed{ComplaintRef: about, ProposalID: "P"}), // e-2
		on(2, "commitment.made", &domain.CommitmentMade{What: "x", DueAt: day(9), Medium: "phone"}),  // e-3
		on(3, "customer.absorbed", &domain.CustomerAbsorbed{CustomerID: "d"}),                        // e-4
		on(4, "customer.absorbed", &domain.CustomerAbsorbed{CustomerID: "gone"}),                     // e-5
		on(5, "customer.unmerged", &domain.CustomerUnmerged{CustomerID: "gone"}),                     // e-6
		correct(6, "e-1", &domain.ComplaintRegistered{ComplaintRef: about, Severity: "S4"}),          // e-7
		on(7, "survey.sent", &domain.SurveySent{SurveyID: "S"}),                                      // e-8
		on(8, "interaction.call", &domain.Interaction{Direction: "inbound", ComplaintID: "C-1"}),     // e-9
		on(9, "complaint.registered", &domain.ComplaintRegistered{ComplaintRef: domain.ComplaintRef{ComplaintID: "C-2"}}),
	)
	absorbed := tell("d", 1,
		on(1, "complaint.registered", &domain.ComplaintRegistered{ComplaintRef: domain.ComplaintRef{ComplaintID: "D-1"}}),
		on(2, "redress.offered", &domain.RedressOffered{Remedy: "refund"}),
	)
	unknown := domain.ComplaintRef{ComplaintID: "nope"}
	tests := []struct {
		name          string
		when          domain.Event
		pointer, slug string // empty: may be recorded
	}{
		{"a fact about a known complaint", facts["closed"], "", ""},
		{"a fact about an unknown complaint", on(1, "complaint.closed", &domain.ComplaintClosed{ComplaintRef: unknown}), "/data/complaint_id", "unknown-complaint"},
		{"a fact about an absorbed customer's complaint", on(1, "complaint.closed", &domain.ComplaintClosed{ComplaintRef: domain.ComplaintRef{ComplaintID: "D-1"}}), "", ""},
		{"an absorbed customer's redress, by its event", on(1, "redress.delivered", &domain.RedressDelivered{RedressID: "e-2"}), "", ""},
		{"a call about an unknown complaint", on(1, "interaction.call", &domain.Interaction{ComplaintID: "nope"}), "/data/complaint_id", "unknown-complaint"},
		{"a call about nothing", on(1, "interaction.call", &domain.Interaction{}), "", ""},
		{"a promise for an unknown complaint", on(1, "commitment.made", &domain.CommitmentMade{ComplaintID: "nope"}), "/data/complaint_id", "unknown-complaint"},
		{"a complaint registered again", facts["registered"], "/data/complaint_id", "already-registered"},
		{"an absorbed customer's complaint registered again", on(1, "complaint.registered", &domain.ComplaintRegistered{ComplaintRef: domain.ComplaintRef{ComplaintID: "D-1"}}), "/data/complaint_id", "already-registered"},
		{"a promise under a taken id", on(1, "commitment.made", &domain.CommitmentMade{CommitmentID: "e-3"}), "/data/commitment_id", "id-taken"},
		{"the same id for another kind of thing", on(1, "redress.offered", &domain.RedressOffered{RedressID: "e-3"}), "", ""},
		{"a kept promise known by its event", on(1, "commitment.kept", &domain.CommitmentKept{CommitmentID: "e-3"}), "", ""},
		{"a kept promise that nobody made", on(1, "commitment.kept", &domain.CommitmentKept{CommitmentID: "e-1"}), "/data/commitment_id", "unknown-commitment"},
		{"the latest proposal accepted", on(1, "complaint.proposal_accepted", &domain.ComplaintProposalAccepted{ComplaintRef: about}), "", ""},
		{"the proposal accepted by name", on(1, "complaint.proposal_accepted", &domain.ComplaintProposalAccepted{ComplaintRef: about, ProposalID: "P"}), "", ""},
		{"a proposal accepted that was never made", on(1, "complaint.proposal_accepted", &domain.ComplaintProposalAccepted{ComplaintRef: about, ProposalID: "Q"}), "/data/proposal_id", "unknown-proposal"},
		{"a proposal declined on a complaint without one", on(1, "complaint.proposal_declined", &domain.ComplaintProposalDeclined{ComplaintRef: domain.ComplaintRef{ComplaintID: "C-2"}}), "/data/complaint_id", "unknown-proposal"},
		{"another complaint's proposal", on(1, "complaint.proposal_accepted", &domain.ComplaintProposalAccepted{ComplaintRef: domain.ComplaintRef{ComplaintID: "C-2"}, ProposalID: "P"}), "/data/proposal_id", "unknown-proposal"},
		{"a complaint linked to itself", on(1, "complaint.linked", &domain.ComplaintLinked{ComplaintRef: about, RelatedComplaintID: "C-1"}), "/data/related_complaint_id", "links-itself"},
		{"a complaint linked to an unknown one", on(1, "complaint.linked", &domain.ComplaintLinked{ComplaintRef: about, RelatedComplaintID: "nope"}), "/data/related_complaint_id", "unknown-complaint"},
		{"a complaint linked to another customer's", on(1, "complaint.linked", &domain.ComplaintLinked{ComplaintRef: about, RelatedComplaintID: "C-1", RelatedCustomerID: "x"}), "", ""},
		{"an answer to an unknown survey", on(1, "survey.answered", &domain.SurveyAnswered{SurveyID: "nope"}), "/data/survey_id", "unknown-survey"},
		{"an answer to no survey", on(1, "survey.answered", &domain.SurveyAnswered{}), "", ""},
		{"a follow-up done that was not scheduled", on(1, "followup.completed", &domain.FollowupCompleted{}), "", ""},
		{"a follow-up done by an unknown id", on(1, "followup.completed", &domain.FollowupCompleted{FollowupID: "nope"}), "/data/followup_id", "unknown-followup"},
		{"a contract ended that never started", on(1, "contract.ended", &domain.ContractEnded{ContractID: "nope"}), "/data/contract_id", "unknown-contract"},
		{"an apology accepted that was not offered", on(1, "apology.accepted", &domain.ApologyAccepted{ApologyID: "nope"}), "/data/apology_id", "unknown-apology"},
		{"an action completed that was not planned", on(1, "prevention.completed", &domain.PreventionCompleted{ActionID: "nope"}), "/data/action_id", "unknown-action"},
		{"a hold released that was not placed", on(1, "legal_hold.released", &domain.LegalHoldReleased{HoldID: "nope"}), "/data/hold_id", "unknown-hold"},
		{"an erasure completed that was not requested", on(1, "erasure.completed", &domain.ErasureCompleted{ErasureID: "nope"}), "/data/erasure_id", "unknown-erasure"},
		{"a customer absorbed by itself", on(1, "customer.absorbed", &domain.CustomerAbsorbed{CustomerID: "c"}), "/data/customer_id", "merges-itself"},
		{"a customer merged into itself", on(1, "customer.merged_into", &domain.CustomerMergedInto{CustomerID: "c"}), "/data/customer_id", "merges-itself"},
		{"unmerged what is merged", on(1, "customer.unmerged", &domain.CustomerUnmerged{CustomerID: "d"}), "", ""},
		{"unmerged what was unmerged", on(1, "customer.unmerged", &domain.CustomerUnmerged{CustomerID: "gone"}), "/data/customer_id", "not-merged"},
		{"unmerged what was never merged", on(1, "customer.unmerged", &domain.CustomerUnmerged{CustomerID: "x"}), "/data/customer_id", "not-merged"},
		{"closing what nobody acknowledged", facts["closed"], "", ""},
		{"a correction", correct(1, "e-1", &domain.ComplaintRegistered{ComplaintRef: about, Severity: "S1"}), "", ""},
		{"a correction of an unknown record", correct(1, "nope", &domain.Interaction{}), "/data/event_id", "unknown-record"},
		{"a correction of a correction", correct(1, "e-7", &domain.RecordCorrected{}), "/data/event_id", "corrects-correction"},
		{"a correction of another customer's record", correct(1, "e-11", &domain.RedressOffered{}), "/data/event_id", "unknown-record"},
		{"a correction of another type", correct(1, "e-1", &domain.Interaction{}), "/data/data", "correction-mismatch"},
		{"a correction that was not decoded", correct(1, "e-1", nil), "/data/data", "correction-mismatch"},
		{"a correction to another complaint", correct(1, "e-1", &domain.ComplaintRegistered{ComplaintRef: domain.ComplaintRef{ComplaintID: "C-2"}}), "/data/data/complaint_id", "changes-identity"},
		{"a correction that spells out the id it had", correct(1, "e-3", &domain.CommitmentMade{CommitmentID: "e-3"}), "", ""},
		{"a correction that gives a promise another id", correct(1, "e-3", &domain.CommitmentMade{CommitmentID: "other"}), "/data/data/commitment_id", "changes-identity"},
		{"a correction of who was absorbed", correct(1, "e-4", &domain.CustomerAbsorbed{CustomerID: "x"}), "/data/data/customer_id", "changes-identity"},
		{"a correction of an unmerging", correct(1, "e-6", &domain.CustomerUnmerged{CustomerID: "gone", Reason: "typo"}), "", ""},
		{"a correction of which complaint a call was about", correct(1, "e-9", &domain.Interaction{ComplaintID: "C-2"}), "", ""},
		{"a correction that points at an unknown complaint", correct(1, "e-9", &domain.Interaction{ComplaintID: "nope"}), "/data/data/complaint_id", "unknown-complaint"},
		{"the ledger's own", on(1, "policy.published", &domain.PolicyPublished{}), "", ""},
	}
	var refs, others domain.References
	for _, e := range given {
		if err := refs.Check(e, &others); err != nil {
			t.Fatalf("%s: %v", e.ID, err)
		}
		refs.Add(e)
	}
	for _, e := range absorbed {
		others.Add(e)
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := tt.when
			e.ID, e.Customer = "e-99", "c"
			err := refs.Check(e, &others)
			var refusal *domain.Refusal
			switch {
			case tt.slug == "" && err != nil:
				t.Errorf("refused: %v", err)
			case tt.slug != "" && !errors.As(err, &refusal):
				t.Errorf("accepted")
			case tt.slug != "" && (refusal.Pointer != tt.pointer || refusal.Slug != tt.slug || refusal.Reason == ""):
				t.Errorf("%+v, want %s %s", *refusal, tt.pointer, tt.slug)
			}
		})
	}
	if got := refs.Absorbed(); len(got) != 1 || got[0] != "d" {
		t.Errorf("absorbed %v", got)
	}
}

// A long history is searched by an index, a short one by walking along it: the answers are the same.
func TestReferencesOfALongHistory(t *testing.T) {
	var refs domain.References
	for i := range 200 {
		e := on(i, "complaint.registered", &domain.ComplaintRegistered{ComplaintRef: domain.ComplaintRef{ComplaintID: fmt.Sprint("C-", i)}})
		e.ID, e.Customer = fmt.Sprint("e-", i), "c"
		if err := refs.Check(e); err != nil {
			t.Fatal(err)
		}
		refs.Add(e)
		if refs.Check(e) == nil {
			t.Fatalf("%s could be registered twice", e.ID)
		}
		for j := range i + 1 {
			closed := on(i, "complaint.closed", &domain.ComplaintClosed{ComplaintRef: domain.ComplaintRef{ComplaintID: fmt.Sprint("C-", j)}})
			if err := refs.Check(closed); err != nil {
				t.Fatalf("after %d, about %d: %v", i, j, err)
			}
		}
	}
}
