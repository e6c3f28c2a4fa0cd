package jetstream

import (
	"context"
	"fmt"
	"slices"

	"github.com/nats-io/nats.go"

	"amends/eventstore"
)

// Append implements eventstore.Store. When ctx ends first the append may still be written: its fate is unknown.
func (s *Store) Append(
	ctx context.Context, stream string, expect eventstore.Expect, events ...eventstore.Event,
) ([]eventstore.Position, error) {
	p, err := newPending(stream, expect, events)
	if err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if !s.queue.add(p) {
		return nil, eventstore.ErrClosed
	}
	select {
	case o := <-p.done:
		return o.positions, o.err
	case <-ctx.Done():
		return nil, fmt.Errorf("append to stream %s: gave up waiting, its fate is unknown: %w", stream, ctx.Err())
	}
}

// newPending checks an append and makes its messages.
func newPending(stream string, expect eventstore.Expect, events []eventstore.Event) (*pending, error) {
	if err := eventstore.ValidateAppend(stream, events); err != nil {
		return nil, err
	}
	p := &pending{
		stream: stream,
		expect: expect.Revision(),
		msgs:   make([]*nats.Msg, len(events)),
		ids:    make([]string, len(events)),
		done:   make(chan outcome, 1),
	}
	for i, e := range events {
		p.msgs[i], p.ids[i] = message(stream, p.expect+eventstore.Revision(i)+1, e), e.ID
		p.bytes += len(e.Data)
	}
	return p, nil
}

// AppendInOrder appends units, each to another stream, so that the log has them in the given order; nobody else may append
// meanwhile. It costs one sync for all of them, where Append costs one each: it is for whoever makes a log anew. Together they
// must fit one round: eventstore.MaxAppendEvents events of 16 MiB. It returns the positions of all events, in order. After an
// error some of the units may be stored, as after an error of Append.
func (s *Store) AppendInOrder(ctx context.Context, units ...eventstore.Unit) ([]eventstore.Position, error) {
	all := make([]*pending, len(units))
	streams := make(map[string]struct{}, len(units))
	events, bytes := 0, 0
	for i, u := range units {
		var err error
		if all[i], err = newPending(u.Stream, u.Expect, u.Events); err != nil {
			return nil, err
		}
		streams[u.Stream] = struct{}{}
		events, bytes = events+len(u.Events), bytes+all[i].bytes
	}
	if len(streams) != len(units) || events > roundEvents || bytes > roundBytes {
		return nil, fmt.Errorf("%w: %d units with %d events of %d bytes, to %d streams, do not fit one round",
			eventstore.ErrInvalid, len(units), events, bytes, len(streams))
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if !s.queue.add(all...) {
		return nil, eventstore.ErrClosed
	}
	positions := make([]eventstore.Position, 0, events)
	for _, p := range all {
		select {
		case o := <-p.done:
			if o.err != nil {
				return nil, o.err
			}
			positions = append(positions, o.positions...)
		case <-ctx.Done():
			return nil, fmt.Errorf("append %d units: gave up waiting, their fate is unknown: %w", len(units), ctx.Err())
		}
	}
	if !slices.IsSorted(positions) {
		return nil, fmt.Errorf("append %d units: somebody else appended meanwhile, and they lost their order", len(units))
	}
	return positions, nil
}
