package domain_test

import (
	"math"
	"testing"
	"time"

	"amends/domain"
	"amends/domain/domaintest"

	"pgregory.net/rapid"
)

func TestPublishedMeasures(t *testing.T) {
	near := func(name string, got, want, within float64) {
		t.Helper()
		if math.Abs(got-want) > within {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
	// Four of five: Wilson gives 38 to 96 %.
	csat := domain.CSAT([]int{5, 4, 5, 4, 2})
	near("csat", csat.Value, 0.8, 1e-12)
	near("csat low", csat.Low, 0.3755, 5e-4)
	near("csat high", csat.High, 0.9638, 5e-4)
	// 5 promoters, 3 passives, 2 detractors: 30; p=5.75/13, d=2.75/13.
	nps := domain.NPS([]int{10, 9, 9, 10, 9, 7, 8, 7, 6, 0})
	near("nps", nps.Value, 30, 1e-12)
	near("nps low", nps.Low, 100*(3.0/13-1.959964*math.Sqrt((8.5/13-9.0/169)/13)), 1e-6)
	near("nps high", nps.High, 100*(3.0/13+1.959964*math.Sqrt((8.5/13-9.0/169)/13)), 1e-4)
	mean, easy := domain.CES([]int{7, 5, 4, 1})
	near("ces mean", mean, 4.25, 1e-12)
	near("ces share", easy.Value, 0.5, 1e-12)
	near("acsi", domain.ACSI([]int{10, 1, 7}), 100*5.0/9, 1e-9)
	if e := domain.CSAT(nil); e.N != 0 {
		t.Errorf("no answers: %+v", e)
	}
	if low, high := domain.Wilson(0, 4); low != 0 || high > 0.5 {
		t.Errorf("none of four: %v to %v", low, high)
	}
	if low, high := domain.Wilson(0.5, 0); low != 0 || high != 1 {
		t.Errorf("none at all: %v to %v", low, high)
	}
}

func TestIntervalsHoldTheirValue(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		scores := rapid.SliceOfN(rapid.IntRange(0, 10), 1, 50).Draw(t, "scores")
		_, ces := domain.CES(scores)
		for _, e := range []domain.Estimate{domain.CSAT(scores), ces} {
			if e.Low > e.Value+1e-12 || e.High < e.Value-1e-12 || e.Low < 0 || e.High > 1 {
				t.Fatalf("%+v", e)
			}
		}
		if e := domain.NPS(scores); e.Low < -100 || e.High > 100 || e.Low > e.High {
			t.Fatalf("%+v", e)
		}
	})
}

func TestSatisfaction(t *testing.T) {
	answer := func(n int, metric string, score int) domain.Event {
		return on(n, "survey.answered", &domain.SurveyAnswered{Metric: metric, Score: score})
	}
	tier := on(0, "customer.tier_assigned", &domain.CustomerTierAssigned{Tier: "regular"})

	silent := fold(tier).Satisfaction(day(400))
	if silent.Index != 70 || silent.Answers != 0 || silent.LastCSAT != nil || silent.NEffective != 0 {
		t.Errorf("without answers it is the tier's: %+v", silent)
	}
	c := fold(tier, answer(1, "csat", 1), answer(2, "nps", 0), answer(3, "csat", 5))
	// Fresh: (0 + 0 + 1 + 2·0.7)/(3+2) = 0.48.
	s := c.Satisfaction(day(3))
	if math.Abs(s.Index-48) > 0.5 || s.Answers != 3 || *s.LastCSAT != 5 || *s.LastNPS != 0 || s.LastCES != nil || s.NEffective != 3 {
		t.Errorf("three answers: %+v", s)
	}
	if before := c.Satisfaction(day(2)); before.Answers != 2 || *before.LastCSAT != 1 || before.Index >= s.Index {
		t.Errorf("answers after the instant count: %+v", before)
	}
	// After one half-life: (0.5·1 + 2·0.7)/(1.5+2) = 0.543; silence draws to the tier, and widens.
	later := c.Satisfaction(day(183))
	if math.Abs(later.Index-54.2) > 0.5 || later.High-later.Low <= s.High-s.Low {
		t.Errorf("a half-life later: %+v, before: %+v", later, s)
	}
	if far := c.Satisfaction(day(20_000)); far.Index != 70 {
		t.Errorf("in the end it is the tier's: %+v", far)
	}
}

func TestSatisfactionStaysWithinItsBounds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		history := anyHistory(t)
		at := history[0].Time.AddDate(0, 0, rapid.IntRange(-10, 4000).Draw(t, "days"))
		s := domain.Fold("c", history, domain.Limits{}).Satisfaction(at)
		if !(0 <= s.Low && s.Low <= s.Index && s.Index <= s.High && s.High <= 100) {
			t.Fatalf("%+v", s)
		}
		if s.NEffective > float64(s.Answers)+0.05 || s.Answers == 0 && s.NEffective != 0 {
			t.Fatalf("%d answers are worth %v", s.Answers, s.NEffective)
		}
	})
}

func TestChurnContributionsAddUp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		history := domaintest.History(t, "c")
		at := history[len(history)-1].Recorded.Add(time.Duration(rapid.IntRange(-2000, 20_000).Draw(t, "hours")) * time.Hour)
		score := domain.Fold("c", history, domain.Limits{}).Churn(at, domain.ExpertWeights())
		sum, top := 0, 0
		logOdds := domain.ExpertWeights().FormOf(score.Form).ReferenceLogOdds
		for _, d := range score.Drivers {
			sum += d.Points
			logOdds += d.LogOdds
			top = max(top, d.Points)
			if len(d.Evidence) > domain.MaxEvidence || d.Label == "" || d.Bin == "" || d.Unit == "" {
				t.Fatalf("%+v", d)
			}
			if d.Code == score.TopDriver && d.Points == 0 {
				t.Fatalf("the top driver %s has no points", d.Code)
			}
		}
		if sum != score.Points {
			t.Fatalf("the drivers add up to %d, the score is %d", sum, score.Points)
		}
		if score.Scored && logOdds != score.LogOdds {
			t.Fatalf("the drivers' log-odds add up to %d, the score's are %d", logOdds, score.LogOdds)
		}
		if !score.Scored && (score.Drivers != nil || score.Points != 0) {
			t.Fatalf("not scored, yet %+v", score)
		}
		if score.ProbabilityPPM < 0 || score.ProbabilityPPM > 1_000_000 || (top == 0) != (score.TopDriver == "") {
			t.Fatalf("%+v", score)
		}
		same := domain.Fold("c", history, domain.Limits{}).Churn(at, domain.ExpertWeights())
		if same.Points != score.Points || same.ProbabilityPPM != score.ProbabilityPPM {
			t.Fatalf("%+v, then %+v", score, same)
		}
	})
}

// Each driver says when it changes by itself: not before, and then it does.
func TestDriversChangeWhenTheySay(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		history := domaintest.History(t, "c")
		last := history[len(history)-1].Recorded
		for _, e := range history {
			if e.Time.After(last) {
				last = e.Time
			}
		}
		c := domain.Fold("c", history, domain.Limits{})
		at := last.Add(time.Duration(rapid.IntRange(0, 20_000).Draw(t, "hours")) * time.Hour)
		score := c.Churn(at, domain.ExpertWeights())
		binOf := func(at time.Time, code string) string {
			for _, d := range c.Churn(at, domain.ExpertWeights()).Drivers {
				if d.Code == code {
					return d.Bin
				}
			}
			return "none"
		}
		for _, d := range score.Drivers {
			if d.ChangesAt.IsZero() {
				later := at.AddDate(0, 0, rapid.IntRange(1, 3600).Draw(t, "days"))
				if bin := binOf(later, d.Code); bin != d.Bin {
					t.Fatalf("%s never changes, but from %q on %s it is %q on %s", d.Code, d.Bin, at, bin, later)
				}
				continue
			}
			if !d.ChangesAt.After(at) {
				t.Fatalf("%s changes at %s, which is not after %s", d.Code, d.ChangesAt, at)
			}
			between := at.Add(time.Duration(rapid.Int64Range(0, int64(d.ChangesAt.Sub(at))-1).Draw(t, "between")))
			for _, before := range []time.Time{between, d.ChangesAt.Add(-1)} {
				if bin := binOf(before, d.Code); bin != d.Bin {
					t.Fatalf("%s is %q at %s and changes at %s, but is %q at %s", d.Code, d.Bin, at, d.ChangesAt, bin, before)
				}
			}
			if bin := binOf(d.ChangesAt, d.Code); bin == d.Bin {
				t.Fatalf("%s is %q at %s and still at %s", d.Code, d.Bin, at, d.ChangesAt)
			}
		}
	})
}
