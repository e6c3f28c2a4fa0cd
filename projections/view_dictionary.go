package projections

// dictionaryRow describes one column of one view.
type dictionaryRow struct {
	view    *table
	ordinal int
}

func (r dictionaryRow) column() Column { return r.view.Columns[r.ordinal] }

// dictionary has no position column: its rows come from the program, not from the log.
var dictionary = definition[dictionaryRow]{
	name:        "data_dictionary",
	description: "Every column of every view, one row each: what it means.",
	key:         []string{"view", "column_name"},
	columns: []column[dictionaryRow]{
		{"view", Text, "Name of the view.",
			func(c *cells, r dictionaryRow) { c.string(r.view.Name) }},
		{"column_name", Text, "Name of the column.",
			func(c *cells, r dictionaryRow) { c.string(r.column().Name) }},
		{"ordinal", Integer, "Place of the column in its view, from 1.",
			func(c *cells, r dictionaryRow) { c.integer(int64(r.ordinal + 1)) }},
		{"type", Text, "Type: text, integer, float, boolean, timestamp, date or json.",
			func(c *cells, r dictionaryRow) { c.string(string(r.column().Type)) }},
		{"description", Text, "What it means, with its unit.",
			func(c *cells, r dictionaryRow) { c.string(r.column().Description) }},
		{"is_key", Boolean, "Part of what identifies a row of the view.",
			func(c *cells, r dictionaryRow) { c.bool(r.column().Key) }},
		{"is_per_instant", Boolean, "Depends on the present instant, that of the row's scored_at.",
			func(c *cells, r dictionaryRow) { c.bool(r.column().PerInstant) }},
		{"view_description", Text, "What the view holds.",
			func(c *cells, r dictionaryRow) { c.string(r.view.Description) }},
	},
}

// putDictionary makes the dictionary's rows.
func putDictionary(views []*table, c *cells) {
	for _, v := range views {
		for i := range v.Columns {
			for _, column := range dictionary.columns {
				column.put(c, dictionaryRow{v, i})
			}
		}
	}
}
