package projections

import "amends/domain"

var commitments = definition[*domain.Commitment]{
	name:        "commitments",
	description: "Every promise made to a customer, one row each.",
	key:         []string{"customer_id", "commitment_id"},
	columns: []column[*domain.Commitment]{
		{"commitment_id", Text, "Id of the promise, unique within the customer.",
			func(c *cells, r *domain.Commitment) { c.string(r.ID) }},
		{"customer_id", Text, "Customer in whose stream it was made.",
			func(c *cells, r *domain.Commitment) { c.string(r.CustomerID) }},
		{"complaint_id", Text, "Complaint that it belongs to.",
			func(c *cells, r *domain.Commitment) { c.string(r.ComplaintID) }},
		{"state", Text, "open, kept or broken. Whether an open one is overdue shows by due_at.",
			func(c *cells, r *domain.Commitment) { c.string(r.State) }},
		{"medium", Text, "How it was promised.",
			func(c *cells, r *domain.Commitment) { c.string(r.Medium) }},
		{"owner", Text, "Id of who must keep it.",
			func(c *cells, r *domain.Commitment) { c.string(r.Owner) }},
		{"approver", Text, "Id of who approved it.",
			func(c *cells, r *domain.Commitment) { c.string(r.Approver) }},
		{"made_at", Timestamp, "When it was made (UTC).",
			func(c *cells, r *domain.Commitment) { c.time(r.MadeAt) }},
		{"due_at", Timestamp, "When it is due, as last agreed (UTC).",
			func(c *cells, r *domain.Commitment) { c.time(r.DueAt) }},
		{"original_due_at", Timestamp, "When it was due as first promised (UTC).",
			func(c *cells, r *domain.Commitment) { c.time(r.OriginalDue) }},
		{"kept_at", Timestamp, "When it was kept (UTC).",
			func(c *cells, r *domain.Commitment) { c.time(r.KeptAt) }},
		{"broken_at", Timestamp, "When it was broken, or found to be (UTC).",
			func(c *cells, r *domain.Commitment) { c.time(r.BrokenAt) }},
		{"renegotiated_count", Integer, "How often another date was agreed.",
			func(c *cells, r *domain.Commitment) { c.integer(int64(r.Renegotiated)) }},
		{"is_late", Boolean, "Kept after it was due; NULL: not kept.",
			func(c *cells, r *domain.Commitment) {
				if r.KeptAt.IsZero() {
					c.null()
				} else {
					c.bool(r.Late())
				}
			}},
		{"position", Integer, positionDescription,
			func(c *cells, r *domain.Commitment) { c.integer(int64(r.Position)) }},
	},
	rows: func(u *unit, _ uint64, yield func(*domain.Commitment)) {
		for _, r := range u.state.Commitments {
			yield(r)
		}
	},
}
