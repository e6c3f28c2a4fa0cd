package fit_test

import (
	"context"
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"amends/domain"
	"amends/fit"
	"amends/internal/simulation"
)

func simulated(customers int) ([]simulation.Customer, *fit.Histories) {
	all := simulation.Run(simulation.Config{Seed: 12, Customers: customers,
		From: time.Date(2023, 1, 1, 0, 0, 0, 0, time.UTC), To: time.Date(2025, 7, 1, 0, 0, 0, 0, time.UTC)})
	h := &fit.Histories{}
	for _, c := range all {
		for _, e := range c.Events {
			h.Add(e)
		}
	}
	return all, h
}

// Where the true chances are known, what is learnt ranks nearly as well as the truth itself, is calibrated, and beats recency
// alone and the expert weights.
func TestFitComesCloseToTheTruth(t *testing.T) {
	all, h := simulated(2000)
	weights, report, err := fit.Churn{Version: "test-1", Seed: 1}.Fit(context.Background(), h)
	if err != nil {
		t.Fatalf("%v: %+v", err, report)
	}
	f := report.Forms[0]
	if f.Refused != "" || f.Form != domain.FormContractual {
		t.Fatalf("%+v", f)
	}
	var truth []float64
	var left []bool
	end := time.Date(2025, 7, 1, 0, 0, 0, 0, time.UTC)
	for _, c := range all {
		for at, z := range c.Truth {
			until := at.AddDate(0, 0, f.HorizonDays)
			if at.Before(*f.SplitAt) || !until.Before(end.AddDate(0, 0, -1)) {
				continue
			}
			truth = append(truth, 1/(1+math.Exp(-z)))
			left = append(left, !c.DepartedAt.IsZero() && !c.DepartedAt.After(until))
		}
	}
	oracle, fitted, expert, recency := fit.Judge(truth, left), f.Models[0], f.Models[1], f.Models[2]
	t.Logf("AUC: oracle %.4f (%d rows, %d left), fitted %.4f %+v, expert %.4f, recency %.4f; %d departures, %d parameters, lambda %g, slope %.2f",
		oracle.AUC, oracle.Rows, oracle.Events, fitted.AUC, fitted.Intervals.AUC, expert.AUC, recency.AUC, f.Departures, f.Parameters, f.Lambda, f.Slope)
	for _, d := range f.Deciles {
		t.Logf("%+v", d)
	}
	if oracle.Rows != fitted.Rows || oracle.Events != fitted.Events {
		t.Errorf("the fit was judged on %d rows with %d departures, the truth on %d with %d", fitted.Rows, fitted.Events, oracle.Rows, oracle.Events)
	}
	if fitted.AUC < oracle.AUC-0.02 {
		t.Errorf("AUC %.4f, the oracle's is %.4f", fitted.AUC, oracle.AUC)
	}
	if recency.AUC > fitted.AUC-0.05 {
		t.Errorf("recency alone has AUC %.4f, which is not clearly worse than %.4f", recency.AUC, fitted.AUC)
	}
	off := 0
	for _, d := range f.Deciles {
		if !d.Inside() {
			off++
		}
	}
	if off > 1 {
		t.Errorf("%d of 10 deciles are off", off)
	}

	c := domain.Fold(all[0].ID, all[0].Events, domain.Limits{})
	score := c.Churn(all[0].Events[len(all[0].Events)-1].Time.AddDate(0, 0, -1), weights)
	if score.Scored && !score.IsCalibrated || score.WeightsVersion != "test-1" {
		t.Errorf("%+v", score)
	}
	if other := weights.FormOf(domain.FormNonContractual); other.Kind != domain.KindExpert {
		t.Errorf("nobody is without a contract, yet that form is %s", other.Kind)
	}
}

// What is too small, too short or known too late is refused, with the reason.
func TestFitRefuses(t *testing.T) {
	_, small := simulated(60)
	_, report, err := fit.Churn{Version: "x"}.Fit(context.Background(), small)
	if !errors.Is(err, fit.ErrNothingFitted) || !strings.Contains(report.Forms[0].Refused, "too small") ||
		!strings.Contains(report.Forms[1].Refused, "no customers of this form") {
		t.Errorf("%v: %+v", err, report)
	}

	all, _ := simulated(60)
	imported := &fit.Histories{}
	for _, c := range all {
		for _, e := range c.Events {
			e.Recorded = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
			imported.Add(e)
		}
	}
	_, report, err = fit.Churn{Version: "x"}.Fit(context.Background(), imported)
	if !errors.Is(err, fit.ErrNothingFitted) || report.Forms[0].TrainRows != 0 {
		t.Errorf("recorded in one day, so nothing was known before: %v: %+v", err, report)
	}
	_, report, err = fit.Churn{Version: "x", AsHappened: true}.Fit(context.Background(), imported)
	if !errors.Is(err, fit.ErrNothingFitted) || report.Forms[0].TrainRows == 0 {
		t.Errorf("taken as known when it happened: %v: %+v", err, report)
	}
	if _, report, err := (fit.Churn{Version: "x"}).Fit(context.Background(), &fit.Histories{}); !errors.Is(err, fit.ErrNothingFitted) {
		t.Errorf("nothing: %v: %+v", err, report)
	}
}
