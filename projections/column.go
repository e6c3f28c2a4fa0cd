package projections

// Type is the neutral type of a column. Each database declares it in its own way.
type Type string

// The types. A timestamp is text of fixed width in UTC, 2006-01-02T15:04:05.000Z, so that text order is time order; what is
// below a millisecond is cut off (position orders exactly). A date is 2006-01-02.
const (
	Text      Type = "text"
	Integer   Type = "integer"
	Float     Type = "float"
	Boolean   Type = "boolean"
	Timestamp Type = "timestamp"
	Date      Type = "date"
	JSON      Type = "json"
)

// declared is what SQLite's tables declare. These names are those by which BI tools know a type: a plain TEXT would be no date
// for them, and TIMESTAMP makes some drivers parse with a layout of their own.
func (t Type) declared() string {
	switch t {
	case Integer:
		return "INTEGER"
	case Float:
		return "REAL"
	case Boolean:
		return "BOOLEAN"
	case Timestamp:
		return "DATETIME"
	case Date:
		return "DATE"
	}
	return "TEXT"
}

// typeDeclared is the neutral type of a declared one; Text for what this package does not declare.
func typeDeclared(name string) Type {
	switch name {
	case "INTEGER":
		return Integer
	case "REAL":
		return Float
	case "BOOLEAN":
		return Boolean
	case "DATETIME":
		return Timestamp
	case "DATE":
		return Date
	}
	return Text
}

// Column describes one column of a view.
type Column struct {
	Name        string
	Type        Type
	Description string // with the unit
	Key         bool   // part of what identifies a row
	// PerInstant: the value depends on the present instant, that of the row's scored_at.
	PerInstant bool
}

// View describes one view.
type View struct {
	Name        string
	Description string
	Columns     []Column
}

// Column finds a column by name.
func (v *View) Column(name string) (Column, bool) {
	for _, c := range v.Columns {
		if c.Name == name {
			return c, true
		}
	}
	return Column{}, false
}

// column is a column with its value for a row made from an R. The table, the rows and the dictionary all derive from it.
type column[R any] struct {
	name        string
	typ         Type
	description string
	put         func(*cells, R) // puts exactly one cell
}
