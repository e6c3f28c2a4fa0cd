package domain

import (
	"slices"
	"time"
)

// Deadline is one run of one clock on one complaint.
type Deadline struct {
	ComplaintID string
	CustomerID  string
	Policy      *Policy    // the version that it is pinned to
	Rule        *ClockRule // of Policy
	Run         int        // from 1; a reopening may start a clock again

	StartedAt time.Time
	StartedBy string // the event
	// DueAt is the last moment in time, with extensions and the pauses that have ended; zero: the rule gives no number. While
	// the clock is paused it is the date that would hold if work went on at once.
	DueAt         time.Time
	OriginalDueAt time.Time // without extensions; with pauses, as those are no favour
	// StoppedAt is when it was stopped or cancelled; zero if it was not, or if the source does not tell when.
	StoppedAt time.Time
	StoppedBy string // the event that stopped or cancelled it; empty: it still runs
	Extended  int    // how many extensions count
	Refused   int    // how many do not: they came too late, or too often
	// Paused is for how long it stood still so far, on the wall clock; PausedAt since when it does; zero: it does not.
	Paused   time.Duration
	PausedAt time.Time

	ended  DeadlineState // met, missed or cancelled; empty: it runs
	reason DeadlineReason
}

// DeadlineState is how a clock stands at an instant.
type DeadlineState string

// The states.
const (
	DeadlineRunning   DeadlineState = "running"
	DeadlinePaused    DeadlineState = "paused"
	DeadlineMet       DeadlineState = "met"     // stopped in time
	DeadlineOverdue   DeadlineState = "overdue" // running, and the time has passed
	DeadlineMissed    DeadlineState = "missed"  // stopped late, or not shown to have been in time
	DeadlineCancelled DeadlineState = "cancelled"
)

// Label is the state for people.
func (s DeadlineState) Label() Label {
	switch s {
	case DeadlineRunning:
		return Label{"Running", "计时中"}
	case DeadlinePaused:
		return Label{"Paused", "已暂停"}
	case DeadlineMet:
		return Label{"Met", "按时完成"}
	case DeadlineOverdue:
		return Label{"Overdue", "已逾期"}
	case DeadlineMissed:
		return Label{"Missed", "超期完成"}
	case DeadlineCancelled:
		return Label{"Cancelled", "已取消"}
	}
	return Label{string(s), string(s)}
}

// DeadlineReason says why a clock stands as it does, where the dates alone do not tell.
type DeadlineReason string

// The reasons.
const (
	ReasonNone         DeadlineReason = ""
	ReasonSourceTimely DeadlineReason = "source_timely" // the time of the answer is unknown; its source says that it was in time
	ReasonSourceLate   DeadlineReason = "source_late"   // the source says that it was not in time
	ReasonUnproven     DeadlineReason = "unproven"      // the time of the answer is not known well enough, and its source does not judge
	ReasonLapsed       DeadlineReason = "lapsed"        // an optional clock passed unused
	ReasonWithdrawn    DeadlineReason = "withdrawn"
	ReasonForwarded    DeadlineReason = "forwarded"
	ReasonDuplicate    DeadlineReason = "duplicate"
	ReasonOther        DeadlineReason = "other" // another event that the policy lets cancel its clocks
)

// At is how the clock stands at the instant, by what is known, and why.
func (d *Deadline) At(at time.Time) (DeadlineState, DeadlineReason) {
	switch {
	case d.ended != "":
		return d.ended, d.reason
	case !d.PausedAt.IsZero() && !d.PausedAt.After(d.DueAt):
		return DeadlinePaused, ReasonNone
	case d.DueAt.IsZero() || !at.After(d.DueAt):
		return DeadlineRunning, ReasonNone
	case d.Rule.Optional:
		return DeadlineCancelled, ReasonLapsed
	}
	return DeadlineOverdue, ReasonNone
}

// Ended reports whether no instant changes the state any more.
func (d *Deadline) Ended() bool { return d.ended != "" }

// Deadlines are the clocks that ran or run on the complaint, by policy in order of ids, then in the policy's own order, then
// by run. It is a pure function of the state and the book. A complaint that is not registered yet has none.
//
// Which version of a policy a clock is pinned to is decided by what starts it (see docs/decisions/0050). Whether a policy, and
// which of the alternative rules of a clock, applies is decided by the complaint as it stands: a classification is a finding
// about what the complaint was from the start, so the limit that it calls for counts from the start.
func (k *Complaint) Deadlines(book *PolicyBook) []Deadline {
	if !k.Registered() {
		return nil
	}
	var out []Deadline
	var done []string
	for _, id := range book.ids {
		done = done[:0]
		for _, v := range book.versions[id] {
			for i := range v.Clocks {
				if name := v.Clocks[i].Clock; !slices.Contains(done, name) {
					done = append(done, name)
					out = k.clock(out, book, id, name)
				}
			}
		}
	}
	return out
}

// clock appends the runs of one clock of a policy. It starts under the version to which its first start is pinned, and starts
// again under the one to which the reopening is.
func (k *Complaint) clock(out []Deadline, book *PolicyBook, id, name string) []Deadline {
	first := -1
	for _, v := range book.versions[id] {
		if rule := v.ruleOf(name, k); rule != nil {
			at := rule.firstStart(k.facts)
			if at >= 0 && (first < 0 || at < first) && book.pinned(id, &k.facts[at]) == v.Policy {
				first = at
			}
		}
	}
	return k.runs(out, first, func(start *fact) (*Policy, *ClockRule) {
		p := book.pinned(id, start)
		if p == nil {
			return nil, nil
		}
		return p, p.ruleOf(name, k)
	})
}

// ruleOf is the rule that counts for the clock on the complaint: the first whose conditions hold; nil: none, or the policy does
// not apply.
func (p *Policy) ruleOf(name string, k *Complaint) *ClockRule {
	if !k.meets(p.AppliesIf) {
		return nil
	}
	for i := range p.Clocks {
		if rule := &p.Clocks[i]; rule.Clock == name && k.meets(rule.AppliesIf) {
			return rule
		}
	}
	return nil
}

// runs appends the runs of a clock that the fact at the given place starts, each under the rule that ruled gives for its start.
func (k *Complaint) runs(out []Deadline, at int, ruled func(start *fact) (*Policy, *ClockRule)) []Deadline {
	for number := 1; at >= 0; number++ {
		start := &k.facts[at]
		p, rule := ruled(start)
		if rule == nil {
			break
		}
		r := run{complaint: k, policy: p, rule: rule, start: start, number: number}
		at = r.walk(at)
		out = append(out, r.deadline())
	}
	return out
}

// firstStart is the place of the fact that starts the clock; below 0: there is none.
func (c *ClockRule) firstStart(facts []fact) int {
	after := c.Start.After == nil
	for i := range facts {
		if after && c.Start.takes(&facts[i]) {
			return i
		}
		after = after || c.Start.After.takes(&facts[i])
	}
	return -1
}
