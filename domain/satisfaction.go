package domain

import (
	"math"
	"math/bits"
	"time"
)

// Satisfaction is how satisfied a customer is at an instant, as far as their answers tell.
//
// Each answer counts from 0 to 1 on its own scale, with a weight that halves every 180 days. With few or old answers the
// index leans on what is usual for the customer's tier: silence widens the interval and draws towards that, and invents no
// dissatisfaction. The interval is Wilson's on the shrunken share, for as many answers as the weights and the prior add up
// to. (Kish's number would not do: it does not fall when all answers age alike, so silence would leave the interval as it
// is. The sum of the weights is never above it.) For weighted answers that is an approximation, and should be called one
// where it is shown.
type Satisfaction struct {
	Index      float64 // 0 to 100, in tenths
	Low, High  float64 // its approximate interval of 95 %, in tenths; Low ≤ Index ≤ High
	NEffective float64 // how many fresh, equal answers the answers are worth (Kish), in tenths
	Answers    int     // given up to the instant; 0: the index is the tier's alone

	LastAnsweredAt                       time.Time
	LastCSAT, LastNPS, LastCES, LastACSI *int // the last answer of each kind; nil: none

	PriorsVersion string
}

// Priors are what is usual in each tier, and how many answers that is worth.
type Priors struct {
	Version  string
	Weight   int64            // m, in millionths of an answer
	Tiers    map[string]int64 // mean satisfaction in millionths
	Other    int64            // for a tier that is not listed or not known
	HalfLife int64            // of an answer's weight, in days
}

// ExpertPriors are judgements, not measurements: the better a tier is looked after, the higher its usual satisfaction. They
// hold until they are fitted to a ledger's own answers.
func ExpertPriors() Priors {
	return Priors{Version: "expert-1", Weight: 2 * million, HalfLife: 180, Other: 700_000,
		Tiers: map[string]int64{"key": 760_000, "major": 730_000, "regular": 700_000, "small": 680_000}}
}

// Satisfaction reckons with the expert priors. Answers given after the instant do not count.
func (c *Customer) Satisfaction(at time.Time) Satisfaction {
	return c.SatisfactionWith(at, ExpertPriors())
}

// SatisfactionWith reckons with the given priors.
func (c *Customer) SatisfactionWith(at time.Time, priors Priors) Satisfaction {
	s := Satisfaction{PriorsVersion: priors.Version}
	// In millionths; squares in millionths of millionths.
	var weighted, weight, squares int64
	last := map[string]time.Time{}
	for _, a := range c.Surveys {
		if a.Score == nil || a.AnsweredAt.After(at) {
			continue
		}
		y, ok := normalised(a.Metric, *a.Score)
		if !ok {
			continue
		}
		w := decay(at.Sub(a.AnsweredAt), priors.HalfLife)
		weighted += w * y / million
		weight += w
		squares += w * w
		s.Answers++
		if s.LastAnsweredAt.Before(a.AnsweredAt) {
			s.LastAnsweredAt = a.AnsweredAt
		}
		if to := s.last(a.Metric); *to == nil || !a.AnsweredAt.Before(last[a.Metric]) {
			*to, last[a.Metric] = a.Score, a.AnsweredAt
		}
	}
	usual, ok := priors.Tiers[c.Tier]
	if !ok {
		usual = priors.Other
	}
	effective := kish(weight, squares)
	p := perRounded((weighted+priors.Weight*usual/million)*million, weight+priors.Weight)
	low, high := Wilson(float64(p)/million, float64(weight+priors.Weight)/million)
	s.Index, s.Low, s.High = tenths(float64(p)/million*100), tenths(low*100), tenths(high*100)
	s.NEffective = tenths(float64(effective) / million)
	return s
}

func (s *Satisfaction) last(metric string) **int {
	switch metric {
	case "csat":
		return &s.LastCSAT
	case "nps":
		return &s.LastNPS
	case "ces":
		return &s.LastCES
	}
	return &s.LastACSI
}

// normalised is an answer in millionths of its scale: 0 is the worst, a million the best; false for a metric that is not
// known.
func normalised(metric string, score int) (int64, bool) {
	var lowest, highest int64
	switch metric {
	case "csat":
		lowest, highest = 1, 5
	case "nps":
		lowest, highest = 0, 10
	case "ces":
		lowest, highest = 1, 7
	case "acsi":
		lowest, highest = 1, 10
	default:
		return 0, false
	}
	x := min(max(int64(score), lowest), highest)
	return perRounded((x-lowest)*million, highest-lowest), true
}

// kish is (Σw)²/Σw², the effective number of answers, in millionths.
func kish(weight, squares int64) int64 {
	if squares <= 0 {
		return 0
	}
	hi, lo := bits.Mul64(uint64(weight), uint64(weight)*million) // the quotient is at most the number of answers: it fits
	q, _ := bits.Div64(hi, lo, uint64(squares))
	return int64(q)
}

func tenths(x float64) float64 { return math.Round(x*10) / 10 }
