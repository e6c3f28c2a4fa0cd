package domain_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"amends/domain"

	"github.com/google/go-cmp/cmp"
)

// troubled is a customer to whom much has happened, in about half a year.
func troubled() *domain.Customer {
	c2 := domain.ComplaintRef{ComplaintID: "C-2"}
	return fold(
		on(0, "customer.registered", &domain.CustomerRegistered{Tier: "major", Since: "2022-01-01"}),
		on(1, "contract.started", &domain.ContractStarted{ContractID: "K", EndsOn: "2024-08-01"}),
		on(2, "customer.manager_assigned", &domain.CustomerManagerAssigned{Manager: "m.a"}),
		on(10, "purchase.recorded", &domain.PurchaseRecorded{}),
		on(20, "purchase.recorded", &domain.PurchaseRecorded{}),
		on(30, "complaint.registered", &domain.ComplaintRegistered{ComplaintRef: about, Severity: "S2"}),
		on(31, "commitment.made", &domain.CommitmentMade{CommitmentID: "P", What: "x", DueAt: day(40), Medium: "phone"}),
		on(32, "commitment.made", &domain.CommitmentMade{CommitmentID: "Q", What: "x", DueAt: day(50), Medium: "phone"}),
		on(41, "commitment.broken", &domain.CommitmentBroken{CommitmentID: "P"}),
		on(45, "complaint.closed", &domain.ComplaintClosed{ComplaintRef: about, Satisfied: ptr(false)}),
		on(46, "complaint.reopened", &domain.ComplaintReopened{ComplaintRef: about}),
		on(50, "redress.offered", &domain.RedressOffered{RedressID: "R", Remedy: "refund"}),
		on(55, "redress.failed", &domain.RedressFailed{RedressID: "R"}),
		on(60, "survey.answered", &domain.SurveyAnswered{Metric: "csat", Score: 1}),
		on(61, "interaction.call", &domain.Interaction{Direction: "inbound", Sentiment: "very_negative", RepeatInfoRequested: ptr(true)}),
		on(70, "customer.manager_assigned", &domain.CustomerManagerAssigned{Manager: "m.b"}),
		on(75, "followup.scheduled", &domain.FollowupScheduled{FollowupID: "F", DueAt: day(80)}),
		on(90, "complaint.registered", &domain.ComplaintRegistered{ComplaintRef: c2, Severity: "S3"}),
		on(95, "complaint.resolved", &domain.ComplaintResolved{ComplaintRef: c2}),
		on(96, "survey.answered", &domain.SurveyAnswered{Metric: "csat", Score: 5, ComplaintID: "C-2"}),
	)
}

// The vector: these numbers are the same on every machine, and change only with the version of the weights or the features.
func TestChurnVector(t *testing.T) {
	score := troubled().Churn(day(180), domain.ExpertWeights())
	var got []string
	for _, d := range score.Drivers {
		got = append(got, fmt.Sprintf("%s %d %d %s", d.Code, d.Value, d.Points, strings.Join(d.Evidence, ",")))
	}
	want := []string{
		"silence 1271 12 e-15",
		"purchase_silence 1270 4 e-5",
		"open_complaint 30200 34 e-6",
		"recent_complaints 658 8 e-18,e-6",
		"double_deviation 597 14 e-11",
		"broken_promises 586 10 e-9",
		"overdue_promises 1 7 e-8",
		"dissatisfaction 797 10 e-15,e-14",
		"failed_redress 618 10 e-13",
		"repeated_questions 400 4 e-15",
		"unanswered_followups 1000 5 e-17",
		"manager_change 110 4 e-16",
		"contract_end 33 8 e-2",
		"tenure 910 0 ",
		"tier 2 -3 ",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("drivers (-want +got):\n%s", diff)
	}
	total := fmt.Sprintf("%d points, %d ppm, %s, %s, %s", score.Points, score.ProbabilityPPM, score.Band, score.TopDriver, score.WeightsVersion)
	if want := "127 points, 870060 ppm, critical, open_complaint, expert-2"; total != want {
		t.Errorf("%s, want %s", total, want)
	}
	if score.IsCalibrated {
		t.Error("expert weights are not calibrated")
	}
}

func TestChurn(t *testing.T) {
	registered := on(0, "customer.registered", &domain.CustomerRegistered{Tier: "regular", Since: "2022-06-01"})
	call := func(n int) domain.Event {
		return on(n, "interaction.call", &domain.Interaction{Direction: "inbound"})
	}
	value := func(s domain.Churn, code string) int64 {
		i := slices.IndexFunc(s.Drivers, func(d domain.Driver) bool { return d.Code == code })
		if i < 0 {
			return -1
		}
		return s.Drivers[i].Value
	}
	w := domain.ExpertWeights()

	weekly := []domain.Event{registered}
	for n := 0; n < 300; n += 7 {
		weekly = append(weekly, call(n))
	}
	rare := []domain.Event{registered, call(0), call(200), call(294)}
	often, seldom := fold(weekly...).Churn(day(370), w), fold(rare...).Churn(day(370), w)
	if a, b := value(often, "silence"), value(seldom, "silence"); a < 3*b {
		t.Errorf("the same silence weighs more against a weekly rhythm: %d, against a rare one: %d", a, b)
	}

	unhappy := func(n int) domain.Event {
		return on(n, "complaint.registered", &domain.ComplaintRegistered{ComplaintRef: about, Severity: "S3"})
	}
	closed := func(satisfied *bool) domain.Event {
		return on(5, "complaint.closed", &domain.ComplaintClosed{ComplaintRef: about, Satisfied: satisfied})
	}
	plain, recovered := fold(registered, unhappy(1), closed(nil)), fold(registered, unhappy(1), closed(ptr(true)))
	none := fold(registered)
	p, r, n := plain.Churn(day(6), w), recovered.Churn(day(6), w), none.Churn(day(6), w)
	if !(value(p, "recent_complaints") > value(r, "recent_complaints") && value(r, "recent_complaints") > 0) {
		t.Errorf("recovery should relieve, not reward: %d, recovered %d", value(p, "recent_complaints"), value(r, "recent_complaints"))
	}
	again := fold(registered, unhappy(1), on(3, "complaint.reopened", &domain.ComplaintReopened{ComplaintRef: about}), closed(ptr(true)))
	if a, b := value(again.Churn(day(6), w), "recent_complaints"), value(p, "recent_complaints"); a != b {
		t.Errorf("a reopened complaint was won back: %d, without a word %d", a, b)
	}
	if r.Points < n.Points {
		t.Errorf("a recovered complaint made a bonus: %d points, without a complaint %d", r.Points, n.Points)
	}

	open := fold(registered, unhappy(1))
	if a, b := value(open.Churn(day(2), w), "open_complaint"), value(open.Churn(day(40), w), "open_complaint"); a != 200 || b != 4000 {
		t.Errorf("an open complaint weighs %d, then %d", a, b)
	}

	departed := fold(registered, on(9, "customer.departed", &domain.CustomerDeparted{Reason: "price"}))
	if s := departed.Churn(day(9), w); s.Band != domain.BandDeparted || s.Scored || s.Drivers != nil {
		t.Errorf("departed: %+v", s)
	}
	if s := departed.Churn(day(8), w); !s.Scored {
		t.Errorf("not departed yet: %+v", s)
	}
	merged := fold(registered, on(9, "customer.merged_into", &domain.CustomerMergedInto{CustomerID: "d"}))
	if s := merged.Churn(day(9), w); s.Band != domain.BandMerged || s.Scored {
		t.Errorf("merged: %+v", s)
	}
	if s := fold().Churn(day(9), w); !s.Scored || s.Points != 0 || s.TopDriver != "" || s.Band != domain.BandLow {
		t.Errorf("of whom nothing is known: %+v", s)
	}
}

// Twenty points double the odds.
func TestTwentyPointsDoubleTheOdds(t *testing.T) {
	odds := func(s domain.Churn) float64 { return s.Probability() / (1 - s.Probability()) }
	c := fold(on(0, "customer.registered", &domain.CustomerRegistered{}))
	file := func(points int) *domain.Weights {
		w, err := domain.LoadWeights([]byte(strings.Replace(expertFile(t), `"label": "under 3 months", "below": 90, "points": 8`,
			fmt.Sprintf(`"label": "under 3 months", "below": 90, "points": %d`, points), 2)))
		if err != nil {
			t.Fatal(err)
		}
		return w
	}
	low, high := odds(c.Churn(day(1), file(0))), odds(c.Churn(day(1), file(20)))
	if ratio := high / low; ratio < 1.9999 || ratio > 2.0001 {
		t.Errorf("the odds rose %v times", ratio)
	}
}

func TestLoadWeightsRefuses(t *testing.T) {
	tests := []struct{ name, old, with string }{
		{"no JSON", "{", "["},
		{"something after", "\n}\n", "\n}\n{}"},
		{"an unknown member", `"kind"`, `"sort"`},
		{"no version", `"version": "expert-2"`, `"version": ""`},
		{"another feature version", `"feature_version": 2`, `"feature_version": 1`},
		{"another kind", `"kind": "expert"`, `"kind": "guess"`},
		{"a form twice", `"form": "non_contractual"`, `"form": "contractual"`},
		{"an unknown form", `"form": "non_contractual"`, `"form": "loose"`},
		{"no horizon", `"horizon_days": 90`, `"horizon_days": 0`},
		{"a rhythm of nothing", `"alpha_days": 10`, `"alpha_days": 0`},
		{"relief above all", `"recovery_relief_percent": 60`, `"recovery_relief_percent": 101`},
		{"a half-life of nothing", `"repeat": 180`, `"repeat": 0`},
		{"bands that do not begin at 0", `"from_ppm": 0`, `"from_ppm": 1`},
		{"bands that fall", `"from_ppm": 300000`, `"from_ppm": 100000`},
		{"an unknown band", `"band": "medium"`, `"band": "middling"`},
		{"an unknown driver", `"code": "tenure"`, `"code": "weather"`},
		{"a driver twice", `"code": "tenure"`, `"code": "tier"`},
		{"bins that fall", `"below": 365, "points": 4`, `"below": 80, "points": 4`},
		{"a bin without a label", `"label": "3 to 5 years"`, `"label": ""`},
		{"too many points", `"points": 34`, `"points": 500`},
		{"an open bin in the middle", `"label": "under a year", "below": 365,`, `"label": "under a year",`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			file := strings.Replace(expertFile(t), tt.old, tt.with, 1)
			if file == expertFile(t) {
				t.Fatal("nothing was replaced")
			}
			if _, err := domain.LoadWeights([]byte(file)); !errors.Is(err, domain.ErrWeights) {
				t.Errorf("%v", err)
			}
		})
	}
}
