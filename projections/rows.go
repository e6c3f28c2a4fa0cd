package projections

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"amends/projections/internal/sqlite"
)

// ResultColumn is a column of a result. Its type is that of the view's column; text for an expression, whose values come as
// what they are.
type ResultColumn struct {
	Name string
	Type Type
}

// Rows is a result, row by row. It must be closed; it holds a connection until then.
type Rows struct {
	columns []ResultColumn
	ctx     context.Context
	views   *Views
	readers *readers
	conn    *reader
	stmt    *sqlite.Stmt
	calm    func() // ends the watch over ctx
	cancel  func() // ends ctx, where it is the result's own; or nil
	typed   bool   // somebody typed the statement, who is to blame for what is wrong with it

	values   []any
	err      error
	rows     int
	bytes    int64
	maxRows  int
	maxBytes int64
}

// The errors of a result that is too large.
var (
	ErrTooManyRows  = errors.New("the result has too many rows")
	ErrTooManyBytes = errors.New("the result is too large")
)

// read runs a statement of this package on a reading connection.
func (v *Views) read(ctx context.Context, statement string, args []any) (*Rows, error) {
	conn, err := v.readers.get(ctx)
	if err != nil {
		return nil, v.noteDamage(err)
	}
	return v.readOn(ctx, v.readers, conn, statement, args)
}

// errParameters: a statement has parameters that nothing is bound to.
var errParameters = errors.New("the statement has parameters")

// readOn runs a statement on the connection, which goes back to the readers when the result is closed, or at once on an error.
func (v *Views) readOn(ctx context.Context, from *readers, conn *reader, statement string, args []any) (_ *Rows, err error) {
	r := &Rows{ctx: ctx, views: v, readers: from, conn: conn, calm: conn.InterruptWhenDone(ctx)}
	defer func() {
		if err != nil {
			err = errors.Join(v.noteDamage(err), r.Close())
		}
	}()
	if r.stmt, err = conn.Prepare(statement); err != nil {
		return nil, err
	}
	if n := r.stmt.Parameters(); n != len(args) {
		return nil, fmt.Errorf("%w: %d", errParameters, n)
	}
	for i, a := range args {
		if err := bindAny(r.stmt, i, a); err != nil {
			return nil, err
		}
	}
	for i := range r.stmt.Columns() {
		r.columns = append(r.columns, ResultColumn{r.stmt.Name(i), typeDeclared(r.stmt.Declared(i))})
	}
	r.values = make([]any, len(r.columns))
	return r, nil
}

func bindAny(s *sqlite.Stmt, i int, a any) error {
	switch a := a.(type) {
	case nil:
		return s.BindNull(i)
	case int64:
		return s.BindInt(i, a)
	case float64:
		return s.BindFloat(i, a)
	case bool:
		if a {
			return s.BindInt(i, 1)
		}
		return s.BindInt(i, 0)
	case string:
		return s.BindText(i, a)
	}
	return fmt.Errorf("a %T cannot be a parameter", a)
}

// Columns are the result's columns.
func (r *Rows) Columns() []ResultColumn { return r.columns }

// Next goes to the next row. It returns false at the end and after an error: ask Err.
func (r *Rows) Next() bool {
	if r.err != nil || r.stmt == nil {
		return false
	}
	more, err := r.stmt.Step()
	if err != nil {
		if r.err = tooSlow(r.ctx, err); r.typed {
			r.err = blame(r.err)
		}
		if r.readers.current(r.conn) {
			_ = r.views.noteDamage(r.err)
		}
		return false
	}
	if !more {
		return false
	}
	if r.rows++; r.maxRows > 0 && r.rows > r.maxRows {
		r.err = fmt.Errorf("%w: more than %d", ErrTooManyRows, r.maxRows)
		return false
	}
	for i := range r.values {
		r.values[i] = r.value(i)
	}
	if r.maxBytes > 0 && r.bytes > r.maxBytes {
		r.err = fmt.Errorf("%w: more than %d bytes", ErrTooManyBytes, r.maxBytes)
		return false
	}
	return true
}

// tellApart gives columns of the same name different ones.
func (r *Rows) tellApart() {
	taken := make(map[string]bool, len(r.columns))
	for i := range r.columns {
		taken[r.columns[i].Name] = true
	}
	seen := make(map[string]bool, len(r.columns))
	for i := range r.columns {
		name := r.columns[i].Name
		for n := 2; seen[name]; n++ {
			if other := fmt.Sprintf("%s_%d", r.columns[i].Name, n); !taken[other] {
				name = other
			}
		}
		r.columns[i].Name, seen[name], taken[name] = name, true, true
	}
}

func (r *Rows) value(i int) any {
	r.bytes += 8
	switch r.stmt.Kind(i) {
	case sqlite.Int:
		n := r.stmt.Int(i)
		if r.columns[i].Type == Boolean {
			return n != 0
		}
		return n
	case sqlite.Float:
		return r.stmt.Float(i)
	case sqlite.Null:
		return nil
	}
	s := r.stmt.Text(i)
	r.bytes += int64(len(s))
	return s
}

// Values are the current row's values: nil, bool, int64, float64 or string; timestamps, dates and JSON are strings. The slice is
// used again for the next row.
func (r *Rows) Values() []any { return r.values }

// All yields the rows that are left; the slice is used again for the next row. Ask Err afterwards. It closes the result.
func (r *Rows) All() iter.Seq[[]any] {
	return func(yield func([]any) bool) {
		defer func() { r.err = errors.Join(r.err, r.Close()) }()
		for r.Next() {
			if !yield(r.values) {
				return
			}
		}
	}
}

// Err is what ended the rows early; nil at their end.
func (r *Rows) Err() error { return r.err }

// Close frees the result; it may be called more than once.
func (r *Rows) Close() error {
	if r.conn == nil {
		return nil
	}
	var err error
	if r.stmt != nil {
		err = r.stmt.Close()
	}
	r.calm()
	if r.cancel != nil {
		r.cancel()
	}
	r.readers.give(r.conn)
	r.conn, r.stmt = nil, nil
	return err
}

// one reads the one row of a query.
func (v *Views) one(ctx context.Context, statement string, args []any, into ...any) error {
	rows, err := v.read(ctx, statement, args)
	if err != nil {
		return err
	}
	defer rows.Close()
	if !rows.Next() {
		return errors.Join(rows.Err(), errors.New("no row"))
	}
	for i, p := range into {
		switch p := p.(type) {
		case *int64:
			*p = rows.stmt.Int(i)
		case *string:
			*p = rows.stmt.Text(i)
		}
	}
	return nil
}
