package domain

import (
	"math/bits"
	"time"
)

// Scores must be the same to the last digit on every machine. The Go specification lets a compiler fuse x*y+z, and the
// library's exponentials differ between processors, so scores are reckoned in integers by the rules of this file.

const (
	million = 1_000_000     // the unit of shares, of weights and of log-odds
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

// logOf is ln n in billionths for 1 ≤ n < 2^33, right to a few dozen billionths.
func logOf(n int64) int64 {
	halvings := int64(bits.Len64(uint64(n))) - 1
	// n = 2^halvings · m with 1 ≤ m < 2, and ln m = 2·artanh((m−1)/(m+1)): a series of positive terms.
	m := (n * billion) >> halvings
	z := (m - billion) * billion / (m + billion)
	square := z * z / billion
	sum, term := int64(0), z
	for i := int64(1); term > 0; i += 2 {
		sum += term / i
		term = term * square / billion
	}
	return halvings*ln2 + 2*sum
}

// decay is 2^-(age/halfLife) in millionths, by whole days; 0 for what lies in the future.
func decay(age time.Duration, halfLife int64) int64 {
	if age < 0 {
		return 0
	}
	return decayOfDays(wholeDays(age), halfLife)
}

// decayOfDays is 2^-(days/halfLife) in millionths for days ≥ 0.
func decayOfDays(days, halfLife int64) int64 {
	if days/halfLife > 40 {
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

// logOddsOf is points·ln2/20 in millionths, rounded half away from 0: 20 points double the odds.
func logOddsOf(points int) int64 {
	if points < 0 {
		return -logOddsOf(-points)
	}
	return (int64(points)*ln2 + 10_000) / 20_000
}

func wholeDays(d time.Duration) int64 { return int64(d / (24 * time.Hour)) }

// utcDay numbers the days (UTC), from that of 1970-01-01, which is 0.
func utcDay(t time.Time) int64 {
	seconds := t.Unix()
	day := seconds / (24 * 3600)
	if seconds%(24*3600) < 0 {
		day--
	}
	return day
}

// startOfDay is the first instant of a numbered day.
func startOfDay(day int64) time.Time { return time.Unix(day*24*3600, 0).UTC() }

// perRounded is a/b, rounded half up, for a ≥ 0 and b > 0.
func perRounded(a, b int64) int64 { return (a + b/2) / b }
