package fit

import (
	"math"
	"slices"
)

// scheme turns a table's rows into a design. What it depends on (means, quantiles, which categories there are) is learnt from the
// rows that are fitted, never from those that judge.
type scheme struct {
	binned  bool
	columns []columnScheme
}

// columnScheme is a scheme's part for one column.
type columnScheme struct {
	numeric   bool
	mean      float64
	deviation float64 // standard; 0: the rows that were learnt from have but one value
	cuts      []float64
	texts     []string // sorted
	missing   bool     // some rows that were learnt from miss the value
}

// learnScheme learns from the rows. binned: numbers are cut into bins in order; otherwise they enter as they are, standardised.
func learnScheme(t *Table, rows []int, binned bool) *scheme {
	s := &scheme{binned: binned}
	for i := range t.Columns {
		c := &t.Columns[i]
		k := columnScheme{numeric: c.Numbers != nil}
		var present []float64
		for _, r := range rows {
			if !k.numeric {
				k.texts = append(k.texts, c.Texts[r])
			} else if x := c.Numbers[r]; math.IsNaN(x) {
				k.missing = true
			} else {
				present = append(present, x)
			}
		}
		slices.Sort(k.texts)
		k.texts = slices.Compact(k.texts)
		if k.numeric {
			k.mean, k.deviation = moments(present)
			k.cuts = quantileCuts(present, maxBins)
		}
		s.columns = append(s.columns, k)
	}
	return s
}

func moments(values []float64) (mean, deviation float64) {
	if len(values) == 0 {
		return 0, 0
	}
	for _, x := range values {
		mean += x / float64(len(values))
	}
	for _, x := range values {
		deviation += (x - mean) * (x - mean) / float64(len(values))
	}
	return mean, math.Sqrt(deviation)
}

// design makes the rows' design. A category that was not learnt falls in a cell of its own (0), which no row taught anything
// and the penalty leaves at nothing; so does a missing number where none was missing before.
func (s *scheme) design(t *Table, rows []int) *design {
	d := &design{rows: len(rows)}
	for i := range t.Columns {
		c, k := &t.Columns[i], &s.columns[i]
		switch {
		case !k.numeric:
			f := factor{cells: make([]uint16, len(rows)), levels: len(k.texts) + 1}
			for at, r := range rows {
				if cell, ok := slices.BinarySearch(k.texts, c.Texts[r]); ok {
					f.cells[at] = uint16(cell + 1)
				}
			}
			d.factors = append(d.factors, f)
		case s.binned:
			f := factor{cells: make([]uint16, len(rows)), levels: len(k.cuts) + 2, ordered: true, first: 1}
			for at, r := range rows {
				if x := c.Numbers[r]; !math.IsNaN(x) {
					f.cells[at] = uint16(cellOf(k.cuts, x) + 1)
				}
			}
			d.factors = append(d.factors, f)
		default:
			values := make([]float64, len(rows))
			gaps := factor{cells: make([]uint16, len(rows)), levels: 2}
			for at, r := range rows {
				switch x := c.Numbers[r]; {
				case math.IsNaN(x):
					gaps.cells[at] = 1
				case k.deviation > 0:
					values[at] = (x - k.mean) / k.deviation
				}
			}
			d.numerics = append(d.numerics, values)
			if k.missing {
				d.factors = append(d.factors, gaps)
			}
		}
	}
	return d
}

// parameters is how many coefficients there are, the intercept apart.
func (d *design) parameters() int {
	n := len(d.numerics)
	for i := range d.factors {
		n += d.factors[i].parameters()
	}
	return n
}
