package bench

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// cachesExpire is when the log server has forgotten the blocks that were written or read last: it keeps them for 10 s.
const cachesExpire = 12 * time.Second

// measureFootprint fills a ledger with many customers of few events, and measures what each costs in memory and how long
// the ledger takes to start.
func measureFootprint(ctx context.Context, r *run) (err error) {
	const each = 2
	before := heapBytes()
	g, err := openRig(ctx, r.path("footprint"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, g.close()) }()
	if err := g.follow(ctx); err != nil {
		return err
	}
	if err := g.caughtUp(ctx); err != nil {
		return err
	}
	empty := heapBytes()

	var took time.Duration
	for i := 0; i < r.Customers*each; {
		var batch [][]byte
		for ; i < r.Customers*each && len(batch) < ingestBatch; i++ {
			batch = append(batch, event(r.Seed, fmt.Sprintf("M-%07d", i/each), i%each))
		}
		began := time.Now()
		if _, err := g.record(ctx, batch...); err != nil {
			return err
		}
		took += time.Since(began)
	}
	began := time.Now()
	if err := g.caughtUp(ctx); err != nil {
		return err
	}
	behind := time.Since(began)
	full := heapBytes()

	if err := g.close(); err != nil {
		return err
	}
	began = time.Now()
	again, err := openRig(ctx, g.dir)
	if err != nil {
		return err
	}
	g = again
	if err := g.follow(ctx); err != nil {
		return err
	}
	if err := g.caughtUp(ctx); err != nil {
		return err
	}
	start := time.Since(began)
	if err := wait(ctx, pick(r, 0, cachesExpire)); err != nil {
		return err
	}
	idle := heapBytes()

	r.add(
		Figure{
			Name: "memory_per_customer", Unit: "bytes", Value: (idle - empty) / float64(r.Customers), Goal: "value <= 1024",
			Detail: fmt.Sprintf("heap in use after garbage collection, of log, ledger and projector with %d customers of %d events "+
				"less that without any, some seconds after a start: what grows with the customers", r.Customers, each),
		},
		Figure{
			Name: "memory_after_writing", Unit: "bytes", Value: full - empty,
			Detail: fmt.Sprintf("the same in all, directly after writing those %d events: with the caches of log, ledger and projector, "+
				"which are bounded and do not grow with the customers", r.Customers*each),
		},
		Figure{
			Name: "ingest_to_views", Unit: "events/s", Value: float64(r.Customers*each) / (took + behind).Seconds(),
			Detail: fmt.Sprintf("writing the same, one sender, with the projector running, until the views show all of it; "+
				"the log took %.0f events/s meanwhile", float64(r.Customers*each)/took.Seconds()),
		},
		Figure{Name: "memory_empty", Unit: "bytes", Value: empty - before, Detail: "heap of a ledger without events"},
		Figure{
			Name: "start", Unit: "ms", Value: float64(start) / float64(time.Millisecond),
			Detail: fmt.Sprintf("opening a ledger of %d customers and %d events until it is ready to write and its views are up to date",
				r.Customers, r.Customers*each),
		},
	)
	return nil
}
