package fit

import (
	"errors"
	"math"

	"gonum.org/v1/gonum/mat"
)

// errSingular: the coefficients cannot be told apart. The penalty rules it out unless the numbers overflow.
var errSingular = errors.New("fit: the columns' numbers are too large or too alike to be fitted")

// maxNewton bounds the steps; a penalised logistic regression takes about ten.
const maxNewton = 100

// logistic finds the coefficients that maximise the log-likelihood less lambda/2 times their squares (the intercept apart), and
// returns the effects. It is Newton's method, which for logistic regression is iteratively reweighted least squares, with
// Cholesky's decomposition. Coefficients with a bound are held by projected Newton steps (Bertsekas 1982, Projected Newton
// methods for optimization problems with simple constraints): those at their bound that want beyond it sit out the step.
func logistic(d *design, y []bool, lambda float64) ([]float64, error) {
	l := layoutOf(d)
	params, effects, odds := make([]float64, l.params), make([]float64, l.effects), make([]float64, d.rows)
	params[0] = startingIntercept(y)
	value := l.objective(params, effects, odds, y, lambda)
	next := make([]float64, l.params)
	for range maxNewton {
		gradient, hessian := l.derivatives(odds, y)
		free := make([]int, 0, l.params)
		for i := range params {
			if i > 0 {
				gradient[i] -= lambda * params[i]
			}
			atBound := params[i] == 0 && (l.lower[i] && gradient[i] <= 0 || l.upper[i] && gradient[i] >= 0)
			if !atBound {
				free = append(free, i)
			}
		}
		step, err := newtonStep(gradient, hessian, free, lambda)
		if err != nil {
			return nil, err
		}
		gained := false
		for scale := 1.0; scale > 1e-8; scale /= 2 {
			copy(next, params)
			slope := 0.0
			for k, i := range free {
				next[i] += scale * step[k]
				if l.lower[i] && next[i] < 0 || l.upper[i] && next[i] > 0 {
					next[i] = 0
				}
				slope += gradient[i] * (next[i] - params[i])
			}
			tried := l.objective(next, effects, odds, y, lambda)
			if tried >= value+1e-4*slope && !math.IsNaN(tried) {
				gained = tried-value > 1e-9*(1+math.Abs(value))
				params, next, value = next, params, tried
				break
			}
		}
		if !gained {
			break
		}
	}
	l.toEffects(params, effects)
	return effects, nil
}

// startingIntercept is the log-odds of the base rate, kept finite.
func startingIntercept(y []bool) float64 {
	events := 0.5
	for _, is := range y {
		if is {
			events++
		}
	}
	return math.Log(events / (float64(len(y)) + 1 - events))
}

// objective is the penalised log-likelihood; it leaves effects and log-odds behind.
func (l *layout) objective(params, effects, odds []float64, y []bool, lambda float64) float64 {
	l.toEffects(params, effects)
	l.logOdds(effects, odds)
	sum := 0.0
	for r, z := range odds {
		sum -= logLoss(z, y[r])
	}
	for _, b := range params[1:] {
		sum -= lambda / 2 * b * b
	}
	return sum
}

// logLoss is −ln of the probability that log-odds z give to what happened.
func logLoss(z float64, happened bool) float64 {
	if happened {
		z = -z
	}
	// ln(1+e^z), safe for large z
	if z > 0 {
		return z + math.Log1p(math.Exp(-z))
	}
	return math.Log1p(math.Exp(z))
}

// sigmoid is the probability of log-odds.
func sigmoid(z float64) float64 { return 1 / (1 + math.Exp(-z)) }

// derivatives are the log-likelihood's gradient and the negative of its Hessian, by coefficients. They are summed by effects
// first: a row touches only the cells that it falls in, however many there are.
func (l *layout) derivatives(odds []float64, y []bool) ([]float64, *mat.Dense) {
	byEffect := make([]float64, l.effects)
	square := mat.NewDense(l.effects, l.effects, nil)
	raw := square.RawMatrix()
	plain := 1 + len(l.numerics)
	at := make([]int, plain+len(l.factors))
	x := make([]float64, plain+len(l.factors))
	for i := range x {
		at[i], x[i] = i, 1
	}
	for r, z := range odds {
		p := sigmoid(z)
		w, residual := p*(1-p), -p
		if y[r] {
			residual = 1 - p
		}
		for i, values := range l.numerics {
			x[1+i] = values[r]
		}
		for i := range l.factors {
			at[plain+i] = l.firstEffect[i] + int(l.factors[i].cells[r])
		}
		for i, a := range at {
			byEffect[a] += residual * x[i]
			row, wx := raw.Data[a*raw.Stride:], w*x[i]
			for j, b := range at[:i+1] {
				row[b] += wx * x[j]
			}
		}
	}
	for i := range l.effects {
		for j := range i {
			square.Set(j, i, square.At(i, j))
		}
	}
	gradient := make([]float64, l.params)
	l.toParams(byEffect, gradient)
	half := mat.NewDense(l.effects, l.params, nil)
	for i := range l.effects {
		l.toParams(square.RawRowView(i), half.RawRowView(i))
	}
	hessian := mat.NewDense(l.params, l.params, nil)
	column, out := make([]float64, l.effects), make([]float64, l.params)
	for j := range l.params {
		mat.Col(column, j, half)
		l.toParams(column, out)
		hessian.SetCol(j, out)
	}
	return gradient, hessian
}

// newtonStep solves for the step of the free coefficients.
func newtonStep(gradient []float64, hessian *mat.Dense, free []int, lambda float64) ([]float64, error) {
	n := len(free)
	h, g := mat.NewSymDense(n, nil), mat.NewVecDense(n, nil)
	for a, i := range free {
		g.SetVec(a, gradient[i])
		for b, j := range free[:a+1] {
			h.SetSym(a, b, hessian.At(i, j))
		}
		ridge := lambda
		if i == 0 {
			ridge = 0
		}
		h.SetSym(a, a, h.At(a, a)+ridge+1e-9)
	}
	var cholesky mat.Cholesky
	if !cholesky.Factorize(h) {
		return nil, errSingular
	}
	var step mat.VecDense
	if err := cholesky.SolveVecTo(&step, g); err != nil {
		var ill mat.Condition // badly conditioned, yet solved: the line search judges the step
		if !errors.As(err, &ill) {
			return nil, errSingular
		}
	}
	return step.RawVector().Data, nil
}
