package audit

import (
	"bytes"
	"context"
	"fmt"

	"filippo.io/torchwood"
	"golang.org/x/mod/sumdb/tlog"
)

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
