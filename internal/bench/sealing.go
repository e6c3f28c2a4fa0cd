package bench

import (
	"context"
	"errors"
	"time"

	"amends/ledger"
)

// measureSealing takes turns between a ledger that seals personal values and one that stores them as they are sent, each on a
// log of its own.
func measureSealing(ctx context.Context, r *run) (err error) {
	sealed, err := openRig(ctx, r.path("sealed"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, sealed.close()) }()
	clear, err := openRig(ctx, r.path("clear"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, clear.close()) }()
	clear.ledger = ledger.New(ledger.Config{Store: clear.store, Codec: clear.codec})

	turns, turn, customers := pick(r, 2, 6), pick(r, 2_000, 5_000), pick(r, 1_000, 5_000)
	source := newHistories(r.Seed)
	var with, without time.Duration
	for n := range turns {
		batches := make([][][]byte, turn/ingestBatch)
		for i := range turn {
			batches[i/ingestBatch] = append(batches[i/ingestBatch], source.event(among(customers, n*turn+i)))
		}
		for _, side := range []struct {
			rig  *rig
			took *time.Duration
		}{{sealed, &with}, {clear, &without}} {
			began := time.Now()
			if err := side.rig.send(ctx, batches, 1); err != nil {
				return err
			}
			*side.took += time.Since(began)
		}
	}
	events := float64(turns * turn)
	r.add(Figure{
		Name: "ingest_personal_sealed", Unit: "events/s", Value: events / with.Seconds(), Goal: "ratio >= 0.7",
		Detail: "durable ingest with personal values sealed, new customers and their keys included; raw: without sealing",
	}.against(events / without.Seconds()))
	return nil
}
