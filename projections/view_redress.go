package projections

import "amends/domain"

var redress = definition[*domain.Redress]{
	name:        "redress",
	description: "Every remedy offered, one row each, with its own life.",
	key:         []string{"customer_id", "redress_id"},
	columns: []column[*domain.Redress]{
		{"redress_id", Text, "Id of the remedy, unique within the customer.",
			func(c *cells, r *domain.Redress) { c.string(r.ID) }},
		{"customer_id", Text, "Customer in whose stream it was offered.",
			func(c *cells, r *domain.Redress) { c.string(r.CustomerID) }},
		{"complaint_id", Text, "Complaint that it belongs to.",
			func(c *cells, r *domain.Redress) { c.string(r.ComplaintID) }},
		{"remedy", Text, "Kind of remedy.",
			func(c *cells, r *domain.Redress) { c.string(r.Remedy) }},
		{"state", Text, "offered, approved, accepted, declined, delivered or failed.",
			func(c *cells, r *domain.Redress) { c.string(r.State) }},
		{"amount_minor", Integer, "Amount as delivered, else as offered, in minor units of currency; NULL: without an amount.",
			func(c *cells, r *domain.Redress) { c.optionalInt64(r.AmountMinor) }},
		{"currency", Text, "Currency of amount_minor (ISO 4217).",
			func(c *cells, r *domain.Redress) { c.string(r.Currency) }},
		{"approver", Text, "Id of who approved it.",
			func(c *cells, r *domain.Redress) { c.string(r.Approver) }},
		{"payer", Text, "Id of who delivered it.",
			func(c *cells, r *domain.Redress) { c.string(r.Payer) }},
		{"offered_at", Timestamp, "When it was offered (UTC).",
			func(c *cells, r *domain.Redress) { c.time(r.OfferedAt) }},
		{"approved_at", Timestamp, "When it was approved (UTC).",
			func(c *cells, r *domain.Redress) { c.time(r.ApprovedAt) }},
		{"accepted_at", Timestamp, "When the customer accepted it (UTC).",
			func(c *cells, r *domain.Redress) { c.time(r.AcceptedAt) }},
		{"declined_at", Timestamp, "When the customer declined it (UTC).",
			func(c *cells, r *domain.Redress) { c.time(r.DeclinedAt) }},
		{"delivered_at", Timestamp, "When the customer had it (UTC).",
			func(c *cells, r *domain.Redress) { c.time(r.DeliveredAt) }},
		{"failed_at", Timestamp, "When it could not be delivered (UTC).",
			func(c *cells, r *domain.Redress) { c.time(r.FailedAt) }},
		{"position", Integer, positionDescription,
			func(c *cells, r *domain.Redress) { c.integer(int64(r.Position)) }},
	},
	rows: func(u *unit, _ uint64, yield func(*domain.Redress)) {
		for _, r := range u.state.Redress {
			yield(r)
		}
	},
}
