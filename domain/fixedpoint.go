package domain

import "time"

// Scores must be the same to the last digit on every machine. The Go specification lets a compiler fuse x*y+z, and the
// library's exponentials differ between processors, so scores are reckoned in integers by the rules of this file.

const (
	million = 1_000_000     // the unit of shares and weights
	billion = 1_000_000_000 // the unit of intermediate results
	ln2     = 693_147_181   // of a billion
)

// expOfMinus is e^-x for x ≥ 0, both in billionths, right to a few billionths.
func expOfMinus(x int64) int64 {
	halvings := x/ln2 + 1
	if halvings > 31 {
		return 0
	}
	// e^-x = 2^-halvings · e^r with 0 < r ≤ ln 2: a series of positive terms.
	r := halvings*ln2 - x
	sum, term := int64(billion), int64(billion)
	for i := int64(1); term > 0; i++ {
		term = term * r / (i * billion)
		sum += term
	}
	return (sum + 1<<(halvings-1)) >> halvings
}

// decay is 2^-(age/halfLife) in millionths, by whole days; 0 for what lies in the future.
func decay(age time.Duration, halfLife int64) int64 {
	days := wholeDays(age)
	if age < 0 || days/halfLife > 40 {
		return 0
	}
	return (expOfMinus(days*ln2/halfLife) + 500) / 1000
}

// logistic is the probability, in millionths, that belongs to log-odds in millionths.
func logistic(logOdds int64) int64 {
	if logOdds > 0 {
		return million - logistic(-logOdds)
	}
	if logOdds < -30*million {
		return 0
	}
	odds := expOfMinus(-logOdds * 1000)
	whole := int64(billion) + odds
	return (odds*million + whole/2) / whole
}

func wholeDays(d time.Duration) int64 { return int64(d / (24 * time.Hour)) }

// perRounded is a/b, rounded half up, for a ≥ 0 and b > 0.
func perRounded(a, b int64) int64 { return (a + b/2) / b }
