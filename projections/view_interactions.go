package projections

import "amends/domain"

var interactions = definition[*domain.Touch]{
	name:        "interactions",
	description: "Every touchpoint, one row each: calls, mails, visits and the like.",
	key:         []string{"customer_id", "interaction_id"},
	columns: []column[*domain.Touch]{
		{"interaction_id", Text, "Id of the record, unique within the customer.",
			func(c *cells, r *domain.Touch) { c.string(r.ID) }},
		{"customer_id", Text, "Customer in whose stream it is recorded.",
			func(c *cells, r *domain.Touch) { c.string(r.CustomerID) }},
		{"kind", Text, "call, email, chat, message, letter, visit, meeting, social, web, event or broadcast.",
			func(c *cells, r *domain.Touch) { c.string(r.Kind) }},
		{"occurred_at", Timestamp, "When it happened (UTC).",
			func(c *cells, r *domain.Touch) { c.time(r.At) }},
		{"direction", Text, "inbound or outbound, seen from the company.",
			func(c *cells, r *domain.Touch) { c.string(r.Direction) }},
		{"purpose", Text, "What it was for.",
			func(c *cells, r *domain.Touch) { c.string(r.Purpose) }},
		{"handled_by", Text, "Id of who handled it.",
			func(c *cells, r *domain.Touch) { c.string(r.HandledBy) }},
		{"outcome", Text, "What came of it.",
			func(c *cells, r *domain.Touch) { c.string(r.Outcome) }},
		{"sentiment", Text, "Tone of the customer, as assessed.",
			func(c *cells, r *domain.Touch) { c.string(r.Sentiment) }},
		{"effort", Integer, "Effort, 1 (very hard for the customer) to 7 (very easy); NULL: not told.",
			func(c *cells, r *domain.Touch) { c.optionalInt(r.Effort) }},
		{"duration_seconds", Integer, "Length in seconds.",
			func(c *cells, r *domain.Touch) { c.optionalInt64(r.DurationSeconds) }},
		{"complaint_id", Text, "Complaint that it was about.",
			func(c *cells, r *domain.Touch) { c.string(r.ComplaintID) }},
		{"is_repeat_info_requested", Boolean, "The customer was asked again for what was known; NULL: not told.",
			func(c *cells, r *domain.Touch) { c.optionalBool(r.RepeatInfoRequested) }},
		{"position", Integer, positionDescription,
			func(c *cells, r *domain.Touch) { c.integer(int64(r.Position)) }},
	},
	rows: func(u *unit, since uint64, yield func(*domain.Touch)) {
		// Nothing touches an interaction after its own event, and what is folded in order comes last.
		list := u.state.Interactions
		first := len(list)
		if since == 0 {
			first = 0
		}
		for first > 0 && list[first-1].Position > since {
			first--
		}
		for _, r := range list[first:] {
			yield(r)
		}
	},
}
