package audit

import (
	"context"
	"path/filepath"

	"amends/eventstore"
)

// Proof proves that the record at the position is in the log, in the format of c2sp.org/tlog-proof. It gives ErrNotSealed for a
// record that no checkpoint covers yet: WaitFor waits for that.
func (s *Sealer) Proof(ctx context.Context, at eventstore.Position) ([]byte, error) {
	log := s.published()
	if log == nil {
		return nil, ErrNotSealed
	}
	index, err := s.index(at, log.tree.N)
	if err != nil {
		return nil, err
	}
	return s.logTiles().inclusion(ctx, log.tree, index, log.checkpoint)
}

// index finds the leaf of a position.
func (s *Sealer) index(at eventstore.Position, n int64) (int64, error) {
	s.mapping.Lock()
	defer s.mapping.Unlock()
	if s.places == nil {
		return 0, ErrNotSealed
	}
	return s.places.index(at, n)
}

func (s *Sealer) logTiles() *Tiles { return OpenTiles(filepath.Join(s.dir, logDir)) }
func (s *Sealer) mapTiles() *Tiles { return OpenTiles(filepath.Join(s.dir, mapDir)) }

// Tiles returns the tiles and the checkpoint of the log of records, or of the log of map roots, for serving.
func (s *Sealer) Tiles(mapRoots bool) *Tiles {
	if mapRoots {
		return s.mapTiles()
	}
	return s.logTiles()
}
