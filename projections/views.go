package projections

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"amends/domain"
	"amends/eventstore"
	"amends/projections/internal/sqlite"
	"amends/schemas"
)

// Config says where the views are and what they are made from.
type Config struct {
	// Path is the file of the views. It is made if it is missing; its directory must exist.
	Path string
	// Store is the log.
	Store eventstore.Store
	// Codec decodes the log's records.
	Codec *schemas.Codec
	// Clock tells the present instant, for scores and lag. Defaults to time.Now.
	Clock func() time.Time
	// Weights are those of the churn scores until others are published in the log. Defaults to the expert weights. Other weights
	// than those of the file build the views anew.
	Weights *domain.Weights
	// Logger is told of parked records, and of builds. The zero Logger writes nothing.
	Logger zerolog.Logger
	// CacheEvents is how many decoded events are held in memory, about 1 KB each, so that a customer who comes up again need
	// not be read. Twice as many may be held while views are built. Defaults to 250,000.
	CacheEvents int
	// SparsePositions: the positions of the Store have gaps, so the difference of two is no number of events.
	SparsePositions bool
	// MaxRows bounds what SQL returns. Defaults to 1,000,000.
	MaxRows int
	// MaxBytes bounds what SQL returns, in bytes of text and 8 for each number. Defaults to 256 MB.
	MaxBytes int64
	// MaxQueryTime bounds how long a statement of SQL may run, from its start until its last row was read, and how long it may
	// wait for its turn before that. Defaults to 30 s.
	MaxQueryTime time.Duration
	// MaxReaders bounds how many queries run at once; others wait. SQL takes none of these places: half as many statements,
	// and at least one, run beside them. Defaults to 8.
	MaxReaders int
}

// Views are the read models in one SQLite file.
//
// The file can be read by any tool while it is live; it is in WAL mode, so to copy it use `sqlite3 views.sqlite
// ".backup copy.sqlite"` or `VACUUM INTO`, never cp alone: what was written last stands in views.sqlite-wal.
//
// All methods may be called concurrently, but only one Run at a time.
type Views struct {
	config  Config
	version string
	conn    *sqlite.Conn // the one that writes
	readers *readers
	// reweighted is told, without waiting, when published weights were projected.
	reweighted chan struct{}
	sql        *readers // for statements that somebody typed: however long they take, readers are left

	gate      sync.Mutex // held by whoever changes the file, or the projector
	projector *projector

	mu       sync.Mutex // guards what follows; outdated is also only changed under the gate
	outdated bool       // the file holds views of another version
	damaged  error      // the file was found damaged; the next Run starts with another
	endRun   context.CancelCauseFunc
	cursor   eventstore.Position
	moved    chan struct{} // closed and replaced when the cursor moves, or the follower stops
	stopped  error         // why the last Run ended, while none runs
	failed   error         // why the last Run ended, until the views have moved on since
	running  bool
	building bool
	// weightsVersion is of the weights in force when something was projected last.
	weightsVersion string
}

// ErrRunning: Run was called while it runs.
var ErrRunning = errors.New("projections: already running")

// ErrOutdated: the file holds views of another version of the program; Run builds them anew before it follows the log.
var ErrOutdated = errors.New("the views are of another version and are being built anew")

// Open opens the file of views, or makes it. It follows nothing yet: call Run. A file that is damaged, or holds no views, is moved
// aside; the operator is told.
func Open(ctx context.Context, config Config) (*Views, error) {
	if config.Clock == nil {
		config.Clock = time.Now
	}
	if config.Weights == nil {
		config.Weights = domain.ExpertWeights()
	}
	if config.CacheEvents <= 0 {
		config.CacheEvents = 250_000
	}
	if config.MaxRows <= 0 {
		config.MaxRows = 1_000_000
	}
	if config.MaxBytes <= 0 {
		config.MaxBytes = 256 << 20
	}
	if config.MaxQueryTime <= 0 {
		config.MaxQueryTime = 30 * time.Second
	}
	if config.MaxReaders <= 0 {
		config.MaxReaders = 8
	}
	v := &Views{config: config, version: viewsVersion(config.Weights.Version + "-" + priors.Version), moved: make(chan struct{}),
		readers: newReaders(config.Path, config.MaxReaders), sql: newReaders(config.Path, max(1, config.MaxReaders/2)),
		reweighted: make(chan struct{}, 1)}
	err := v.open()
	if unusable(err) {
		err = v.reopen(err)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open views %s: %w", config.Path, err), v.Close())
	}
	return v, ctx.Err()
}

func (v *Views) open() (err error) {
	if err := removeBuild(v.besidePath()); err != nil { // what a crash in a build left
		return err
	}
	if v.conn, err = sqlite.Open(v.config.Path, sqlite.ReadWrite); err != nil {
		return err
	}
	f, err := describeFile(v.conn) // before anything of a file is changed that may be somebody else's
	if err != nil {
		return err
	}
	// NORMAL in WAL mode never damages the file; a power cut may take back the last transactions as a whole, which the log
	// then gives again.
	for _, pragma := range []string{"journal_mode=WAL", "synchronous=NORMAL", "cache_size=-65536", "journal_size_limit=67108864"} {
		if err := v.conn.Exec("PRAGMA " + pragma); err != nil {
			return err
		}
	}
	if f.version == "" {
		if err := createViews(v.conn, v.version, true); err != nil {
			return err
		}
		f.version = v.version
	}
	outdated := f.version != v.version
	v.mu.Lock()
	v.outdated, v.cursor = outdated, eventstore.Position(f.position)
	v.mu.Unlock()
	if outdated {
		return nil
	}
	return v.startProjector()
}

// startProjector makes the live projector; the file is of this version.
func (v *Views) startProjector() (err error) {
	v.projector, err = newProjector(v.conn, projectorConfig{Config: v.config, asOf: v.present, delay: liveDelay})
	if err == nil {
		v.mu.Lock()
		defer v.mu.Unlock()
		v.noteWeights()
	}
	return err
}

// liveDelay is how many events a transaction on the live file may cover.
const liveDelay = 50_000

// present is what live scores are made for: now, with the weights in force.
func (v *Views) present(string) (asOf, error) {
	return asOf{at: v.config.Clock().UTC().Truncate(time.Second)}, nil
}

// Reweighted is told when weights were published: customers are scored with them as they are touched, and all by the next Refresh.
func (v *Views) Reweighted() <-chan struct{} { return v.reweighted }

// Close closes the file. Run must have returned.
func (v *Views) Close() error {
	v.gate.Lock()
	defer v.gate.Unlock()
	if v.projector != nil {
		v.projector.close()
		v.projector = nil
	}
	err := errors.Join(v.readers.close(), v.sql.close())
	if v.conn != nil {
		err = errors.Join(err, v.conn.Close())
		v.conn = nil
	}
	return err
}

// Run follows the log and keeps the views up to date until ctx ends, or something fails. Views of another version, and empty
// ones with a long log before them, are built beside the file first. What Run returns is never nil; after a failure it may be
// called again. A file that was found damaged is moved aside then, and the views are built anew.
func (v *Views) Run(ctx context.Context) error {
	v.mu.Lock()
	if v.running {
		v.mu.Unlock()
		return ErrRunning
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	v.running, v.stopped, v.endRun = true, nil, cancel
	v.mu.Unlock()

	err := v.noteDamage(v.run(ctx))
	if cause := context.Cause(ctx); errors.Is(cause, sqlite.ErrDamaged) {
		err = cause
	}
	v.mu.Lock()
	v.running, v.stopped, v.failed, v.endRun = false, err, err, nil
	v.wake()
	v.mu.Unlock()
	return err
}

func (v *Views) run(ctx context.Context) error {
	if err := v.startAnew(); err != nil {
		return err
	}
	end, err := v.config.Store.End(ctx)
	if err != nil {
		return err
	}
	if v.isOutdated() || v.Cursor() == 0 && end > buildBeside {
		v.config.Logger.Info().Str("version", v.version).Msg("building the views")
		if err := v.Rebuild(ctx, nil, nil); err != nil {
			return fmt.Errorf("build the views: %w", err)
		}
	}
	v.gate.Lock() // a build may just be being taken over
	p := v.projector
	v.gate.Unlock()
	if p == nil {
		return errClosed
	}
	return p.follow(ctx, following{gate: &v.gate, committed: v.committed})
}

// buildBeside is from how many events on an empty file is filled by a build beside it.
const buildBeside = 20_000

// committed publishes the projector's cursor. The gate is held.
func (v *Views) committed() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.cursor, v.failed = v.projector.cursor, nil
	v.noteWeights()
	if v.projector.reweighted {
		v.projector.reweighted = false
		select {
		case v.reweighted <- struct{}{}:
		default: // it was said, and not heard yet
		}
	}
	v.wake()
}

// noteWeights notes which weights are in force, for Status. The gate and mu are held.
func (v *Views) noteWeights() {
	v.weightsVersion = v.projector.schedule.InForce(domain.Limits{AsOf: v.config.Clock().UTC()}).Version
}

// wake wakes whoever waits. mu is held.
func (v *Views) wake() {
	close(v.moved)
	v.moved = make(chan struct{})
}

// Cursor is the position up to which the views are made.
func (v *Views) Cursor() eventstore.Position {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.cursor
}

// WaitFor waits until the views are made up to the position: whoever wrote at it then reads their own write. It returns why the
// follower stopped if it does not run any more.
func (v *Views) WaitFor(ctx context.Context, position eventstore.Position) error {
	for {
		v.mu.Lock()
		cursor, moved, stopped, outdated := v.cursor, v.moved, v.stopped, v.outdated
		v.mu.Unlock()
		switch {
		case cursor >= position && !outdated:
			return nil
		case stopped != nil:
			return fmt.Errorf("the views stand at position %d and follow no more: %w", cursor, stopped)
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// besidePath is where views are built.
func (v *Views) besidePath() string { return v.config.Path + ".building" }

// removeBuild removes a build's files.
func removeBuild(path string) error {
	var errs []error
	for _, suffix := range databaseSuffixes {
		if err := os.Remove(path + suffix); err != nil && !errors.Is(err, os.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

func (v *Views) isOutdated() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.outdated
}
