package fit

import (
	"fmt"
	"math"
	"slices"
	"time"

	"gonum.org/v1/gonum/optimize"

	"amends/domain"
)

// visits is what a MBG/NBD model needs to know of a customer: on how many days they came after the first, how long after the
// first the last was, and how long ago the first is, in days.
type visits struct{ x, last, now float64 }

// fitRhythms fits both rhythms to what was known at a date before the split. What cannot be fitted keeps the base's.
func (s *sampling) fitRhythms() domain.Rhythms {
	out := s.base.Rhythms
	longest := max(s.horizons[domain.FormContractual], s.horizons[domain.FormNonContractual])
	dates := slices.DeleteFunc(s.dates(), func(at time.Time) bool { return at.AddDate(0, 0, longest).After(s.end()) })
	if len(dates) == 0 {
		return out
	}
	at := splitOf(dates)
	var contacts, purchases []visits
	for _, id := range s.histories.customers() {
		contact, purchase := domain.Fold(id, s.histories.gather(id), s.limits(at)).Visits(at)
		contacts, purchases = addVisits(contacts, contact), addVisits(purchases, purchase)
	}
	if r, err := fitRhythm(contacts, out.Contact); err == nil {
		out.Contact = r
	}
	if r, err := fitRhythm(purchases, out.Purchase); err == nil {
		out.Purchase = r
	}
	return out
}

func addVisits(list []visits, v domain.Visits) []visits {
	if v.Days == 0 {
		return list
	}
	return append(list, visits{float64(v.Days - 1), float64(v.Last), float64(v.Now)})
}

// Sizes of a fit of rhythms: below the least it says nothing, beyond the most it says nothing new.
const (
	leastVisitors = 200
	mostVisitors  = 2_000
)

// fitRhythm finds the parameters that maximise the likelihood of the MBG/NBD model (Batislam, Denizel and Filiztekin 2007):
//
//	L = Γ(r+x)·α^r/Γ(r) · B(a, b+x+1)/B(a, b) · ((α+T)^−(r+x) + a/(b+x)·(α+t)^−(r+x))
//
// by Nelder and Mead's method on their logarithms, from the given ones. The chance of stopping must be above the least that the
// weights can hold; a fit that runs off says so by an error, and the given parameters are the better choice.
func fitRhythm(all []visits, from domain.Rhythm) (domain.Rhythm, error) {
	if len(all) < leastVisitors {
		return from, fmt.Errorf("%d customers who came are too few to fit a rhythm; at least %d are needed", len(all), leastVisitors)
	}
	if step := (len(all) + mostVisitors - 1) / mostVisitors; step > 1 {
		var some []visits
		for i := 0; i < len(all); i += step {
			some = append(some, all[i])
		}
		all = some
	}
	start := []float64{math.Log(float64(from.R) / 1000), math.Log(float64(from.Alpha)), math.Log(float64(from.A) / 1000),
		math.Log(float64(from.B) / 1000)}
	problem := optimize.Problem{Func: func(z []float64) float64 {
		loss := 0.0
		for _, p := range z { // a weak pull to where the start is, so that what the data leave open does not run off
			loss += p * p / 100
		}
		r, alpha, a, b := math.Exp(z[0]), math.Exp(z[1]), math.Exp(z[2]), math.Exp(z[3])
		for _, v := range all {
			loss -= mbgNBD(v, r, alpha, a, b)
		}
		if math.IsNaN(loss) {
			return math.Inf(1)
		}
		return loss
	}}
	result, err := optimize.Minimize(problem, start, &optimize.Settings{FuncEvaluations: 800}, &optimize.NelderMead{})
	if result == nil {
		return from, fmt.Errorf("fit the rhythm: %w", err)
	}
	whole := func(z, unit float64) int64 { return int64(math.Round(min(max(math.Exp(z)*unit, 1), 1e6))) }
	out := domain.Rhythm{R: whole(result.X[0], 1000), Alpha: whole(result.X[1], 1), A: whole(result.X[2], 1000), B: whole(result.X[3], 1000)}
	if math.IsInf(result.F, 0) || math.IsNaN(result.F) {
		return from, fmt.Errorf("fit the rhythm: the likelihood has no maximum near the start")
	}
	return out, nil
}

// mbgNBD is the log-likelihood of one customer.
func mbgNBD(v visits, r, alpha, a, b float64) float64 {
	alive := -(r + v.x) * math.Log(alpha+v.now)
	dead := math.Log(a/(b+v.x)) - (r+v.x)*math.Log(alpha+v.last)
	high := max(alive, dead)
	return logGamma(r+v.x) - logGamma(r) + r*math.Log(alpha) + logBeta(a, b+v.x+1) - logBeta(a, b) +
		high + math.Log(math.Exp(alive-high)+math.Exp(dead-high))
}

func logGamma(x float64) float64 {
	value, _ := math.Lgamma(x) // the sign is that of a positive argument: 1
	return value
}

func logBeta(a, b float64) float64 { return logGamma(a) + logGamma(b) - logGamma(a+b) }
