package domain

import "encoding/binary"

// refs is what an event opens and what it points at.
type refs struct {
	opens  refKind // 0: nothing
	within string
	id     string // of what it opens
	field  string // the member that gives the id

	points [2]point
	n      int
}

// point is one reference to something that must be known.
type point struct {
	kind   refKind
	within string
	id     string
	field  string
}

// open notes what the event opens; when the payload gives no id, the event's own is used, and is to blame.
func (r *refs) open(kind refKind, given, field string, e *Event) {
	r.opens, r.id, r.field = kind, ownID(given, e), field
}

// to notes a reference that must be there.
func (r *refs) to(kind refKind, within, id, field string) {
	r.points[r.n] = point{kind, within, id, field}
	r.n++
}

// about notes a reference that may be left out.
func (r *refs) about(complaint string) {
	if complaint != "" {
		r.to(refComplaint, "", complaint, "/complaint_id")
	}
}

// refsOf lists what an event opens and points at. The complaints of a corrective action and the related complaint of another
// customer are not among them: they may belong to anybody.
func refsOf(e *Event) refs {
	var r refs
	switch d := e.Data.(type) {
	case *ContractStarted:
		r.open(refContract, d.ContractID, "/contract_id", e)
	case *ContractEnded:
		r.to(refContract, "", d.ContractID, "/contract_id")
	case *Interaction:
		r.about(d.ComplaintID)
	case *ComplaintRegistered:
		r.open(refComplaint, d.ComplaintID, "/complaint_id", e)
	case *ComplaintProposed:
		r.open(refProposal, d.ProposalID, "/proposal_id", e)
		r.within = d.ComplaintID
		r.about(d.ComplaintID)
	case *ComplaintProposalAccepted:
		r.about(d.ComplaintID)
		r.proposal(d.ComplaintID, d.ProposalID)
	case *ComplaintProposalDeclined:
		r.about(d.ComplaintID)
		r.proposal(d.ComplaintID, d.ProposalID)
	case *ComplaintLinked:
		r.about(d.ComplaintID)
		if d.RelatedCustomerID == "" || d.RelatedCustomerID == e.Customer {
			r.to(refComplaint, "", d.RelatedComplaintID, "/related_complaint_id")
		}
	default:
		recoveryRefs(&r, e)
	}
	return r
}

func (r *refs) proposal(complaint, id string) {
	if id == "" {
		r.to(refAnyProposal, "", complaint, "/complaint_id")
	} else {
		r.to(refProposal, complaint, id, "/proposal_id")
	}
}

func recoveryRefs(r *refs, e *Event) {
	switch d := e.Data.(type) {
	case interface{ complaintID() string }: // any other complaint.*
		r.about(d.complaintID())
	case *ApologyOffered:
		r.open(refApology, d.ApologyID, "/apology_id", e)
		r.about(d.ComplaintID)
	case *ApologyAccepted:
		r.to(refApology, "", d.ApologyID, "/apology_id")
	case *ApologyDeclined:
		r.to(refApology, "", d.ApologyID, "/apology_id")
	case *RedressOffered:
		r.open(refRedress, d.RedressID, "/redress_id", e)
		r.about(d.ComplaintID)
	case *RedressApproved:
		r.to(refRedress, "", d.RedressID, "/redress_id")
	case *RedressAccepted:
		r.to(refRedress, "", d.RedressID, "/redress_id")
	case *RedressDeclined:
		r.to(refRedress, "", d.RedressID, "/redress_id")
	case *RedressDelivered:
		r.to(refRedress, "", d.RedressID, "/redress_id")
	case *RedressFailed:
		r.to(refRedress, "", d.RedressID, "/redress_id")
	case *CommitmentMade:
		r.open(refCommitment, d.CommitmentID, "/commitment_id", e)
		r.about(d.ComplaintID)
	case *CommitmentKept:
		r.to(refCommitment, "", d.CommitmentID, "/commitment_id")
	case *CommitmentBroken:
		r.to(refCommitment, "", d.CommitmentID, "/commitment_id")
	case *CommitmentRenegotiated:
		r.to(refCommitment, "", d.CommitmentID, "/commitment_id")
	default:
		aftercareRefs(r, e)
	}
}

func aftercareRefs(r *refs, e *Event) {
	switch d := e.Data.(type) {
	case *FollowupScheduled:
		r.open(refFollowup, d.FollowupID, "/followup_id", e)
		r.about(d.ComplaintID)
	case *FollowupCompleted:
		if d.FollowupID != "" {
			r.to(refFollowup, "", d.FollowupID, "/followup_id")
		}
		r.about(d.ComplaintID)
	case *SurveySent:
		r.open(refSurvey, d.SurveyID, "/survey_id", e)
		r.about(d.ComplaintID)
	case *SurveyAnswered:
		if d.SurveyID != "" {
			r.to(refSurvey, "", d.SurveyID, "/survey_id")
		}
		r.about(d.ComplaintID)
	case *PreventionPlanned:
		r.open(refAction, d.ActionID, "/action_id", e)
	case *PreventionCompleted:
		r.to(refAction, "", d.ActionID, "/action_id")
	case *LegalHoldPlaced:
		r.open(refHold, d.HoldID, "/hold_id", e)
	case *LegalHoldReleased:
		r.to(refHold, "", d.HoldID, "/hold_id")
	case *ErasureRequested:
		r.open(refErasure, d.ErasureID, "/erasure_id", e)
	case *ErasureApproved:
		r.to(refErasure, "", d.ErasureID, "/erasure_id")
	case *ErasureCompleted:
		r.to(refErasure, "", d.ErasureID, "/erasure_id")
	}
}

// complaintID is the complaint that the event is about.
func (r ComplaintRef) complaintID() string { return r.ComplaintID }

// identity is a fingerprint of the ids that say what a record is about: what it opens, or the one thing that it is a fact
// of, and for a merger the other customer. A complaint named beside that (the complaint that a promise, a remedy or a call
// was for) is a detail, which a correction may change. The pointer is the member that gives the id.
func identity(e *Event) (pointer string, sum uint64) {
	var within, id string
	switch d := e.Data.(type) {
	case *CustomerAbsorbed:
		pointer, id = "/customer_id", d.CustomerID
	case *CustomerMergedInto:
		pointer, id = "/customer_id", d.CustomerID
	case *CustomerUnmerged:
		pointer, id = "/customer_id", d.CustomerID
	case *ComplaintProposed:
		pointer, within, id = "/proposal_id", d.ComplaintID, ownID(d.ProposalID, e)
	case *ComplaintProposalAccepted:
		pointer, within, id = "/proposal_id", d.ComplaintID, d.ProposalID
	case *ComplaintProposalDeclined:
		pointer, within, id = "/proposal_id", d.ComplaintID, d.ProposalID
	case interface{ complaintID() string }:
		pointer, id = "/complaint_id", d.complaintID()
	case *Interaction:
	case *FollowupCompleted:
		pointer, id = "/followup_id", d.FollowupID
	case *SurveyAnswered:
		pointer, id = "/survey_id", d.SurveyID
	default:
		switch r := refsOf(e); {
		case r.opens != 0:
			pointer, id = r.field, r.id
		case r.n > 0:
			pointer, id = r.points[0].field, r.points[0].id
		}
	}
	return pointer, fingerprint(within, id)
}

// fingerprint is FNV-1a over the ids, each with its length before it.
func fingerprint(ids ...string) uint64 {
	const offset, prime = 14695981039346656037, 1099511628211
	sum := uint64(offset)
	for _, id := range ids {
		var n [4]byte
		binary.LittleEndian.PutUint32(n[:], uint32(len(id)))
		for _, b := range n {
			sum = (sum ^ uint64(b)) * prime
		}
		for i := range len(id) {
			sum = (sum ^ uint64(id[i])) * prime
		}
	}
	return sum
}
