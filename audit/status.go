package audit

import (
	"context"
	"fmt"

	"amends/eventstore"
)

// Status says how far the log is sealed.
type Status struct {
	Key        string              // the public key
	Size       int64               // records under the last checkpoint
	Position   eventstore.Position // of the last of them
	MapSize    int64               // records under the last root of the completeness map
	Checkpoint string              // the last signed checkpoint
	Stopped    error               // why nothing is sealed at present; nil while the sealer runs
}

// Status returns how far the log is sealed. It waits until Run has looked, or stopped, for as long as ctx lasts.
func (s *Sealer) Status(ctx context.Context) Status {
	_ = s.await(ctx, func() bool { return s.log != nil }) // why it stopped is in the status
	s.mu.Lock()
	defer s.mu.Unlock()
	st := Status{Key: s.Key().LogText, Position: s.sealedTo, Stopped: s.stopped}
	if s.log != nil {
		st.Size, st.Checkpoint = s.log.tree.N, string(s.log.checkpoint)
	}
	if s.roots != nil {
		st.MapSize = s.roots.covers
	}
	return st
}

// WaitFor returns once the record at the position is under a signed checkpoint, with ctx's error, or with why the sealer
// stopped if it did.
func (s *Sealer) WaitFor(ctx context.Context, at eventstore.Position) error {
	return s.await(ctx, func() bool { return s.log != nil && s.sealedTo >= at })
}

// WaitForMap returns once a signed root of the completeness map covers the position; otherwise like WaitFor.
func (s *Sealer) WaitForMap(ctx context.Context, at eventstore.Position) error {
	if err := s.WaitFor(ctx, at); err != nil {
		return err
	}
	s.mu.Lock()
	size := s.log.tree.N
	s.mu.Unlock()
	return s.await(ctx, func() bool { return s.roots != nil && s.roots.covers >= size })
}

// await waits for a condition, which is asked under s.mu.
func (s *Sealer) await(ctx context.Context, done func() bool) error {
	for {
		s.mu.Lock()
		ok, moved, stopped := done(), s.moved, s.stopped
		s.mu.Unlock()
		switch {
		case ok:
			return nil
		case stopped != nil:
			return fmt.Errorf("%w: the sealer stopped: %w", ErrNotSealed, stopped)
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
