package main

import (
	"context"
	"errors"
	"net/http"
	"path/filepath"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"amends/access"
	"amends/domain"
	"amends/eventstore/jetstream"
	"amends/ledger"
	"amends/projections"
	"amends/schemas"
	"amends/web"
)

// engine is the embedded ledger: the log, the way in, the followers and the API, all in this process.
type engine struct {
	store   *jetstream.Store
	views   *projections.Views
	ledger  *ledger.Ledger
	keys    *access.Keys
	api     web.Config
	handler http.Handler // the API for the local user

	stop      context.CancelFunc
	followers sync.WaitGroup // the projector, and what keeps scores up to date
}

// openEngine opens the ledger in dir, which it creates if need be, and starts the projector. Close must be called.
func openEngine(ctx context.Context, dir string, log zerolog.Logger) (_ *engine, err error) {
	codec, err := schemas.New()
	if err != nil {
		return nil, err
	}
	store, err := jetstream.Open(ctx, jetstream.Config{Dir: dir, Logger: log})
	if err != nil {
		return nil, err
	}
	e := &engine{store: store}
	defer func() {
		if err != nil {
			err = errors.Join(err, e.Close())
		}
	}()
	e.views, err = projections.Open(ctx, projections.Config{
		Path: filepath.Join(dir, "views.sqlite"), Store: store, Codec: codec, Weights: domain.ExpertWeights(), Logger: log,
	})
	if err != nil {
		return nil, err
	}
	e.ledger = ledger.New(ledger.Config{Store: store, Codec: codec, Logger: log})
	if e.keys, err = access.OpenKeys(ctx, filepath.Join(dir, "keys", "access.sqlite"), nil); err != nil {
		return nil, err
	}
	e.api = web.Config{
		Ledger: e.ledger, Store: store, Codec: codec, Views: e.views, Logger: log, Version: version,
		Callers: access.Callers{Local: access.LocalUser(), Keys: e.keys},
	}
	e.handler = web.New(e.api)
	// The projector outlives the signal that ends ctx: a graceful stop still answers what is under way.
	run, stop := context.WithCancel(context.WithoutCancel(ctx))
	e.stop = stop
	e.followers.Go(func() { e.project(run, log) })
	e.followers.Go(func() { e.refresh(run, log) })
	return e, nil
}

// How long the projector rests after a failure before it is started again: at first, and at most.
const (
	restartSoon = time.Second
	restartSlow = time.Minute
)

// project keeps the projector running. What stops it (a full disk, a damaged file) may pass, and the log goes on meanwhile.
func (e *engine) project(ctx context.Context, log zerolog.Logger) {
	rest, last := restartSoon, ""
	for {
		began := time.Now()
		err := e.views.Run(ctx)
		if ctx.Err() != nil {
			return
		}
		level := zerolog.ErrorLevel
		if err.Error() == last {
			level = zerolog.WarnLevel // it was told
		}
		last = err.Error()
		log.WithLevel(level).Err(err).Msg("the projector stopped; the log goes on, the views stand still until the next try")
		if time.Since(began) > restartSlow {
			rest = restartSoon
		}
		select {
		case <-time.After(rest):
		case <-ctx.Done():
			return
		}
		rest = min(2*rest, restartSlow)
	}
}

// refreshEvery is how often scores older than a day are looked for.
const refreshEvery = time.Hour

// refresh keeps what depends on the present instant up to date: satisfaction and risk change as time passes, also when
// nothing is recorded.
func (e *engine) refresh(ctx context.Context, log zerolog.Logger) {
	tick := time.NewTicker(refreshEvery)
	defer tick.Stop()
	for {
		if end, err := e.store.End(ctx); err == nil && e.views.WaitFor(ctx, end) == nil {
			if _, err := e.views.Refresh(ctx, time.Now().UTC()); err != nil && ctx.Err() == nil {
				log.Error().Err(err).Msg("scores could not be made anew; the next try is in an hour")
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// Close stops the followers and closes the log. What was acknowledged is safe at any moment; closing is for tidiness.
func (e *engine) Close() error {
	var errs []error
	if e.stop != nil {
		e.stop()
		e.followers.Wait()
	}
	if e.views != nil {
		errs = append(errs, e.views.Close())
	}
	if e.keys != nil {
		errs = append(errs, e.keys.Close())
	}
	return errors.Join(append(errs, e.store.Close())...)
}
