package audit

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"amends/audit/verifier"
)

// recoverMap opens the completeness map and the log of its roots. The map is brought up to what the last root covers, which
// must then be its root.
func (s *Sealer) recoverMap(ctx context.Context) (*tree, error) {
	t, err := openTree(filepath.Join(s.dir, mapDir), s.signers.Load().roots.Name())
	if err != nil {
		return nil, err
	}
	t.step = s.step
	unsigned, err := t.resume(s.signers.Load().public.MapPolicy())
	if err != nil {
		return nil, err
	}
	path := filepath.Join(s.dir, mapFile)
	n, err := openNodes(ctx, path)
	if err != nil {
		return nil, err
	}
	s.mapping.Lock()
	defer s.mapping.Unlock()
	s.nodes = n
	if unsigned && t.size > 0 {
		if err := t.sign(s.signers.Load().roots); err != nil {
			return nil, err
		}
	}
	if t.size == 0 {
		return t, nil
	}
	leaf, err := t.entry(tlog.Tree{N: t.size, Hash: t.root}, t.size-1)
	if err != nil {
		return nil, err
	}
	root, input, err := parseRoot(leaf, s.signers.Load().public)
	if err != nil {
		return nil, err
	}
	log := s.published()
	if input.N > s.resumed { // a checkpoint is published before a map root names it
		return nil, fmt.Errorf("%w: the checkpoint covers %d records, and a map root was signed for %d: an old checkpoint was put back",
			ErrDamaged, s.resumed, input.N)
	}
	if n.cursor > log.tree.N {
		return nil, fmt.Errorf("%w: %s covers %d records, and %d are sealed; remove it, and the sealer makes it anew",
			ErrDamaged, path, n.cursor, log.tree.N)
	}
	if err := s.mapUpTo(ctx, input.N); err != nil {
		return nil, err
	}
	if n.cursor == input.N {
		have, err := n.tree().RootHash(ctx)
		if err != nil {
			return nil, err
		}
		if have != root {
			return nil, fmt.Errorf("%w: %s does not give the root that was signed for %d records; remove it, and the sealer makes it anew",
				ErrDamaged, path, input.N)
		}
	}
	s.showRoot(t, leaf, input.N)
	return t, nil
}

// parseRoot reads an entry of the log of map roots.
func parseRoot(leaf []byte, keys verifier.Keys) (root [32]byte, input tlog.Tree, err error) {
	root, signed, err := verifier.ParseMapLeaf(leaf)
	if err != nil {
		return root, input, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	c, err := keys.OpenLog(signed)
	if err != nil {
		return root, input, fmt.Errorf("%w: the checkpoint in a map root: %w", ErrDamaged, err)
	}
	return root, c.Tree, nil
}

// published returns the last signed tree of records.
func (s *Sealer) published() *published {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.log
}

func (s *Sealer) showRoot(t *tree, leaf []byte, covers int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.roots = &published{tree: tlog.Tree{N: t.size, Hash: t.root}, checkpoint: t.checkpoint, leaf: leaf, covers: covers}
	s.wake()
}

// mapRoots brings the map up to each new checkpoint and logs its root, at most one in each Config.MapInterval.
func (s *Sealer) mapRoots(ctx context.Context, t *tree) error {
	tick := time.NewTicker(s.cfg.MapInterval)
	defer tick.Stop()
	for {
		s.mu.Lock()
		log, moved := s.log, s.moved
		behind := s.roots == nil || s.roots.covers < log.tree.N
		s.mu.Unlock()
		if !behind {
			select {
			case <-moved:
				continue
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		if err := s.mapRoot(ctx, t, log); err != nil {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// mapRoot logs the root of the map that the records under a checkpoint give: map, bundle, tiles, fsync, state, signature.
func (s *Sealer) mapRoot(ctx context.Context, t *tree, log *published) error {
	s.mapping.Lock()
	defer s.mapping.Unlock()
	if err := s.mapUpTo(ctx, log.tree.N); err != nil {
		return err
	}
	root, err := s.nodes.tree().RootHash(ctx)
	if err != nil {
		return err
	}
	leaf := verifier.MapLeaf(root, log.checkpoint)
	if err := t.append(leaf); err != nil {
		return err
	}
	if err := t.commit(); err != nil {
		return err
	}
	if err := t.sign(s.signers.Load().roots); err != nil {
		return err
	}
	s.showRoot(t, leaf, log.tree.N)
	return nil
}

// mapChunk is how many leaves one transaction of the map covers: it bounds what is held in memory.
const mapChunk = 32_768

// mapUpTo applies the leaves up to n to the map, from the bundles. Only a customer's last record of a chunk matters. s.mapping
// is held.
func (s *Sealer) mapUpTo(ctx context.Context, n int64) error {
	for s.nodes.cursor < n {
		to := min(n, (s.nodes.cursor/mapChunk+1)*mapChunk)
		heads := map[string]verifier.Head{}
		err := entries(ctx, OpenTiles(filepath.Join(s.dir, logDir)), s.published().tree, s.nodes.cursor, func(i int64, e []byte) error {
			if i >= to {
				return errEnough
			}
			r, err := verifier.ParseRecord(e)
			if err != nil {
				return fmt.Errorf("leaf %d: %w", i, err)
			}
			heads[r.Stream] = verifier.Head{Count: r.Revision, Hash: r.Hash}
			return nil
		})
		if err != nil && !errors.Is(err, errEnough) {
			return err
		}
		tree := s.nodes.tree()
		for stream, head := range heads {
			if err := tree.Insert(ctx, verifier.MapKey(stream), verifier.MapValue(head)); err != nil {
				return err
			}
		}
		if err := s.step("map"); err != nil {
			return err
		}
		if err := s.nodes.flush(ctx, to); err != nil {
			return err
		}
	}
	return nil
}

// errEnough ends a reading.
var errEnough = errors.New("read enough")
