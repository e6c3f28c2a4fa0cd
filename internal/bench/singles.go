package bench

import (
	"context"
	"errors"
	"fmt"
	"time"

	"amends/eventstore"
)

// measureSingles lets callers record one event each at a time, in turns with as many callers who publish to a plain server.
func measureSingles(ctx context.Context, r *run) (err error) {
	g, err := openRig(ctx, r.path("singles"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, g.close()) }()
	plain, err := newRaw(ctx, r.path("singles-raw"))
	if err != nil {
		return err
	}
	defer plain.close()

	var sample [][]byte
	source := newHistories(r.Seed)
	for i := range 1_000 {
		sample = append(sample, source.event(fmt.Sprint("sample-", i%50)))
	}
	if _, err := g.record(ctx, sample...); err != nil {
		return err
	}
	records, err := g.after(ctx, 0)
	if err != nil {
		return err
	}

	for _, callers := range []int{1, 8, 64, 256} {
		if err := r.single(ctx, g, plain, callers, records); err != nil {
			return err
		}
	}
	return nil
}

// single measures with so many callers. The records are what the plain server gets.
func (r *run) single(ctx context.Context, g *rig, plain *raw, callers int, records []eventstore.Recorded) error {
	turns, turn := pick(r, 1, 4), pick(r, 150*time.Millisecond, 600*time.Millisecond)
	own := make([]*histories, callers) // each caller has customers of its own
	count := make([]int, callers)
	for c := range own {
		own[c] = newHistories(r.Seed)
	}
	var ours, theirs spell
	for range turns {
		s, err := concurrently(ctx, callers, turn, func(ctx context.Context, c int) error {
			count[c]++
			_, err := g.record(ctx, own[c].event(fmt.Sprintf("S-%d-%d-%d", callers, c, count[c]%16)))
			return err
		})
		if err != nil {
			return err
		}
		ours.add(s)
		s, err = concurrently(ctx, callers, turn, func(ctx context.Context, c int) error {
			count[c]++
			return plain.publish(ctx, records[(c+count[c]*callers)%len(records)])
		})
		if err != nil {
			return err
		}
		theirs.add(s)
	}
	name := fmt.Sprintf("append_%d_callers", callers)
	r.add(
		Figure{
			Name: name, Unit: "events/s", Value: ours.rate(),
			Detail: "one event in each call; raw: durable publishes by as many callers",
		}.against(theirs.rate()),
		Figure{
			Name: name + "_p50", Unit: "ms", Value: milliseconds(ours.latencies, 0.5), Detail: "of the same calls",
		}.against(milliseconds(theirs.latencies, 0.5)),
		Figure{
			Name: name + "_p99", Unit: "ms", Value: milliseconds(ours.latencies, 0.99), Detail: "of the same calls",
		}.against(milliseconds(theirs.latencies, 0.99)),
	)
	return nil
}
