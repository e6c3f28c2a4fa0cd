package projections

import (
	"context"
	"errors"
	"fmt"

	"amends/projections/internal/sqlite"
)

// The errors of a statement of SQL beside ErrQuery.
var (
	// ErrNotReading: the statement would do something other than read.
	ErrNotReading = errors.New("only statements that read the views are allowed, such as SELECT")
	// ErrTooSlow: the statement ran longer than Config.MaxQueryTime.
	ErrTooSlow = errors.New("the statement takes too long")
	// ErrBusy: other statements took all places for SQL for Config.MaxQueryTime.
	ErrBusy = errors.New("too many statements of SQL are running")
)

// SQL runs one statement that reads, in SQLite's dialect, over all views and the tables of the file. Whatever is typed, nothing
// is changed, nothing else is opened, and no transaction stays open: the connection is read-only, and its authorizer allows
// nothing but reading. The result ends with an error after Config.MaxRows rows, Config.MaxBytes bytes or Config.MaxQueryTime, and
// when ctx ends, also in the middle of a row that takes long to find. Columns of the same name are told apart: the second a is
// a_2.
//
// An error that the statement itself is to blame for is an ErrQuery, also where it comes with a later row.
func (v *Views) SQL(ctx context.Context, statement string) (*Rows, error) {
	conn, err := v.waitForSQL(ctx)
	if err != nil {
		return nil, err
	}
	most := v.config.MaxQueryTime
	ctx, cancel := context.WithTimeoutCause(ctx, most, fmt.Errorf("%w: more than %s", ErrTooSlow, most))
	rows, err := v.readOn(ctx, v.sql, conn, statement, nil)
	if err != nil {
		cancel()
		return nil, blame(tooSlow(ctx, err))
	}
	rows.cancel, rows.typed = cancel, true
	if !rows.stmt.ReadOnly() {
		return nil, errors.Join(fmt.Errorf("%w: %w", ErrQuery, ErrNotReading), rows.Close())
	}
	rows.tellApart()
	rows.maxRows, rows.maxBytes = v.config.MaxRows, v.config.MaxBytes
	return rows, nil
}

// waitForSQL takes a connection for SQL, waiting no longer than a statement may run.
func (v *Views) waitForSQL(ctx context.Context) (*reader, error) {
	waiting, cancel := context.WithTimeout(ctx, v.config.MaxQueryTime)
	defer cancel()
	conn, err := v.sql.get(waiting)
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
		return nil, ErrBusy
	}
	return conn, err
}

// tooSlow is why ctx ended, if the error only says that it did.
func tooSlow(ctx context.Context, err error) error {
	if !errors.Is(err, sqlite.ErrInterrupted) || ctx.Err() == nil {
		return err
	}
	if cause := context.Cause(ctx); errors.Is(cause, ErrTooSlow) {
		return cause
	}
	return ctx.Err()
}

// blame makes an error that the statement is to blame for an ErrQuery.
func blame(err error) error {
	switch {
	case errors.Is(err, sqlite.ErrDenied):
		return fmt.Errorf("%w: %w", ErrQuery, ErrNotReading)
	case errors.Is(err, sqlite.ErrStatement), errors.Is(err, sqlite.ErrTooBig), errors.Is(err, errParameters):
		return fmt.Errorf("%w: %w", ErrQuery, err)
	}
	return err
}
