// Package logcopy moves a log from one store to another: every record's bytes, ids and revisions, and the order.
package logcopy

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"

	"golang.org/x/sync/errgroup"

	"amends/eventstore"
)

// Config says what to copy. From and To must be set.
type Config struct {
	From, To eventstore.Store
	// Parallel is how many customers are written to at a time. 1, the default, keeps the order of the whole log; more are
	// faster, and keep each customer's order.
	Parallel int
	// Progress is told how many records have been copied. It may be nil.
	Progress func(records int)
}

// Result is what a copy did. It is complete only when there was no error.
type Result struct {
	Customers    int  // streams of the source
	Records      int  // of the source
	Copied       int  // by this copy
	AlreadyThere int  // copied earlier
	SameOrder    bool // the target holds all records in the source's order, not only each customer's
}

var (
	// ErrForeign: the target holds records that the source has not. Nothing was written.
	ErrForeign = errors.New("the target holds other records than the source")
	// ErrDiffers: the target is not what the source is, though everything was written.
	ErrDiffers = errors.New("the copy differs from its source")
)

// chain is a stream up to some revision: the hash of its last record and of the chain before it.
type chain struct {
	revision eventstore.Revision
	sum      [sha256.Size]byte
}

func (c *chain) add(h hash.Hash, e *eventstore.Recorded) error {
	if e.Revision != c.revision+1 {
		return fmt.Errorf("customer %s has revision %d where %d belongs", e.Stream, e.Revision, c.revision+1)
	}
	h.Reset()
	h.Write(c.sum[:])
	h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(e.ID))))
	h.Write([]byte(e.ID))
	h.Write(e.Data)
	c.revision = e.Revision
	h.Sum(c.sum[:0])
	return nil
}

// contents is what a log holds: a chain for each stream, and a hash of the order of all records.
type contents struct {
	streams map[string]*chain
	records int
	order   hash.Hash // of the streams' names, as their records follow each other
	hash    hash.Hash
}

func newContents() *contents {
	return &contents{streams: make(map[string]*chain), order: sha256.New(), hash: sha256.New()}
}

func (c *contents) add(e *eventstore.Recorded) (*chain, error) {
	s, ok := c.streams[e.Stream]
	if !ok {
		s = &chain{}
		c.streams[e.Stream] = s
	}
	c.records++
	c.order.Write([]byte(e.Stream))
	c.order.Write([]byte{0})
	return s, s.add(c.hash, e)
}

// scan reads a log from its start to the position, and gives each record with the chain that it ends to each, if there is one.
func scan(ctx context.Context, s eventstore.Store, until eventstore.Position, each func(*eventstore.Recorded, *chain) error) (*contents, error) {
	c := newContents()
	if until == 0 {
		return c, nil
	}
	for e, err := range s.Follow(ctx, 0) {
		if err != nil {
			return nil, err
		}
		if e.Position > until {
			break
		}
		at, err := c.add(&e)
		if err == nil && each != nil {
			err = each(&e, at)
		}
		if err != nil {
			return nil, err
		}
		if e.Position == until {
			break
		}
	}
	return c, nil
}

// Copy copies what the source has when it begins, and then reads all of the target back and compares. What an earlier copy
// wrote is not written again, so a copy that was interrupted, however it was, is simply made again. Nothing else may write
// to the target meanwhile.
func Copy(ctx context.Context, cfg Config) (Result, error) {
	end, err := cfg.From.End(ctx)
	if err != nil {
		return Result{}, fmt.Errorf("source: %w", err)
	}
	there, err := readAll(ctx, cfg.To)
	if err != nil {
		return Result{}, fmt.Errorf("target: %w", err)
	}
	if err := checkPrefix(ctx, cfg.From, end, there); err != nil {
		return Result{}, err
	}
	w := &writer{cfg: cfg}
	source, err := scan(ctx, cfg.From, end, func(e *eventstore.Recorded, _ *chain) error {
		if held := there.streams[e.Stream]; held != nil && e.Revision <= held.revision {
			return nil
		}
		return w.take(ctx, e)
	})
	if err == nil {
		err = w.flush(ctx)
	}
	result := Result{Copied: w.copied, AlreadyThere: there.records}
	if err != nil {
		return result, fmt.Errorf("copy: %w", err)
	}
	result.Customers, result.Records = len(source.streams), source.records
	copied, err := readAll(ctx, cfg.To)
	if err != nil {
		return result, fmt.Errorf("read the copy back: %w", err)
	}
	result.SameOrder, err = compare(source, copied)
	return result, err
}

func readAll(ctx context.Context, s eventstore.Store) (*contents, error) {
	end, err := s.End(ctx)
	if err != nil {
		return nil, err
	}
	return scan(ctx, s, end, nil)
}

// checkPrefix makes sure that each stream of the target is the beginning of the source's.
func checkPrefix(ctx context.Context, from eventstore.Store, end eventstore.Position, there *contents) error {
	if there.records == 0 {
		return nil
	}
	same := 0
	_, err := scan(ctx, from, end, func(e *eventstore.Recorded, at *chain) error {
		held := there.streams[e.Stream]
		if held == nil || held.revision != at.revision {
			return nil
		}
		if *held != *at {
			return fmt.Errorf("%w: customer %s differs at or before revision %d", ErrForeign, e.Stream, at.revision)
		}
		same++
		return nil
	})
	switch {
	case errors.Is(err, ErrForeign):
		return err
	case err != nil:
		return fmt.Errorf("source: %w", err)
	case same != len(there.streams):
		return fmt.Errorf("%w: %d of its %d customers have more records than the source, or are not in it",
			ErrForeign, len(there.streams)-same, len(there.streams))
	}
	return nil
}

// compare returns whether the order of the whole log is the same; a difference in any stream is an error.
func compare(source, copied *contents) (sameOrder bool, err error) {
	if source.records != copied.records || len(source.streams) != len(copied.streams) {
		return false, fmt.Errorf("%w: it has %d records of %d customers, the source %d of %d",
			ErrDiffers, copied.records, len(copied.streams), source.records, len(source.streams))
	}
	for name, want := range source.streams {
		if got := copied.streams[name]; got == nil || *got != *want {
			return false, fmt.Errorf("%w: customer %s has another chain", ErrDiffers, name)
		}
	}
	return string(source.order.Sum(nil)) == string(copied.order.Sum(nil)), nil
}

// unit is one append.
type unit struct {
	stream string
	after  eventstore.Revision
	events []eventstore.Event
	bytes  int
}

func (u *unit) takes(e *eventstore.Recorded) bool {
	return u.stream == e.Stream && len(u.events) < eventstore.MaxAppendEvents && u.bytes+len(e.Data) <= eventstore.MaxAppendBytes
}

// writer gathers records into units. While one customer is written to at a time, a unit is a run of records of one customer;
// else a window of the log is sorted by customer.
type writer struct {
	cfg    Config
	units  []*unit          // in order of their first records
	latest map[string]*unit // of each customer in the window
	held   int              // bytes
	copied int
}

// windowBytes bounds what is held of the log.
const windowBytes = 16 << 20

func (w *writer) take(ctx context.Context, e *eventstore.Recorded) error {
	last := w.latest[e.Stream]
	if w.cfg.Parallel <= 1 && len(w.units) > 0 {
		last = w.units[len(w.units)-1]
	}
	if last == nil || !last.takes(e) {
		if w.held >= windowBytes || w.cfg.Parallel <= 1 {
			if err := w.flush(ctx); err != nil {
				return err
			}
		}
		last = &unit{stream: e.Stream, after: e.Revision - 1}
		if w.latest == nil {
			w.latest = make(map[string]*unit)
		}
		w.units, w.latest[e.Stream] = append(w.units, last), last
	}
	last.events, last.bytes = append(last.events, e.Event), last.bytes+len(e.Data)
	w.held += len(e.Data)
	return nil
}

// flush writes what is held: customers side by side, the units of one customer in order.
func (w *writer) flush(ctx context.Context) error {
	byStream := make(map[string][]*unit)
	var order []string
	for _, u := range w.units {
		if len(byStream[u.stream]) == 0 {
			order = append(order, u.stream)
		}
		byStream[u.stream] = append(byStream[u.stream], u)
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(max(w.cfg.Parallel, 1))
	for _, stream := range order {
		group.Go(func() error {
			for _, u := range byStream[stream] {
				if _, err := w.cfg.To.Append(ctx, u.stream, eventstore.At(u.after), u.events...); err != nil {
					return fmt.Errorf("customer %s: %w", u.stream, err)
				}
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	for _, u := range w.units {
		w.copied += len(u.events)
	}
	if w.cfg.Progress != nil {
		w.cfg.Progress(w.copied)
	}
	w.units, w.latest, w.held = nil, nil, 0
	return nil
}
