package domain

import "math"

// The published measures over a set of answers, for reports: unweighted, all answers alike. Products are rounded on their
// own (float64(x*y)) so that no processor fuses them with a sum: see fixedpoint.go.

// z95 is the quantile of the normal distribution for intervals of 95 %.
const z95 = 1.959963984540054

// Estimate is a measure with its interval of 95 %.
type Estimate struct {
	Value, Low, High float64
	N                int // answers counted; 0: nothing can be said, and the other fields mean nothing
}

// Measure is a published measure with the method by which it was computed.
type Measure struct {
	Method string // see Measures
	Estimate
	HasInterval bool // Low and High mean something
}

// Measures are the published measures of a metric over its answers. None is left out when there are no answers: N is 0 then.
//
//	csat  top_2_box      share of 4 and 5, 0 to 1
//	nps   net_promoters  percentage of 9 and 10 less that of 0 to 6, −100 to 100
//	ces   mean           1 to 7, without an interval
//	ces   share_5_to_7   share of 5 and more, 0 to 1
//	acsi  one_item       100·(mean−1)/9, 0 to 100, without an interval
func Measures(metric string, scores []int) []Measure {
	n := len(scores)
	switch metric {
	case "csat":
		return []Measure{{"top_2_box", CSAT(scores), true}}
	case "nps":
		return []Measure{{"net_promoters", NPS(scores), true}}
	case "ces":
		mean, easy := CES(scores)
		return []Measure{{"mean", Estimate{Value: mean, N: n}, false}, {"share_5_to_7", easy, true}}
	case "acsi":
		return []Measure{{"one_item", Estimate{Value: ACSI(scores), N: n}, false}}
	}
	return nil
}

// CSAT is the share (0 to 1) of answers that are 4 or 5 of 5, the top-2-box method, with Wilson's interval.
func CSAT(scores []int) Estimate { return share(scores, func(x int) bool { return x >= 4 }) }

// CES is the customer effort score 2.0, 1 to 7: the mean, and the share (0 to 1) of answers of 5 or more with Wilson's
// interval.
func CES(scores []int) (mean float64, easy Estimate) {
	return meanOf(scores), share(scores, func(x int) bool { return x >= 5 })
}

// NPS is the net promoter score, −100 to 100: the percentage of 9 and 10 less that of 0 to 6, with the adjusted Wald
// interval (three quarters of a promoter and of a detractor added, three answers in all).
func NPS(scores []int) Estimate {
	n := float64(len(scores))
	if n == 0 {
		return Estimate{}
	}
	var promoters, detractors float64
	for _, x := range scores {
		switch {
		case x >= 9:
			promoters++
		case x <= 6:
			detractors++
		}
	}
	p, d := (promoters+0.75)/(n+3), (detractors+0.75)/(n+3)
	mid := p - d
	half := float64(z95 * math.Sqrt((p+d-float64(mid*mid))/(n+3)))
	return Estimate{
		Value: 100 * ((promoters - detractors) / n),
		Low:   100 * max(-1, mid-half),
		High:  100 * min(1, mid+half),
		N:     len(scores),
	}
}

// ACSI is the satisfaction score of the American Customer Satisfaction Index for one item of 1 to 10: 100·(mean−1)/9, 0 to
// 100. The index proper weighs three items by weights that are not published; of the one item this is the formula as it
// stands.
func ACSI(scores []int) float64 {
	if len(scores) == 0 {
		return 0
	}
	return 100 * ((meanOf(scores) - 1) / 9)
}

// Wilson is the score interval of 95 % of a share p (0 to 1) of n answers. n need not be whole.
func Wilson(p, n float64) (low, high float64) {
	if n <= 0 {
		return 0, 1
	}
	z2 := float64(z95 * z95)
	mid := (float64(p*n) + z2/2) / (n + z2)
	half := float64(z95*math.Sqrt(float64(float64(p*(1-p))*n)+z2/4)) / (n + z2)
	return max(0, mid-half), min(1, mid+half)
}

func share(scores []int, in func(int) bool) Estimate {
	if len(scores) == 0 {
		return Estimate{}
	}
	k := 0
	for _, x := range scores {
		if in(x) {
			k++
		}
	}
	p := float64(k) / float64(len(scores))
	low, high := Wilson(p, float64(len(scores)))
	return Estimate{Value: p, Low: low, High: high, N: len(scores)}
}

func meanOf(scores []int) float64 {
	if len(scores) == 0 {
		return 0
	}
	sum := 0
	for _, x := range scores {
		sum += x
	}
	return float64(sum) / float64(len(scores))
}
