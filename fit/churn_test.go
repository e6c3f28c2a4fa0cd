package fit_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
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
	all, h := simulated(1500)
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

// Who buys without a contract leaves by not coming back: the horizon follows from how often they buy, and their own rhythm says
// more than how long ago the last purchase was.
func TestFitOfBuyersWithoutAContract(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 4))
	start, end := time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2025, 12, 31, 0, 0, 0, 0, time.UTC)
	h := &fit.Histories{}
	for i := range 700 {
		id := fmt.Sprintf("b-%d", i)
		gap := 6 * math.Exp(rng.NormFloat64()) // mean days between purchases: from two days to two months
		at, revision := start.AddDate(0, 0, rng.IntN(300)), uint64(0)
		add := func(typ domain.Type, data domain.Data) {
			revision++
			h.Add(domain.Event{ID: fmt.Sprintf("%s-%d", id, revision), Type: typ, Customer: id, Time: at, Recorded: at, Revision: revision,
				Position: uint64(i)*10_000 + revision, Data: data})
		}
		add("customer.registered", &domain.CustomerRegistered{Tier: "regular"})
		for stopped := false; !stopped && at.Before(end); stopped = rng.Float64() < gap/400 {
			at = at.Add(time.Duration(float64(24*time.Hour) * gap * rng.ExpFloat64())).Add(time.Minute)
			if at.Before(end) {
				add("purchase.recorded", &domain.PurchaseRecorded{})
			}
		}
	}
	weights, report, err := fit.Churn{Version: "buyers"}.Fit(context.Background(), h)
	if err != nil {
		t.Fatalf("%v: %+v", err, report)
	}
	f := report.Forms[1]
	if f.Form != domain.FormNonContractual || f.Refused != "" || f.HorizonDays != 90 || weights.FormOf(f.Form).Kind != domain.KindFitted {
		t.Fatalf("%+v", f)
	}
	fitted, recency := f.Models[0], f.Models[2]
	t.Logf("AUC fitted %.4f, expert %.4f, recency %.4f; %d parameters", fitted.AUC, f.Models[1].AUC, recency.AUC, f.Parameters)
	if fitted.AUC < recency.AUC+0.02 {
		t.Errorf("AUC %.4f; recency alone %.4f", fitted.AUC, recency.AUC)
	}
	if weights.Rhythms.Purchase == domain.ExpertWeights().Rhythms.Purchase {
		t.Error("the rhythm of purchases was not fitted")
	}
}
