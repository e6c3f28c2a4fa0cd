package audit

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sort"

	"amends/eventstore"
)

// positions tells at which position of the log each leaf stands. In a log whose positions are dense a leaf's is its index + 1;
// not every engine's are.
type positions struct {
	path string
	file *os.File
	size int64 // leaves whose position is written
}

// openPositions opens the file of a tree of the given size. What an interrupted commit wrote beyond it is cut off.
func openPositions(path string, size int64) (*positions, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	info, err := file.Stat()
	if err == nil && info.Size() < 8*size {
		err = fmt.Errorf("%w: %s has %d of %d positions", ErrDamaged, path, info.Size()/8, size)
	}
	if err == nil {
		err = file.Truncate(8 * size)
	}
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return &positions{path: path, file: file, size: size}, nil
}

// append adds the positions of the next leaves and makes them durable.
func (p *positions) append(of []eventstore.Position) error {
	b := make([]byte, 0, 8*len(of))
	for _, at := range of {
		b = binary.BigEndian.AppendUint64(b, uint64(at))
	}
	if _, err := p.file.WriteAt(b, 8*p.size); err != nil {
		return err
	}
	p.size += int64(len(of))
	return p.file.Sync()
}

// at returns the position of a leaf.
func (p *positions) at(index int64) (eventstore.Position, error) {
	var b [8]byte
	if _, err := p.file.ReadAt(b[:], 8*index); err != nil {
		return 0, fmt.Errorf("position of leaf %d: %w", index, err)
	}
	return eventstore.Position(binary.BigEndian.Uint64(b[:])), nil
}

// index finds the leaf of a position among the first n.
func (p *positions) index(of eventstore.Position, n int64) (int64, error) {
	var failure error
	index := int64(sort.Search(int(n), func(i int) bool {
		at, err := p.at(int64(i))
		failure = errors.Join(failure, err)
		return at >= of
	}))
	if failure != nil {
		return 0, failure
	}
	if index == n {
		return 0, ErrNotSealed
	}
	if at, err := p.at(index); err != nil || at != of {
		return 0, errors.Join(err, fmt.Errorf("%w at position %d", ErrNotFound, of))
	}
	return index, nil
}

func (p *positions) close() error { return p.file.Close() }

// readPositions reads the positions of all leaves of a file that may be in use.
func readPositions(path string, n int64) ([]eventstore.Position, error) {
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) && n == 0 {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if int64(len(b)) < 8*n {
		return nil, fmt.Errorf("%s has %d of %d positions", path, len(b)/8, n)
	}
	out := make([]eventstore.Position, n)
	for i := range out {
		out[i] = eventstore.Position(binary.BigEndian.Uint64(b[8*i:]))
	}
	return out, nil
}
