package projections

import (
	"context"
	"errors"
	"fmt"

	"amends/projections/internal/sqlite"
)

// ErrNotReading: the statement would do something other than read.
var ErrNotReading = errors.New("only statements that read are allowed, such as SELECT")

// SQL runs one statement that reads, in SQLite's dialect, over all views and the tables of the file. Whatever is typed, nothing
// is changed, nothing else is opened, and no transaction stays open: the connection is read-only, and its authorizer allows
// nothing but reading. The result ends with an error after Config.MaxRows rows or Config.MaxBytes bytes, and when ctx ends,
// also in the middle of a row that takes long to find.
func (v *Views) SQL(ctx context.Context, statement string) (*Rows, error) {
	rows, err := v.read(ctx, statement, nil)
	if err != nil {
		if errors.Is(err, sqlite.ErrDenied) {
			err = ErrNotReading
		}
		return nil, fmt.Errorf("%w: %w", ErrQuery, err)
	}
	if !rows.stmt.ReadOnly() {
		return nil, errors.Join(fmt.Errorf("%w: %w", ErrQuery, ErrNotReading), rows.Close())
	}
	rows.maxRows, rows.maxBytes = v.config.MaxRows, v.config.MaxBytes
	return rows, nil
}
