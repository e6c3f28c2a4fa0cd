package domain

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// RetentionClass is what a personal field is kept for, and erased as.
type RetentionClass string

// The retention classes.
const (
	ComplaintRecord   RetentionClass = "complaint_record"
	InteractionRecord RetentionClass = "interaction"
	MarketingRecord   RetentionClass = "marketing"
)

// RetentionClasses lists them all.
func RetentionClasses() []RetentionClass {
	return []RetentionClass{ComplaintRecord, InteractionRecord, MarketingRecord}
}

// RetentionRule says how long records of a class must be kept, and by which rule.
type RetentionRule struct {
	Class RetentionClass `json:"class"`
	Years int            `json:"years"` // from the receipt of the complaint
	Basis string         `json:"basis"` // the rule's source
}

// Retention are the rules in force. A class without a rule may be erased at any time.
type Retention []RetentionRule

// String lists the rules, such as "complaint_record 3 years (FCA DISP 1.9.1R)".
func (r Retention) String() string {
	rules := make([]string, len(r))
	for i, rule := range r {
		rules[i] = fmt.Sprintf("%s %d years (%s)", rule.Class, rule.Years, rule.Basis)
	}
	return strings.Join(rules, ", ")
}

// Of returns the rules of the classes, of several rules for a class the one that keeps longest.
func (r Retention) Of(classes []RetentionClass) Retention {
	var out Retention
	for _, class := range RetentionClasses() {
		var longest *RetentionRule
		for i := range r {
			if r[i].Class == class && slices.Contains(classes, class) && (longest == nil || r[i].Years > longest.Years) {
				longest = &r[i]
			}
		}
		if longest != nil {
			out = append(out, *longest)
		}
	}
	return out
}

// DefaultRetention keeps complaint records for three years from the day on which the complaint was received: FCA Handbook,
// DISP 1.9.1R. (Where a complaint is about the collective portfolio management of a UCITS the same rule wants five.)
func DefaultRetention() Retention {
	return Retention{{Class: ComplaintRecord, Years: 3, Basis: "FCA DISP 1.9.1R"}}
}

// Obstacle is what forbids an erasure at an instant.
type Obstacle struct {
	Class      RetentionClass // that may not be erased yet; empty: all
	CustomerID string         // in whose stream the hold or the complaint stands
	Hold       string         // the legal hold that stands, or empty
	Basis      string         // the retention rule's source, or empty
	Until      time.Time      // when it ends by itself; zero: that is not known
}

// Obstacles lists what forbids erasing the classes at the instant: legal holds that stand, then retention rules with the
// complaint that is to be kept longest. None: it may be erased. The customers are one person: whose data are to be erased, and
// those into whom that customer was merged.
func (r Retention) Obstacles(classes []RetentionClass, at time.Time, customers ...*Customer) []Obstacle {
	var out []Obstacle
	for _, c := range customers {
		for _, h := range c.Holds {
			known := func(o Obstacle) bool { return o.Hold == h.ID && o.CustomerID == h.CustomerID }
			if h.Standing(at) && !slices.ContainsFunc(out, known) { // the survivor's fold has the absorbed customer's, too
				out = append(out, Obstacle{CustomerID: h.CustomerID, Hold: h.ID, Until: h.Until})
			}
		}
	}
	for _, rule := range r.Of(classes) {
		last := Obstacle{Class: rule.Class, Basis: rule.Basis}
		for _, c := range customers {
			for _, k := range c.Complaints {
				if end := k.RegisteredAt.AddDate(rule.Years, 0, 0); !k.RegisteredAt.IsZero() && end.After(last.Until) {
					last.CustomerID, last.Until = k.CustomerID, end
				}
			}
		}
		if last.Until.After(at) {
			out = append(out, last)
		}
	}
	return out
}

// PossibleAt is when all obstacles will have ended by themselves; false if that is not known of one of them.
func PossibleAt(obstacles []Obstacle) (time.Time, bool) {
	var at time.Time
	for _, o := range obstacles {
		if o.Until.IsZero() {
			return time.Time{}, false
		}
		if o.Until.After(at) {
			at = o.Until
		}
	}
	return at, true
}
