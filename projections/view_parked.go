package projections

// parkedRow is a record that could not be projected.
type parkedRow struct {
	position, revision            uint64
	customer, eventID, typ, error string
}

var parked = definition[*parkedRow]{
	name: "parked",
	description: "Records that could not be projected, one row each. Their customers' rows have is_stale set. " +
		"A rebuild with a program that understands them empties this view.",
	key:     []string{"position"},
	indexes: []string{"customer_id"},
	columns: []column[*parkedRow]{
		{"position", Integer, "Place of the record in the log.",
			func(c *cells, r *parkedRow) { c.integer(int64(r.position)) }},
		{"customer_id", Text, "Customer in whose stream the record stands.",
			func(c *cells, r *parkedRow) { c.string(r.customer) }},
		{"revision", Integer, "Place of the record in the customer's stream.",
			func(c *cells, r *parkedRow) { c.integer(int64(r.revision)) }},
		{"event_id", Text, "Id of the record.",
			func(c *cells, r *parkedRow) { c.string(r.eventID) }},
		{"type", Text, "Type of the event; NULL: not even that could be read.",
			func(c *cells, r *parkedRow) { c.string(r.typ) }},
		{"error", Text, "Why it could not be projected.",
			func(c *cells, r *parkedRow) { c.string(r.error) }},
	},
}
