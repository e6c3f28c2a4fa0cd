package fit

// A design is a table as the fitter sees it: numbers that enter the log-odds as they are, and factors whose cells are each
// worth something of their own.
type design struct {
	rows     int
	numerics [][]float64 // one list per column, standardised
	factors  []factor
}

// factor is a column each of whose rows falls in one cell.
type factor struct {
	cells  []uint16
	levels int // cells are below it
	// ordered: the cells from first on are in order, and the penalty is on the steps between neighbours (thermometer coding),
	// so that cells of few rows lean on their neighbours. The cells before first stand outside the order: a missing value.
	ordered bool
	first   int
	// direction is 1 where the effect is known never to fall along the order, −1 where never to rise, 0 where nothing is known.
	direction int
}

// parameters is how many coefficients the factor has.
func (f *factor) parameters() int {
	if f.ordered {
		return f.levels - 1 // the first cell of the order is the one that the others are compared with
	}
	return f.levels
}

// layout says where things lie in the vector of coefficients and in that of the cells' effects. In both the intercept comes
// first, then the numerics, then the factors. A factor's effects follow from its coefficients: they are the same for a factor
// without order; for one with, an effect is the sum of the steps up to it.
type layout struct {
	*design
	params, effects         int
	firstParam, firstEffect []int // of each factor
	lower                   []bool
	upper                   []bool // coefficients that may not fall below, or rise above, 0
}

func layoutOf(d *design) *layout {
	l := &layout{design: d, params: 1 + len(d.numerics), effects: 1 + len(d.numerics)}
	for i := range d.factors {
		l.firstParam = append(l.firstParam, l.params)
		l.firstEffect = append(l.firstEffect, l.effects)
		l.params += d.factors[i].parameters()
		l.effects += d.factors[i].levels
	}
	l.lower, l.upper = make([]bool, l.params), make([]bool, l.params)
	for i, f := range d.factors {
		if !f.ordered {
			continue
		}
		for step := range f.levels - f.first - 1 {
			at := l.firstParam[i] + f.first + step
			l.lower[at], l.upper[at] = f.direction > 0, f.direction < 0
		}
	}
	return l
}

// toEffects fills effects from coefficients.
func (l *layout) toEffects(params, effects []float64) {
	plain := 1 + len(l.numerics)
	copy(effects, params[:plain])
	for i, f := range l.factors {
		p, e := params[l.firstParam[i]:], effects[l.firstEffect[i]:]
		if !f.ordered {
			copy(e[:f.levels], p)
			continue
		}
		copy(e[:f.first], p)
		sum := 0.0
		for c := f.first; c < f.levels; c++ {
			if c > f.first {
				sum += p[c-1]
			}
			e[c] = sum
		}
	}
}

// toParams is the transpose of toEffects: it turns derivatives by effects into derivatives by coefficients.
func (l *layout) toParams(effects, params []float64) {
	plain := 1 + len(l.numerics)
	copy(params[:plain], effects)
	for i, f := range l.factors {
		p, e := params[l.firstParam[i]:], effects[l.firstEffect[i]:]
		if !f.ordered {
			copy(p[:f.levels], e)
			continue
		}
		copy(p[:f.first], e)
		sum := 0.0
		for c := f.levels - 1; c > f.first; c-- {
			sum += e[c]
			p[c-1] = sum
		}
	}
}

// logOdds are the rows' log-odds under the effects.
func (l *layout) logOdds(effects, out []float64) {
	for r := range out {
		out[r] = effects[0]
	}
	for i, values := range l.numerics {
		for r, x := range values {
			out[r] += effects[1+i] * x
		}
	}
	for i := range l.factors {
		e := effects[l.firstEffect[i]:]
		for r, c := range l.factors[i].cells {
			out[r] += e[c]
		}
	}
}
