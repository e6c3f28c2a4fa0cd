package projections

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"amends/eventstore"
	"amends/projections/internal/sqlite"
)

// Progress is told how far a build has come; it must return quickly.
type Progress func(done, total eventstore.Position)

// build is a file of views that is made beside the live one.
type build struct {
	path      string
	conn      *sqlite.Conn
	projector *projector
}

// ErrBuilding: one build at a time.
var ErrBuilding = errors.New("the views are being built already")

// startBuilding allows one build at a time, as they share a path.
func (v *Views) startBuilding() (done func(), err error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.building {
		return nil, ErrBuilding
	}
	v.building = true
	return sync.OnceFunc(func() {
		v.mu.Lock()
		v.building = false
		v.mu.Unlock()
	}), nil
}

// buildBeside makes the views of the log up to the position in a file of their own: the same projector, from the start. The
// file is not safe from a crash until it is taken over, and needs not be: what is left of it is removed at the next start.
func (v *Views) buildBeside(ctx context.Context, until eventstore.Position, asOf func(string) (asOf, error),
	progress Progress) (b *build, err error) {
	b = &build{path: v.besidePath()}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("build views beside: %w", err), b.remove())
			b = nil
		}
	}()
	if err := removeBuild(b.path); err != nil {
		return b, err
	}
	if b.conn, err = sqlite.Open(b.path, sqlite.ReadWrite); err != nil {
		return b, err
	}
	for _, pragma := range []string{"journal_mode=OFF", "synchronous=OFF", "locking_mode=EXCLUSIVE", "cache_size=-131072"} {
		if err := b.conn.Exec("PRAGMA " + pragma); err != nil {
			return b, err
		}
	}
	if err := createViews(b.conn, v.version, false); err != nil {
		return b, err
	}
	b.projector, err = newProjector(b.conn, projectorConfig{Config: v.config, asOf: asOf, fresh: true,
		delay: v.config.CacheEvents})
	if err != nil {
		return b, err
	}
	var progressed func(eventstore.Position)
	if progress != nil {
		progressed = func(done eventstore.Position) { progress(done, until) }
	}
	if err := b.projector.fill(ctx, until, progressed); err != nil {
		return b, err
	}
	for _, statement := range indexDDL() { // all at once is faster than row by row
		if err := b.conn.Exec(statement); err != nil {
			return b, err
		}
	}
	if progress != nil {
		progress(until, until)
	}
	return b, nil
}

// catchUp brings the build from where it stands to the position.
func (b *build) catchUp(ctx context.Context, until eventstore.Position) error {
	if b.projector.cursor >= until {
		return nil
	}
	return b.projector.follow(ctx, following{until: until, gate: new(sync.Mutex)})
}

// remove closes and removes the build.
func (b *build) remove() error {
	var err error
	if b.projector != nil {
		b.projector.close()
	}
	if b.conn != nil {
		err = b.conn.Close()
	}
	return errors.Join(err, removeBuild(b.path))
}

// Rebuild makes the views anew from the log, beside the live file, and takes them over in one transaction: all, or only the
// named ones, which then are as of the live cursor, once that has reached what was the log's end. Readers see the old rows until that moment and are never blocked; the
// follower waits while the last part is caught up and taken over. After a crash or an error the live views are as they were.
// progress may be nil.
func (v *Views) Rebuild(ctx context.Context, views []string, progress Progress) (err error) {
	chosen, err := chooseTables(views)
	if err != nil {
		return err
	}
	if len(views) > 0 {
		if err := v.atEnd(ctx); err != nil {
			return err
		}
	}
	done, err := v.startBuilding()
	if err != nil {
		return err
	}
	defer done()
	until, err := v.config.Store.End(ctx)
	if err != nil {
		return err
	}
	if len(views) > 0 {
		until = v.Cursor()
	}
	b, err := v.buildBeside(ctx, until, v.present, progress)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.remove()) }()

	v.gate.Lock()
	defer v.gate.Unlock()
	if v.outdated && len(views) > 0 {
		return ErrOutdated
	}
	if v.conn == nil {
		return errors.New("projections: closed")
	}
	if end, err := v.config.Store.End(ctx); err != nil {
		return err
	} else if cursor := v.Cursor(); cursor <= end { // a log that is shorter than the live views has nothing to catch up
		if err := b.catchUp(ctx, cursor); err != nil {
			return err
		}
	}
	if len(views) > 0 {
		err = v.takeOverTables(b, chosen)
	} else {
		err = v.takeOver(b)
	}
	if err != nil {
		return fmt.Errorf("take the built views over: %w", err)
	}
	err = b.remove()
	done() // whoever is woken now may build
	v.committed()
	return err
}

// chooseTables finds the named views.
func chooseTables(views []string) ([]*table, error) {
	var out []*table
	for _, name := range views {
		t, err := findTable(name)
		if err != nil {
			return nil, err
		}
		if !slices.Contains(out, t) {
			out = append(out, t)
		}
	}
	return out, nil
}

// takeOver puts the build in the live file's place. The gate is held.
func (v *Views) takeOver(b *build) error {
	if v.projector != nil {
		v.projector.detach() // no statement may be open
	}
	err := v.conn.CopyFrom(b.conn)
	if err == nil && v.outdated {
		v.mu.Lock()
		v.outdated = false
		v.mu.Unlock()
		return v.startProjector()
	}
	if v.projector != nil {
		err = errors.Join(err, v.projector.attach())
	}
	return err
}

// takeOverTables puts the build's rows of the tables in the place of the live ones. The gate is held.
func (v *Views) takeOverTables(b *build, chosen []*table) error {
	b.projector.close()
	b.projector = nil
	err := b.conn.Close() // it holds its file for itself alone
	b.conn = nil
	if err != nil {
		return err
	}
	v.projector.detach()
	err = v.conn.Exec("ATTACH '" + strings.ReplaceAll(b.path, "'", "''") + "' AS beside")
	if err == nil {
		statements := []string{"BEGIN IMMEDIATE"}
		for _, t := range chosen {
			statements = append(statements, "DELETE FROM main."+t.Name,
				"INSERT INTO main."+t.Name+" SELECT * FROM beside."+t.Name+" ORDER BY "+t.keyColumns())
		}
		if err = v.conn.Exec(strings.Join(append(statements, "COMMIT"), ";")); err != nil {
			_ = v.conn.Exec("ROLLBACK") // fails if nothing had begun
		}
		err = errors.Join(err, v.conn.Exec("DETACH beside"))
	}
	return errors.Join(err, v.projector.attach())
}
