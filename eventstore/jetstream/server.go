package jetstream

import (
	"context"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/rs/zerolog"
)

// Config says how to open the embedded log. Only Dir is needed.
type Config struct {
	// Dir is the data directory; it is created, for its owner alone, if it does not exist. The log lives in Dir/jetstream.
	Dir string
	// Logger receives the server's warnings and errors, and the store's own. The zero Logger discards them.
	Logger zerolog.Logger
	// AckWait is how long an append waits for the server to acknowledge before its fate counts as unknown. Defaults to 10 s.
	AckWait time.Duration
	// CachedHeads is of how many streams the last revision is remembered, so that an append need not look it up. One takes
	// about 150 bytes. Defaults to 100,000.
	CachedHeads int
	// MaxBytes is how large the log may grow on disk before appends are refused; 0 means as large as the disk.
	MaxBytes int64
	// StartWait is how long Open waits for the server to recover its log. Defaults to 10 minutes: a log of many millions of
	// events whose index was lost is read from end to end.
	StartWait time.Duration
}

func (c Config) withDefaults() Config {
	if c.AckWait <= 0 {
		c.AckWait = 10 * time.Second
	}
	if c.CachedHeads <= 0 {
		c.CachedHeads = 100_000
	}
	if c.MaxBytes <= 0 {
		c.MaxBytes = math.MaxInt64 / 2
	}
	if c.StartWait <= 0 {
		c.StartWait = 10 * time.Minute
	}
	return c
}

// Open locks the data directory, starts the embedded server on it and returns the store. A directory that another process
// has open gives a *LockedError at once.
//
// A log whose sequences are not gapless gives eventstore.ErrDamaged.
//
// After a crash the server first finishes or drops a half-committed batch and cuts off a torn last record; Open then syncs
// what it found, so that everything a reader sees is durable even if the crash came between a write and its sync.
func Open(ctx context.Context, cfg Config) (_ *Store, err error) {
	cfg = cfg.withDefaults()
	if cfg.Dir == "" {
		return nil, errors.New("open log: no data directory given")
	}
	lock, err := LockDir(cfg.Dir)
	if err != nil {
		return nil, fmt.Errorf("open log: %w", err)
	}
	e := &embedded{lock: lock, dir: cfg.Dir}
	defer func() {
		if err != nil {
			err = errors.Join(err, e.close())
		}
	}()
	if err = checkSequences(e.storeDir()); err != nil {
		return nil, fmt.Errorf("open log: %w", err)
	}
	if e.server, err = startServer(cfg); err != nil {
		return nil, fmt.Errorf("open log: %w", err)
	}
	s, err := newStore(ctx, cfg, e.connect)
	if err != nil {
		return nil, fmt.Errorf("open log: %w", err)
	}
	if err := syncTree(e.storeDir()); err != nil {
		return nil, errors.Join(fmt.Errorf("open log: %w", err), s.stop())
	}
	s.embedded = e
	return s, nil
}

// embedded is the server inside this process, and its hold on the data directory.
type embedded struct {
	server *server.Server
	lock   *Lock
	dir    string
}

func startServer(cfg Config) (*server.Server, error) {
	s, err := server.NewServer(&server.Options{
		ServerName:             "amends",
		DontListen:             true,
		NoSigs:                 true,
		JetStream:              true,
		StoreDir:               cfg.Dir,
		SyncAlways:             true,
		SyncInterval:           2 * time.Minute, // of the server's own files; messages are synced one by one, or per batch
		JetStreamMaxMemory:     64 << 20,        // nothing of ours lives there
		JetStreamMaxStore:      cfg.MaxBytes,
		MaxPayload:             1 << 20,
		MaxPending:             256 << 20, // several readers' batches may wait for one connection
		DisableJetStreamBanner: true,
	})
	if err != nil {
		return nil, fmt.Errorf("configure server: %w", err)
	}
	s.SetLoggerV2(serverLog{cfg.Logger}, false, false, false)
	s.Start()
	if !s.ReadyForConnections(cfg.StartWait) {
		s.Shutdown()
		s.WaitForShutdown()
		return nil, fmt.Errorf("server not ready after %s", cfg.StartWait)
	}
	if !s.JetStreamEnabled() {
		s.Shutdown()
		s.WaitForShutdown()
		return nil, errors.New("server could not open its store; its log says why")
	}
	return s, nil
}

// connect opens one more connection to the server, through memory.
func (e *embedded) connect() (*nats.Conn, error) {
	nc, err := nats.Connect("", nats.InProcessServer(e.server), nats.Name("amends"), nats.NoReconnect(),
		nats.Timeout(30*time.Second))
	if err != nil {
		return nil, fmt.Errorf("connect to embedded server: %w", err)
	}
	return nc, nil
}

func (e *embedded) storeDir() string { return filepath.Join(e.dir, server.JetStreamStoreDir) }

// close stops the server, which writes its index so that the next start is quick, and gives the directory back.
func (e *embedded) close() error {
	if e.server != nil {
		e.server.Shutdown()
		e.server.WaitForShutdown()
	}
	return e.lock.Release()
}

// serverLog passes the server's log on; what it notices without consequence goes to debug.
type serverLog struct{ to zerolog.Logger }

func (l serverLog) Noticef(format string, v ...any) { l.to.Debug().Msgf("log server: "+format, v...) }
func (l serverLog) Warnf(format string, v ...any)   { l.to.Warn().Msgf("log server: "+format, v...) }
func (l serverLog) Fatalf(format string, v ...any)  { l.to.Error().Msgf("log server: "+format, v...) }
func (l serverLog) Errorf(format string, v ...any)  { l.to.Error().Msgf("log server: "+format, v...) }
func (l serverLog) Debugf(format string, v ...any)  { l.to.Debug().Msgf("log server: "+format, v...) }
func (l serverLog) Tracef(format string, v ...any)  { l.to.Trace().Msgf("log server: "+format, v...) }
