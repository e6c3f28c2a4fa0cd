package fit

import (
	"fmt"
	"math"
	"strconv"

	"amends/domain"
)

// pointsPerLogOdd: 20 points double the odds.
const pointsPerLogOdd = 20 / math.Ln2

// maxPoints is what domain allows a bin.
const maxPoints = 200

// scorecard rounds the effects to whole points. Each driver's points are less their mean over the training rows, so that 0
// points are the average customer's, and bins of the same points are one. The reference is what makes the mean probability of
// the training rows their share of outcomes.
func (f *formFit) scorecard(train []row, b *binning, effects []float64, slope float64) *domain.Form {
	form := &domain.Form{Form: f.base.Form, Kind: domain.KindFitted, HorizonDays: f.horizon}
	l := layoutOf(b.design(train))
	for k, kind := range domain.DriverKinds() {
		e := effects[l.firstEffect[k]:][:l.factors[k].levels]
		mean := 0.0
		for _, cell := range l.factors[k].cells {
			mean += e[cell] / float64(len(train))
		}
		points := make([]int, len(e))
		worth := false
		for cell := range e {
			exact := pointsPerLogOdd * slope * (e[cell] - mean)
			points[cell] = int(math.Round(min(max(exact, -maxPoints), maxPoints)))
			worth = worth || points[cell] != 0
		}
		if worth {
			form.Drivers = append(form.Drivers, domain.DriverPoints{Code: kind.Code, Unknown: points[0], Bins: binsOf(b.cuts[k], points[1:])})
		}
	}
	form.ReferenceLogOdds = f.reference(form, train)
	return form
}

// binsOf makes the bins, those of the same points in one.
func binsOf(cuts []float64, points []int) []domain.Bin {
	var bins []domain.Bin
	from := ""
	for i, p := range points {
		if i < len(cuts) && points[i+1] == p {
			continue
		}
		b := domain.Bin{Points: p}
		switch {
		case i < len(cuts):
			below := int64(cuts[i])
			b.Below = &below
			if b.Label = "below " + strconv.FormatInt(below, 10); from != "" {
				b.Label = fmt.Sprintf("%s to below %d", from, below)
			}
			from = strconv.FormatInt(below, 10)
		case from == "":
			b.Label = "any"
		default:
			b.Label = from + " or more"
		}
		bins = append(bins, b)
	}
	return bins
}

// reference finds, by bisection, the reference with which the rows' mean probability is the share of outcomes.
func (f *formFit) reference(form *domain.Form, rows []row) int64 {
	odds := oddsOf(form, rows) // with the reference 0
	want := 0.5                // half an outcome more, so that none at all still has an answer
	for _, r := range rows {
		if r.left {
			want++
		}
	}
	want /= float64(len(rows) + 1)
	low, high := -15.0, 15.0
	for range 60 {
		middle := (low + high) / 2
		mean := 0.0
		for _, z := range odds {
			mean += sigmoid(z+middle) / float64(len(odds))
		}
		if mean < want {
			low = middle
		} else {
			high = middle
		}
	}
	return int64(math.Round(low * 1e6))
}

// oddsOf are the rows' log-odds by the form, as domain scores them.
func oddsOf(form *domain.Form, rows []row) []float64 {
	out := make([]float64, len(rows))
	for i, r := range rows {
		out[i] = float64(form.LogOdds(r.values)) / 1e6
	}
	return out
}

// judge compares the form with the base and with recency alone, on the test rows, and refuses what is worse.
func (f *formFit) judge(form *domain.Form, train, test []row) error {
	recency, err := recencyOnly(train, test)
	if err != nil {
		return err
	}
	base := make([]float64, len(test))
	clusters, number := make([]int, len(test)), make(map[int]int)
	for i, r := range test {
		base[i] = float64(r.base) / 1e6
		if _, ok := number[r.customer]; !ok {
			number[r.customer] = len(number)
		}
		clusters[i] = number[r.customer]
	}
	baseName := "base"
	if f.base.Kind == domain.KindExpert {
		baseName = domain.KindExpert
	}
	outcomes := outcomesOf(test)
	predictions := make([]*prediction, 3)
	for i, m := range []struct {
		name string
		odds []float64
	}{{"fitted", oddsOf(form, test)}, {baseName, base}, {"recency", recency}} {
		p := make([]float64, len(m.odds))
		for j, z := range m.odds {
			p[j] = sigmoid(z)
		}
		q := newPrediction(p, outcomes)
		predictions[i] = q
		f.report.Models = append(f.report.Models, Model{Name: m.name, Figures: q.figures(nil), Intervals: q.bootstrap(clusters, f.seed)})
	}
	f.report.Deciles = predictions[0].deciles(clusters)
	var above []float64
	draw(clusters, f.seed, func(times []int) {
		if d := predictions[0].figures(times).AUC - predictions[1].figures(times).AUC; !math.IsNaN(d) {
			above = append(above, d)
		}
	})
	interval := middle95(above)
	f.report.AboveBase = &interval
	fitted, expert := f.report.Models[0], f.report.Models[1]
	switch {
	case fitted.AUC < expert.AUC:
		return refuse("worse than the %s weights on the months after the split: AUC %.3f against %.3f", expert.Name, fitted.AUC, expert.AUC)
	case fitted.BrierSkill <= 0:
		return refuse("no better than giving everybody the base rate: Brier skill %.3f", fitted.BrierSkill)
	}
	return nil
}

// recencyOnly predicts from nothing but how long ago the last contact or purchase was: the log-odds of the test rows.
func recencyOnly(train, test []row) ([]float64, error) {
	var days []float64
	for _, r := range train {
		if r.recency >= 0 {
			days = append(days, float64(r.recency))
		}
	}
	cuts := quantileCuts(days, maxBins)
	of := func(rows []row) *design {
		f := factor{cells: make([]uint16, len(rows)), levels: len(cuts) + 2, ordered: true, first: 1}
		for i, r := range rows {
			if r.recency >= 0 {
				f.cells[i] = uint16(1 + cellOf(cuts, float64(r.recency)))
			}
		}
		return &design{rows: len(rows), factors: []factor{f}}
	}
	effects, err := logistic(of(train), outcomesOf(train), 1)
	if err != nil {
		return nil, err
	}
	odds := make([]float64, len(test))
	layoutOf(of(test)).logOdds(effects, odds)
	return odds, nil
}
