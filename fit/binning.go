package fit

import (
	"cmp"
	"math"
	"slices"

	"amends/domain"
)

// binning is how the drivers' values are cut, and which drivers are used at all.
type binning struct {
	cuts       [][]float64 // by driver
	used       []bool      // by driver
	parameters int         // what the rows have to decide on: the steps between bins, and the unknown where there is any
}

// fewestBins is into how many bins each driver is cut before whole drivers are left out.
const fewestBins = 3

// choose cuts the drivers as finely as the number of parameters allows. Where even few bins are too many, drivers are left out:
// those that tell least by themselves, by the AUC of their values in the rows that are learnt from.
func choose(train []row, parameters int) *binning {
	for bins := maxBins; bins > fewestBins; bins-- {
		if b := cutDrivers(train, bins); b.parameters <= parameters {
			return b
		}
	}
	b := cutDrivers(train, fewestBins)
	outcomes := outcomesOf(train)
	type telling struct {
		driver int
		tells  float64
	}
	var order []telling
	for k := range b.cuts {
		order = append(order, telling{k, tells(train, k, outcomes)})
	}
	slices.SortStableFunc(order, func(a, c telling) int { return cmp.Compare(a.tells, c.tells) })
	for _, least := range order {
		if b.parameters <= parameters {
			break
		}
		b.used[least.driver] = false
		b.count(train)
	}
	return b
}

// tells is how far the AUC of the driver's values is from chance, in the known direction if there is one.
func tells(rows []row, k int, outcomes []bool) float64 {
	values := make([]float64, len(rows))
	for i, r := range rows {
		values[i] = math.Inf(-1)
		if r.values[k].Known {
			values[i] = float64(r.values[k].Value)
		}
	}
	above := newPrediction(values, outcomes).figures(nil).AUC - 0.5
	if direction := domain.DriverKinds()[k].Direction; direction != 0 {
		return above * float64(direction)
	}
	return math.Abs(above)
}

// cutDrivers cuts each driver's values in the rows into at most so many bins.
func cutDrivers(rows []row, bins int) *binning {
	n := len(domain.DriverKinds())
	b := &binning{cuts: make([][]float64, n), used: make([]bool, n)}
	for k := range n {
		b.used[k] = true
		var values []float64
		for _, r := range rows {
			if v := r.values[k]; v.Known {
				values = append(values, float64(v.Value))
			}
		}
		b.cuts[k] = quantileCuts(values, bins)
	}
	b.count(rows)
	return b
}

func (b *binning) count(rows []row) {
	b.parameters = 0
	for k := range b.cuts {
		if !b.used[k] {
			continue
		}
		b.parameters += len(b.cuts[k])
		known := 0
		for _, r := range rows {
			if r.values[k].Known {
				known++
			}
		}
		if known > 0 && known < len(rows) {
			b.parameters++
		}
	}
}

// design is a factor for each driver: cell 0 is the unknown. A driver that is not used has all rows in one cell, which then is
// worth nothing.
func (b *binning) design(rows []row) *design {
	d := &design{rows: len(rows)}
	for k, kind := range domain.DriverKinds() {
		f := factor{cells: make([]uint16, len(rows)), levels: len(b.cuts[k]) + 2, ordered: true, first: 1, direction: kind.Direction}
		for i, r := range rows {
			switch v := r.values[k]; {
			case !b.used[k]:
				f.cells[i] = 1
			case v.Known:
				f.cells[i] = uint16(1 + cellOf(b.cuts[k], float64(v.Value)))
			}
		}
		d.factors = append(d.factors, f)
	}
	return d
}
