package audit

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"filippo.io/torchwood"
	"golang.org/x/mod/sumdb/tlog"

	"amends/audit/verifier"
	"amends/eventstore"
)

// VerifyConfig says what to verify. Dir, Store and Key must be set.
type VerifyConfig struct {
	Dir   string // the data directory
	Store eventstore.Store
	Key   verifier.Keys // the ledger's public key, best from somewhere else than Dir
	// Progress is told how many records of how many were verified. Default: nobody is.
	Progress func(done, total uint64)
}

// Finding is something that is not as it must be.
type Finding struct {
	Part     string `json:"part"`               // log, chain, bundles, tiles, positions, checkpoint, map
	Position uint64 `json:"position,omitempty"` // of the record, where one is concerned
	Customer string `json:"customer,omitempty"`
	Revision uint64 `json:"revision,omitempty"`
	ID       string `json:"id,omitempty"`
	What     string `json:"what"`
}

func (f Finding) String() string {
	if f.Customer == "" {
		return f.Part + ": " + f.What
	}
	return fmt.Sprintf("%s: revision %d of customer %s (id %s, position %d): %s", f.Part, f.Revision, f.Customer, f.ID, f.Position, f.What)
}

// Verification is what Verify found.
type Verification struct {
	Key       string    `json:"key"`     // the public key that everything was verified with
	Records   int64     `json:"records"` // in the log, all verified against their customers' chains
	Sealed    int64     `json:"sealed"`  // of them, how many are under the signed checkpoint
	Customers int       `json:"customers"`
	MapRoots  int64     `json:"map_roots"` // signed roots of the completeness map, each made anew and compared
	Seconds   float64   `json:"seconds"`
	Differing int64     `json:"differing"` // how many findings there are
	First     []Finding `json:"first"`     // the first of them
}

// Add adds a finding.
func (v *Verification) Add(f Finding) {
	if v.Differing++; v.Differing <= firstFindings {
		v.First = append(v.First, f)
	}
}

// Verify verifies the sealer's ledger, also while it goes on, with the given public key.
func (s *Sealer) Verify(ctx context.Context, key verifier.Keys, progress func(done, total uint64)) (*Verification, error) {
	return Verify(ctx, VerifyConfig{Dir: s.cfg.Dir, Store: s.cfg.Store, Key: key, Progress: progress})
}

// firstFindings is how many findings are reported in full.
const firstFindings = 20

// Verify reads the whole log and makes everything anew that is derived from it: each customer's chain, the bundles, the tiles,
// the positions, the roots that were signed, every root of the completeness map, the map's nodes. It holds one head of each
// customer and the map's nodes in memory, near 1 KB a customer. The error is not nil only when it could not be done; what
// differs is in the findings.
func Verify(ctx context.Context, cfg VerifyConfig) (*Verification, error) {
	began := time.Now()
	v := &verification{VerifyConfig: cfg, dir: filepath.Join(cfg.Dir, auditDir), heads: map[string]verifier.Head{}}
	v.result.Key, v.result.First = cfg.Key.LogText, []Finding{}
	if cfg.Progress == nil {
		v.Progress = func(uint64, uint64) {}
	}
	head, ok := v.head(logDir, cfg.Key.OpenLog)
	v.sealed = head
	if err := v.loadRoots(ctx); err != nil {
		return nil, err
	}
	stored := v.openStored(ctx)
	defer stored.close()
	if n := len(v.roots); n > 0 && v.roots[n-1].input.N > head.N && ok {
		v.found(Finding{Part: "checkpoint", What: fmt.Sprintf(
			"it covers %d records, and a map root was signed for %d: an old checkpoint was put in its place", head.N, v.roots[n-1].input.N)})
	}
	if err := v.readLog(ctx, stored); err != nil {
		return nil, err
	}
	v.result.Customers = len(v.heads)
	v.result.Seconds = time.Since(began).Seconds()
	return &v.result, ctx.Err()
}

type verification struct {
	VerifyConfig
	dir    string
	result Verification
	sealed tlog.Tree // the signed tree of records
	roots  []mapRootEntry
	heads  map[string]verifier.Head
	places []eventstore.Position
}

// mapRootEntry is an entry of the log of map roots.
type mapRootEntry struct {
	root  [32]byte
	input tlog.Tree
}

func (v *verification) found(f Finding) { v.result.Add(f) }

// head reads the signed head of one of the two logs. When it cannot be used, the state says how far the tiles go.
func (v *verification) head(dir string, open func([]byte) (torchwood.Checkpoint, error)) (tlog.Tree, bool) {
	part := "checkpoint"
	if dir == mapDir {
		part = "map checkpoint"
	}
	origin := v.Key.Log.Name()
	if dir == mapDir {
		origin = v.Key.Map.Name()
	}
	signed, err := os.ReadFile(filepath.Join(v.dir, dir, checkpointFile))
	var c torchwood.Checkpoint
	if err == nil {
		c, err = open(signed)
	}
	state, stateErr := readState(filepath.Join(v.dir, dir), origin)
	switch {
	case stateErr != nil:
		v.found(Finding{Part: part, What: "its state cannot be read: " + stateErr.Error()})
	case err == nil && c.N > state.N:
		v.found(Finding{Part: part, What: fmt.Sprintf("it covers %d entries, and the state says that %d were written", c.N, state.N)})
	case err == nil && c.N == state.N && c.Hash != state.Hash:
		v.found(Finding{Part: part, What: fmt.Sprintf("the signed root of %d entries is not the one that the state names", c.N)})
	}
	if err == nil {
		return c.Tree, true
	}
	v.found(Finding{Part: part, What: err.Error()})
	if stateErr == nil {
		return state.Tree, false
	}
	return tlog.Tree{}, false
}

// loadRoots reads the log of map roots and verifies its tiles.
func (v *verification) loadRoots(ctx context.Context) error {
	head, _ := v.head(mapDir, v.Key.OpenMap)
	if head.N == 0 {
		return nil
	}
	tiles := OpenTiles(filepath.Join(v.dir, mapDir))
	t := v.checking(tiles, "map", nil)
	for index := int64(0); index < head.N; {
		bundle := edgeTile(index, -1)
		bundle.W = int(min(torchwood.TileWidth, head.N-index))
		data, err := tiles.read(bundle)
		if err != nil {
			v.found(Finding{Part: "map", What: err.Error()})
			return nil
		}
		leaves, err := splitBundle(data)
		if err != nil || len(leaves) != bundle.W {
			v.found(Finding{Part: "map", What: fmt.Sprintf("bundle %s is malformed", torchwood.TilePath(bundle))})
			return nil
		}
		for _, leaf := range leaves {
			root, input, err := parseRoot(leaf, v.Key)
			if err != nil {
				v.found(Finding{Part: "map", What: fmt.Sprintf("root %d: %v", index, err)})
			} else {
				v.roots = append(v.roots, mapRootEntry{root, input})
			}
			if err := t.append(leaf); err != nil {
				return err
			}
			index++
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	v.result.MapRoots = head.N
	return v.finish(t, head, "map")
}

// checking is a tree whose tiles are compared with those of a directory. log names the records of a bundle; nil: it has none.
func (v *verification) checking(tiles *Tiles, part string, name func(index int64) Finding) *tree {
	t := &tree{Tiles: tiles, step: func(string) error { return nil }}
	t.put = func(tile tlog.Tile, data []byte) error {
		stored, err := tiles.read(tile)
		kind := part
		if part == "tiles" && tile.L < 0 {
			kind = "bundles"
		}
		switch {
		case err != nil:
			v.found(Finding{Part: kind, What: err.Error()})
		case !bytes.Equal(stored, data) && tile.L < 0 && name != nil:
			f := name(tile.N*torchwood.TileWidth + firstDiffering(stored, data))
			f.Part, f.What = kind, fmt.Sprintf("bundle %s does not hold what the log holds", torchwood.TilePath(tile))
			v.found(f)
		case !bytes.Equal(stored, data):
			v.found(Finding{Part: kind, What: fmt.Sprintf("tile %s is not what its entries give", torchwood.TilePath(tile))})
		}
		return nil
	}
	return t
}

// firstDiffering is the index of the first entry in which two bundles differ.
func firstDiffering(a, b []byte) int64 {
	x, _ := splitBundle(a)
	y, _ := splitBundle(b)
	for i := range x {
		if i >= len(y) || !bytes.Equal(x[i], y[i]) {
			return int64(min(i, len(y)-1))
		}
	}
	return int64(min(len(x), len(y)-1))
}

// finish compares the unfinished tiles and the root.
func (v *verification) finish(t *tree, head tlog.Tree, part string) error {
	if err := t.putEdge(); err != nil {
		return err
	}
	root, err := t.edgeRoot()
	if err != nil {
		return err
	}
	if t.size == head.N && root != head.Hash {
		v.found(Finding{Part: part, What: fmt.Sprintf("%d entries do not give the signed root", head.N)})
	}
	return nil
}

// checked is a record of the log with what was computed from it.
type checked struct {
	eventstore.Recorded
	record verifier.Record
	hash   tlog.Hash
	err    error
}

// readLog verifies the records of the log, in order; what takes time is done on all cores.
func (v *verification) readLog(ctx context.Context, stored *storedMap) error {
	end, err := v.Store.End(ctx)
	if err != nil {
		return err
	}
	if v.places, err = readPositions(filepath.Join(v.dir, logDir, positionsFile), v.sealed.N); err != nil {
		v.found(Finding{Part: "positions", What: err.Error()})
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	maps := startMapCheck(ctx, v.roots, stored)
	defer maps.stop()

	var last checked
	var bundle [torchwood.TileWidth]checked // the records of the bundle under way
	name := func(index int64) Finding { return nameOf(bundle[index%torchwood.TileWidth]) }
	t := v.checking(OpenTiles(filepath.Join(v.dir, logDir)), "tiles", name)
	next := 0 // of the map roots
	index := int64(0)
read:
	for block := range readBlocks(ctx, v.Store, end) {
		for _, c := range block {
			if c.err != nil {
				f := nameOf(c)
				f.Part, f.What = "log", c.err.Error()
				if c.Position == 0 {
					f = Finding{Part: "log", Position: uint64(last.Position) + 1, What: fmt.Sprintf(
						"it cannot be read after position %d: %v", last.Position, c.err)}
				}
				v.found(f)
				if c.Position == 0 {
					break read // nothing follows
				}
			} else {
				v.chain(c)
			}
			if index < v.sealed.N {
				bundle[index%torchwood.TileWidth] = c
				if index < int64(len(v.places)) && v.places[index] != c.Position {
					f := nameOf(c)
					f.Part, f.What = "positions", fmt.Sprintf("leaf %d is said to be at position %d", index, v.places[index])
					v.found(f)
				}
				if err := t.add(c.Data, c.hash); err != nil {
					return err
				}
			}
			index++
			maps.add(c.record)
			for next < len(v.roots) && v.roots[next].input.N <= index {
				if err := v.sameRoot(t, v.roots[next].input, index); err != nil {
					return err
				}
				next++
			}
			if err := maps.reached(ctx, index); err != nil {
				return err
			}
			last = c
		}
		v.Progress(uint64(last.Position), uint64(end))
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	v.result.Records, v.result.Sealed = index, v.sealed.N
	if index < v.sealed.N {
		v.missing(index, last)
	} else if err := v.finish(t, v.sealed, "checkpoint"); err != nil {
		return err
	}
	findings, err := maps.wait()
	for _, f := range findings {
		v.found(f)
	}
	return err
}

func nameOf(c checked) Finding {
	return Finding{Position: uint64(c.Position), Customer: c.Stream, Revision: uint64(c.Revision), ID: c.ID}
}

// missing reports the first record that was sealed and is no longer in the log.
func (v *verification) missing(index int64, last checked) {
	f := Finding{Part: "log", What: fmt.Sprintf("it ends at position %d after %d records, and %d were sealed; this one is the first that is missing",
		last.Position, index, v.sealed.N)}
	if data, err := OpenTiles(filepath.Join(v.dir, logDir)).entry(v.sealed, index); err == nil {
		if r, err := verifier.ParseRecord(data); err == nil {
			f.Customer, f.Revision, f.ID = r.Stream, r.Revision, r.ID
		}
	}
	if index < int64(len(v.places)) {
		f.Position = uint64(v.places[index])
	}
	v.found(f)
}

// chain holds a record against its customer's chain.
func (v *verification) chain(c checked) {
	f := nameOf(c)
	f.Part = "chain"
	if r := c.record; r.Stream != c.Stream || r.Revision != uint64(c.Revision) || r.ID != c.ID {
		f.What = fmt.Sprintf("the record says that it is revision %d of customer %s (id %s)", r.Revision, r.Stream, r.ID)
		v.found(f)
	}
	head, err := v.heads[c.Stream].Next(c.record)
	if err != nil {
		f.What = err.Error()
		v.found(f)
		head = verifier.Head{Count: c.record.Revision, Hash: c.record.Hash}
	}
	v.heads[c.Stream] = head
}

// sameRoot compares a checkpoint that was signed on the way with what the records give.
func (v *verification) sameRoot(t *tree, signed tlog.Tree, size int64) error {
	if signed.N != size || t.size != size {
		return nil // only where the roots' order is broken, which is a finding of its own
	}
	root, err := t.edgeRoot()
	if err != nil {
		return err
	}
	if root != signed.Hash {
		v.found(Finding{Part: "checkpoint", What: fmt.Sprintf("a checkpoint of %d records was signed that they do not give", size)})
	}
	return nil
}

// readBlocks yields the records of the log up to end in blocks, in order, each parsed and hashed. What cannot be read ends it
// with a record that has an error and no position.
func readBlocks(ctx context.Context, store eventstore.Store, end eventstore.Position) func(func([]checked) bool) {
	const size = 512
	return func(yield func([]checked) bool) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		// A block is announced when it is read and awaited in order; the workers in between need not keep the order.
		work := make(chan chan []checked, 2*runtime.GOMAXPROCS(0))
		go func() {
			defer close(work)
			block := make([]checked, 0, size)
			send := func() bool {
				out := make(chan []checked, 1)
				go func(block []checked) {
					for i := range block {
						if c := &block[i]; c.err == nil {
							c.record, c.err = verifier.ParseRecord(c.Data)
							c.hash = tlog.RecordHash(c.Data)
						}
					}
					out <- block
				}(block)
				block = make([]checked, 0, size)
				select {
				case work <- out:
					return true
				case <-ctx.Done():
					return false
				}
			}
			if end == 0 {
				return
			}
			for rec, err := range store.Follow(ctx, 0) {
				block = append(block, checked{Recorded: rec, err: err})
				if err != nil || rec.Position >= end {
					send()
					return
				}
				if len(block) == size && !send() {
					return
				}
			}
		}()
		for out := range work {
			if !yield(<-out) {
				return
			}
		}
	}
}

// ErrDiffers: a verification found a difference.
var ErrDiffers = errors.New("the ledger is not what was sealed")
