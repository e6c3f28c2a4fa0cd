package bench

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"amends/domain"
	"amends/eventstore"
	"amends/eventstore/jetstream"
	"amends/ledger"
	"amends/projections"
	"amends/schemas"
	"amends/vault"
)

// rig is a ledger as `amends serve` runs it, on a directory of its own. The views are not open until they are needed.
type rig struct {
	dir    string
	codec  *schemas.Codec
	store  *jetstream.Store
	vault  *vault.Vault
	ledger *ledger.Ledger
	views  *projections.Views
	closed bool

	stop    context.CancelFunc // ends the projector
	stopped chan error         // gets what ended it
}

// openRig opens, or makes, a ledger in the directory.
func openRig(ctx context.Context, dir string) (*rig, error) {
	codec, err := schemas.New()
	if err != nil {
		return nil, err
	}
	store, err := jetstream.Open(ctx, jetstream.Config{Dir: dir})
	if err != nil {
		return nil, err
	}
	keys, err := vault.Open(ctx, vault.Config{Dir: filepath.Join(dir, "keys")})
	if err != nil {
		return nil, errors.Join(err, store.Close())
	}
	g := &rig{dir: dir, codec: codec, store: store, vault: keys}
	g.ledger = g.newLedger()
	return g, nil
}

// newLedger makes a ledger that knows no customer yet.
func (g *rig) newLedger() *ledger.Ledger {
	return ledger.New(ledger.Config{Store: g.store, Codec: g.codec, Vault: g.vault})
}

// openViews opens the views, which stand still.
func (g *rig) openViews(ctx context.Context) (err error) {
	g.views, err = projections.Open(ctx, projections.Config{
		Path: filepath.Join(g.dir, "views.sqlite"), Store: g.store, Codec: g.codec, Weights: domain.ExpertWeights(),
	})
	return err
}

// follow keeps the views up with the log from now on; it opens them if need be.
func (g *rig) follow(ctx context.Context) error {
	if g.views == nil {
		if err := g.openViews(ctx); err != nil {
			return err
		}
	}
	ctx, g.stop = context.WithCancel(ctx)
	g.stopped = make(chan error, 1)
	go func() { g.stopped <- g.views.Run(ctx) }()
	return nil
}

// caughtUp waits until the views show everything that is in the log now.
func (g *rig) caughtUp(ctx context.Context) error {
	end, err := g.store.End(ctx)
	if err != nil {
		return err
	}
	return g.views.WaitFor(ctx, end)
}

// record records the events, all of which must be new.
func (g *rig) record(ctx context.Context, events ...[]byte) ([]ledger.Receipt, error) {
	receipts, err := g.ledger.Record(ctx, events)
	if err != nil {
		return nil, err
	}
	for _, r := range receipts {
		if r.Problem != nil {
			return nil, fmt.Errorf("an invented event was refused: %w", r.Problem)
		}
		if r.Status != ledger.Recorded {
			return nil, fmt.Errorf("an invented event is %s", r.Status)
		}
	}
	return receipts, nil
}

// after returns what the log holds after the position, up to its present end.
func (g *rig) after(ctx context.Context, position eventstore.Position) ([]eventstore.Recorded, error) {
	end, err := g.store.End(ctx)
	if err != nil || end == position {
		return nil, err
	}
	var records []eventstore.Recorded
	for rec, err := range g.store.Follow(ctx, position) {
		if err != nil {
			return nil, err
		}
		records = append(records, rec)
		if rec.Position == end {
			break
		}
	}
	return records, nil
}

// close ends the projector and closes everything; closing twice is harmless.
func (g *rig) close() error {
	if g.closed {
		return nil
	}
	g.closed = true
	var errs []error
	if g.stop != nil {
		g.stop()
		if err := <-g.stopped; !errors.Is(err, context.Canceled) {
			errs = append(errs, err)
		}
	}
	if g.views != nil {
		errs = append(errs, g.views.Close())
	}
	return errors.Join(append(errs, g.vault.Close(), g.store.Close())...)
}
