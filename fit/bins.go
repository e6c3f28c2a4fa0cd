package fit

import (
	"slices"
	"sort"
)

// maxBins is into how many bins a number is cut at most: eight, as the figures published for scorecards of this kind.
const maxBins = 8

// quantileCuts cuts the values at their quantiles into at most so many bins, 2 or more: a value falls in the bin after all cuts that are at
// or below it. Values that many rows share make fewer bins. A value that more than half of the rows have (0, for most things
// that are counted) gets a bin of its own, and the quantiles are those of the rest.
func quantileCuts(values []float64, bins int) []float64 {
	sorted := slices.Clone(values)
	slices.Sort(sorted)
	n := len(sorted)
	if n == 0 || sorted[0] == sorted[n-1] {
		return nil
	}
	if common := sorted[n/2]; common == sorted[0] || common == sorted[n-1] {
		rest := slices.DeleteFunc(slices.Clone(sorted), func(v float64) bool { return v == common })
		if 2*len(rest) < n {
			cuts := cutsOf(rest, bins-1)
			if edge := rest[0]; common < edge {
				cuts = append(cuts, edge)
			} else {
				cuts = append(cuts, common)
			}
			slices.Sort(cuts)
			return slices.Compact(cuts)
		}
	}
	return cutsOf(sorted, bins)
}

// cutsOf are the quantiles of sorted values that cut them into so many bins, each once, none at the lowest value.
func cutsOf(sorted []float64, bins int) []float64 {
	var cuts []float64
	for k := 1; k < bins; k++ {
		if cut := sorted[k*len(sorted)/bins]; cut > sorted[0] && !slices.Contains(cuts, cut) {
			cuts = append(cuts, cut)
		}
	}
	return cuts
}

// cellOf is the bin of a value, counted from 0.
func cellOf(cuts []float64, value float64) int {
	return sort.Search(len(cuts), func(i int) bool { return cuts[i] > value })
}
