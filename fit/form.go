package fit

import (
	"context"
	"math"
	"slices"
	"time"

	"amends/domain"
)

// The rules of what may be learnt from, and of what may be published.
const (
	// departuresPerParameter: with fewer the coefficients are noise (Peduzzi et al. 1996, the rule of ten events per variable).
	departuresPerParameter = 10
	// leastDepartures is how many customers must have left among the test rows, so that there is something to judge by.
	leastDepartures = 20
	// trainShare is the part of the months before the split.
	trainShare = 0.65
)

// lambdas are the penalties that are tried.
var lambdas = []float64{1, 3, 10, 30, 100}

// formFit fits one form.
type formFit struct {
	ctx     context.Context
	base    domain.Form
	horizon int
	rows    []row
	seed    uint64
	report  FormReport
}

// fit fits, judges, and refuses what is too little or too bad.
func (f *formFit) fit() (*domain.Form, error) {
	train, test, err := f.split()
	if err != nil {
		return nil, err
	}
	b := choose(train, f.report.Departures/departuresPerParameter)
	f.report.Parameters = b.parameters
	lambda, slope, err := f.forward(train, b)
	if err != nil {
		return nil, err
	}
	f.report.Lambda, f.report.Slope = lambda, slope
	effects, err := logistic(b.design(train), outcomesOf(train), lambda)
	if err != nil {
		return nil, err
	}
	form := f.scorecard(train, b, effects, slope)
	return form, f.judge(form, train, test)
}

// split parts the rows in time.
func (f *formFit) split() (train, test []row, err error) {
	dates := datesOf(f.rows)
	if len(dates) == 0 {
		return nil, nil, refuse("there are no customers of this form whose %d days after a month's end are over", f.horizon)
	}
	at := splitOf(dates)
	f.report.SplitAt = &at
	for _, r := range f.rows {
		switch {
		case !r.at.AddDate(0, 0, f.horizon).After(at):
			train = append(train, r)
		case !r.at.Before(at):
			test = append(test, r)
		}
	}
	f.report.TrainRows, f.report.Departures = len(train), departures(train)
	switch {
	case len(train) == 0:
		return nil, nil, refuse("the history is too short: %d months' ends, of which none lies %d days before the split at %s",
			len(dates), f.horizon, at.Format(time.DateOnly))
	case f.report.Departures < departuresPerParameter:
		return nil, nil, refuse("too small: %d customers left in the rows to learn from; at least %d are needed",
			f.report.Departures, departuresPerParameter)
	case departures(test) < leastDepartures:
		return nil, nil, refuse("too small: %d customers left in the rows to judge by, from %s on; at least %d are needed",
			departures(test), at.Format(time.DateOnly), leastDepartures)
	}
	return train, test, nil
}

// splitOf is the date that parts learning from judging.
func splitOf(dates []time.Time) time.Time {
	return dates[min(int(trainShare*float64(len(dates))), len(dates)-1)]
}

func datesOf(rows []row) []time.Time {
	var dates []time.Time
	for _, r := range rows {
		dates = append(dates, r.at)
	}
	slices.SortFunc(dates, time.Time.Compare)
	return slices.CompactFunc(dates, time.Time.Equal)
}

// departures counts the customers who left: one who leaves does so in several rows.
func departures(rows []row) int {
	left := make(map[int]bool)
	for _, r := range rows {
		if r.left {
			left[r.customer] = true
		}
	}
	return len(left)
}

func outcomesOf(rows []row) []bool {
	out := make([]bool, len(rows))
	for i, r := range rows {
		out[i] = r.left
	}
	return out
}

// forward chooses the penalty by forward chaining, each part of the training rows being predicted by a fit on what was over
// before it, and finds by how much the log-odds so predicted must be multiplied to fit what came (Platt 1999): a slope below 1
// says that a fit promises too much. A history too short for that gets the strongest penalty, and no slope.
func (f *formFit) forward(train []row, b *binning) (lambda, slope float64, err error) {
	const parts = 4
	dates := datesOf(train)
	best, bestLoss := lambdas[len(lambdas)-1], math.Inf(1)
	var bestOdds []float64
	var bestOutcomes []bool
	for _, lambda := range lambdas {
		var odds []float64
		var outcomes []bool
		loss := 0.0
		for part := 1; part < parts; part++ {
			if err := f.ctx.Err(); err != nil {
				return 0, 0, err
			}
			from := dates[part*len(dates)/parts]
			past, next := window(train, f.horizon, from, dates[min((part+1)*len(dates)/parts, len(dates)-1)], part == parts-1)
			if departures(past) < departuresPerParameter || len(next) == 0 {
				continue
			}
			effects, err := logistic(b.design(past), outcomesOf(past), lambda)
			if err != nil {
				return 0, 0, err
			}
			z := make([]float64, len(next))
			layoutOf(b.design(next)).logOdds(effects, z)
			for i, r := range next {
				loss += logLoss(z[i], r.left)
			}
			odds, outcomes = append(odds, z...), append(outcomes, outcomesOf(next)...)
		}
		if len(odds) > 0 && loss < bestLoss {
			best, bestLoss, bestOdds, bestOutcomes = lambda, loss, odds, outcomes
		}
	}
	if len(bestOdds) == 0 || !slices.Contains(bestOutcomes, true) {
		return best, 1, nil
	}
	effects, err := logistic(&design{rows: len(bestOdds), numerics: [][]float64{bestOdds}}, bestOutcomes, 1e-6)
	if err != nil {
		return 0, 0, err
	}
	if slope = effects[1]; slope <= 0 {
		return 0, 0, refuse("what was learnt from earlier months does not hold in later ones (calibration slope %.2f)", slope)
	}
	return best, min(slope, 1.5), nil
}

// window is what was over at the beginning of a part of the training rows, and that part.
func window(train []row, horizon int, from, to time.Time, last bool) (past, next []row) {
	for _, r := range train {
		switch {
		case !r.at.AddDate(0, 0, horizon).After(from):
			past = append(past, r)
		case !r.at.Before(from) && (last || r.at.Before(to)):
			next = append(next, r)
		}
	}
	return past, next
}
