package audit

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"filippo.io/torchwood"
	"golang.org/x/mod/sumdb/tlog"
)

// Tiles reads the tiles of a log from a directory, laid out by C2SP tlog-tiles. Of the partial tiles of a place only the
// widest is kept, so a narrower one, which an older checkpoint asks for, is cut from it.
type Tiles struct{ dir string }

// OpenTiles returns the tiles below a directory.
func OpenTiles(dir string) *Tiles { return &Tiles{dir: dir} }

var _ torchwood.TileReader = (*Tiles)(nil)

// ReadTiles implements torchwood.TileReader.
func (t *Tiles) ReadTiles(ctx context.Context, tiles []tlog.Tile) ([][]byte, error) {
	data := make([][]byte, len(tiles))
	for i, tile := range tiles {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		var err error
		if data[i], err = t.read(tile); err != nil {
			return nil, err
		}
	}
	return data, nil
}

// SaveTiles implements torchwood.TileReader: there is nothing to save.
func (t *Tiles) SaveTiles([]tlog.Tile, [][]byte) {}

// ReadEndpoint implements torchwood.TileReader: a file beside the tiles, or a tile by its path.
func (t *Tiles) ReadEndpoint(_ context.Context, path string) ([]byte, error) {
	if !fs.ValidPath(path) {
		return nil, fmt.Errorf("%s: %w", path, fs.ErrInvalid)
	}
	if path == checkpointFile {
		return os.ReadFile(filepath.Join(t.dir, path))
	}
	tile, err := torchwood.ParseTilePath(path)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", err, fs.ErrNotExist)
	}
	return t.read(tile)
}

// read returns a tile, or what is as wide of a wider one.
func (t *Tiles) read(tile tlog.Tile) ([]byte, error) {
	data, err := os.ReadFile(t.path(tile))
	if err == nil {
		return data, nil
	}
	if !errors.Is(err, fs.ErrNotExist) || tile.W == torchwood.TileWidth {
		return nil, fmt.Errorf("tile %s: %w", torchwood.TilePath(tile), err)
	}
	wider, width, found := t.widest(tile)
	if found != nil {
		return nil, fmt.Errorf("tile %s: %w", torchwood.TilePath(tile), found)
	}
	if width < tile.W {
		return nil, fmt.Errorf("tile %s: %w", torchwood.TilePath(tile), fs.ErrNotExist)
	}
	cut, err := cutTile(wider, tile)
	if err != nil {
		return nil, fmt.Errorf("tile %s: %w", torchwood.TilePath(tile), err)
	}
	return cut, nil
}

// widest reads the tile of this place that has the most entries, and says how many.
func (t *Tiles) widest(tile tlog.Tile) ([]byte, int, error) {
	for range 3 { // a wider one may take its place between the look and the read
		full := tile
		full.W = torchwood.TileWidth
		data, err := os.ReadFile(t.path(full))
		if err == nil {
			return data, full.W, nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return nil, 0, err
		}
		widths, err := partialWidths(t.path(full) + ".p")
		if err != nil {
			return nil, 0, err
		}
		if len(widths) == 0 {
			return nil, 0, fs.ErrNotExist
		}
		full.W = widths[len(widths)-1]
		data, err = os.ReadFile(t.path(full))
		if !errors.Is(err, fs.ErrNotExist) {
			return data, full.W, err
		}
	}
	return nil, 0, fs.ErrNotExist
}

func (t *Tiles) path(tile tlog.Tile) string {
	return filepath.Join(t.dir, filepath.FromSlash(torchwood.TilePath(tile)))
}

// cutTile keeps the first entries of a tile.
func cutTile(wider []byte, tile tlog.Tile) ([]byte, error) {
	if tile.L >= 0 {
		if len(wider) < tile.W*tlog.HashSize {
			return nil, errors.New("the tile is too short")
		}
		return wider[:tile.W*tlog.HashSize], nil
	}
	rest := wider
	for range tile.W {
		var err error
		if _, rest, err = torchwood.ReadTileEntry(rest); err != nil {
			return nil, err
		}
	}
	return wider[:len(wider)-len(rest)], nil
}

// splitBundle returns the entries of a bundle.
func splitBundle(bundle []byte) ([][]byte, error) {
	var entries [][]byte
	for len(bundle) > 0 {
		entry, rest, err := torchwood.ReadTileEntry(bundle)
		if err != nil {
			return entries, fmt.Errorf("entry %d of the bundle: %w", len(entries), err)
		}
		entries, bundle = append(entries, bytes.Clone(entry)), rest
	}
	return entries, nil
}
