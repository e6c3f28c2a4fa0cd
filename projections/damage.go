package projections

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"amends/projections/internal/sqlite"
)

// This file is about a file of views that cannot be used. The views can be made from the log at any time, so such a file stops
// nothing: it is moved aside, for whoever wants to know what happened to it, and the views are built anew.

// ErrFileDamaged: the file of views cannot be read. It is moved aside, and the views are built anew.
var ErrFileDamaged = errors.New("the file of views is damaged")

// errNotViews: the file is a database, but holds no views.
var errNotViews = errors.New("the file is a database, but not one of views")

// unusable reports whether the error says that the file itself is of no use, rather than that it could not be reached.
func unusable(err error) bool {
	return errors.Is(err, sqlite.ErrDamaged) || errors.Is(err, errNotViews)
}

// noteDamage returns the error. If it says that the file is damaged, the Run that is under way ends, and the next one starts with
// a new file.
func (v *Views) noteDamage(err error) error {
	if !errors.Is(err, sqlite.ErrDamaged) {
		return err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.damaged = err
	if v.endRun != nil {
		v.endRun(fmt.Errorf("the file of views is damaged: %w", err))
	}
	return err
}

// reopen moves the file aside that cannot be used, and opens a new one. Nobody reads or writes yet.
func (v *Views) reopen(reason error) error {
	if v.conn != nil {
		_ = v.conn.Close() // nothing was written
		v.conn = nil
	}
	if err := v.setAside(reason); err != nil {
		return errors.Join(reason, err)
	}
	return v.open()
}

// startAnew moves a file aside that was found damaged, and opens a new one in its place.
func (v *Views) startAnew() error {
	v.mu.Lock()
	reason := v.damaged
	v.mu.Unlock()
	if reason == nil {
		return nil
	}
	v.gate.Lock()
	defer v.gate.Unlock()
	if v.projector != nil {
		v.projector.close()
		v.projector = nil
	}
	if v.conn != nil {
		_ = v.conn.Close() // what it could not write is in the log
		v.conn = nil
	}
	if err := v.setAside(reason); err != nil {
		return err
	}
	if err := errors.Join(v.readers.renew(), v.sql.renew()); err != nil {
		return err
	}
	if err := v.open(); err != nil {
		return err
	}
	v.mu.Lock()
	v.damaged = nil
	v.wake()
	v.mu.Unlock()
	return nil
}

// setAside renames the file, and what stands beside it, to a name that says what it is and since when. Nothing may write it.
func (v *Views) setAside(reason error) error {
	at := v.config.Clock().UTC().Format("20060102T150405Z")
	aside := v.config.Path + asideInfix + at
	for n := 2; ; n++ {
		if _, err := os.Lstat(aside); errors.Is(err, os.ErrNotExist) {
			break
		} else if err != nil {
			return err
		}
		aside = fmt.Sprintf("%s%s%s-%d", v.config.Path, asideInfix, at, n)
	}
	for _, suffix := range databaseSuffixes {
		if err := os.Rename(v.config.Path+suffix, aside+suffix); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("move the damaged file of views aside: %w", err)
		}
	}
	v.config.Logger.Error().Err(reason).Str("moved_to", aside).
		Msg("the file of views could not be used; it was moved aside, and the views are built anew from the log")
	return nil
}

// asideInfix stands between the name of the file of views and the time at which it was moved aside.
const asideInfix = ".damaged-"

// SetAside lists the files of views that were moved aside because they could not be used, and that still lie beside the live one,
// oldest first.
func (v *Views) SetAside() ([]string, error) {
	entries, err := os.ReadDir(filepath.Dir(v.config.Path))
	if err != nil {
		return nil, fmt.Errorf("look for files of views that were moved aside: %w", err)
	}
	var aside []string
	for _, e := range entries {
		accompanies := slices.ContainsFunc(databaseSuffixes[1:], func(s string) bool { return strings.HasSuffix(e.Name(), s) })
		if strings.HasPrefix(e.Name(), filepath.Base(v.config.Path)+asideInfix) && !accompanies {
			aside = append(aside, e.Name())
		}
	}
	return aside, nil
}

// databaseSuffixes are those of the files that make up a database.
var databaseSuffixes = []string{"", "-journal", "-wal", "-shm"}
