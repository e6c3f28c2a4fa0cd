package audit

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"filippo.io/torchwood"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
	"golang.org/x/sync/errgroup"
)

// The files of a log beside its tiles.
const (
	checkpointFile = "checkpoint" // the signed note, for everybody
	newTileFile    = "tile.new"   // a tile that is being written
	stateFile      = "state"      // the same text unsigned: what the tiles on the disk hold, written before it is signed
)

// tree is a log of entries in the layout of C2SP tlog-tiles, and the only writer to its directory.
//
// Entries are appended, then committed: bundles and tiles are written and synced, then the state. Only what is committed is
// ever signed, so a signature never covers what a crash could take back. After any error the tree must be opened anew: what
// it holds in memory may be ahead of the disk. What an interrupted commit left on the disk lies beyond the state and is
// written again.
type tree struct {
	*Tiles
	name   string // the origin of its checkpoints
	size   int64
	root   tlog.Hash
	edge   [][]tlog.Hash // edge[l] are the hashes of the unfinished tile of level l, fewer than 256
	bundle []byte        // the unfinished entry bundle

	committed  int64 // what the state on the disk says
	unsynced   []string
	finished   []tlog.Tile // since the last commit: their partial predecessors can go
	checkpoint []byte      // the last signed note; nil before the first
	signed     torchwood.Checkpoint

	// put takes each tile that is finished or committed: it writes it or, when a log is verified, compares it.
	put func(tile tlog.Tile, data []byte) error
	// step is asked before each step of a commit; an error stops there, as a crash would. Only tests set it.
	step func(name string) error
}

// openTree opens a log, which is created when its directory holds none. It checks that the tiles at its right edge give the
// root that the state names.
func openTree(dir, name string) (*tree, error) {
	t := &tree{Tiles: OpenTiles(dir), name: name, step: func(string) error { return nil }}
	t.put = t.write
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	for _, file := range []string{checkpointFile, stateFile} {
		if err := removeLeftovers(filepath.Join(dir, file)); err != nil {
			return nil, err
		}
	}
	state, err := readState(dir, name)
	if errors.Is(err, fs.ErrNotExist) {
		if _, err := os.Stat(filepath.Join(dir, checkpointFile)); err == nil {
			return nil, fmt.Errorf("%w: %s has a checkpoint but no state; restore it from a backup", ErrDamaged, dir)
		}
		t.root, err = t.edgeRoot()
		return t, err
	}
	if err != nil {
		return nil, err
	}
	t.size, t.committed, t.root = state.N, state.N, state.Hash
	return t, t.loadEdge()
}

// readState returns what the tiles on the disk hold.
func readState(dir, name string) (torchwood.Checkpoint, error) {
	path := filepath.Join(dir, stateFile)
	text, err := os.ReadFile(path)
	if err != nil {
		return torchwood.Checkpoint{}, err
	}
	state, err := torchwood.ParseCheckpoint(string(text))
	if err != nil || state.String() != string(text) {
		return torchwood.Checkpoint{}, fmt.Errorf("%w: %s cannot be read", ErrDamaged, path)
	}
	if state.Origin != name {
		return torchwood.Checkpoint{}, fmt.Errorf("%w: %s is of %s, not of %s", ErrDamaged, path, state.Origin, name)
	}
	return state, nil
}

// levels is how many levels of tiles a log of n entries has.
func levels(n int64) int {
	l := 0
	for ; n > 0; n >>= torchwood.TileHeight {
		l++
	}
	return l
}

// edgeTile is the unfinished tile of a level in a log of n entries; its width is 0 when there is none. Level -1 is the bundle.
func edgeTile(n int64, level int) tlog.Tile {
	below := n >> (torchwood.TileHeight * max(level, 0))
	return tlog.Tile{H: torchwood.TileHeight, L: level, N: below / torchwood.TileWidth, W: int(below % torchwood.TileWidth)}
}

func (t *tree) loadEdge() error {
	t.edge = make([][]tlog.Hash, levels(t.size))
	for l := range t.edge {
		tile := edgeTile(t.size, l)
		if tile.W == 0 {
			continue
		}
		data, err := t.read(tile)
		if err != nil {
			return fmt.Errorf("%w: %w", ErrDamaged, err)
		}
		if len(data) != tile.W*tlog.HashSize {
			return fmt.Errorf("%w: tile %s has %d bytes", ErrDamaged, torchwood.TilePath(tile), len(data))
		}
		for h := range slices.Chunk(data, tlog.HashSize) {
			t.edge[l] = append(t.edge[l], tlog.Hash(h))
		}
	}
	root, err := t.edgeRoot()
	if err != nil {
		return err
	}
	if root != t.root {
		return fmt.Errorf("%w: the tiles at the edge of %s do not give the root of its state", ErrDamaged, t.dir)
	}
	tile := edgeTile(t.size, -1)
	if tile.W == 0 {
		return nil
	}
	bundle, err := t.read(tile)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	entries, err := splitBundle(bundle)
	if err != nil || len(entries) != tile.W {
		return fmt.Errorf("%w: bundle %s is malformed", ErrDamaged, torchwood.TilePath(tile))
	}
	for i, e := range entries {
		if tlog.RecordHash(e) != t.edge[0][i] {
			return fmt.Errorf("%w: entry %d of bundle %s is not what was sealed", ErrDamaged, i, torchwood.TilePath(tile))
		}
	}
	t.bundle = bundle
	return nil
}

// edgeRoot computes the root from the hashes at the right edge (RFC 6962, section 2.1: the largest complete subtree is on
// the left).
func (t *tree) edgeRoot() (tlog.Hash, error) {
	if t.size == 0 {
		return tlog.TreeHash(0, nil)
	}
	var root *tlog.Hash
	for _, hashes := range t.edge {
		for rest := hashes; len(rest) > 0; {
			// The smallest complete subtree is at the right end.
			n := len(rest) & -len(rest)
			h := subtree(rest[len(rest)-n:])
			rest = rest[:len(rest)-n]
			if root != nil {
				h = tlog.NodeHash(h, *root)
			}
			root = &h
		}
	}
	return *root, nil
}

// subtree is the hash of a complete subtree over the hashes, whose number is a power of two.
func subtree(hashes []tlog.Hash) tlog.Hash {
	if len(hashes) == 1 {
		return hashes[0]
	}
	half := len(hashes) / 2
	return tlog.NodeHash(subtree(hashes[:half]), subtree(hashes[half:]))
}

// append adds entries. Tiles that they fill are written at once; the others wait for the commit.
func (t *tree) append(entries ...[]byte) error {
	for _, e := range entries {
		if err := t.add(e, tlog.RecordHash(e)); err != nil {
			return err
		}
	}
	return nil
}

// add appends an entry whose hash is known.
func (t *tree) add(entry []byte, hash tlog.Hash) (err error) {
	if t.bundle, err = torchwood.AppendTileEntry(t.bundle, entry); err != nil {
		return err
	}
	bundle := edgeTile(t.size, -1)
	if t.size++; t.size%torchwood.TileWidth == 0 {
		bundle.W = torchwood.TileWidth
		if err := t.put(bundle, t.bundle); err != nil {
			return err
		}
		t.bundle = t.bundle[:0]
	}
	return t.push(0, bundle.N, hash)
}

// push adds a hash to the tile of its level, and the hash of a tile that it fills to the level above.
func (t *tree) push(level int, n int64, h tlog.Hash) error {
	if level == len(t.edge) {
		t.edge = append(t.edge, nil)
	}
	t.edge[level] = append(t.edge[level], h)
	if len(t.edge[level]) < torchwood.TileWidth {
		return nil
	}
	full := tlog.Tile{H: torchwood.TileHeight, L: level, N: n, W: torchwood.TileWidth}
	if err := t.put(full, hashBytes(t.edge[level])); err != nil {
		return err
	}
	above := subtree(t.edge[level])
	t.edge[level] = t.edge[level][:0]
	return t.push(level+1, n/torchwood.TileWidth, above)
}

func hashBytes(hashes []tlog.Hash) []byte {
	out := make([]byte, 0, len(hashes)*tlog.HashSize)
	for _, h := range hashes {
		out = append(out, h[:]...)
	}
	return out
}

func (t *tree) write(tile tlog.Tile, data []byte) error {
	if err := t.step("tile"); err != nil {
		return err
	}
	path := t.path(tile)
	t.unsynced = append(t.unsynced, path)
	if tile.W == torchwood.TileWidth {
		t.finished = append(t.finished, tile)
	}
	return writeFile(path, filepath.Join(t.dir, newTileFile), data)
}

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

// resume takes up the signed checkpoint. It must be of the state or, when the process stopped between the state and its
// signature, of an earlier tree that the state extends; then it reports that the state is still to be signed.
func (t *tree) resume(policy torchwood.Policy) (unsigned bool, err error) {
	path := filepath.Join(t.dir, checkpointFile)
	signed, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	c, _, err := torchwood.VerifyCheckpoint(signed, policy)
	if err != nil {
		return false, fmt.Errorf("%w: %s: %w", ErrDamaged, path, err)
	}
	if err := t.extends(c); err != nil {
		return false, fmt.Errorf("%w: %s: %w", ErrDamaged, path, err)
	}
	t.checkpoint, t.signed = signed, c
	return c.N < t.size, nil
}

// extends checks that the committed tree is the checkpoint's, or one that it grew into.
func (t *tree) extends(c torchwood.Checkpoint) error {
	switch {
	case c.N > t.size:
		return fmt.Errorf("the checkpoint covers %d entries, the log holds %d", c.N, t.size)
	case c.N == t.size && c.Hash != t.root:
		return fmt.Errorf("the checkpoint of %d entries has another root", c.N)
	case c.N == 0 || c.N == t.size:
		return nil
	}
	proof, err := t.consistency(context.Background(), c.N, tlog.Tree{N: t.size, Hash: t.root})
	if err != nil {
		return err
	}
	return tlog.CheckTree(proof, t.size, t.root, c.N, c.Hash)
}

// consistency proves that the tree extends its first n entries.
func (t *Tiles) consistency(ctx context.Context, n int64, of tlog.Tree) (tlog.TreeProof, error) {
	if n == 0 || n == of.N {
		return nil, nil
	}
	return tlog.ProveTree(of.N, n, torchwood.TileHashReaderWithContext(ctx, of, t))
}

// entries yields the entries from start to the end of the tree, each checked against it.
func entries(ctx context.Context, from torchwood.TileReader, of tlog.Tree, start int64, each func(int64, []byte) error) error {
	if start == of.N {
		return nil
	}
	client, err := torchwood.NewClient(from)
	if err != nil {
		return err
	}
	for i, e := range client.AllEntries(ctx, of, start) {
		if err := each(i, e); err != nil {
			return err
		}
	}
	return client.Err()
}

// inclusion proves that the tree holds its entry at the index, in the format of C2SP tlog-proof.
func (t *Tiles) inclusion(ctx context.Context, of tlog.Tree, index int64, signed []byte) ([]byte, error) {
	read := t.hashReader(ctx)
	proof, err := tlog.ProveRecord(of.N, index, read)
	if err != nil {
		return nil, err
	}
	leaf, err := read.ReadHashes([]int64{tlog.StoredHashIndex(0, index)})
	if err != nil {
		return nil, err
	}
	if err := tlog.CheckRecord(proof, of.N, of.Hash, index, leaf[0]); err != nil {
		return nil, fmt.Errorf("%w: the tiles do not prove entry %d: %w", ErrDamaged, index, err)
	}
	return torchwood.FormatProof(index, proof, signed), nil
}

// hashReader reads hashes as the tiles have them. tlog.TileHashReader also holds each tile against the root, which costs ten
// times as much as a proof; whoever uses this one checks the result.
func (t *Tiles) hashReader(ctx context.Context) tlog.HashReader {
	read := map[tlog.Tile][]byte{}
	return tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		out := make([]tlog.Hash, len(indexes))
		for i, index := range indexes {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			tile := tlog.TileForIndex(torchwood.TileHeight, index)
			widest := tile
			widest.W = 0
			if len(read[widest]) < tile.W*tlog.HashSize {
				data, _, err := t.widest(tile)
				if err != nil {
					return nil, fmt.Errorf("tile %s: %w", torchwood.TilePath(tile), err)
				}
				read[widest] = data
			}
			cut, err := cutTile(read[widest], tile)
			if err != nil {
				return nil, fmt.Errorf("%w: tile %s: %w", ErrDamaged, torchwood.TilePath(tile), err)
			}
			if out[i], err = tlog.HashFromTile(tile, cut, index); err != nil {
				return nil, fmt.Errorf("%w: tile %s: %w", ErrDamaged, torchwood.TilePath(tile), err)
			}
		}
		return out, nil
	})
}

// entry reads one entry of the tree.
func (t *Tiles) entry(of tlog.Tree, index int64) ([]byte, error) {
	tile := edgeTile(index, -1)
	tile.W = int(min(torchwood.TileWidth, of.N-tile.N*torchwood.TileWidth))
	bundle, err := t.read(tile)
	if err != nil {
		return nil, err
	}
	all, err := splitBundle(bundle)
	if err != nil {
		return nil, err
	}
	if i := int(index % torchwood.TileWidth); i < len(all) {
		return bytes.Clone(all[i]), nil
	}
	return nil, fmt.Errorf("%w: bundle %s ends before its entry %d", ErrDamaged, torchwood.TilePath(tile), index%torchwood.TileWidth)
}
