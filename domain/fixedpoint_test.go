package domain

import (
	"math"
	"testing"
	"time"
)

// The integer rules agree with the real functions as far as their units go.
func TestIntegerRulesAreRight(t *testing.T) {
	for x := int64(0); x < 25*billion; x += 7_654_321 {
		got, want := float64(expOfMinus(x))/billion, math.Exp(-float64(x)/billion)
		if math.Abs(got-want) > 2e-8 {
			t.Fatalf("e^-%g is %g, want %g", float64(x)/billion, got, want)
		}
	}
	for x := int64(-35 * million); x < 35*million; x += 12_345 {
		got, want := float64(logistic(x))/million, 1/(1+math.Exp(-float64(x)/million))
		if math.Abs(got-want) > 6e-7 {
			t.Fatalf("logistic(%g) is %g, want %g", float64(x)/million, got, want)
		}
		if logistic(x)+logistic(-x) != million {
			t.Fatalf("logistic is not symmetric at %d", x)
		}
	}
	for n := int64(1); n < 1<<33; n += 1 + n/97 {
		if got, want := float64(logOf(n))/billion, math.Log(float64(n)); math.Abs(got-want) > 5e-8 {
			t.Fatalf("ln %d is %g, want %g", n, got, want)
		}
		if logOf(n) > logOf(n+1) {
			t.Fatalf("the logarithm falls at %d", n)
		}
	}
	for points := -200; points <= 200; points++ {
		if got, want := float64(logOddsOf(points))/million, float64(points)*math.Ln2/20; math.Abs(got-want) > 6e-7 {
			t.Fatalf("%d points are %g, want %g", points, got, want)
		}
	}
	for days := range 3000 {
		got := float64(decay(time.Duration(days)*24*time.Hour, 180)) / million
		if want := math.Exp2(-float64(days) / 180); math.Abs(got-want) > 2e-6 {
			t.Fatalf("after %d days %g, want %g", days, got, want)
		}
	}
	if decay(-time.Nanosecond, 180) != 0 || decay(0, 180) != million {
		t.Error("what lies in the future counts, or what is fresh does not count in full")
	}
}

// What only grows or falls must not step back by a rounding.
func TestIntegerRulesAreMonotone(t *testing.T) {
	for x := int64(-31 * million); x < 31*million; x += 997 {
		if logistic(x) > logistic(x+997) {
			t.Fatalf("logistic falls at %d", x)
		}
	}
	for days := range 8000 {
		at := func(n int) int64 { return decay(time.Duration(n)*24*time.Hour, 120) }
		if at(days) < at(days+1) {
			t.Fatalf("a weight grows after %d days", days)
		}
	}
}

// Every kind of field that the state has can be shown.
func TestEveryFieldOfTheStateCanBeShown(t *testing.T) {
	for _, p := range []any{new(Customer), new(Touch), new(Purchase), new(Contract), new(Complaint), new(Apology), new(Redress),
		new(Commitment), new(Followup), new(Survey), new(Prevention), new(Hold), new(Erasure)} {
		for i, s := range render(p) {
			if s != "" {
				t.Errorf("%T: a field that shows %q when empty: number %d", p, s, i)
			}
		}
	}
	if got := snake("ComplaintIDs"); got != "complaint_ids" {
		t.Error(got)
	}
}
