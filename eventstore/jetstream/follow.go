package jetstream

import (
	"context"
	"iter"
	"sync"

	"amends/eventstore"
)

// mark is the position up to which every event of the log is acknowledged. Followers wait on it: the directory lock makes
// this process the only writer, so no event appears without the mark moving.
type mark struct {
	mu    sync.Mutex
	end   eventstore.Position
	moved chan struct{} // closed and replaced when end moves
}

func newMark(end eventstore.Position) *mark { return &mark{end: end, moved: make(chan struct{})} }

func (k *mark) advance(to eventstore.Position) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if to > k.end {
		k.end = to
		close(k.moved)
		k.moved = make(chan struct{})
	}
}

func (k *mark) now() (eventstore.Position, <-chan struct{}) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.end, k.moved
}

// End implements eventstore.Store.
func (s *Store) End(context.Context) (eventstore.Position, error) {
	end, _ := s.mark.now()
	return end, nil
}

// Follow implements eventstore.Store. Near the end of the log it reads batches by sequence, one batch ahead of its caller;
// far from it, it catches up with a consumer first.
func (s *Store) Follow(ctx context.Context, after eventstore.Position) iter.Seq2[eventstore.Recorded, error] {
	return func(yield func(eventstore.Recorded, error) bool) {
		if err := s.follow(ctx, after, yield); err != nil {
			yield(eventstore.Recorded{}, s.ending(ctx, err))
		}
	}
}

// follow returns nil only when yield ended it.
func (s *Store) follow(
	ctx context.Context, after eventstore.Position, yield func(eventstore.Recorded, error) bool,
) error {
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	// Nothing is ever deleted from the log, so a missing position is a lost event.
	deliver := func(e eventstore.Recorded) (bool, error) {
		if err := ctx.Err(); err != nil {
			return false, context.Cause(ctx)
		}
		if e.Position != after+1 {
			return false, damaged(uint64(after)+1, "position %d is missing", after+1)
		}
		after = e.Position
		return yield(e, nil), nil
	}
	if end, _ := s.mark.now(); end > after+farBehind {
		goOn, err := s.catchUp(ctx, after, end, deliver)
		if err != nil || !goOn {
			return err
		}
	}
	return s.tail(ctx, &after, deliver)
}

// tail delivers what follows the position, in batches, and waits for more. It returns nil only when deliver ended it.
func (s *Store) tail(
	ctx context.Context, after *eventstore.Position, deliver func(eventstore.Recorded) (bool, error),
) (err error) {
	g := s.getter()
	var ahead *reply // the batch that was asked for while the caller took the one before
	defer func() {
		if ahead != nil {
			ahead.forget()
		}
	}()
	for {
		if end, moved := s.mark.now(); ahead == nil && *after >= end {
			select {
			case <-moved:
				continue
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		}
		p := ahead
		if p == nil {
			if p, err = g.batch(getRequest{Seq: uint64(*after) + 1}); err != nil {
				return err
			}
		}
		ahead = nil
		msgs, more, err := p.collect(ctx)
		if err != nil {
			return err
		}
		if len(msgs) == 0 {
			return damaged(uint64(*after)+1, "nothing after position %d, though more was acknowledged", *after)
		}
		if more {
			if ahead, err = g.batch(getRequest{Seq: uint64(*after) + uint64(len(msgs)) + 1}); err != nil {
				return err
			}
		}
		for _, m := range msgs {
			e, err := recorded(m)
			if err != nil {
				return err
			}
			if goOn, err := deliver(e); err != nil || !goOn {
				return err
			}
		}
	}
}
