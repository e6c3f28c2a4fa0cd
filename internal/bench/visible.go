package bench

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"amends/eventstore"
)

// measureVisible records events at a steady rate, whatever the answers take, and measures how long each is under way until
// the views show it.
func measureVisible(ctx context.Context, r *run, g *rig) error {
	n := int(pick(r, 500*time.Millisecond, 6*time.Second).Seconds() * float64(r.Rate))
	customers := min(n, 2_000)
	events := make([][]byte, n)
	source := newHistories(r.Seed)
	for i := range events {
		events[i] = source.event(fmt.Sprint("V-", i*7919%customers))
	}

	var mu sync.Mutex
	var written, shown []time.Duration // since an event was due; since it was acknowledged
	group, working := errgroup.WithContext(ctx)
	began := time.Now()
	for i, e := range events {
		due := began.Add(time.Duration(i) * time.Second / time.Duration(r.Rate))
		if wait(working, time.Until(due)) != nil {
			break
		}
		// A goroutine for each event: a slow answer must not hold up the next event, or the load would not be steady.
		group.Go(func() error {
			receipts, err := g.record(working, e)
			if err != nil {
				return err
			}
			acknowledged := time.Now()
			if err := g.views.WaitFor(working, eventstore.Position(receipts[0].Position)); err != nil {
				return err
			}
			now := time.Now()
			mu.Lock()
			defer mu.Unlock()
			written, shown = append(written, now.Sub(due)), append(shown, now.Sub(acknowledged))
			return nil
		})
	}
	if err := errors.Join(group.Wait(), ctx.Err()); err != nil {
		return err
	}
	rate := float64(n) / time.Since(began).Seconds()
	detail := fmt.Sprintf("from the acknowledgement until the views show it, at %.0f events/s (%d asked for)", rate, r.Rate)
	r.add(
		Figure{Name: "visible_p50", Unit: "ms", Value: milliseconds(shown, 0.5), Detail: detail},
		Figure{Name: "visible_p99", Unit: "ms", Value: milliseconds(shown, 0.99), Goal: "value <= 50", Detail: detail},
		Figure{
			Name: "due_to_visible_p99", Unit: "ms", Value: milliseconds(written, 0.99),
			Detail: "from the instant at which the event was to be sent; includes waiting for the log",
		},
	)
	return nil
}

// wait returns when the time is over or ctx ends.
func wait(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
