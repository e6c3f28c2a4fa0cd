package projections

import (
	"errors"
	"fmt"
	"math"
	"testing"
	"time"

	"amends/domain"
)

func (r *rig) at(e domain.Event, date string) domain.Event {
	r.Helper()
	at, err := time.Parse(time.DateOnly, date)
	if err != nil {
		r.Fatal(err)
	}
	e.Time = at
	return e
}

// measures are the rows of a report, one line each.
func (r *rig) measures(ask SatisfactionReport) (lines []string) {
	r.Helper()
	rows, err := r.views.Satisfaction(r.Context(), ask)
	if err != nil {
		r.Fatal(err)
	}
	for _, m := range rows {
		rate := "-"
		if f, ok := m.ResponseRate(); ok {
			rate = fmt.Sprintf("%.2f", f)
		}
		lines = append(lines, fmt.Sprintf("%s %s %v %.4g n=%d %d/%d %s", m.Metric, m.Method, m.Group, m.Value, m.N, m.Answered, m.Sent, rate))
	}
	return lines
}

func TestSatisfactionReport(t *testing.T) {
	r := newRig(t)
	sent := func(customer, survey, metric, date string) domain.Event {
		return r.at(r.say(customer, "survey.sent", &domain.SurveySent{SurveyID: survey, Metric: metric, Channel: "email"}), date)
	}
	answer := func(customer, survey, metric string, score int, date string) domain.Event {
		return r.at(r.say(customer, "survey.answered", &domain.SurveyAnswered{SurveyID: survey, Metric: metric, Score: score}), date)
	}
	r.record(
		r.say("c-1", "customer.tier_assigned", &domain.CustomerTierAssigned{Tier: "key"}),
		sent("c-1", "s-1", "csat", "2026-01-30"), answer("c-1", "s-1", "csat", 5, "2026-02-02"),
		sent("c-1", "s-2", "csat", "2026-02-10"),
		sent("c-2", "s-1", "csat", "2026-02-11"), answer("c-2", "s-1", "csat", 2, "2026-02-12"),
		answer("c-2", "s-1", "csat", 4, "2026-02-13"), // again: one survey, two answers
		answer("c-2", "s-1", "ces", 6, "2026-02-13"),  // the same survey asks for another metric
		answer("c-3", "", "nps", 9, "2026-02-20"),     // unasked
		sent("c-3", "s-9", "acsi", "2026-02-21"))
	r.follow()
	r.caughtUp()
	want(t, r.measures(SatisfactionReport{}),
		"acsi one_item [] 0 n=0 0/1 0.00",
		"ces mean [] 6 n=1 1/1 1.00",
		"ces share_5_to_7 [] 1 n=1 1/1 1.00",
		"csat top_2_box [] 0.6667 n=3 2/3 0.67",
		"nps net_promoters [] 100 n=1 0/0 -")
	want(t, r.measures(SatisfactionReport{By: []string{"month", "tier"}, To: time.Date(2026, 2, 13, 0, 0, 0, 0, time.UTC)}),
		"ces mean [2026-02 ] 0 n=0 1/1 1.00", // sent within, answered later
		"ces share_5_to_7 [2026-02 ] 0 n=0 1/1 1.00",
		"ces mean [2026-02 all] 0 n=0 1/1 1.00",
		"ces share_5_to_7 [2026-02 all] 0 n=0 1/1 1.00",
		"ces mean [all all] 0 n=0 1/1 1.00",
		"ces share_5_to_7 [all all] 0 n=0 1/1 1.00",
		"csat top_2_box [2026-01 key] 0 n=0 1/1 1.00",
		"csat top_2_box [2026-01 all] 0 n=0 1/1 1.00",
		"csat top_2_box [2026-02 ] 0 n=1 1/1 1.00",
		"csat top_2_box [2026-02 key] 1 n=1 0/1 0.00",
		"csat top_2_box [2026-02 all] 0.5 n=2 1/2 0.50",
		"csat top_2_box [all all] 0.5 n=2 2/3 0.67")
	want(t, r.measures(SatisfactionReport{From: time.Date(2026, 2, 14, 0, 0, 0, 0, time.UTC)}),
		"acsi one_item [] 0 n=0 0/1 0.00", "nps net_promoters [] 100 n=1 0/0 -")

	rows, err := r.views.Satisfaction(t.Context(), SatisfactionReport{})
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range rows { // few answers say little
		if m.Metric == "csat" && (math.Abs(m.Low-0.2077) > 5e-4 || math.Abs(m.High-0.9385) > 5e-4 || !m.HasInterval) {
			t.Errorf("csat of three answers: %+v", m.Measure)
		}
	}
	for _, by := range [][]string{{"tiers"}, {"month", "month"}} {
		if _, err := r.views.Satisfaction(t.Context(), SatisfactionReport{By: by}); !errors.Is(err, ErrQuery) {
			t.Errorf("%v: got %v, want ErrQuery", by, err)
		}
	}
	r.sound()
}
