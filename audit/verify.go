package audit

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
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
	// Known is a signed checkpoint that somebody holds, perhaps from long ago: the ledger must extend it. Default: none.
	Known []byte
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

// Verify verifies the sealer's ledger, also while it goes on, with the given public key; known, if not nil, is a checkpoint that
// it must extend.
func (s *Sealer) Verify(ctx context.Context, key verifier.Keys, known []byte, progress func(done, total uint64)) (*Verification, error) {
	return Verify(ctx, VerifyConfig{Dir: s.cfg.Dir, Store: s.cfg.Store, Key: key, Known: known, Progress: progress})
}

// firstFindings is how many findings are reported in full.
const firstFindings = 20

// Verify reads the whole log and makes everything anew that is derived from it: each customer's chain, the bundles, the tiles,
// the positions, the roots that were signed, every root of the completeness map, the map's nodes. It holds one head of each
// customer and the map's nodes in memory, near 1 KB a customer. The error is not nil only when it could not be done, ErrInvalid when
// Known is no checkpoint that Key signed; what differs is in the findings.
func Verify(ctx context.Context, cfg VerifyConfig) (*Verification, error) {
	began := time.Now()
	v := &verification{VerifyConfig: cfg, dir: filepath.Join(cfg.Dir, auditDir), heads: map[string]verifier.Head{}}
	v.result.Key, v.result.First = cfg.Key.LogText, []Finding{}
	if cfg.Progress == nil {
		v.Progress = func(uint64, uint64) {}
	}
	head, ok := v.head(logDir, cfg.Key.OpenLog)
	v.sealed = head
	if err := v.checkKnown(ctx); err != nil {
		return nil, err
	}
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
