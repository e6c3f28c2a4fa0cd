package projections

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"sync"

	"amends/eventstore"
)

// following says how far to follow the log, and with whose leave.
type following struct {
	until eventstore.Position // the last position wanted; 0: for ever
	// gate is held from the first record taken to the commit that covers it.
	gate sync.Locker
	// committed is called after each commit, the gate being held.
	committed func()
	// progressed is called now and then with what was seen, the gate being held.
	progressed func(eventstore.Position)
}

// follow takes what the log has after the cursor, and commits: at once when nothing more is waiting, in large transactions
// while the log is far ahead. It returns nil after the last wanted position, and otherwise why it could not go on; then
// nothing that was not committed is held any more.
func (p *projector) follow(ctx context.Context, f following) (err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	// The gate: until the first record comes, a refresh or a build that is taken over may commit. A cursor that such a commit
	// moves on is no harm, as take skips what was seen; but it must be read before the log's end, or it might lie beyond it.
	f.gate.Lock()
	cursor := p.cursor
	f.gate.Unlock()
	end, err := p.store.End(ctx)
	if err != nil {
		return err
	}
	if end < cursor {
		return ErrLogBehind
	}
	source := startFeed(ctx, p.store, p.codec, cursor, f.until, nil)
	held := false
	defer func() {
		if err != nil {
			if !held {
				f.gate.Lock()
				held = true
			}
			err = errors.Join(err, p.restart())
		}
		if held {
			f.gate.Unlock()
		}
	}()
	var items []item
	for {
		items, err = source.take(items[:0])
		if errors.Is(err, errDrained) {
			return p.flushWith(ctx, f, &held)
		}
		if errors.Is(err, eventstore.ErrPosition) {
			return fmt.Errorf("%w: %w", ErrLogBehind, err)
		}
		if err != nil {
			return err
		}
		if !held {
			f.gate.Lock()
			held = true
		}
		if p.writer == nil {
			return errDetached
		}
		if err := p.take(items); err != nil {
			return err
		}
		if f.progressed != nil {
			f.progressed(p.seen)
		}
		if p.held < p.delay && (p.seen < end || f.until != 0) {
			continue
		}
		caughtUp := p.seen >= end // asked under the gate: without it a build may be taken over
		if err := p.flushWith(ctx, f, &held); err != nil {
			return err
		}
		if caughtUp && len(items) == feedTake {
			if end, err = p.store.End(ctx); err != nil {
				return err
			}
		}
		clear(items)
	}
}

// flushWith flushes and gives the gate back.
func (p *projector) flushWith(ctx context.Context, f following, held *bool) error {
	if !*held {
		f.gate.Lock()
		*held = true
	}
	if err := p.flush(ctx); err != nil {
		return err
	}
	if f.committed != nil {
		f.committed()
	}
	f.gate.Unlock()
	*held = false
	return nil
}

// errDetached: a build could not be taken over, and the live file not be taken up again.
var errDetached = errors.New("projections: the file of views was given up after a failure")

// restart drops everything that is not committed.
func (p *projector) restart() error {
	if p.writer == nil {
		return nil // detached by a failure to take a build over
	}
	next, err := p.writer.restart()
	p.writer = next
	return errors.Join(err, p.reload())
}

// fill makes the views of a fresh file from the whole log up to the given position. A log with more events than may be held at
// once is read several times, each time for a part of the customers, because that is much faster than reading customers one
// by one when they come up again.
func (p *projector) fill(ctx context.Context, until eventstore.Position, progressed func(eventstore.Position)) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if err := p.readSchedule(ctx, until); err != nil {
		return err
	}
	events, err := p.eventsUpTo(ctx, until)
	if err != nil {
		return err
	}
	parts := 1 + uint32(events/uint64(p.delay))
	for part := range parts {
		p.seen = 0
		owns := func(stream string) bool { return parts == 1 || partOf(stream, parts) == part }
		p.pass = &pass{rows: part == 0, owns: owns, until: until}
		source := startFeed(ctx, p.store, p.codec, 0, until, ownsAllIf(part == 0, owns))
		var items []item
		for {
			items, err = source.take(items[:0])
			if errors.Is(err, errDrained) {
				break
			}
			if err != nil {
				return err
			}
			if err := p.take(items); err != nil {
				return err
			}
			if progressed != nil {
				progressed((eventstore.Position(part)*until + p.seen) / eventstore.Position(parts))
			}
			if p.held >= 2*p.delay {
				if err := p.projectPart(ctx); err != nil {
					return err
				}
				p.cache.shrink()
			}
		}
		p.seen = until
		if err := p.projectPart(ctx); err != nil {
			return err
		}
		if parts > 1 { // streams of other parts may be held beyond what was taken
			p.cache.clear()
		}
	}
	p.pass = nil
	if err := p.commit(ctx, until); err != nil {
		return err
	}
	p.cache.shrink()
	return nil
}

// eventsUpTo is how many events the log has up to a position, or an upper bound of that which makes no difference to fill.
// Where positions have gaps the events must be counted.
func (p *projector) eventsUpTo(ctx context.Context, until eventstore.Position) (events uint64, err error) {
	if !p.sparse || uint64(until) < uint64(p.delay) {
		return uint64(until), nil
	}
	for e, err := range p.store.Follow(ctx, 0) {
		if err != nil {
			return 0, err
		}
		if events++; e.Position >= until {
			break
		}
	}
	return events, nil
}

// projectPart projects without a commit. What it put is sent off, as a chunk may hold a customer's rows only once: it clears
// first and puts then.
func (p *projector) projectPart(ctx context.Context) error {
	p.held = 0
	if err := p.project(ctx); err != nil {
		return err
	}
	return p.send()
}

// ownsAllIf is no restriction at all if all is set: the feed then decodes every record, for its own row.
func ownsAllIf(all bool, owns func(string) bool) func(string) bool {
	if all {
		return nil
	}
	return owns
}

func partOf(stream string, parts uint32) uint32 {
	h := fnv.New32a()
	h.Write([]byte(stream))
	return h.Sum32() % parts
}
