package jetstream

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	lru "github.com/hashicorp/golang-lru/v2"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/rs/zerolog"

	"amends/eventstore"
)

// Store is an eventstore.Store on a JetStream stream.
type Store struct {
	cfg     Config
	connect func() (*nats.Conn, error)
	log     zerolog.Logger
	getters []*getter     // each over a connection of its own: the server answers the gets of one connection in turn
	turn    atomic.Uint32 // which getter is next
	heads   *lru.Cache[string, head]
	mark    *mark

	writes  *nats.Conn
	acks    *replies
	queue   *queue
	writing sync.WaitGroup // the committer and the goroutines that settle refused appends

	base   context.Context // never ends; what is being written is waited for also while the store closes
	ended  context.Context // ends, with cause ErrClosed, when Close is called
	end    context.CancelCauseFunc
	closed sync.Once
	result error // of Close

	embedded *embedded
}

var _ eventstore.Store = (*Store)(nil)

// head is the end of a stream: its revision and the sequence of its last message. The zero head is that of no events.
type head struct {
	revision eventstore.Revision
	sequence uint64
}

// newStore opens the log over connections of the given kind and starts the committer.
func newStore(ctx context.Context, cfg Config, connect func() (*nats.Conn, error)) (_ *Store, err error) {
	s := &Store{cfg: cfg, connect: connect, log: cfg.Logger, queue: newQueue()}
	s.base = context.WithoutCancel(ctx)
	s.ended, s.end = context.WithCancelCause(s.base)
	defer func() {
		if err != nil {
			s.end(eventstore.ErrClosed)
			s.disconnect()
		}
	}()
	if s.heads, err = lru.New[string, head](cfg.CachedHeads); err != nil {
		return nil, err
	}
	if s.writes, err = connect(); err != nil {
		return nil, err
	}
	last, err := openStream(ctx, s.writes)
	if err != nil {
		return nil, err
	}
	s.mark = newMark(last)
	if s.acks, err = newReplies(s.writes); err != nil {
		return nil, err
	}
	for range min(runtime.GOMAXPROCS(0), 4) {
		nc, err := connect()
		if err != nil {
			return nil, err
		}
		g, err := newGetter(nc)
		if err != nil {
			nc.Close()
			return nil, err
		}
		s.getters = append(s.getters, g)
	}
	s.writing.Go(s.commitLoop)
	return s, nil
}

// openStream makes sure that the log exists with the settings that the contract rests on, and returns its last position.
func openStream(ctx context.Context, nc *nats.Conn) (eventstore.Position, error) {
	js, err := jetstream.New(nc)
	if err != nil {
		return 0, fmt.Errorf("use JetStream: %w", err)
	}
	want := jetstream.StreamConfig{
		Name:               logStream,
		Subjects:           []string{subjectPrefix + "*"},
		Storage:            jetstream.FileStorage,
		Replicas:           1,
		Retention:          jetstream.LimitsPolicy,
		Discard:            jetstream.DiscardNew,
		MaxMsgs:            -1,
		MaxBytes:           -1,
		MaxMsgsPerSubject:  -1,
		DenyDelete:         true,
		DenyPurge:          true,
		AllowDirect:        true,
		AllowAtomicPublish: true,
	}
	// A log that is as it should be is not touched: it can then be read even on a disk that is full.
	stream, err := js.Stream(ctx, logStream)
	if errors.Is(err, jetstream.ErrStreamNotFound) || err == nil && !sameSettings(stream.CachedInfo().Config, want) {
		stream, err = js.CreateOrUpdateStream(ctx, want)
	}
	if err != nil {
		return 0, fmt.Errorf("open stream %s: %w", logStream, err)
	}
	state := stream.CachedInfo().State
	if state.NumDeleted > 0 || state.FirstSeq > 1 {
		return 0, damaged(0, "it should hold positions 1 to %d, but has %d events from %d on",
			state.LastSeq, state.Msgs, state.FirstSeq)
	}
	return eventstore.Position(state.LastSeq), nil
}

// sameSettings compares what the contract rests on.
func sameSettings(a, b jetstream.StreamConfig) bool {
	return slices.Equal(a.Subjects, b.Subjects) && a.Storage == b.Storage && a.Replicas == b.Replicas &&
		a.Retention == b.Retention && a.Discard == b.Discard && a.MaxAge == b.MaxAge &&
		a.MaxMsgs == b.MaxMsgs && a.MaxBytes == b.MaxBytes && a.MaxMsgsPerSubject == b.MaxMsgsPerSubject &&
		a.DenyDelete == b.DenyDelete && a.DenyPurge == b.DenyPurge &&
		a.AllowDirect == b.AllowDirect && a.AllowAtomicPublish == b.AllowAtomicPublish
}

// Announce tells a process that finds the data directory locked where this one's API listens.
func (s *Store) Announce(url string) error { return s.embedded.lock.Announce(url) }

// Bytes is how many bytes the log takes on disk.
func (s *Store) Bytes() (int64, error) { return treeBytes(s.embedded.storeDir()) }

// Close lets the appends that are being written end, fails those that wait, ends readers and followers with ErrClosed,
// stops the server and gives the data directory back. Closing twice is harmless.
func (s *Store) Close() error {
	s.closed.Do(func() { s.result = errors.Join(s.stop(), s.embedded.close()) })
	return s.result
}

// stop ends everything but the server.
func (s *Store) stop() error {
	s.end(eventstore.ErrClosed)
	s.queue.close()
	s.writing.Wait()
	s.disconnect()
	return nil
}

func (s *Store) disconnect() {
	if s.writes != nil {
		s.writes.Close()
	}
	for _, g := range s.getters {
		g.nc.Close()
	}
}

func (s *Store) getter() *getter { return s.getters[int(s.turn.Add(1))%len(s.getters)] }

// bounded returns a context that ends with ctx, or with cause ErrClosed when the store is closed.
func (s *Store) bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	stop := context.AfterFunc(s.ended, func() { cancel(eventstore.ErrClosed) })
	return ctx, func() {
		stop()
		cancel(nil)
	}
}
