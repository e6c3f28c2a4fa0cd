package audit

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gofrs/flock"
	"github.com/rs/zerolog"
	"golang.org/x/mod/sumdb/tlog"
	"golang.org/x/sync/errgroup"

	"amends/audit/verifier"
	"amends/eventstore"
)

// Config says what to seal. Dir and Store must be set.
type Config struct {
	// Dir is the data directory: what is sealed goes to Dir/audit, the key is in Dir/keys.
	Dir   string
	Store eventstore.Store
	// Interval is the least time between two checkpoints while records keep coming; after a pause the first record is sealed
	// at once. Default 200 ms.
	Interval time.Duration
	// MapInterval is the least time between two roots of the completeness map. Default 1 s.
	MapInterval time.Duration
	// Witnesses are asked to cosign checkpoints. Default: those that Dir/audit/policy names, lines "witness NAME VKEY URL" of
	// c2sp.org/tlog-policy.
	Witnesses []Witness
	// WitnessInterval is the time between two rounds of asking. Default 10 s.
	WitnessInterval time.Duration
	// Logger gets what an operator must know; never data of a record. Default: nothing is logged.
	Logger zerolog.Logger
}

// Sealer seals the log and proves what it sealed. Run seals; the other methods may be called meanwhile, concurrently.
type Sealer struct {
	cfg     Config
	signers atomic.Pointer[signers] // nil while the key is missing
	dir     string                  // Dir/audit

	mu       sync.Mutex
	log      *published // nil until Run has recovered
	roots    *published
	sealedTo eventstore.Position
	moved    chan struct{} // closed and replaced whenever something was published, or the sealer stopped
	stopped  error         // why Run ended; nil while it runs

	mapping sync.Mutex // held while the map is ahead of its last published root
	nodes   *nodes     // nil until Run has recovered
	places  *positions
	resumed int64 // how many records the checkpoint covered that Run found

	cosigning sync.Mutex
	witnessed map[string]int64 // by witness and log: the size that it last cosigned

	step func(name string) error // asked before each step; only tests set it
}

// published is the last signed state of a log: what proofs are made of. It never changes.
type published struct {
	tree       tlog.Tree
	checkpoint []byte
	leaf       []byte // of the log of map roots: its last entry
	covers     int64  // of the log of map roots: how many records the last entry covers
}

// Open prepares to seal: it reads the ledger's signing key, or makes one for a ledger that has nothing sealed. A key that is
// missing or unreadable does not keep a ledger from being used: then Run gives ErrNoKey until it is back. Run does the rest.
func Open(cfg Config) (*Sealer, error) {
	if cfg.Dir == "" || cfg.Store == nil {
		return nil, errors.New("open sealer: no data directory or no store given")
	}
	if cfg.Interval <= 0 {
		cfg.Interval = 200 * time.Millisecond
	}
	if cfg.MapInterval <= 0 {
		cfg.MapInterval = time.Second
	}
	if cfg.WitnessInterval <= 0 {
		cfg.WitnessInterval = 10 * time.Second
	}
	s := &Sealer{
		cfg: cfg, dir: filepath.Join(cfg.Dir, auditDir), moved: make(chan struct{}), witnessed: map[string]int64{},
		step: func(string) error { return nil },
	}
	signers, err := loadSigners(cfg.Dir)
	if err != nil && !errors.Is(err, ErrNoKey) {
		return nil, fmt.Errorf("open sealer: %w", err)
	}
	s.signers.Store(signers)
	if cfg.Witnesses == nil {
		if s.cfg.Witnesses, err = readWitnesses(filepath.Join(cfg.Dir, auditDir, policyFile)); err != nil {
			return nil, fmt.Errorf("open sealer: %w", err)
		}
	}
	return s, nil
}

// Key is the ledger's public key; zero while the signing key is missing.
func (s *Sealer) Key() verifier.Keys {
	if signers := s.signers.Load(); signers != nil {
		return signers.public
	}
	return verifier.Keys{}
}

// Run recovers what was sealed, compares its end with the log, and seals what comes until ctx ends. It returns ErrLogDiffers,
// naming the record, when the log is not the one that was sealed: starting it again is then of no use. After any other error
// it may be started again.
func (s *Sealer) Run(ctx context.Context) (err error) {
	s.mu.Lock()
	s.stopped = nil
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.stopped = err
		s.wake()
	}()
	if s.signers.Load() == nil {
		signers, err := loadSigners(s.cfg.Dir)
		if err != nil {
			return err
		}
		s.signers.Store(signers)
	}
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return err
	}
	lock := flock.New(filepath.Join(s.dir, lockFile))
	held, err := lock.TryLock()
	if err != nil {
		return err
	}
	if !held {
		return fmt.Errorf("%w: %s is locked", ErrBusy, s.dir)
	}
	defer func() { err = errors.Join(err, lock.Unlock()) }()

	log, err := s.recoverLog(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.forget()) }()
	roots, err := s.recoverMap(ctx)
	if err != nil {
		return err
	}
	group, running := errgroup.WithContext(ctx)
	group.Go(func() error { return s.seal(running, log) })
	group.Go(func() error { return s.mapRoots(running, roots) })
	if len(s.cfg.Witnesses) > 0 {
		group.Go(func() error { return s.witness(running) })
	}
	return group.Wait()
}

// compared is how many of the last sealed leaves are compared with the log when the sealer starts.
const compared = 256

// recoverLog opens the tree of records and makes sure that the log still begins with what it holds.
func (s *Sealer) recoverLog(ctx context.Context) (*tree, error) {
	t, err := openTree(filepath.Join(s.dir, logDir), s.signers.Load().log.Name())
	if err != nil {
		return nil, err
	}
	t.step = s.step
	unsigned, err := t.resume(s.signers.Load().public.LogPolicy())
	if err != nil {
		return nil, err
	}
	places, err := openPositions(filepath.Join(t.dir, positionsFile), t.size)
	if err != nil {
		return nil, err
	}
	s.mapping.Lock()
	s.places, s.resumed = places, t.signed.N
	s.mapping.Unlock()
	if err := s.compare(ctx, t); err != nil {
		return nil, errors.Join(err, s.forget())
	}
	if unsigned {
		if t.committed == 0 {
			err = t.commit()
		}
		if err = errors.Join(err, t.sign(s.signers.Load().log)); err != nil {
			return nil, errors.Join(err, s.forget())
		}
	}
	return t, s.publish(t)
}

// forget closes what only a running sealer has.
func (s *Sealer) forget() error {
	s.mapping.Lock()
	defer s.mapping.Unlock()
	var errs []error
	if s.nodes != nil {
		errs = append(errs, s.nodes.close())
		s.nodes = nil
	}
	if s.places != nil {
		errs = append(errs, s.places.close())
		s.places = nil
	}
	return errors.Join(errs...)
}

// compare holds the last sealed leaves against the log. An auditor's verification compares all of them.
func (s *Sealer) compare(ctx context.Context, t *tree) error {
	if t.size == 0 {
		return nil
	}
	last, err := s.places.at(t.size - 1)
	if err != nil {
		return err
	}
	end, err := s.cfg.Store.End(ctx)
	if err != nil {
		return err
	}
	head := tlog.Tree{N: t.size, Hash: t.root}
	if end < last {
		first, err := s.places.index(end+1, t.size)
		if err != nil {
			return fmt.Errorf("%w: it ends at position %d, and %d was sealed", ErrLogDiffers, end, last)
		}
		return fmt.Errorf("%w: it ends at position %d, and %d was sealed; the first missing record is %s",
			ErrLogDiffers, end, last, s.describe(t, first, end+1))
	}
	from := max(0, t.size-compared)
	after := eventstore.Position(0)
	if from > 0 {
		if after, err = s.places.at(from - 1); err != nil {
			return err
		}
	}
	index := from
	for rec, err := range s.cfg.Store.Follow(ctx, after) {
		if err != nil {
			return err
		}
		want, err := s.places.at(index)
		if err != nil {
			return err
		}
		sealed, err := t.entry(head, index)
		if err != nil {
			return err
		}
		if rec.Position != want || !bytes.Equal(rec.Data, sealed) {
			return fmt.Errorf("%w: position %d holds another record than the sealed one, %s", ErrLogDiffers, rec.Position,
				s.describe(t, index, want))
		}
		if index++; index == t.size {
			break
		}
	}
	return nil
}

// describe names a sealed record, as far as it can be read.
func (s *Sealer) describe(t *tree, index int64, at eventstore.Position) string {
	if data, err := t.entry(tlog.Tree{N: t.size, Hash: t.root}, index); err == nil {
		if r, err := verifier.ParseRecord(data); err == nil {
			return fmt.Sprintf("revision %d of customer %s (id %s, position %d)", r.Revision, r.Stream, r.ID, at)
		}
	}
	return fmt.Sprintf("leaf %d (position %d)", index, at)
}

// How much one commit takes at most.
const (
	batchRecords = 16_384
	batchBytes   = 16 << 20
)

// seal appends what the log yields to the tree and signs it, batch by batch.
func (s *Sealer) seal(ctx context.Context, t *tree) error {
	after := eventstore.Position(0)
	if t.size > 0 {
		var err error
		if after, err = s.places.at(t.size - 1); err != nil {
			return err
		}
	}
	records, failed := s.follow(ctx, after)
	var next time.Time // not before this instant
	for {
		var batch []eventstore.Recorded
		size := 0
		take := func(r eventstore.Recorded) {
			batch = append(batch, r)
			size += len(r.Data)
		}
		select {
		case r, ok := <-records:
			if !ok {
				return <-failed
			}
			take(r)
		case <-ctx.Done():
			return ctx.Err()
		}
		due := time.NewTimer(time.Until(next))
		for waiting := true; waiting; {
			// What is waiting anyway is taken also when the time has come.
			select {
			case r, ok := <-records:
				if !ok {
					due.Stop()
					return <-failed
				}
				take(r)
				waiting = len(batch) < batchRecords && size < batchBytes
				continue
			default:
			}
			select {
			case r, ok := <-records:
				if !ok {
					due.Stop()
					return <-failed
				}
				take(r)
			case <-due.C:
				waiting = false
			case <-ctx.Done():
				due.Stop()
				return ctx.Err()
			}
		}
		due.Stop()
		next = time.Now().Add(s.cfg.Interval)
		if err := s.sealBatch(t, batch); err != nil {
			return err
		}
	}
}

// follow reads the log ahead of the sealing. The error is sent after the records' channel was closed.
func (s *Sealer) follow(ctx context.Context, after eventstore.Position) (<-chan eventstore.Recorded, <-chan error) {
	records, failed := make(chan eventstore.Recorded, 2_048), make(chan error, 1)
	go func() {
		defer close(records)
		for r, err := range s.cfg.Store.Follow(ctx, after) {
			if err != nil {
				failed <- err
				return
			}
			select {
			case records <- r:
			case <-ctx.Done():
				failed <- ctx.Err()
				return
			}
		}
	}()
	return records, failed
}

// sealBatch makes the records the next leaves: positions, bundles, tiles, fsync, state, signature.
func (s *Sealer) sealBatch(t *tree, batch []eventstore.Recorded) error {
	places := make([]eventstore.Position, len(batch))
	leaves := make([][]byte, len(batch))
	for i, rec := range batch {
		r, err := verifier.ParseRecord(rec.Data)
		if err != nil {
			return fmt.Errorf("position %d: %w", rec.Position, err)
		}
		if r.Stream != rec.Stream || r.Revision != uint64(rec.Revision) || r.ID != rec.ID {
			return fmt.Errorf("%w: the record at position %d says it is revision %d of customer %s, the log has it as revision %d of %s",
				ErrLogDiffers, rec.Position, r.Revision, r.Stream, rec.Revision, rec.Stream)
		}
		places[i], leaves[i] = rec.Position, rec.Data
	}
	if err := s.step("positions"); err != nil {
		return err
	}
	if err := s.places.append(places); err != nil {
		return err
	}
	if err := t.append(leaves...); err != nil {
		return err
	}
	if err := t.commit(); err != nil {
		return err
	}
	if err := t.sign(s.signers.Load().log); err != nil {
		return err
	}
	return s.publish(t)
}

// publish shows the signed tree of records to those who ask for proofs.
func (s *Sealer) publish(t *tree) error {
	to := eventstore.Position(0)
	if t.size > 0 {
		var err error
		if to, err = s.places.at(t.size - 1); err != nil {
			return err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.log = &published{tree: tlog.Tree{N: t.size, Hash: t.root}, checkpoint: t.checkpoint}
	s.sealedTo = to
	s.wake()
	return nil
}

// wake tells those who wait that something changed. s.mu is held.
func (s *Sealer) wake() {
	close(s.moved)
	s.moved = make(chan struct{})
}

// Status says how far the log is sealed.
type Status struct {
	Key        string              // the public key
	Size       int64               // records under the last checkpoint
	Position   eventstore.Position // of the last of them
	MapSize    int64               // records under the last root of the completeness map
	Checkpoint string              // the last signed checkpoint
	Stopped    error               // why nothing is sealed at present; nil while the sealer runs
}

// Status returns how far the log is sealed. It waits until Run has looked, or stopped, for as long as ctx lasts.
func (s *Sealer) Status(ctx context.Context) Status {
	_ = s.await(ctx, func() bool { return s.log != nil }) // why it stopped is in the status
	s.mu.Lock()
	defer s.mu.Unlock()
	st := Status{Key: s.Key().LogText, Position: s.sealedTo, Stopped: s.stopped}
	if s.log != nil {
		st.Size, st.Checkpoint = s.log.tree.N, string(s.log.checkpoint)
	}
	if s.roots != nil {
		st.MapSize = s.roots.covers
	}
	return st
}

// WaitFor returns once the record at the position is under a signed checkpoint, with ctx's error, or with why the sealer
// stopped if it did.
func (s *Sealer) WaitFor(ctx context.Context, at eventstore.Position) error {
	return s.await(ctx, func() bool { return s.log != nil && s.sealedTo >= at })
}

// WaitForMap returns once a signed root of the completeness map covers the position; otherwise like WaitFor.
func (s *Sealer) WaitForMap(ctx context.Context, at eventstore.Position) error {
	if err := s.WaitFor(ctx, at); err != nil {
		return err
	}
	s.mu.Lock()
	size := s.log.tree.N
	s.mu.Unlock()
	return s.await(ctx, func() bool { return s.roots != nil && s.roots.covers >= size })
}

// await waits for a condition, which is asked under s.mu.
func (s *Sealer) await(ctx context.Context, done func() bool) error {
	for {
		s.mu.Lock()
		ok, moved, stopped := done(), s.moved, s.stopped
		s.mu.Unlock()
		switch {
		case ok:
			return nil
		case stopped != nil:
			return fmt.Errorf("%w: the sealer stopped: %w", ErrNotSealed, stopped)
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
