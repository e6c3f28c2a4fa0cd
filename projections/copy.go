package projections

import (
	"context"
	"errors"
	"fmt"
	"os"

	"amends/projections/internal/sqlite"
)

// CopyTo writes a copy of the views as of one moment to path: one file, not in WAL mode, so that it can be read from a directory
// in which nothing may be written. A file that is there is replaced at the end, at once.
func (v *Views) CopyTo(ctx context.Context, path string) (err error) {
	from, err := v.readers.get(ctx)
	if err != nil {
		return err
	}
	defer v.readers.give(from)
	part := path + ".part"
	if err := removeBuild(part); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, removeBuild(part)) }()
	to, err := sqlite.Open(part, sqlite.ReadWrite)
	if err != nil {
		return err
	}
	err = errors.Join(to.CopyFrom(from), to.Exec("PRAGMA journal_mode=DELETE"), to.Close())
	if err != nil {
		return fmt.Errorf("copy the views: %w", err)
	}
	return os.Rename(part, path)
}
