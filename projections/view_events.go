package projections

import "amends/domain"

// eventRow is one record of the log, without its personal fields.
type eventRow struct {
	*domain.Event
	channel, complaintID string
	supersededBy         string
}

var events = definition[*eventRow]{
	name:        "events",
	description: "Every record of the log, one row each, as it was recorded.",
	key:         []string{"position"},
	indexes:     []string{"customer_id, revision"},
	columns: []column[*eventRow]{
		{"position", Integer, "Place of the record in the whole log; strictly increasing, not necessarily dense.",
			func(c *cells, r *eventRow) { c.integer(int64(r.Position)) }},
		{"event_id", Text, "Id of the record, unique within the customer.",
			func(c *cells, r *eventRow) { c.string(r.ID) }},
		{"customer_id", Text, "Customer in whose stream the record stands; _ledger for the ledger's own records.",
			func(c *cells, r *eventRow) { c.string(r.Customer) }},
		{"revision", Integer, "Place of the record in the customer's stream, gapless from 1.",
			func(c *cells, r *eventRow) { c.integer(int64(r.Revision)) }},
		{"type", Text, "Type of the event, such as complaint.registered.",
			func(c *cells, r *eventRow) { c.string(string(r.Type)) }},
		{"occurred_at", Timestamp, "When it happened, as recorded (UTC).",
			func(c *cells, r *eventRow) { c.time(r.Time) }},
		{"time_accuracy", Text, "How well occurred_at is known: NULL exactly; day, not_before, not_after.",
			func(c *cells, r *eventRow) { c.string(string(r.Accuracy)) }},
		{"recorded_at", Timestamp, "When the ledger took the record (UTC).",
			func(c *cells, r *eventRow) { c.time(r.Recorded) }},
		{"source", Text, "Sender of the record.",
			func(c *cells, r *eventRow) { c.string(r.Source) }},
		{"actor", Text, "Id of who did it.",
			func(c *cells, r *eventRow) { c.string(r.Actor) }},
		{"channel", Text, "Channel on which it happened, where the record tells; for interactions their kind.",
			func(c *cells, r *eventRow) { c.string(r.channel) }},
		{"complaint_id", Text, "Complaint that the record is about, where it names one.",
			func(c *cells, r *eventRow) { c.string(r.complaintID) }},
		{"correlation_id", Text, "What the record belongs to, as its sender told.",
			func(c *cells, r *eventRow) { c.string(r.CorrelationID) }},
		{"causation_id", Text, "What caused the record, as its sender told.",
			func(c *cells, r *eventRow) { c.string(r.CausationID) }},
		{"superseded_by", Text, "Event id of the correction that stands for this record; NULL: none.",
			func(c *cells, r *eventRow) { c.string(r.supersededBy) }},
	},
}

// describe fills in what the payload tells about channel and complaint.
func (r *eventRow) describe() {
	r.channel, r.complaintID = "", ""
	switch d := r.Data.(type) {
	case *domain.Interaction:
		r.channel, r.complaintID = string(r.Type[len("interaction."):]), d.ComplaintID
	case *domain.ComplaintRegistered:
		r.channel, r.complaintID = d.Channel, d.ComplaintID
	case *domain.ComplaintAcknowledged:
		r.channel, r.complaintID = d.Channel, d.ComplaintID
	case *domain.ComplaintRecordConfirmed:
		r.channel, r.complaintID = d.Channel, d.ComplaintID
	case *domain.ComplaintResponded:
		r.channel, r.complaintID = d.Channel, d.ComplaintID
	case *domain.ApologyOffered:
		r.channel, r.complaintID = d.Channel, d.ComplaintID
	case *domain.SurveySent:
		r.channel, r.complaintID = d.Channel, d.ComplaintID
	case *domain.SurveyAnswered:
		r.channel, r.complaintID = d.Channel, d.ComplaintID
	case *domain.PurchaseRecorded:
		r.channel = d.Channel
	case *domain.RedressOffered:
		r.complaintID = d.ComplaintID
	case *domain.CommitmentMade:
		r.complaintID = d.ComplaintID
	case *domain.FollowupScheduled:
		r.complaintID = d.ComplaintID
	case *domain.FollowupCompleted:
		r.complaintID = d.ComplaintID
	default:
		r.complaintID = complaintOf(d)
	}
}

// complaintOf is the complaint that the payload of a complaint's event names.
func complaintOf(data domain.Data) string {
	switch d := data.(type) {
	case *domain.ComplaintForwarded:
		return d.ComplaintID
	case *domain.ComplaintClassified:
		return d.ComplaintID
	case *domain.ComplaintAssigned:
		return d.ComplaintID
	case *domain.ComplaintEscalated:
		return d.ComplaintID
	case *domain.ComplaintPaused:
		return d.ComplaintID
	case *domain.ComplaintResumed:
		return d.ComplaintID
	case *domain.ComplaintExtended:
		return d.ComplaintID
	case *domain.ComplaintInvestigated:
		return d.ComplaintID
	case *domain.ComplaintProposed:
		return d.ComplaintID
	case *domain.ComplaintProposalAccepted:
		return d.ComplaintID
	case *domain.ComplaintProposalDeclined:
		return d.ComplaintID
	case *domain.ComplaintDecided:
		return d.ComplaintID
	case *domain.ComplaintResolved:
		return d.ComplaintID
	case *domain.ComplaintDisputed:
		return d.ComplaintID
	case *domain.ComplaintWithdrawn:
		return d.ComplaintID
	case *domain.ComplaintReopened:
		return d.ComplaintID
	case *domain.ComplaintReferred:
		return d.ComplaintID
	case *domain.ComplaintRuled:
		return d.ComplaintID
	case *domain.ComplaintLinked:
		return d.ComplaintID
	case *domain.ComplaintClosed:
		return d.ComplaintID
	}
	return ""
}
