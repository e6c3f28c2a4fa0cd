package projections

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"amends/domain"
)

// SatisfactionReport asks for the published measures of satisfaction over all customers: unweighted, in calendar windows.
type SatisfactionReport struct {
	// By are the columns to tell apart, of SatisfactionDimensions, in the order of the subtotals: for month and tier there are
	// rows for each tier in each month, for all tiers of each month, and for everything.
	By []string
	// From and To bound the time: what was answered, or sent, at From or later and before To. Zero: no bound.
	From, To time.Time
}

// SatisfactionDimensions are what the measures can be told apart by: the calendar month (UTC, 2026-03), the customer's tier as it
// is now, the channel of the survey, the product of the complaint that the survey is about.
var SatisfactionDimensions = []string{"month", "tier", "channel", "product"}

// AllGroups is the value of a dimension in a row that does not tell it apart.
const AllGroups = "all"

// MeasureRow is one measure of one group.
type MeasureRow struct {
	Metric string   // csat, nps, ces, acsi; empty: surveys that were sent without a metric and not answered
	Group  []string // values of the dimensions asked for; AllGroups in a total; empty: not known
	// Measure's N is the number of answers given in the window, also of those that came unasked. With N 0 nothing can be said.
	domain.Measure
	Sent     int // surveys sent in the window, once for each metric that they ask for
	Answered int // those of them that were answered, whenever
}

// ResponseRate is the share (0 to 1) of the surveys sent in the window that were answered by now; false: none was sent.
func (r *MeasureRow) ResponseRate() (float64, bool) {
	if r.Sent == 0 {
		return 0, false
	}
	return float64(r.Answered) / float64(r.Sent), true
}

// Satisfaction computes the report from the surveys in the views, as they are at one moment. The rows are in order of metric, group
// (totals last) and method. An unknown dimension is an ErrQuery.
func (v *Views) Satisfaction(ctx context.Context, ask SatisfactionReport) ([]MeasureRow, error) {
	for i, d := range ask.By {
		if !slices.Contains(SatisfactionDimensions, d) {
			return nil, fmt.Errorf("%w: surveys cannot be told apart by %q%s", ErrQuery, d, suggest(d, SatisfactionDimensions))
		}
		if slices.Contains(ask.By[:i], d) {
			return nil, fmt.Errorf("%w: %s is named twice", ErrQuery, d)
		}
	}
	if v.isOutdated() {
		return nil, ErrOutdated
	}
	t := tally{ask: ask, groups: make(map[groupKey]*group)}
	if !ask.From.IsZero() {
		t.from = string(appendTime(nil, ask.From))
	}
	if !ask.To.IsZero() {
		t.to = string(appendTime(nil, ask.To))
	}
	rows, err := v.read(ctx, `SELECT s.customer_id, coalesce(s.repeat_of, s.survey_id), s.metric, s.sent_at, s.answered_at, s.score,
		c.tier, s.channel, k.product FROM surveys s
		LEFT JOIN customers c ON c.customer_id = s.customer_id
		LEFT JOIN complaints k ON k.customer_id = s.customer_id AND k.complaint_id = s.complaint_id
		ORDER BY s.customer_id`, nil)
	if err != nil {
		return nil, fmt.Errorf("satisfaction report: %w", err)
	}
	for values := range rows.All() {
		t.add(values)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("satisfaction report: %w", err)
	}
	return t.rows(), nil
}

// tally sorts surveys into groups.
type tally struct {
	ask      SatisfactionReport
	from, to string // in the notation of the views, which sorts by time; empty: no bound
	groups   map[groupKey]*group
	customer string
	sent     map[sentKey]bool // the surveys of the customer that are counted as sent
}

type groupKey struct{ metric, group string }

type sentKey struct{ survey, metric string }

// group is what is counted in one group.
type group struct {
	values         []string
	scores         map[int]int // how often each was given
	sent, answered int
}

// add counts one row of surveys.
func (t *tally) add(values []any) {
	text := func(i int) string { s, _ := values[i].(string); return s }
	metric, sentAt, answeredAt := text(2), text(3), text(4)
	score, answered := values[5].(int64)
	if customer := text(0); customer != t.customer || t.sent == nil {
		t.customer, t.sent = customer, make(map[sentKey]bool)
	}
	dimensions := map[string]string{"tier": text(6), "channel": text(7), "product": text(8)}
	if answered && t.within(answeredAt) {
		t.each(metric, dimensions, answeredAt, func(g *group) { g.scores[int(score)]++ })
	}
	// A further answer under the same survey does not make a second survey of it.
	key := sentKey{text(1), metric}
	if sentAt == "" || t.sent[key] || !t.within(sentAt) {
		return
	}
	t.sent[key] = true
	t.each(metric, dimensions, sentAt, func(g *group) {
		g.sent++
		if answered {
			g.answered++
		}
	})
}

func (t *tally) within(at string) bool { return at >= t.from && (t.to == "" || at < t.to) }

// each calls count with the group of the survey, and with each total that it belongs to.
func (t *tally) each(metric string, dimensions map[string]string, at string, count func(*group)) {
	dimensions["month"] = at[:len("2006-01")]
	values := make([]string, len(t.ask.By))
	for i, d := range t.ask.By {
		values[i] = dimensions[d]
	}
	for i := len(values); ; i-- {
		key := groupKey{metric, strings.Join(values, "\x00")}
		g := t.groups[key]
		if g == nil {
			g = &group{values: slices.Clone(values), scores: make(map[int]int)}
			t.groups[key] = g
		}
		count(g)
		if i == 0 {
			return
		}
		values[i-1] = AllGroups
	}
}

// rows computes the measures.
func (t *tally) rows() []MeasureRow {
	keys := slices.SortedFunc(maps.Keys(t.groups), func(a, b groupKey) int {
		if n := cmp.Compare(a.metric, b.metric); n != 0 {
			return n
		}
		return slices.CompareFunc(t.groups[a].values, t.groups[b].values, totalsLast)
	})
	var out []MeasureRow
	var scores []int
	for _, key := range keys {
		g := t.groups[key]
		scores = scores[:0]
		for _, score := range slices.Sorted(maps.Keys(g.scores)) {
			for range g.scores[score] {
				scores = append(scores, score)
			}
		}
		measures := domain.Measures(key.metric, scores)
		if len(measures) == 0 {
			measures = []domain.Measure{{}}
		}
		for _, m := range measures {
			out = append(out, MeasureRow{Metric: key.metric, Group: g.values, Measure: m, Sent: g.sent, Answered: g.answered})
		}
	}
	return out
}

func totalsLast(a, b string) int {
	switch {
	case a == b:
		return 0
	case a == AllGroups:
		return 1
	case b == AllGroups:
		return -1
	}
	return cmp.Compare(a, b)
}
