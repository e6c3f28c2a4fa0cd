package audit

import (
	"context"
	"fmt"
	"path/filepath"
	"runtime"

	"filippo.io/torchwood"
	"golang.org/x/mod/sumdb/tlog"

	"amends/audit/verifier"
	"amends/eventstore"
)

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
	earlier, err := v.loadPrevious()
	if err != nil {
		return err
	}
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
				if c.record.Type == publishedType {
					v.checkPublished(ctx, c, index)
				}
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
			if earlier, err = v.samePrevious(t, earlier); err != nil {
				return err
			}
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
	if len(earlier) > 0 {
		v.found(Finding{Part: "checkpoint", What: fmt.Sprintf("%d records are sealed, and %d were signed under the earlier key %s",
			t.size, earlier[0].N, earlier[0].key)})
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
