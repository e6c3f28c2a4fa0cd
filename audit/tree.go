package audit

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"filippo.io/torchwood"
	"golang.org/x/mod/sumdb/tlog"
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
	resumed    int64 // of a copy: how many entries it held when it was taken up
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
