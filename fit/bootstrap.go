package fit

import (
	"math"
	"math/rand/v2"
	"slices"
)

// resamples is how many times the bootstrap draws.
const resamples = 400

// bootstrap draws clusters (customers, whose rows are not independent of each other) with replacement and gives what it was
// asked about for each draw: 95 % percentile intervals (Efron). clusters numbers the cluster of each row, from 0. A draw
// without both outcomes is left out.
func (q *prediction) bootstrap(clusters []int, seed uint64) Intervals {
	var auc, prauc, brier, skill, lift []float64
	draw(clusters, seed, func(times []int) {
		f := q.figures(times)
		if math.IsNaN(f.AUC) {
			return
		}
		auc, prauc, brier = append(auc, f.AUC), append(prauc, f.PRAUC), append(brier, f.Brier)
		skill, lift = append(skill, f.BrierSkill), append(lift, f.Lift10)
	})
	return Intervals{AUC: middle95(auc), PRAUC: middle95(prauc), Brier: middle95(brier), BrierSkill: middle95(skill),
		Lift10: middle95(lift)}
}

// draw calls what with how often each row counts in each resample.
func draw(clusters []int, seed uint64, what func(times []int)) {
	if len(clusters) == 0 {
		return
	}
	n := slices.Max(clusters) + 1
	rng := rand.New(rand.NewPCG(seed, 0xB007))
	ofCluster, times := make([]int, n), make([]int, len(clusters))
	for range resamples {
		clear(ofCluster)
		for range n {
			ofCluster[rng.IntN(n)]++
		}
		for r, c := range clusters {
			times[r] = ofCluster[c]
		}
		what(times)
	}
}

// middle95 is between the 2.5th and the 97.5th percentile.
func middle95(values []float64) Interval {
	if len(values) == 0 {
		return Interval{math.NaN(), math.NaN()}
	}
	slices.Sort(values)
	at := func(share float64) float64 { return values[int(math.Round(share*float64(len(values)-1)))] }
	return Interval{at(0.025), at(0.975)}
}
