package audit

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"filippo.io/torchwood"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
	"golang.org/x/sync/errgroup"
)

// commit makes what was appended durable: bundles, tiles, then the state.
func (t *tree) commit() error {
	if err := t.fence(); err != nil {
		return err
	}
	if err := t.putEdge(); err != nil {
		return err
	}
	if err := t.step("sync"); err != nil {
		return err
	}
	if err := t.sync(); err != nil {
		return err
	}
	root, err := t.edgeRoot()
	if err != nil {
		return err
	}
	if err := t.step("state"); err != nil {
		return err
	}
	state := torchwood.Checkpoint{Origin: t.name, Tree: tlog.Tree{N: t.size, Hash: root}}
	if err := replaceFile(filepath.Join(t.dir, stateFile), []byte(state.String())); err != nil {
		return err
	}
	t.root, t.committed = root, t.size
	return nil
}

// putEdge puts the unfinished bundle and tiles.
func (t *tree) putEdge() error {
	if tile := edgeTile(t.size, -1); tile.W > 0 {
		if err := t.put(tile, t.bundle); err != nil {
			return err
		}
	}
	for l := range t.edge {
		if tile := edgeTile(t.size, l); tile.W > 0 {
			if err := t.put(tile, hashBytes(t.edge[l])); err != nil {
				return err
			}
		}
	}
	return nil
}

// fence compares the state on the disk with what this writer left there: another writer must not have been at work.
func (t *tree) fence() error {
	state, err := readState(t.dir, t.name)
	if errors.Is(err, fs.ErrNotExist) && t.committed == 0 {
		return nil
	}
	if err != nil {
		return err
	}
	if state.N != t.committed || state.Hash != t.root {
		return fmt.Errorf("%w: %s is at %d where this process left %d: another process writes to it", ErrDamaged, t.dir, state.N, t.committed)
	}
	return nil
}

// sync makes the files that were written durable, and the directories that name them.
func (t *tree) sync() error {
	var group errgroup.Group
	group.SetLimit(8)
	dirs := map[string]bool{}
	for _, path := range t.unsynced {
		group.Go(func() error { return syncFile(path) })
		for dir := filepath.Dir(path); !dirs[dir]; dir = filepath.Dir(dir) {
			dirs[dir] = true
			if dir == t.dir {
				break
			}
		}
	}
	for dir := range dirs {
		group.Go(func() error { return syncFile(dir) })
	}
	t.unsynced = t.unsynced[:0]
	return group.Wait()
}

// sign signs the state, publishes the checkpoint, and removes the partial tiles that it does without.
func (t *tree) sign(signer note.Signer) error {
	c := torchwood.Checkpoint{Origin: t.name, Tree: tlog.Tree{N: t.committed, Hash: t.root}}
	signed, err := note.Sign(&note.Note{Text: c.String()}, signer)
	if err != nil {
		return err
	}
	return t.publish(signed, c)
}

// publish puts a signed checkpoint of the committed tree in its place.
func (t *tree) publish(signed []byte, c torchwood.Checkpoint) error {
	if err := t.step("checkpoint"); err != nil {
		return err
	}
	if err := replaceFile(filepath.Join(t.dir, checkpointFile), signed); err != nil {
		return err
	}
	t.checkpoint, t.signed = signed, c
	if err := t.step("clean"); err != nil {
		return err
	}
	return t.clean()
}

// clean removes partial tiles that a wider one, or the full one, has taken the place of.
func (t *tree) clean() error {
	for _, tile := range t.finished {
		if err := os.RemoveAll(t.path(tile) + ".p"); err != nil {
			return err
		}
	}
	t.finished = t.finished[:0]
	for l := -1; l < len(t.edge); l++ {
		tile := edgeTile(t.size, l)
		if tile.W == 0 {
			continue
		}
		full := tile
		full.W = torchwood.TileWidth
		dir := t.path(full) + ".p"
		widths, err := partialWidths(dir)
		if err != nil {
			return err
		}
		for _, w := range widths {
			if w == tile.W {
				continue
			}
			full.W = w
			if err := os.Remove(t.path(full)); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
	}
	return nil
}
