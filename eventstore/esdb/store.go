package esdb

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/rs/zerolog"

	"amends/eventstore"
)

// Store is an eventstore.Store on an EventStoreDB or KurrentDB server or cluster.
type Store struct {
	link     *link
	prefix   string // of the customers' streams
	log      zerolog.Logger
	patience time.Duration
	deadline time.Duration // of one attempt at an append

	ended context.Context // ends, with cause ErrClosed, when Close is called
	end   context.CancelCauseFunc
}

var _ eventstore.Store = (*Store)(nil)

// defaultDeadline is how long one attempt at an append may take, unless the connection string says otherwise (defaultDeadline).
const defaultDeadline = 10 * time.Second

// Open connects to the server, and checks its version and that the user may read it. Close must be called.
func Open(ctx context.Context, cfg Config) (*Store, error) {
	return openAs(ctx, cfg, streamPrefix)
}

// openAs opens the ledger whose streams have the prefix.
func openAs(ctx context.Context, cfg Config, prefix string) (*Store, error) {
	conf, err := parse(cfg.URL)
	if err != nil {
		return nil, err
	}
	l, err := newLink(conf)
	if err != nil {
		return nil, err
	}
	s := &Store{link: l, prefix: prefix, log: cfg.Logger, patience: cfg.Patience, deadline: defaultDeadline}
	if s.patience <= 0 {
		s.patience = defaultPatience
	}
	if conf.DefaultDeadline != nil {
		s.deadline = *conf.DefaultDeadline
	}
	s.ended, s.end = context.WithCancelCause(context.WithoutCancel(ctx))
	err = s.try(ctx, func(ctx context.Context, n *node) error {
		if err := n.checkVersion(ctx); err != nil {
			return err
		}
		_, err := s.endAt(ctx, n) // which a user without rights may not read
		return err
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open EventStoreDB: %w", err), s.Close())
	}
	return s, nil
}

// Close ends readers and followers with ErrClosed and closes the connection. Closing twice is harmless.
func (s *Store) Close() error {
	s.end(eventstore.ErrClosed)
	return s.link.close()
}

// bounded returns a context that ends with ctx, or with cause ErrClosed when the store is closed.
func (s *Store) bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	stop := context.AfterFunc(s.ended, func() { cancel(eventstore.ErrClosed) })
	return ctx, func() {
		stop()
		cancel(nil)
	}
}

// How long to wait before the next try: at first, and at most.
const (
	retrySoon = 50 * time.Millisecond
	retrySlow = 3 * time.Second
)

// retries is the wait between the tries of one operation.
type retries struct {
	store *Store
	since time.Time // of the last sign of progress
	wait  time.Duration
	never bool // to give up
}

func (s *Store) retries() *retries { return &retries{store: s, since: time.Now(), wait: retrySoon} }

// progress says that something came through.
func (r *retries) progress() { r.since, r.wait = time.Now(), retrySoon }

// again returns nil when the operation is to be tried again, after a wait, and else the error that it ends with. n is the
// node that failed, if there was one.
func (r *retries) again(ctx context.Context, n *node, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	var failed *transientError
	if !errors.As(err, &failed) {
		return err
	}
	if err := r.store.link.heed(n, failed); err != nil {
		return err
	}
	wait := r.wait/2 + rand.N(r.wait) // jitter: the followers of a lost node do not all come at once
	r.wait = min(2*r.wait, retrySlow)
	if !r.never && time.Since(r.since)+wait > r.store.patience {
		return fmt.Errorf("gave up after %v: %w", r.store.patience, err)
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// try calls the leader until the call succeeds, fails for good, or patience is at an end.
func (s *Store) try(ctx context.Context, call func(context.Context, *node) error) error {
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	for r := s.retries(); ; {
		n, err := s.link.node(ctx)
		if err == nil {
			err = call(ctx, n)
		}
		if err == nil {
			return nil
		}
		if err := r.again(ctx, n, err); err != nil {
			return err
		}
	}
}
