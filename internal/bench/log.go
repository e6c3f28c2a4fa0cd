package bench

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// measureLog grows one log, and measures on it what might depend on its size, then what reads it as a whole.
func measureLog(ctx context.Context, r *run) (err error) {
	g, err := openRig(ctx, r.path("log"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, g.close()) }()

	reads := newReplays(r)
	recorded := 0
	for _, size := range r.sizes() {
		r.Progress(fmt.Sprintf("reading one customer, %d events in the log", size))
		if err := reads.grow(ctx, g, recorded, size); err != nil {
			return err
		}
		recorded = size
		if err := reads.measure(ctx, g, size); err != nil {
			return err
		}
	}
	r.add(reads.figures()...)

	r.Progress("appending to a long history")
	if err := measureHistoryLength(ctx, r, g); err != nil {
		return err
	}
	r.Progress("rebuilding all views")
	if g, err = measureRebuild(ctx, r, g); err != nil {
		return err
	}
	r.Progress("the delay until views show an event")
	return measureVisible(ctx, r, g)
}

// sizes are the sizes of log that are measured, tenfold each: 10,000 (4,000 in a quick run) up to Events.
func (r *run) sizes() []int {
	var sizes []int
	for size := pick(r, 4_000, 10_000); size < r.Events; size *= 10 {
		sizes = append(sizes, size)
	}
	return append(sizes, r.Events)
}

// measureHistoryLength appends by turns to a customer with a short history and to one with a long one.
func measureHistoryLength(ctx context.Context, r *run, g *rig) error {
	long, times := pick(r, 1_000, 10_000), pick(r, 40, 300)
	lengths := map[string]int{"short": 10, "long": long}
	source := newHistories(r.Seed)
	for customer, length := range lengths {
		for n := 0; n < length; {
			var batch [][]byte
			for ; n < length && len(batch) < ingestBatch; n++ {
				batch = append(batch, source.event(customer))
			}
			if _, err := g.record(ctx, batch...); err != nil {
				return err
			}
		}
	}
	took := map[string][]time.Duration{}
	for range times {
		for customer := range lengths {
			e := source.event(customer)
			began := time.Now()
			if _, err := g.record(ctx, e); err != nil {
				return err
			}
			took[customer] = append(took[customer], time.Since(began))
		}
	}
	r.add(Figure{
		Name: "append_long_history", Unit: "ms", Value: milliseconds(took["long"], 0.5), Goal: "ratio <= 1.3",
		Detail: fmt.Sprintf("one event to a customer with %d events, median; raw: to one with 10", long),
	}.against(milliseconds(took["short"], 0.5)))

	// A ledger that was just started knows no customer, and reads the history before its first append.
	first := map[string][]time.Duration{}
	for range pick(r, 2, 5) {
		g.ledger = g.newLedger()
		for customer := range lengths {
			e := source.event(customer)
			began := time.Now()
			if _, err := g.record(ctx, e); err != nil {
				return err
			}
			first[customer] = append(first[customer], time.Since(began))
		}
	}
	r.add(Figure{
		Name: "append_long_history_first", Unit: "ms", Value: milliseconds(first["long"], 0.5),
		Detail: "the same, but the first append to the customer after a start, which reads the history; " +
			"raw: likewise with the short one",
	}.against(milliseconds(first["short"], 0.5)))
	return nil
}
