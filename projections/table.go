package projections

import (
	"slices"
	"strings"
)

// table is a view as the projector knows it.
type table struct {
	View
	number  int   // place in tables
	key     []int // places of the columns that identify a row, in their order
	keyEnd  int   // the key lies in the first so many columns
	indexes []string
	// perCustomer: the rows are made from a customer's state and go when the customer's rows are written anew. The others
	// (events, parked, the dictionary) are written by themselves.
	perCustomer bool
	// scored: the rows depend on the instant at which they were made.
	scored bool
	// put appends the unit's rows whose last event lies after since, or more; since 0 asks for all.
	put func(u *unit, since uint64, out *rowSink)
}

// definition is what a view's file says: everything else derives from it.
type definition[R any] struct {
	name        string
	description string
	key         []string
	indexes     []string // column lists
	scored      bool
	instant     []string // names of the columns that depend on the present instant
	columns     []column[R]
	rows        func(u *unit, since uint64, yield func(row R))
}

// table makes the table of the definition.
func (d definition[R]) table() *table {
	t := &table{
		View:    View{Name: d.name, Description: d.description},
		indexes: d.indexes, scored: d.scored, perCustomer: d.rows != nil,
	}
	for _, c := range d.columns {
		t.Columns = append(t.Columns, Column{
			Name: c.name, Type: c.typ, Description: c.description, Key: slices.Contains(d.key, c.name),
			PerInstant: slices.Contains(d.instant, c.name),
		})
	}
	for _, k := range d.key {
		t.key = append(t.key, slices.IndexFunc(t.Columns, func(c Column) bool { return c.Name == k }))
	}
	t.keyEnd = slices.Max(t.key) + 1
	if d.rows != nil {
		t.put = func(u *unit, since uint64, out *rowSink) {
			d.rows(u, since, func(row R) {
				out.begin(t)
				for i := range d.columns {
					d.columns[i].put(out.cells, row)
				}
				out.end()
			})
		}
	}
	return t
}

// ddl is the statement that makes the table under the given name.
func (t *table) ddl() string {
	var b strings.Builder
	b.WriteString("CREATE TABLE " + t.Name + " (")
	for i, c := range t.Columns {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(`"` + c.Name + `" ` + c.Type.declared())
		if c.Key {
			b.WriteString(" NOT NULL")
		}
	}
	b.WriteString(", PRIMARY KEY (" + t.keyColumns() + "))")
	if len(t.key) > 1 || t.Columns[t.key[0]].Type != Integer {
		b.WriteString(" WITHOUT ROWID") // the rows lie in the order of their key, which begins with the customer
	}
	return b.String()
}

// indexDDL are the statements that make the table's indexes.
func (t *table) indexDDL() []string {
	var out []string
	for _, columns := range t.indexes {
		name := t.Name + "_by_" + strings.ReplaceAll(columns, ", ", "_")
		out = append(out, "CREATE INDEX "+name+" ON "+t.Name+" ("+columns+")")
	}
	return out
}

// upsert is the statement that writes one row.
func (t *table) upsert() string {
	return "INSERT OR REPLACE INTO " + t.Name + " VALUES (" + strings.TrimSuffix(strings.Repeat("?,", len(t.Columns)), ",") + ")"
}

// keyColumns lists the key columns.
func (t *table) keyColumns() string {
	var names []string
	for _, k := range t.key {
		names = append(names, `"`+t.Columns[k].Name+`"`)
	}
	return strings.Join(names, ", ")
}
