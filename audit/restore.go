package audit

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"filippo.io/torchwood"
	"golang.org/x/mod/sumdb/tlog"

	"amends/audit/verifier"
	"amends/eventstore"
)

// restoringFile marks a data directory whose restore has not finished.
const restoringFile = "restoring"

// Unfinished returns an error when a restore into the data directory has not finished.
func Unfinished(dir string) error {
	_, err := os.Stat(filepath.Join(dir, restoringFile))
	if err == nil {
		return fmt.Errorf("a restore into %s has not finished: run the same restore again", dir)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// BeginRestore marks the data directory as unfinished. It must hold no ledger, or an unfinished restore.
func BeginRestore(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	if Unfinished(dir) != nil {
		return nil
	}
	held, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	// Keys may be put in place before the restore.
	held = slices.DeleteFunc(held, func(d fs.DirEntry) bool { return d.Name() == keysDir })
	if len(held) > 0 {
		return fmt.Errorf("%s is not empty (%s): restore into a directory that holds no ledger", dir, held[0].Name())
	}
	return replaceFile(filepath.Join(dir, restoringFile), []byte("A restore is under way, or was interrupted: run it again.\n"))
}

// RestoreConfig says what to restore. From, Dir and Store must be set.
type RestoreConfig struct {
	From  string           // the directory of the backup
	Dir   string           // the data directory; BeginRestore must have been called
	Store eventstore.Store // the one in Dir
	// Newest is the checkpoint that the ledger signed last, of all it ever signed, when the restored ledger is to go on under the
	// same key. Nil, the default: it takes a new one, see identity.go.
	Newest []byte
	// Progress is told how many records of how many were restored. Default: nobody is.
	Progress func(done, total int64)
}

// Restore makes the log anew from a backup, and puts the sealed copy beside it: the same streams, ids, revisions, bytes and
// order. What an interrupted restore wrote is compared and gone on from. When it returns nil the directory is finished. It
// returns ErrNewerSigned when the key may not be kept, before anything is written.
func Restore(ctx context.Context, cfg RestoreConfig) (Copied, error) {
	text, err := os.ReadFile(filepath.Join(cfg.From, keyFile))
	if err != nil {
		return Copied{}, fmt.Errorf("%s is no backup: %w", cfg.From, err)
	}
	key, err := verifier.ParseKey(string(text))
	if err != nil {
		return Copied{}, err
	}
	source := Source{Log: OpenTiles(filepath.Join(cfg.From, logDir)), Map: OpenTiles(filepath.Join(cfg.From, mapDir)), Key: key}
	done := Copied{Key: key.LogText}
	signed, err := source.Log.ReadEndpoint(ctx, checkpointFile)
	if err != nil {
		return done, fmt.Errorf("%s is unfinished: run its backup again: %w", cfg.From, err)
	}
	c, err := key.OpenLog(signed)
	if err != nil {
		return done, err
	}
	if cfg.Newest != nil {
		if err := nothingNewer(ctx, source, c, cfg.Newest); err != nil {
			return done, err
		}
		if err := keyIsOf(cfg.Dir, key); err != nil {
			return done, err
		}
	}
	r := &restore{store: cfg.Store, total: c.N, progress: cfg.Progress}
	if r.have, err = cfg.Store.End(ctx); err != nil {
		return done, err
	}
	if err := r.compare(ctx, source.Log, c.Tree); err != nil {
		return done, err
	}
	done.Records = c.N
	if done.New, err = r.appendAll(ctx, source.Log, c.Tree); err != nil {
		return done, err
	}
	audit := filepath.Join(cfg.Dir, auditDir)
	if err := os.MkdirAll(audit, 0o700); err != nil {
		return done, err
	}
	if err := restoreSettings(cfg.From, cfg.Dir); err != nil {
		return done, err
	}
	// An interrupted restore may have left a tree under a key that has signed nothing yet.
	for _, d := range []string{logDir, mapDir} {
		if err := os.RemoveAll(filepath.Join(audit, d)); err != nil {
			return done, err
		}
	}
	if cfg.Newest != nil {
		err = keepIdentity(ctx, source, audit)
	} else {
		done.Previous = key.LogText
		done.Key, err = newIdentity(ctx, source, cfg.Dir)
	}
	if err != nil {
		return done, err
	}
	if err := r.writePositions(filepath.Join(audit, logDir, positionsFile)); err != nil {
		return done, err
	}
	if err := os.Remove(filepath.Join(cfg.Dir, restoringFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return done, err
	}
	return done, syncFile(cfg.Dir)
}

// restore is one restore under way.
type restore struct {
	store    eventstore.Store
	have     eventstore.Position // the log's end when it began
	places   []eventstore.Position
	total    int64
	progress func(done, total int64)
}

// compare holds what the log has already against the backup.
func (r *restore) compare(ctx context.Context, from torchwood.TileReader, of tlog.Tree) error {
	if r.have == 0 {
		return nil
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	events := make(chan eventstore.Recorded, 256)
	failed := make(chan error, 1)
	go func() {
		defer close(events)
		for rec, err := range r.store.Follow(ctx, 0) {
			if err != nil {
				failed <- err
				return
			}
			select {
			case events <- rec:
			case <-ctx.Done():
				return
			}
			if rec.Position >= r.have {
				return
			}
		}
	}()
	err := entries(ctx, from, of, 0, func(i int64, e []byte) error {
		rec, ok := <-events
		if !ok {
			select {
			case err := <-failed:
				return err
			default:
				return errEnough
			}
		}
		if string(rec.Data) != string(e) {
			return fmt.Errorf("%w: position %d of the log is not record %d of the backup", ErrLogDiffers, rec.Position, i)
		}
		r.places = append(r.places, rec.Position)
		return nil
	})
	if errors.Is(err, errEnough) {
		return nil
	}
	if _, more := <-events; err == nil && more {
		return fmt.Errorf("%w: it holds more records than the backup", ErrLogDiffers)
	}
	return err
}

// inOrder is a store that makes several appends durable at once and keeps their order (eventstore/jetstream does).
type inOrder interface {
	AppendInOrder(ctx context.Context, units ...eventstore.Unit) ([]eventstore.Position, error)
}

// What is appended at once, at most.
const (
	restoreEvents = eventstore.MaxAppendEvents
	restoreBytes  = 8 << 20
)

// appendAll appends what the log lacks, in the order of the backup. Neighbours of one customer are one unit; units of different
// customers are appended together where the store can.
func (r *restore) appendAll(ctx context.Context, from torchwood.TileReader, of tlog.Tree) (added int64, err error) {
	var units []eventstore.Unit
	held := map[string]bool{} // streams that have a unit
	events, bytes := 0, 0
	flush := func() error {
		at, err := r.appendUnits(ctx, units)
		if err != nil {
			return err
		}
		r.places = append(r.places, at...)
		added += int64(events)
		clear(held)
		units, events, bytes = units[:0], 0, 0
		return nil
	}
	err = entries(ctx, from, of, int64(len(r.places)), func(i int64, e []byte) error {
		record, err := verifier.ParseRecord(e)
		if err != nil {
			return fmt.Errorf("record %d of the backup: %w", i, err)
		}
		last := len(units) - 1
		neighbour := last >= 0 && units[last].Stream == record.Stream
		if events == restoreEvents || bytes+len(e) > restoreBytes || held[record.Stream] && !neighbour {
			if err := flush(); err != nil {
				return err
			}
			neighbour = false
		}
		if !neighbour {
			units = append(units, eventstore.Unit{Stream: record.Stream, Expect: eventstore.At(eventstore.Revision(record.Revision - 1))})
			held[record.Stream] = true
			last = len(units) - 1
		}
		units[last].Events = append(units[last].Events, eventstore.Event{ID: record.ID, Data: slices.Clone(e)})
		events, bytes = events+1, bytes+len(e)
		if r.progress != nil && i%1024 == 0 {
			r.progress(i, r.total)
		}
		return nil
	})
	if err != nil {
		return added, err
	}
	if err := flush(); err != nil {
		return added, err
	}
	if r.progress != nil {
		r.progress(r.total, r.total)
	}
	return added, nil
}

func (r *restore) appendUnits(ctx context.Context, units []eventstore.Unit) (places []eventstore.Position, err error) {
	if len(units) == 0 {
		return nil, nil
	}
	if store, ok := r.store.(inOrder); ok {
		places, err = store.AppendInOrder(ctx, units...)
		if err != nil {
			return nil, fmt.Errorf("restore %d customers' records, the first of customer %s: %w", len(units), units[0].Stream, err)
		}
		return places, nil
	}
	for _, u := range units {
		at, err := r.store.Append(ctx, u.Stream, u.Expect, u.Events...)
		if err != nil {
			return nil, fmt.Errorf("restore records of customer %s: %w", u.Stream, err)
		}
		places = append(places, at...)
	}
	return places, nil
}

func (r *restore) writePositions(path string) (err error) {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	p, err := openPositions(path, 0)
	if err != nil {
		return err
	}
	return errors.Join(p.append(r.places), p.close(), syncFile(filepath.Dir(path)))
}
