package jetstream

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"

	"github.com/nats-io/nats.go"

	"amends/eventstore"
)

// A read collects events from the head backwards, or asks the server for the stream's events forwards. A step back is a
// lookup by sequence, whose cost (40 us) does not depend on the size of the log. Forwards, the server looks at every
// message of the log between two events of the stream (0.3 us each), which pays for streams that are dense in the log, and
// for those too long to be held in memory.
const (
	alwaysBack = 64     // so few events are always read backwards
	neverBack  = 20_000 // so many never
	sparse     = 128    // between, if there is not one in so many of the log
)

func backwardsIsCheaper(count uint64, logged eventstore.Position) bool {
	return count <= alwaysBack || count <= neverBack && count < uint64(logged)/sparse
}

// Read implements eventstore.Store. The head of the stream is looked up when the iteration starts; events that are
// acknowledged later are not waited for.
func (s *Store) Read(ctx context.Context, stream string, from eventstore.Revision) iter.Seq2[eventstore.Recorded, error] {
	return func(yield func(eventstore.Recorded, error) bool) {
		if err := s.read(ctx, stream, max(from, 1), yield); err != nil {
			yield(eventstore.Recorded{}, s.ending(ctx, err))
		}
	}
}

// ending is the error that a reader gets: what ended it, before what it ran into because of that.
func (s *Store) ending(ctx context.Context, err error) error {
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case s.ended.Err() != nil:
		return eventstore.ErrClosed
	default:
		return err
	}
}

// read returns nil when it reached the head or yield ended it.
func (s *Store) read(
	ctx context.Context, stream string, from eventstore.Revision, yield func(eventstore.Recorded, error) bool,
) error {
	if err := eventstore.ValidateStream(stream); err != nil {
		return err
	}
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	g := s.getter()
	last, err := g.one(ctx, getRequest{LastFor: subjectPrefix + stream})
	if errors.Is(err, errNoMessage) {
		return nil
	}
	if err != nil {
		return err
	}
	head, err := recorded(last)
	if err != nil {
		return err
	}
	switch {
	case from > head.Revision:
		return nil
	case backwardsIsCheaper(uint64(head.Revision-from+1), head.Position):
		events, err := backwards(ctx, g, last, head, from)
		if err != nil {
			return err
		}
		for _, e := range slices.Backward(events) {
			if !yield(e, nil) {
				return nil
			}
		}
		return nil
	default:
		return forwards(ctx, g, head, from, yield)
	}
}

// backwards returns the events from head down to the given revision, newest first.
func backwards(
	ctx context.Context, g *getter, m *nats.Msg, head eventstore.Recorded, from eventstore.Revision,
) ([]eventstore.Recorded, error) {
	events := []eventstore.Recorded{head}
	for e := head; e.Revision > from; {
		seq, err := previous(m, e)
		if err != nil {
			return nil, err
		}
		if m, err = g.one(ctx, getRequest{Seq: seq}); errors.Is(err, errNoMessage) {
			return nil, damaged(seq, "event %d of stream %s is missing at position %d", e.Revision-1, e.Stream, seq)
		}
		if err != nil {
			return nil, fmt.Errorf("event %d of stream %s: %w", e.Revision-1, e.Stream, err)
		}
		before, err := recorded(m)
		if err != nil {
			return nil, err
		}
		if before.Stream != e.Stream || before.Revision != e.Revision-1 {
			return nil, damaged(seq, "event %d of stream %s is not at position %d", e.Revision-1, e.Stream, seq)
		}
		events = append(events, before)
		e = before
	}
	return events, nil
}

// forwards yields the events from the given revision up to head.
func forwards(
	ctx context.Context, g *getter, head eventstore.Recorded, from eventstore.Revision,
	yield func(eventstore.Recorded, error) bool,
) error {
	expected := eventstore.Revision(1)
	for after := uint64(0); ; {
		p, err := g.batch(getRequest{Seq: after + 1, NextFor: subjectPrefix + head.Stream})
		if err != nil {
			return err
		}
		msgs, _, err := p.collect(ctx)
		if err != nil {
			return err
		}
		for _, m := range msgs {
			e, err := recorded(m)
			if err != nil {
				return err
			}
			if e.Stream != head.Stream || e.Revision != expected {
				return damaged(uint64(e.Position), "stream %s has revision %d where %d belongs", head.Stream, e.Revision, expected)
			}
			expected++
			after = uint64(e.Position)
			if e.Revision >= from && !yield(e, nil) {
				return nil
			}
			if e.Revision == head.Revision {
				return nil
			}
		}
		if len(msgs) == 0 {
			return damaged(uint64(head.Position), "stream %s ends at revision %d, not %d", head.Stream, expected-1, head.Revision)
		}
	}
}
