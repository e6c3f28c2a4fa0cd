package jetstream

import (
	"context"
	"fmt"

	"github.com/nats-io/nats.go"

	"amends/eventstore"
)

// Append implements eventstore.Store. When ctx ends first the append may still be written: its fate is unknown.
func (s *Store) Append(
	ctx context.Context, stream string, expect eventstore.Expect, events ...eventstore.Event,
) ([]eventstore.Position, error) {
	if err := eventstore.ValidateAppend(stream, events); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
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
