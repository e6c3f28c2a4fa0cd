package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/rs/zerolog"
	"github.com/tink-crypto/tink-go/v2/core/registry"

	"amends/access"
	"amends/audit"
	"amends/domain"
	"amends/ledger"
	"amends/projections"
	"amends/schemas"
	"amends/vault"
	"amends/web"
)

// engine is a ledger: the way in, the followers and the API, all in this process, and the log in it or elsewhere.
type engine struct {
	store   *openedLog
	vault   *vault.Vault
	views   *projections.Views
	sealer  *audit.Sealer
	ledger  *ledger.Ledger
	keys    *access.Keys
	api     web.Config
	handler http.Handler // the API for the local user
	log     zerolog.Logger

	stop      context.CancelFunc
	followers sync.WaitGroup // the projector, the sealer, the identity index, and what is done as time passes
}

// openEngine opens the ledger and starts the projector. What is not the log (the views) is in the data directory, which it
// creates if need be. Close must be called.
func openEngine(ctx context.Context, at logPlace, log zerolog.Logger) (_ *engine, err error) {
	codec, err := schemas.New()
	if err != nil {
		return nil, err
	}
	if err := audit.Unfinished(at.data); err != nil {
		return nil, err
	}
	store, err := at.open(ctx, log)
	if err != nil {
		return nil, err
	}
	e := &engine{store: store, log: log}
	defer func() {
		if err != nil {
			err = errors.Join(err, e.Close())
		}
	}()
	e.vault, err = vault.Open(ctx, vault.Config{Dir: filepath.Join(at.data, "keys"), KMS: []registry.KMSClient{vault.KeysetFile{}}})
	if err != nil {
		return nil, err
	}
	if end, err := store.End(ctx); err == nil && end > 0 && e.vault.Made() {
		const lost = "the log has records, but the key store is new: what was sealed under an older one cannot be opened; stop and restore keys/ if there is a copy"
		log.Error().Msg(lost)
	}
	e.views, err = projections.Open(ctx, projections.Config{
		Path: filepath.Join(at.data, "views.sqlite"), Store: store, Codec: codec, Weights: domain.ExpertWeights(), Logger: log,
		SparsePositions: store.sparse,
	})
	if err != nil {
		return nil, err
	}
	if e.sealer, err = audit.Open(audit.Config{Dir: at.data, Store: store, Logger: log}); err != nil {
		return nil, err
	}
	retention, err := readRetention(at.data)
	if err != nil {
		return nil, err
	}
	e.ledger = ledger.New(ledger.Config{Store: store, Codec: codec, Vault: e.vault, Retention: retention, Logger: log})
	if e.keys, err = access.OpenKeys(ctx, filepath.Join(at.data, "keys", "access.sqlite"), nil); err != nil {
		return nil, err
	}
	if err = endRevoked(ctx, e.ledger, e.keys, log); err != nil {
		return nil, err
	}
	e.api = web.Config{
		Ledger: e.ledger, Store: store, Codec: codec, Vault: e.vault, Views: e.views, Sealer: e.sealer, Logger: log, Version: version,
		Callers: access.Callers{Local: access.LocalUser(), Keys: e.keys}, SparsePositions: store.sparse,
	}
	e.handler = web.New(e.api)
	// The projector outlives the signal that ends ctx: a graceful stop still answers what is under way.
	run, stop := context.WithCancel(context.WithoutCancel(ctx))
	e.stop = stop
	e.followers.Go(func() { keepRunning(run, log, "projector", e.views.Run, never) })
	e.followers.Go(func() { keepRunning(run, log, "identity index", e.ledger.Index, never) })
	e.followers.Go(func() { e.erase(run, log) })
	e.followers.Go(func() { e.refresh(run, log) })
	e.followers.Go(func() { keepRunning(run, log, "sealer", e.sealer.Run, logDiffers) })
	return e, nil
}

// endRevoked ends the API keys of which the log says that they were revoked, before anybody is let in: a file of keys that was
// restored from a copy made before would let them in again.
func endRevoked(ctx context.Context, l *ledger.Ledger, keys *access.Keys, log zerolog.Logger) error {
	usable, err := keys.Usable(ctx)
	if err != nil || !usable {
		return err
	}
	revoked, err := l.RevokedKeys(ctx)
	if err != nil {
		return fmt.Errorf("look for revoked keys: %w", err)
	}
	all, err := keys.List(ctx)
	if err != nil {
		return err
	}
	for _, key := range all {
		if key.Revoked != nil || !slices.Contains(revoked, key.ID) {
			continue
		}
		if _, err := keys.Revoke(ctx, key.ID); err != nil {
			return err
		}
		log.Warn().Str("key", key.ID).Msg("a key that was revoked was valid again, from an older copy of the key store; it was revoked again")
	}
	return nil
}

// How long a follower rests after a failure before it is started again: at first, and at most.
const (
	restartSoon = time.Second
	restartSlow = time.Minute
)

// keepRunning starts a follower again when it stops. What stops it (a full disk, a damaged file) may pass, and the log goes on
// meanwhile; only an error that final is true of is not tried again.
func keepRunning(ctx context.Context, log zerolog.Logger, name string, run func(context.Context) error, final func(error) bool) {
	rest, last := restartSoon, ""
	for {
		began := time.Now()
		err := run(ctx)
		if ctx.Err() != nil {
			return
		}
		if err == nil {
			err = errors.New("it ended by itself")
		}
		level := zerolog.ErrorLevel
		if err.Error() == last {
			level = zerolog.WarnLevel // it was told
		}
		last = err.Error()
		log.WithLevel(level).Err(err).Str("follower", name).Msg("a follower stopped; the log goes on, its output stands still until the next try")
		if final(err) {
			return
		}
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

// Trying again does not make a log the one that was sealed.
func logDiffers(err error) bool { return errors.Is(err, audit.ErrLogDiffers) }

func never(error) bool { return false }

// eraseEvery is how often erasures whose day has come are looked for.
const eraseEvery = time.Minute

// erase carries out the approved erasures that nothing forbids any more, at once those that the last stop interrupted.
func (e *engine) erase(ctx context.Context, log zerolog.Logger) {
	tick := time.NewTicker(eraseEvery)
	defer tick.Stop()
	for {
		if e.ledger.AwaitIndex(ctx) == nil {
			completed, err := e.ledger.RunErasures(ctx)
			if err != nil && ctx.Err() == nil {
				log.Error().Err(err).Msg("erasures could not be carried out; the next try is in a minute")
			}
			if completed > 0 {
				log.Info().Int("erasures", completed).Msg("erasures were carried out")
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// How often scores older than a day are looked for, and clocks that have come due.
const (
	refreshEvery = time.Hour
	dueEvery     = 30 * time.Second
)

// refresh keeps what depends on the present instant up to date: satisfaction and risk change as time passes, and clocks run
// out, also when nothing is recorded.
func (e *engine) refresh(ctx context.Context, log zerolog.Logger) {
	tick := time.NewTicker(dueEvery)
	defer tick.Stop()
	var last time.Time
	for {
		now := time.Now().UTC()
		due, err := e.views.NextDue(ctx)
		if err != nil || now.Sub(last) >= refreshEvery || !due.IsZero() && due.Before(now) {
			if end, err := e.store.End(ctx); err == nil && e.views.WaitFor(ctx, end) == nil {
				if _, err := e.views.Refresh(ctx, now); err != nil && ctx.Err() == nil {
					log.Error().Err(err).Msg("scores could not be made anew; the next try is soon")
				}
				last = now
			}
		}
		select {
		case <-tick.C:
		case <-e.views.Reweighted():
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
	if e.vault != nil {
		errs = append(errs, e.vault.Close())
	}
	return errors.Join(append(errs, e.store.close())...)
}
