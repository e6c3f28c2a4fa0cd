package audit

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"amends/audit/verifier"
	"amends/eventstore"
)

// How much one commit takes at most.
const (
	batchRecords = 16_384
	batchBytes   = 16 << 20
)

// seal appends what the log yields to the tree and signs it, batch by batch.
func (s *Sealer) seal(ctx context.Context, t *tree) error {
	after := eventstore.Position(0)
	if t.size > 0 {
		var err error
		if after, err = s.places.at(t.size - 1); err != nil {
			return err
		}
	}
	records, failed := s.follow(ctx, after)
	var next time.Time // not before this instant
	for {
		var batch []eventstore.Recorded
		size := 0
		take := func(r eventstore.Recorded) {
			batch = append(batch, r)
			size += len(r.Data)
		}
		select {
		case r, ok := <-records:
			if !ok {
				return <-failed
			}
			take(r)
		case <-ctx.Done():
			return ctx.Err()
		}
		due := time.NewTimer(time.Until(next))
		for waiting := true; waiting; {
			// What is waiting anyway is taken also when the time has come.
			select {
			case r, ok := <-records:
				if !ok {
					due.Stop()
					return <-failed
				}
				take(r)
				waiting = len(batch) < batchRecords && size < batchBytes
				continue
			default:
			}
			select {
			case r, ok := <-records:
				if !ok {
					due.Stop()
					return <-failed
				}
				take(r)
			case <-due.C:
				waiting = false
			case <-ctx.Done():
				due.Stop()
				return ctx.Err()
			}
		}
		due.Stop()
		next = time.Now().Add(s.cfg.Interval)
		if err := s.sealBatch(t, batch); err != nil {
			return err
		}
	}
}

// follow reads the log ahead of the sealing. The error is sent after the records' channel was closed.
func (s *Sealer) follow(ctx context.Context, after eventstore.Position) (<-chan eventstore.Recorded, <-chan error) {
	records, failed := make(chan eventstore.Recorded, 2_048), make(chan error, 1)
	go func() {
		defer close(records)
		for r, err := range s.cfg.Store.Follow(ctx, after) {
			if err != nil {
				failed <- err
				return
			}
			select {
			case records <- r:
			case <-ctx.Done():
				failed <- ctx.Err()
				return
			}
		}
	}()
	return records, failed
}

// sealBatch makes the records the next leaves: positions, bundles, tiles, fsync, state, signature.
func (s *Sealer) sealBatch(t *tree, batch []eventstore.Recorded) error {
	places := make([]eventstore.Position, len(batch))
	leaves := make([][]byte, len(batch))
	for i, rec := range batch {
		r, err := verifier.ParseRecord(rec.Data)
		if err != nil {
			return fmt.Errorf("position %d: %w", rec.Position, err)
		}
		if r.Stream != rec.Stream || r.Revision != uint64(rec.Revision) || r.ID != rec.ID {
			return fmt.Errorf("%w: the record at position %d says it is revision %d of customer %s, the log has it as revision %d of %s",
				ErrLogDiffers, rec.Position, r.Revision, r.Stream, rec.Revision, rec.Stream)
		}
		places[i], leaves[i] = rec.Position, rec.Data
	}
	if err := s.step("positions"); err != nil {
		return err
	}
	if err := s.places.append(places); err != nil {
		return err
	}
	if err := t.append(leaves...); err != nil {
		return err
	}
	if err := t.commit(); err != nil {
		return err
	}
	if err := t.sign(s.signers.Load().log); err != nil {
		return err
	}
	return s.publish(t)
}

// publish shows the signed tree of records to those who ask for proofs.
func (s *Sealer) publish(t *tree) error {
	to := eventstore.Position(0)
	if t.size > 0 {
		var err error
		if to, err = s.places.at(t.size - 1); err != nil {
			return err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.log = &published{tree: tlog.Tree{N: t.size, Hash: t.root}, checkpoint: t.checkpoint}
	s.sealedTo = to
	s.wake()
	return nil
}

// wake tells those who wait that something changed. s.mu is held.
func (s *Sealer) wake() {
	close(s.moved)
	s.moved = make(chan struct{})
}
