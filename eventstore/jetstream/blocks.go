package jetstream

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sync/errgroup"
)

// The frame of a record in a block file of nats-server (filestore.go, writeMsgRecordLocked): length, with a bit that says
// whether there are headers; sequence, with a bit for a tombstone; time; length of the subject. Subject, headers, payload and
// an eight-byte checksum follow.
const (
	frameBytes     = 4 + 8 + 8 + 2
	checksumBytes  = 8
	headersBit     = 1 << 31
	tombstoneBit   = 1 << 62
	blockSuffix    = ".blk"
	mostFrameBytes = 32 << 20 // above it the server holds a length for garbage
)

// span is which sequences a block file holds; first is 0 if it holds none.
type span struct{ first, last uint64 }

// checkSequences reads the frames of all block files and reports ErrDamaged when the sequences are not gapless from 1. It must
// come before the server starts: that one takes a gap for deleted messages and notes each of them, so one flipped bit in a
// sequence would keep it busy, under its locks, for as good as ever. What a record holds is not looked at here; a file ends
// where its frames no longer make sense, which the server and the readers deal with.
func checkSequences(storeDir string) error {
	dir := filepath.Join(storeDir, "$G", "streams", logStream, "msgs")
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	var blocks []int
	for _, e := range entries {
		name, isBlock := strings.CutSuffix(e.Name(), blockSuffix)
		if number, err := strconv.Atoi(name); isBlock && err == nil {
			blocks = append(blocks, number)
		}
	}
	slices.SortFunc(blocks, cmp.Compare)
	spans := make([]span, len(blocks))
	var group errgroup.Group
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i, number := range blocks {
		group.Go(func() (err error) {
			spans[i], err = checkBlock(filepath.Join(dir, strconv.Itoa(number)+blockSuffix))
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	last := uint64(0)
	for i, s := range spans {
		if s.first == 0 {
			continue
		}
		if s.first != last+1 {
			return damaged(last+1, "block file %d%s begins with position %d, where %d belongs", blocks[i], blockSuffix, s.first, last+1)
		}
		last = s.last
	}
	return nil
}

// checkBlock reads the frames of one file.
func checkBlock(path string) (s span, err error) {
	file, err := os.Open(path)
	if err != nil {
		return s, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return s, err
	}
	window := make([]byte, 0, 256<<10)
	begins := int64(0) // of the window
	for at := int64(0); at+frameBytes+checksumBytes <= info.Size(); {
		if at < begins || at+frameBytes > begins+int64(len(window)) {
			n, err := file.ReadAt(window[:cap(window)], at)
			if err != nil && !errors.Is(err, io.EOF) {
				return s, fmt.Errorf("read the log: %w", err)
			}
			if n < frameBytes {
				break
			}
			window, begins = window[:n], at
		}
		frame := window[at-begins:]
		length := int64(binary.LittleEndian.Uint32(frame) &^ headersBit)
		sequence := binary.LittleEndian.Uint64(frame[4:])
		if length < frameBytes+checksumBytes || length > mostFrameBytes || at+length > info.Size() {
			break
		}
		switch {
		case sequence&tombstoneBit != 0: // it marks, and holds no message
		case s.first == 0:
			s = span{sequence, sequence}
		case sequence != s.last+1:
			return s, damaged(s.last+1, "position %d is followed by %d in %s, where %d belongs", s.last, sequence, filepath.Base(path), s.last+1)
		default:
			s.last = sequence
		}
		at += length
	}
	return s, nil
}
