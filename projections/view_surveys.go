package projections

import "amends/domain"

var surveys = definition[*domain.Survey]{
	name:        "surveys",
	description: "Every survey question sent or answered, one row each.",
	key:         []string{"customer_id", "survey_id"},
	columns: []column[*domain.Survey]{
		{"survey_id", Text, "Id of the survey, unique within the customer; for a repeated answer, that record's id.",
			func(c *cells, r *domain.Survey) { c.string(r.ID) }},
		{"customer_id", Text, "Customer in whose stream it stands.",
			func(c *cells, r *domain.Survey) { c.string(r.CustomerID) }},
		{"repeat_of", Text, "Survey under whose id this further answer came; NULL: the survey's first answer.",
			func(c *cells, r *domain.Survey) { c.string(r.RepeatOf) }},
		{"complaint_id", Text, "Complaint that it is about.",
			func(c *cells, r *domain.Survey) { c.string(r.ComplaintID) }},
		{"metric", Text, "csat (1-5), nps (0-10), ces (1-7) or acsi (1-10).",
			func(c *cells, r *domain.Survey) { c.string(r.Metric) }},
		{"channel", Text, "Channel on which it was sent or answered.",
			func(c *cells, r *domain.Survey) { c.string(r.Channel) }},
		{"sent_at", Timestamp, "When the customer was asked (UTC); NULL: the answer came unasked.",
			func(c *cells, r *domain.Survey) { c.time(r.SentAt) }},
		{"answered_at", Timestamp, "When the customer answered (UTC); NULL: not answered.",
			func(c *cells, r *domain.Survey) { c.time(r.AnsweredAt) }},
		{"score", Integer, "The answer, on the metric's scale; NULL: not answered.",
			func(c *cells, r *domain.Survey) { c.optionalInt(r.Score) }},
		{"position", Integer, positionDescription,
			func(c *cells, r *domain.Survey) { c.integer(int64(r.Position)) }},
	},
	rows: func(u *unit, _ uint64, yield func(*domain.Survey)) {
		for _, r := range u.state.Surveys {
			yield(r)
		}
	},
}
