package eventstore

import (
	"context"
	"iter"
	"slices"
	"sync"
)

// Memory is a Store in memory: the executable specification of the contract, and a log for tests. It keeps nothing when
// the process ends.
type Memory struct {
	mu      sync.Mutex
	log     []Recorded            // the event at position p is log[p-1]
	streams map[string][]Position // the event at revision r is at position streams[name][r-1]
	grown   chan struct{}         // closed and replaced at each append; wakes the followers
}

var _ Store = (*Memory)(nil)

// NewMemory returns an empty log.
func NewMemory() *Memory {
	return &Memory{streams: make(map[string][]Position), grown: make(chan struct{})}
}

// Append implements Store.
func (m *Memory) Append(ctx context.Context, stream string, expect Expect, events ...Event) ([]Position, error) {
	if err := ValidateAppend(stream, events); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()

	held := m.streams[stream]
	if expect.Revision() != Revision(len(held)) {
		if first, ok := m.repeated(held, expect, events); ok {
			return first, nil
		}
		return nil, &ConflictError{Stream: stream, Expected: expect.Revision(), Actual: Revision(len(held))}
	}
	positions := make([]Position, len(events))
	for i, e := range events {
		e.Data = slices.Clone(e.Data)
		positions[i] = Position(len(m.log) + 1)
		m.log = append(m.log, Recorded{
			Event: e, Stream: stream, Revision: expect.Revision() + Revision(i) + 1, Position: positions[i],
		})
	}
	m.streams[stream] = append(held, positions...)
	close(m.grown)
	m.grown = make(chan struct{})
	return positions, nil
}

// repeated returns the positions of the events directly after the expected revision, if these are the appended ones.
func (m *Memory) repeated(held []Position, expect Expect, events []Event) ([]Position, bool) {
	from, to := uint64(expect.Revision()), uint64(expect.Revision())+uint64(len(events))
	if to > uint64(len(held)) {
		return nil, false
	}
	for i, p := range held[from:to] {
		if m.log[p-1].ID != events[i].ID {
			return nil, false
		}
	}
	return slices.Clone(held[from:to]), true
}

// Read implements Store.
func (m *Memory) Read(ctx context.Context, stream string, from Revision) iter.Seq2[Recorded, error] {
	return func(yield func(Recorded, error) bool) {
		if err := ValidateStream(stream); err != nil {
			yield(Recorded{}, err)
			return
		}
		m.mu.Lock()
		held := m.streams[stream] // entries already written never change
		m.mu.Unlock()
		for r := max(from, 1); r <= Revision(len(held)); r++ {
			if err := ctx.Err(); err != nil {
				yield(Recorded{}, err)
				return
			}
			if !yield(m.at(held[r-1]), nil) {
				return
			}
		}
	}
}

// Follow implements Store.
func (m *Memory) Follow(ctx context.Context, after Position) iter.Seq2[Recorded, error] {
	return func(yield func(Recorded, error) bool) {
		for next := after + 1; ; {
			m.mu.Lock()
			end, grown := Position(len(m.log)), m.grown
			m.mu.Unlock()
			for ; next <= end; next++ {
				if err := ctx.Err(); err != nil {
					yield(Recorded{}, err)
					return
				}
				if !yield(m.at(next), nil) {
					return
				}
			}
			select {
			case <-grown:
			case <-ctx.Done():
				yield(Recorded{}, ctx.Err())
				return
			}
		}
	}
}

// End implements Store.
func (m *Memory) End(context.Context) (Position, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return Position(len(m.log)), nil
}

// at returns the event at a position, with bytes of its own.
func (m *Memory) at(p Position) Recorded {
	m.mu.Lock()
	defer m.mu.Unlock()
	r := m.log[p-1]
	r.Data = slices.Clone(r.Data)
	return r
}
