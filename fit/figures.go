package fit

import (
	"cmp"
	"math"
	"slices"

	"amends/domain"
)

// Figures say how good predicted probabilities are.
type Figures struct {
	Rows     int     `json:"rows"`
	Events   int     `json:"events"` // rows in which the outcome came
	BaseRate float64 `json:"base_rate"`
	// AUC is the area under the receiver operating characteristic, 0 to 1: how often a row with the outcome ranks above one
	// without; ties count half. 0.5 is chance.
	AUC float64 `json:"auc"`
	// PRAUC is the average precision: the area under the curve of precision by recall, 0 to 1; chance gives the base rate.
	PRAUC float64 `json:"pr_auc"`
	// Brier is the mean squared difference between probability and outcome (Brier 1950): 0 is perfect.
	Brier float64 `json:"brier"`
	// BrierSkill is 1 less the ratio of Brier to that of predicting the base rate for everybody; at or below 0 there is none.
	BrierSkill float64 `json:"brier_skill"`
	// Lift10 is how many times the base rate the outcome comes among the tenth of rows with the highest probabilities.
	Lift10 float64 `json:"lift_at_10_percent"`
}

// Interval is an interval of 95 %.
type Interval struct {
	Low  float64 `json:"low"`
	High float64 `json:"high"`
}

// Intervals are those of Figures.
type Intervals struct {
	AUC        Interval `json:"auc"`
	PRAUC      Interval `json:"pr_auc"`
	Brier      Interval `json:"brier"`
	BrierSkill Interval `json:"brier_skill"`
	Lift10     Interval `json:"lift_at_10_percent"`
}

// Decile is a tenth of the rows in the order of their probabilities, the lowest first. A calibrated prediction lies between Low
// and High, which is Wilson's interval of 95 % of the observed share, in most deciles. The rows of one customer are not
// independent of each other: the interval is that for as many answers as there are customers.
type Decile struct {
	Rows      int     `json:"rows"`
	Predicted float64 `json:"predicted"` // mean probability
	Observed  float64 `json:"observed"`  // share in which the outcome came
	Low       float64 `json:"low"`
	High      float64 `json:"high"`
}

// Inside reports whether the mean probability lies in the interval.
func (d Decile) Inside() bool { return d.Low <= d.Predicted && d.Predicted <= d.High }

// prediction is what was predicted for rows, and what came.
type prediction struct {
	p     []float64
	y     []bool
	order []int // rows by falling probability
}

func newPrediction(p []float64, y []bool) *prediction {
	order := make([]int, len(p))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(p[b], p[a]) })
	return &prediction{p, y, order}
}

// figures are those of the rows, each counted as often as times says; nil: once each.
func (q *prediction) figures(times []int) Figures {
	var rows, events, squares float64
	for i, p := range q.p {
		n := count(times, i)
		rows += n
		miss := p
		if q.y[i] {
			events += n
			miss = 1 - p
		}
		squares += n * miss * miss
	}
	f := Figures{Rows: int(rows), Events: int(events)}
	if rows == 0 {
		return f
	}
	f.BaseRate, f.Brier = events/rows, squares/rows
	if events == 0 || events == rows {
		f.AUC, f.PRAUC, f.Lift10 = math.NaN(), math.NaN(), math.NaN()
		f.BrierSkill = math.NaN()
		return f
	}
	f.BrierSkill = 1 - f.Brier/(f.BaseRate*(1-f.BaseRate))
	top := rows / 10
	var above, hits, concordant, precision, inTop float64
	for i := 0; i < len(q.order); {
		var with, without float64 // of the rows that share one probability
		j := i
		for ; j < len(q.order) && q.p[q.order[j]] == q.p[q.order[i]]; j++ {
			if r := q.order[j]; q.y[r] {
				with += count(times, r)
			} else {
				without += count(times, r)
			}
		}
		i = j
		tied := with + without
		if tied == 0 {
			continue
		}
		concordant += without * (hits + with/2)
		inTop += with * min(1, max(0, top-above)/tied)
		above, hits = above+tied, hits+with
		precision += with / events * (hits / above)
	}
	f.AUC = concordant / (events * (rows - events))
	f.PRAUC = precision
	f.Lift10 = inTop / top / f.BaseRate
	return f
}

func count(times []int, i int) float64 {
	if times == nil {
		return 1
	}
	return float64(times[i])
}

// deciles cut the rows into ten parts of about the same size. clusters says whose each row is.
func (q *prediction) deciles(clusters []int) []Decile {
	var out []Decile
	n := len(q.order)
	for k := 9; k >= 0; k-- {
		part := q.order[k*n/10 : (k+1)*n/10]
		if len(part) == 0 {
			continue
		}
		d := Decile{Rows: len(part)}
		distinct := make(map[int]bool)
		for _, r := range part {
			distinct[clusters[r]] = true
			d.Predicted += q.p[r]
			if q.y[r] {
				d.Observed++
			}
		}
		d.Predicted /= float64(len(part))
		d.Observed /= float64(len(part))
		d.Low, d.High = domain.Wilson(d.Observed, float64(len(distinct)))
		out = append(out, d)
	}
	return out
}

// Judge gives the figures of probabilities, one for each outcome.
func Judge(probabilities []float64, outcomes []bool) Figures {
	return newPrediction(probabilities, outcomes).figures(nil)
}
