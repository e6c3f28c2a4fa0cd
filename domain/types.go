package domain

// newData makes an empty payload of each type. It is the list of event types; the order is the catalogue's order.
var newData = []struct {
	Type Type
	New  func() Data
}{
	{"customer.registered", func() Data { return new(CustomerRegistered) }},
	{"customer.profile_changed", func() Data { return new(CustomerProfileChanged) }},
	{"customer.identity_linked", func() Data { return new(CustomerIdentityLinked) }},
	{"customer.tier_assigned", func() Data { return new(CustomerTierAssigned) }},
	{"customer.relationship_set", func() Data { return new(CustomerRelationshipSet) }},
	{"customer.manager_assigned", func() Data { return new(CustomerManagerAssigned) }},
	{"customer.merged_into", func() Data { return new(CustomerMergedInto) }},
	{"customer.absorbed", func() Data { return new(CustomerAbsorbed) }},
	{"customer.unmerged", func() Data { return new(CustomerUnmerged) }},
	{"customer.departed", func() Data { return new(CustomerDeparted) }},
	{"customer.returned", func() Data { return new(CustomerReturned) }},
	{"purchase.recorded", func() Data { return new(PurchaseRecorded) }},
	{"contract.started", func() Data { return new(ContractStarted) }},
	{"contract.ended", func() Data { return new(ContractEnded) }},
	{"interaction.call", func() Data { return new(Interaction) }},
	{"interaction.email", func() Data { return new(Interaction) }},
	{"interaction.chat", func() Data { return new(Interaction) }},
	{"interaction.message", func() Data { return new(Interaction) }},
	{"interaction.letter", func() Data { return new(Interaction) }},
	{"interaction.visit", func() Data { return new(Interaction) }},
	{"interaction.meeting", func() Data { return new(Interaction) }},
	{"interaction.social", func() Data { return new(Interaction) }},
	{"interaction.web", func() Data { return new(Interaction) }},
	{"interaction.event", func() Data { return new(Interaction) }},
	{"interaction.broadcast", func() Data { return new(Interaction) }},
	{"complaint.registered", func() Data { return new(ComplaintRegistered) }},
	{"complaint.forwarded", func() Data { return new(ComplaintForwarded) }},
	{"complaint.acknowledged", func() Data { return new(ComplaintAcknowledged) }},
	{"complaint.record_confirmed", func() Data { return new(ComplaintRecordConfirmed) }},
	{"complaint.classified", func() Data { return new(ComplaintClassified) }},
	{"complaint.assigned", func() Data { return new(ComplaintAssigned) }},
	{"complaint.escalated", func() Data { return new(ComplaintEscalated) }},
	{"complaint.paused", func() Data { return new(ComplaintPaused) }},
	{"complaint.resumed", func() Data { return new(ComplaintResumed) }},
	{"complaint.extended", func() Data { return new(ComplaintExtended) }},
	{"complaint.investigated", func() Data { return new(ComplaintInvestigated) }},
	{"complaint.proposed", func() Data { return new(ComplaintProposed) }},
	{"complaint.proposal_accepted", func() Data { return new(ComplaintProposalAccepted) }},
	{"complaint.proposal_declined", func() Data { return new(ComplaintProposalDeclined) }},
	{"complaint.decided", func() Data { return new(ComplaintDecided) }},
	{"complaint.responded", func() Data { return new(ComplaintResponded) }},
	{"complaint.resolved", func() Data { return new(ComplaintResolved) }},
	{"complaint.disputed", func() Data { return new(ComplaintDisputed) }},
	{"complaint.withdrawn", func() Data { return new(ComplaintWithdrawn) }},
	{"complaint.reopened", func() Data { return new(ComplaintReopened) }},
	{"complaint.referred", func() Data { return new(ComplaintReferred) }},
	{"complaint.ruled", func() Data { return new(ComplaintRuled) }},
	{"complaint.linked", func() Data { return new(ComplaintLinked) }},
	{"complaint.closed", func() Data { return new(ComplaintClosed) }},
	{"apology.offered", func() Data { return new(ApologyOffered) }},
	{"apology.accepted", func() Data { return new(ApologyAccepted) }},
	{"apology.declined", func() Data { return new(ApologyDeclined) }},
	{"redress.offered", func() Data { return new(RedressOffered) }},
	{"redress.approved", func() Data { return new(RedressApproved) }},
	{"redress.accepted", func() Data { return new(RedressAccepted) }},
	{"redress.declined", func() Data { return new(RedressDeclined) }},
	{"redress.delivered", func() Data { return new(RedressDelivered) }},
	{"redress.failed", func() Data { return new(RedressFailed) }},
	{"commitment.made", func() Data { return new(CommitmentMade) }},
	{"commitment.kept", func() Data { return new(CommitmentKept) }},
	{"commitment.broken", func() Data { return new(CommitmentBroken) }},
	{"commitment.renegotiated", func() Data { return new(CommitmentRenegotiated) }},
	{"followup.scheduled", func() Data { return new(FollowupScheduled) }},
	{"followup.completed", func() Data { return new(FollowupCompleted) }},
	{"survey.sent", func() Data { return new(SurveySent) }},
	{"survey.answered", func() Data { return new(SurveyAnswered) }},
	{"prevention.planned", func() Data { return new(PreventionPlanned) }},
	{"prevention.completed", func() Data { return new(PreventionCompleted) }},
	{"record.corrected", func() Data { return new(RecordCorrected) }},
	{"legal_hold.placed", func() Data { return new(LegalHoldPlaced) }},
	{"legal_hold.released", func() Data { return new(LegalHoldReleased) }},
	{"erasure.requested", func() Data { return new(ErasureRequested) }},
	{"erasure.approved", func() Data { return new(ErasureApproved) }},
	{"erasure.completed", func() Data { return new(ErasureCompleted) }},
	{"policy.published", func() Data { return new(PolicyPublished) }},
	{"weights.published", func() Data { return new(WeightsPublished) }},
	{"access.recorded", func() Data { return new(AccessRecorded) }},
	{"access.granted", func() Data { return new(AccessGranted) }},
	{"access.revoked", func() Data { return new(AccessRevoked) }},
	{"access.denied", func() Data { return new(AccessDenied) }},
	{"checkpoint.published", func() Data { return new(CheckpointPublished) }},
}

var newDataByType = func() map[Type]func() Data {
	m := make(map[Type]func() Data, len(newData))
	for _, t := range newData {
		m[t.Type] = t.New
	}
	return m
}()

// NewData returns an empty payload for the type, to be decoded into; false if there is no such type.
func NewData(t Type) (Data, bool) {
	f, ok := newDataByType[t]
	if !ok {
		return nil, false
	}
	return f(), true
}

// Types lists every event type in the catalogue's order.
func Types() []Type {
	out := make([]Type, len(newData))
	for i, t := range newData {
		out[i] = t.Type
	}
	return out
}

// MadeByLedger reports whether only the ledger itself records events of the type: they say what it did, not what it was told.
func (t Type) MadeByLedger() bool {
	return t == "erasure.approved" || t == "erasure.completed" || t == "checkpoint.published"
}

// LedgerOwn reports whether events of the type belong to LedgerStream and to no customer.
func (t Type) LedgerOwn() bool {
	switch t {
	case "policy.published", "weights.published", "access.recorded", "access.granted", "access.revoked", "access.denied", "checkpoint.published":
		return true
	}
	return false
}
