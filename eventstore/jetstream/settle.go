package jetstream

import (
	"context"
	"errors"
	"fmt"

	"amends/eventstore"
)

// maxAttempts is how often an append is written again after a refusal that turned out to be no conflict: the remembered
// head was wrong, or another write was in flight.
const maxAttempts = 5

// settleRefused finds out, beside the committer, what a refused append means: stored before, in conflict, or to be tried
// again. refused is nil when the committer did not even send the append.
func (s *Store) settleRefused(p *pending, refused error) {
	var r *refusal
	if errors.As(refused, &r) && !r.conflict() {
		s.heads.Remove(p.stream)
		p.settle(nil, fmt.Errorf("append to stream %s: %w", p.stream, refused))
		return
	}
	s.writing.Go(func() {
		positions, err := s.resolve(p)
		if errors.Is(err, errTryAgain) && p.attempts < maxAttempts {
			p.attempts++
			if !s.queue.add(p) {
				p.settle(nil, eventstore.ErrClosed)
			}
			return
		}
		p.settle(positions, err)
	})
}

var errTryAgain = errors.New("the stream is at the expected revision after all")

// resolve compares what the stream holds directly after the expected revision with the append's ids.
func (s *Store) resolve(p *pending) ([]eventstore.Position, error) {
	actual, err := s.refresh(s.ended, p.stream)
	if err != nil {
		return nil, fmt.Errorf("append to stream %s: %w", p.stream, err)
	}
	if actual.revision == p.expect {
		return nil, fmt.Errorf("append to stream %s: %w", p.stream, errTryAgain)
	}
	conflict := &eventstore.ConflictError{Stream: p.stream, Expected: p.expect, Actual: actual.revision}
	if actual.revision < p.expect+eventstore.Revision(len(p.ids)) {
		return nil, conflict
	}
	var positions []eventstore.Position
	for e, err := range s.Read(s.ended, p.stream, p.expect+1) {
		if err != nil {
			return nil, fmt.Errorf("append to stream %s: %w", p.stream, err)
		}
		if e.ID != p.ids[len(positions)] {
			return nil, conflict
		}
		if positions = append(positions, e.Position); len(positions) == len(p.ids) {
			break
		}
	}
	return positions, nil
}

// refresh asks the log for the head of a stream and remembers it.
func (s *Store) refresh(ctx context.Context, stream string) (head, error) {
	m, err := s.getter().one(ctx, getRequest{LastFor: subjectPrefix + stream})
	if errors.Is(err, errNoMessage) {
		s.heads.Remove(stream)
		return head{}, nil
	}
	if err != nil {
		s.heads.Remove(stream)
		return head{}, err
	}
	e, err := recorded(m)
	if err != nil {
		return head{}, err
	}
	h := head{e.Revision, uint64(e.Position)}
	s.heads.Add(stream, h)
	// Direct Gets only answer what is synced, so all up to here is as good as acknowledged.
	s.mark.advance(e.Position)
	return h, nil
}

// unknown settles appends for which no answer came: perhaps stored, perhaps not. If they were stored after all, followers
// must learn of it although no acknowledgement will move the mark.
func (s *Store) unknown(members []*pending, cause error) {
	if s.writes.IsClosed() {
		cause = eventstore.ErrClosed
	}
	for _, p := range members {
		s.heads.Remove(p.stream)
		p.settle(nil, fmt.Errorf("append to stream %s: its fate is unknown: %w", p.stream, cause))
	}
	s.writing.Go(func() {
		for _, p := range members {
			if _, err := s.refresh(s.ended, p.stream); err != nil {
				s.log.Warn().Err(err).Msg("could not look up the fate of an append")
				return
			}
		}
	})
}
