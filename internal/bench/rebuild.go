package bench

import (
	"context"
	"fmt"
	"time"
)

// measureRebuild has a plain server replay the very log, then builds all views from it. It closes the rig and returns
// another one on the same directory, whose views follow the log; after an error, the one that is still to be closed.
func measureRebuild(ctx context.Context, r *run, g *rig) (*rig, error) {
	if err := g.close(); err != nil {
		return g, err
	}
	times := pick(r, 1, 2)
	events, raw, err := rawReplay(ctx, g.dir, times)
	if err != nil {
		return g, err
	}
	again, err := openRig(ctx, g.dir)
	if err != nil {
		return g, err
	}
	g = again
	if err := g.openViews(ctx); err != nil {
		return g, err
	}
	ours, err := shortest(times, func() error { return g.views.Rebuild(ctx, nil, nil) })
	if err != nil {
		return g, err
	}
	if err := g.follow(ctx); err != nil {
		return g, err
	}
	if err := g.caughtUp(ctx); err != nil {
		return g, err
	}
	r.add(Figure{
		Name: "rebuild", Unit: "events/s", Value: float64(events) / ours.Seconds(), Goal: "ratio >= 0.5",
		Detail: fmt.Sprintf("all views from nothing, over %d events; "+
			"raw: an ordered consumer reads the same log and does nothing", events),
	}.against(float64(events) / raw.Seconds()))
	return g, nil
}

// rawReplay reads the log in the directory, which nobody may have open, and returns how many events it has and what the
// quickest reading took.
func rawReplay(ctx context.Context, dir string, times int) (events int, took time.Duration, err error) {
	plain, err := startRaw(dir)
	if err != nil {
		return 0, 0, err
	}
	defer plain.close()
	took, err = shortest(times, func() (err error) {
		events, err = plain.replay(ctx)
		return err
	})
	return events, took, err
}

// shortest does it so many times and returns what the quickest took.
func shortest(times int, do func() error) (time.Duration, error) {
	var best time.Duration
	for i := range times {
		began := time.Now()
		if err := do(); err != nil {
			return 0, err
		}
		if took := time.Since(began); i == 0 || took < best {
			best = took
		}
	}
	return best, nil
}
