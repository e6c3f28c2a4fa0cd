package projections

import "amends/domain"

// customerRow is one customer's own state, and what its unit knows beside it.
type customerRow struct {
	*domain.Customer
	stale      bool
	open       int
	complaints int
}

var customers = definition[*customerRow]{
	name:        "customers",
	description: "Every customer, one row each. A customer merged into another keeps a row of its own stream.",
	key:         []string{"customer_id"},
	columns: []column[*customerRow]{
		{"customer_id", Text, "Id of the customer.",
			func(c *cells, r *customerRow) { c.string(r.ID) }},
		{"tier", Text, "Tier as last assigned: key, major, regular or small.",
			func(c *cells, r *customerRow) { c.string(r.Tier) }},
		{"relationship", Text, "Intended relationship: basic, reactive, accountable, proactive or partnership.",
			func(c *cells, r *customerRow) { c.string(r.Relationship) }},
		{"manager", Text, "Id of the person who looks after the customer.",
			func(c *cells, r *customerRow) { c.string(r.Manager) }},
		{"manager_changed_at", Timestamp, "When the manager last changed (UTC); the first assignment is no change.",
			func(c *cells, r *customerRow) { c.time(r.ManagerChangedAt) }},
		{"locale", Text, "Locale, as a language tag.",
			func(c *cells, r *customerRow) { c.string(r.Locale) }},
		{"preferred_channel", Text, "Channel that the customer prefers.",
			func(c *cells, r *customerRow) { c.string(r.PreferredChannel) }},
		{"registered_at", Timestamp, "When the company began to know the customer (UTC).",
			func(c *cells, r *customerRow) { c.time(r.RegisteredAt) }},
		{"since", Date, "A customer of the company since this date.",
			func(c *cells, r *customerRow) { c.string(r.Since) }},
		{"departed_at", Timestamp, "When the customer left (UTC); NULL while a customer.",
			func(c *cells, r *customerRow) { c.time(r.DepartedAt) }},
		{"departure_reason", Text, "Why the customer left.",
			func(c *cells, r *customerRow) { c.string(r.DepartureReason) }},
		{"returned_at", Timestamp, "When the customer last came back (UTC).",
			func(c *cells, r *customerRow) { c.time(r.ReturnedAt) }},
		{"merged_into", Text, "Customer who this one was found to be; that row counts for both.",
			func(c *cells, r *customerRow) { c.string(r.MergedInto) }},
		{"is_stale", Boolean, "Some record of this customer could not be projected (see parked).",
			func(c *cells, r *customerRow) { c.bool(r.stale) }},
		{"event_count", Integer, "Records counted in this row, those of absorbed customers included.",
			func(c *cells, r *customerRow) { c.integer(int64(r.Events)) }},
		{"complaint_count", Integer, "Complaints, those of absorbed customers included.",
			func(c *cells, r *customerRow) { c.integer(int64(r.complaints)) }},
		{"open_complaint_count", Integer, "Complaints neither closed nor withdrawn.",
			func(c *cells, r *customerRow) { c.integer(int64(r.open)) }},
		{"purchase_count", Integer, "Purchases recorded.",
			func(c *cells, r *customerRow) { c.integer(int64(len(r.Purchases))) }},
		{"first_event_at", Timestamp, "When the first thing recorded happened (UTC).",
			func(c *cells, r *customerRow) { c.time(r.FirstEventAt) }},
		{"last_event_at", Timestamp, "When the last thing recorded happened (UTC).",
			func(c *cells, r *customerRow) { c.time(r.LastEventAt) }},
		{"last_contact_at", Timestamp, "Last two-way contact (UTC); broadcasts are none.",
			func(c *cells, r *customerRow) { c.time(r.LastContactAt) }},
		{"revision", Integer, "Last revision of the customer's own stream.",
			func(c *cells, r *customerRow) { c.integer(int64(r.Revision)) }},
		{"position", Integer, positionDescription,
			func(c *cells, r *customerRow) { c.integer(int64(r.Position)) }},
	},
	rows: func(u *unit, _ uint64, yield func(*customerRow)) {
		row := &u.customerRow
		for i := range u.members {
			m := &u.members[i]
			*row = customerRow{Customer: m.state, stale: m.stale}
			for _, complaint := range m.state.Complaints {
				row.complaints++
				if complaint.Open() {
					row.open++
				}
			}
			yield(row)
		}
	},
}

const positionDescription = "Place in the log of the last record that touched this row."
