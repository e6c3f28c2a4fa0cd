package fit

import (
	"math"
	"math/rand/v2"
	"testing"

	"amends/domain"

	"pgregory.net/rapid"
)

// A fit without bounds is where the penalised likelihood is flat, and one with bounds where no admissible step gains: no
// coefficient off its bound has a slope, none on it wants inside.
func TestLogisticFindsTheOptimum(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 7))
		n := 200 + rng.IntN(200)
		d := &design{rows: n, numerics: [][]float64{make([]float64, n)}, factors: []factor{
			{cells: make([]uint16, n), levels: 6, ordered: true, first: 1, direction: rng.IntN(3) - 1},
			{cells: make([]uint16, n), levels: 3},
		}}
		y := make([]bool, n)
		for i := range n {
			d.numerics[0][i] = rng.NormFloat64()
			d.factors[0].cells[i], d.factors[1].cells[i] = uint16(rng.IntN(6)), uint16(rng.IntN(3))
			y[i] = rng.Float64() < sigmoid(-1+d.numerics[0][i]+0.3*float64(d.factors[0].cells[i]))
		}
		const lambda = 0.7
		effects, err := logistic(d, y, lambda)
		if err != nil {
			t.Fatal(err)
		}
		l := layoutOf(d)
		params := make([]float64, l.params)
		copy(params, effects[:2])
		f := effects[l.firstEffect[0]:]
		params[l.firstParam[0]] = f[0]
		for c := 2; c < 6; c++ {
			params[l.firstParam[0]+c-1] = f[c] - f[c-1]
		}
		copy(params[l.firstParam[1]:], effects[l.firstEffect[1]:])
		odds := make([]float64, n)
		l.logOdds(effects, odds)
		gradient, _ := l.derivatives(odds, y)
		for i, b := range params {
			slope := gradient[i]
			if i > 0 {
				slope -= lambda * b
			}
			switch {
			case l.lower[i] && b < -1e-9, l.upper[i] && b > 1e-9:
				t.Errorf("coefficient %d is %g, beyond its bound", i, b)
			case l.lower[i] && b < 1e-9 && slope < 1e-3, l.upper[i] && b > -1e-9 && slope > -1e-3:
			case math.Abs(slope) > 1e-3:
				t.Errorf("coefficient %d is %g, and its slope %g", i, b, slope)
			}
		}
	})
}

// The figures of small cases, by hand.
func TestFiguresByHand(t *testing.T) {
	y := []bool{true, false, true, false}
	f := newPrediction([]float64{0.9, 0.8, 0.7, 0.1}, y).figures(nil)
	if f.AUC != 0.75 || math.Abs(f.PRAUC-(0.5+0.5*2/3)) > 1e-12 || math.Abs(f.Brier-(0.01+0.64+0.09+0.01)/4) > 1e-12 {
		t.Errorf("%+v", f)
	}
	if f := newPrediction([]float64{0.5, 0.5, 0.5, 0.5}, y).figures(nil); f.AUC != 0.5 || f.PRAUC != 0.5 || f.Lift10 != 1 || f.BrierSkill != 0 {
		t.Errorf("all alike: %+v", f)
	}
	// Counting a row twice is the same as having it twice.
	p := []float64{0.9, 0.8, 0.7, 0.1, 0.8, 0.3}
	y = []bool{true, false, true, false, true, false}
	a := newPrediction(p, y).figures([]int{1, 2, 0, 1, 1, 3})
	b := newPrediction([]float64{0.9, 0.8, 0.8, 0.1, 0.8, 0.3, 0.3, 0.3}, []bool{true, false, false, false, true, false, false, false}).figures(nil)
	if math.Abs(a.AUC-b.AUC) > 1e-12 || math.Abs(a.PRAUC-b.PRAUC) > 1e-12 || math.Abs(a.Lift10-b.Lift10) > 1e-12 || math.Abs(a.Brier-b.Brier) > 1e-12 {
		t.Errorf("%+v, %+v", a, b)
	}
}

func TestQuantileCuts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		values := rapid.SliceOfN(rapid.Map(rapid.IntRange(-20, 20), func(i int) float64 { return float64(i) }), 1, 200).Draw(t, "values")
		cuts := quantileCuts(values, maxBins)
		if len(cuts) > maxBins-1 {
			t.Fatalf("%d cuts", len(cuts))
		}
		rows := make([]int, len(cuts)+1)
		for _, v := range values {
			rows[cellOf(cuts, v)]++
		}
		for i, n := range rows {
			if n == 0 || i > 0 && i < len(cuts) && cuts[i] <= cuts[i-1] {
				t.Fatalf("cuts %v leave bins of %v rows", cuts, rows)
			}
		}
	})
	zeros := make([]float64, 100)
	for i := range 10 {
		zeros[i] = float64(i + 1)
	}
	if cuts := quantileCuts(zeros, maxBins); len(cuts) < 3 || cuts[0] != 1 {
		t.Errorf("what most rows have needs a bin of its own: %v", cuts)
	}
}

// The parameters of a MBG/NBD population are found again, as far as they can be told from it: by the mean rate and by how the
// customers who stopped are told from those who did not.
func TestRhythmIsFound(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 5))
	gamma := func(shape float64) float64 { // by Marsaglia and Tsang, for shapes of 1 and more
		d := shape - 1.0/3
		for c := 1 / math.Sqrt(9*d); ; {
			x := rng.NormFloat64()
			v := math.Pow(1+c*x, 3)
			if v > 0 && math.Log(rng.Float64()) < x*x/2+d-d*v+d*math.Log(v) {
				return d * v
			}
		}
	}
	truth := domain.Rhythm{R: 2000, Alpha: 40, A: 1500, B: 9000}
	var all []visits
	alive := make([]bool, 4000)
	for i := range alive {
		rate := gamma(2) / 40
		a, b := gamma(1.5), gamma(9)
		stops := a / (a + b)
		v := visits{now: 200 + rng.Float64()*500}
		alive[i] = rng.Float64() >= stops
		for at := 0.0; alive[i]; alive[i] = rng.Float64() >= stops {
			if at += rng.ExpFloat64() / rate; at > v.now {
				break
			}
			v.x, v.last = v.x+1, at
		}
		all = append(all, v)
	}
	found, err := fitRhythm(all, domain.ExpertWeights().Rhythms.Contact)
	if err != nil {
		t.Fatal(err)
	}
	auc := func(r domain.Rhythm) float64 {
		p := make([]float64, len(all))
		for i, v := range all {
			R, a, b := float64(r.R)/1000, float64(r.A)/1000, float64(r.B)/1000
			p[i] = 1 / (1 + a/(b+v.x)*math.Pow((float64(r.Alpha)+v.now)/(float64(r.Alpha)+v.last), R+v.x))
		}
		return Judge(p, alive).AUC
	}
	t.Logf("found %+v, AUC of being alive %.4f; truth %.4f", found, auc(found), auc(truth))
	if rate, want := float64(found.R)/1000/float64(found.Alpha), 2.0/40; math.Abs(rate/want-1) > 0.15 {
		t.Errorf("a rate of %.4f a day, want %.4f", rate, want)
	}
	if auc(found) < auc(truth)-0.005 {
		t.Errorf("AUC %.4f, the truth's is %.4f", auc(found), auc(truth))
	}
	if _, err := fitRhythm(all[:10], truth); err == nil {
		t.Error("ten customers make a rhythm")
	}
}
