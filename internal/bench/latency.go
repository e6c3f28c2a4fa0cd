package bench

import (
	"context"
	"slices"
	"sync"
	"time"
)

// spell is what callers did within a stretch of time.
type spell struct {
	elapsed   time.Duration
	latencies []time.Duration // one for each call
}

func (s *spell) add(other spell) {
	s.elapsed += other.elapsed
	s.latencies = append(s.latencies, other.latencies...)
}

// rate is calls a second.
func (s *spell) rate() float64 { return float64(len(s.latencies)) / s.elapsed.Seconds() }

// concurrently lets the callers call, each one after the other, until the time is over; calls under way are waited for. It
// returns the first error.
func concurrently(
	ctx context.Context, callers int, d time.Duration, call func(ctx context.Context, caller int) error,
) (spell, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	took := make([][]time.Duration, callers)
	began := time.Now()
	var wg sync.WaitGroup
	for c := range callers {
		wg.Go(func() {
			for at := began; at.Sub(began) < d && ctx.Err() == nil; {
				if err := call(ctx, c); err != nil {
					cancel(err)
					return
				}
				now := time.Now()
				took[c] = append(took[c], now.Sub(at))
				at = now
			}
		})
	}
	wg.Wait()
	return spell{elapsed: time.Since(began), latencies: slices.Concat(took...)}, context.Cause(ctx)
}

// milliseconds returns the given share of the latencies, 0.5 for the median: so many ms or less.
func milliseconds(latencies []time.Duration, share float64) float64 {
	if len(latencies) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(latencies))
	at := min(int(share*float64(len(sorted))), len(sorted)-1)
	return float64(sorted[at]) / float64(time.Millisecond)
}
