package projections

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Op compares a column with a value.
type Op string

// The comparisons. A column that is NULL fulfils none of them but IsNull and NotEqual to a value.
const (
	Equal     Op = "="
	NotEqual  Op = "!="
	AtLeast   Op = ">="
	AtMost    Op = "<="
	Above     Op = ">"
	Below     Op = "<"
	IsNull    Op = "is null"
	IsNotNull Op = "is not null"
)

// Condition is one condition on a row; all of a query's conditions must hold.
type Condition struct {
	Column string
	Op     Op     // empty: Equal
	Value  string // in the column's notation: true or false, a number, 2026-01-02 or 2026-01-02T15:04:05Z, text
}

// Order is a column to sort by.
type Order struct {
	Column     string
	Descending bool
}

// Query asks for rows of one view.
type Query struct {
	// Columns are those of the result, in this order; none: all of the view's.
	Columns []string
	Where   []Condition
	// OrderBy defaults to the view's key. The key always decides among equals, so the order is the same each time.
	OrderBy []Order
	Limit   int // 0: no limit
	Offset  int
	// After asks for what comes after the row with these key values, in the order of the key: the way to read a view page by
	// page while it changes. It cannot be used with OrderBy.
	After []string
}

// ErrQuery is what every refusal of a query wraps; the text says what is wrong.
var ErrQuery = errors.New("query")

// ErrUnknownView: the query names a view that does not exist. Such an error is an ErrQuery too.
var ErrUnknownView = fmt.Errorf("%w: unknown view", ErrQuery)

// Query reads rows of a view.
func (v *Views) Query(ctx context.Context, view string, q Query) (*Rows, error) {
	t, err := findTable(view)
	if err != nil {
		return nil, err
	}
	statement, args, err := t.query(q)
	if err != nil {
		return nil, err
	}
	if v.isOutdated() {
		return nil, ErrOutdated
	}
	rows, err := v.read(ctx, statement, args)
	if err != nil {
		return nil, fmt.Errorf("query %s: %w", view, err)
	}
	return rows, nil
}

// Views lists the views.
func (v *Views) Views() []View {
	out := make([]View, len(tables))
	for i, t := range tables {
		out[i] = t.View
	}
	return out
}

// findTable finds a view by name.
func findTable(name string) (*table, error) {
	if t := tableNamed(name); t != nil {
		return t, nil
	}
	var names []string
	for _, t := range tables {
		names = append(names, t.Name)
	}
	return nil, fmt.Errorf("%w: there is no view %q%s", ErrUnknownView, name, suggest(name, names))
}

func (t *table) findColumn(name string) (Column, error) {
	c, ok := t.Column(name)
	if ok {
		return c, nil
	}
	var names []string
	for _, c := range t.Columns {
		names = append(names, c.Name)
	}
	return c, fmt.Errorf("%w: view %s has no column %q%s", ErrQuery, t.Name, name, suggest(name, names))
}

// query makes the statement. Names come from the table's definition, values are parameters.
func (t *table) query(q Query) (statement string, args []any, err error) {
	var where []string
	for _, c := range q.Where {
		column, err := t.findColumn(c.Column)
		if err != nil {
			return "", nil, err
		}
		condition, arg, err := column.condition(c)
		if err != nil {
			return "", nil, err
		}
		where = append(where, condition)
		args = append(args, arg...)
	}
	if len(q.After) > 0 {
		if len(q.After) != len(t.key) || len(q.OrderBy) > 0 {
			return "", nil, fmt.Errorf("%w: after takes the values of %s, and no order", ErrQuery, t.keyColumns())
		}
		for i, k := range t.key {
			arg, err := t.Columns[k].parse(q.After[i])
			if err != nil {
				return "", nil, err
			}
			args = append(args, arg)
		}
		where = append(where, "("+t.keyColumns()+") > ("+strings.TrimSuffix(strings.Repeat("?,", len(t.key)), ",")+")")
	}
	selected := "*"
	if len(q.Columns) > 0 {
		quoted := make([]string, len(q.Columns))
		for i, name := range q.Columns {
			column, err := t.findColumn(name)
			if err != nil {
				return "", nil, err
			}
			if slices.Contains(q.Columns[:i], name) {
				return "", nil, fmt.Errorf("%w: column %q is asked for twice", ErrQuery, name)
			}
			quoted[i] = `"` + column.Name + `"`
		}
		selected = strings.Join(quoted, ", ")
	}
	statement = "SELECT " + selected + " FROM " + t.Name
	if len(where) > 0 {
		statement += " WHERE " + strings.Join(where, " AND ")
	}
	var order []string
	for _, o := range q.OrderBy {
		column, err := t.findColumn(o.Column)
		if err != nil {
			return "", nil, err
		}
		if o.Descending {
			order = append(order, `"`+column.Name+`" DESC`)
		} else {
			order = append(order, `"`+column.Name+`"`)
		}
	}
	statement += " ORDER BY " + strings.Join(append(order, t.keyColumns()), ", ")
	if q.Limit < 0 || q.Offset < 0 {
		return "", nil, fmt.Errorf("%w: limit and offset cannot be below 0", ErrQuery)
	}
	if q.Limit > 0 || q.Offset > 0 {
		limit := int64(-1)
		if q.Limit > 0 {
			limit = int64(q.Limit)
		}
		statement, args = statement+" LIMIT ? OFFSET ?", append(args, limit, int64(q.Offset))
	}
	return statement, args, nil
}

// condition is the SQL of a condition with its parameters.
func (c Column) condition(on Condition) (string, []any, error) {
	name := `"` + c.Name + `"`
	switch on.Op {
	case IsNull:
		return name + " IS NULL", nil, nil
	case IsNotNull:
		return name + " IS NOT NULL", nil, nil
	}
	value, err := c.parse(on.Value)
	if err != nil {
		return "", nil, err
	}
	switch on.Op {
	case "", Equal:
		return name + " = ?", []any{value}, nil
	case NotEqual:
		return name + " IS NOT ?", []any{value}, nil
	case AtLeast, AtMost, Above, Below:
		return name + " " + string(on.Op) + " ?", []any{value}, nil
	}
	return "", nil, fmt.Errorf("%w: there is no comparison %q; use one of = != >= <= > <, %s, %s", ErrQuery, on.Op, IsNull, IsNotNull)
}

// parse reads a value in the column's notation.
func (c Column) parse(value string) (any, error) {
	switch c.Type {
	case Integer:
		if n, err := strconv.ParseInt(value, 10, 64); err == nil {
			return n, nil
		}
		return nil, c.refuse("a whole number")
	case Float:
		if f, err := strconv.ParseFloat(value, 64); err == nil && !math.IsNaN(f) {
			return f, nil
		}
		return nil, c.refuse("a number")
	case Boolean:
		switch strings.ToLower(value) {
		case "true", "1", "yes":
			return true, nil
		case "false", "0", "no":
			return false, nil
		}
		return nil, c.refuse("true or false")
	case Timestamp:
		for _, layout := range []string{time.RFC3339Nano, time.DateOnly} {
			if at, err := time.Parse(layout, value); err == nil {
				return string(appendTime(nil, at)), nil
			}
		}
		return nil, c.refuse("an instant, such as 2026-01-02T15:04:05Z, or a date, which is its midnight UTC")
	}
	return value, nil
}

func (c Column) refuse(want string) error {
	return fmt.Errorf("%w: column %s takes %s", ErrQuery, c.Name, want)
}

// suggest names what was probably meant, or lists what there is.
func suggest(name string, known []string) string {
	best, distance := "", 4
	for _, k := range known {
		if d := editDistance(name, k); d < distance {
			best, distance = k, d
		}
	}
	if best != "" {
		return fmt.Sprintf("; did you mean %s?", best)
	}
	known = slices.Clone(known)
	slices.Sort(known)
	return "; there are " + strings.Join(known, ", ")
}

// editDistance is how many letters must be put in, taken out or exchanged to make b of a.
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		corner := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := corner
			if a[i] != b[j] {
				cost++
			}
			corner = row[j+1]
			row[j+1] = min(cost, row[j]+1, corner+1)
		}
	}
	return row[len(b)]
}
