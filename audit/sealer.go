package audit

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
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
// naming the record, when the log is not the one that was sealed: starting it again is then of no use. ErrUnsealed says that nothing
// sealed is there though the ledger has a key and records. After any other error
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
	if err := s.sealedBefore(ctx); err != nil {
		return nil, err
	}
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
	if err := os.Remove(filepath.Join(s.dir, anewFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, errors.Join(err, s.forget())
	}
	return t, s.publish(t)
}

// sealedBefore refuses to seal records anew, under a key that sealed them before: whoever cut off the end of the log would only have
// to remove the sealed copy, too.
func (s *Sealer) sealedBefore(ctx context.Context) error {
	for _, file := range []string{filepath.Join(logDir, stateFile), filepath.Join(logDir, checkpointFile), anewFile} {
		if _, err := os.Stat(filepath.Join(s.dir, file)); !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	end, err := s.cfg.Store.End(ctx)
	if err != nil || end == 0 {
		return err
	}
	return fmt.Errorf("%w: the log has records and the ledger its key, but %s holds nothing; bring it back from a backup. "+
		"Only if you know why it is gone: make the empty file %s, and everything is sealed anew", ErrUnsealed,
		filepath.Join(s.dir, logDir), filepath.Join(s.dir, anewFile))
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
