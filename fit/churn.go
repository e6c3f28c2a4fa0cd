package fit

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"amends/domain"
)

// Churn says how to learn churn weights from a ledger's history.
type Churn struct {
	// Base gives what values depend on and is not fitted (half-lives, severities, relief; the rhythms where too few customers came),
	// the bands, and the scorecard to be beaten; a form that cannot be fitted keeps its own. Nil: the expert weights.
	Base *domain.Weights
	// Version names the new weights.
	Version string
	// HorizonDays is within how many days a customer leaves. 0: 90 for customers with a contract, and for the others three times
	// the median gap between purchases, 90 to 360.
	HorizonDays int
	// AsHappened takes each record as known when it happened instead of when it was recorded: for imported histories, whose
	// recording dates say nothing. What was in truth reported late then leaks into the past.
	AsHappened bool
	Seed       uint64 // of the bootstrap
	// Progress is told of how many customers the rows are made; may be nil.
	Progress func(done, total int)
}

// ChurnReport says what was learnt and how good it is.
type ChurnReport struct {
	Version   string       `json:"version"`
	Base      string       `json:"base_version"`
	Position  uint64       `json:"position"` // of the last record that was learnt from
	Known     string       `json:"known"`    // as_recorded or as_happened
	Customers int          `json:"customers"`
	From      *time.Time   `json:"from,omitempty"` // the first month's end
	To        *time.Time   `json:"to,omitempty"`   // the last
	Seed      uint64       `json:"seed"`
	Forms     []FormReport `json:"forms"`
}

// FormReport is of the customers of one form.
type FormReport struct {
	Form        string `json:"form"`
	HorizonDays int    `json:"horizon_days"`
	// Refused says why this form was not fitted, or why what was fitted is not to be used; empty: it is in the weights.
	Refused    string     `json:"refused,omitempty"`
	TrainRows  int        `json:"train_rows"`       // customers at months' ends from which was learnt
	Departures int        `json:"train_departures"` // customers who left, in those rows
	Parameters int        `json:"parameters,omitempty"`
	Lambda     float64    `json:"lambda,omitempty"`
	Slope      float64    `json:"calibration_slope,omitempty"` // by which the log-odds were multiplied so that they hold up forward in time
	SplitAt    *time.Time `json:"split_at,omitempty"`          // training windows end by it, test rows begin at it
	Models     []Model    `json:"models,omitempty"`            // on the test rows: fitted, expert, recency
	AboveBase  *Interval  `json:"auc_above_base,omitempty"`
	Deciles    []Decile   `json:"deciles,omitempty"` // of the fitted weights
}

// Model is how good one way of predicting is.
type Model struct {
	Name string `json:"model"`
	Figures
	Intervals Intervals `json:"intervals"`
}

// ErrNothingFitted: no form could be fitted, or what was fitted is not to be used; the report says why.
var ErrNothingFitted = errors.New("nothing was learnt that could be published")

// Fit learns from the histories. The weights hold each form that was fitted and is good enough, and the base's form in the place
// of one that is not; with ErrNothingFitted there are none. The report is there in both cases.
//
// Rows are customers at months' ends, with what was known then; what came within the horizon is what we know now. Rows whose
// horizon is not over are left out. Training rows have their whole horizon before the split and test rows lie after it, so no
// outcome and no customer's later state is learnt from before it is judged.
func (c Churn) Fit(ctx context.Context, h *Histories) (*domain.Weights, *ChurnReport, error) {
	if c.Base == nil {
		c.Base = domain.ExpertWeights()
	}
	s := sampling{histories: h, base: c.Base, asHappened: c.AsHappened, progress: c.Progress, horizons: map[string]int{
		domain.FormContractual: c.HorizonDays, domain.FormNonContractual: c.HorizonDays}}
	if c.HorizonDays == 0 {
		s.horizons[domain.FormContractual] = 90
		s.horizons[domain.FormNonContractual] = purchaseHorizon(h)
	}
	report := &ChurnReport{Version: c.Version, Base: c.Base.Version, Position: h.position, Known: "as_recorded",
		Customers: len(h.streams), Seed: c.Seed}
	if c.AsHappened {
		report.Known = "as_happened"
	}
	if dates := s.dates(); len(dates) > 0 {
		report.From, report.To = &dates[0], &dates[len(dates)-1]
	}
	weights := *c.Base
	weights.Version, weights.Forms, weights.Rhythms = c.Version, nil, s.fitRhythms()
	s.settings = &weights
	rows, err := s.rows(ctx)
	if err != nil {
		return nil, nil, err
	}
	fitted := 0
	for _, base := range c.Base.Forms {
		f := formFit{ctx: ctx, base: base, horizon: s.horizons[base.Form], rows: rows[base.Form], seed: c.Seed}
		f.report = FormReport{Form: base.Form, HorizonDays: f.horizon}
		form, err := f.fit()
		var refused *refusal
		switch {
		case errors.As(err, &refused):
			f.report.Refused = refused.reason
			weights.Forms = append(weights.Forms, base)
		case err != nil:
			return nil, nil, err
		default:
			fitted++
			weights.Forms = append(weights.Forms, *form)
		}
		report.Forms = append(report.Forms, f.report)
	}
	if fitted == 0 {
		return nil, report, ErrNothingFitted
	}
	out, err := load(&weights, report)
	return out, report, err
}

// load puts the report in the weights and reads them back, as whoever uses the file will.
func load(w *domain.Weights, report *ChurnReport) (*domain.Weights, error) {
	var err error
	if w.Fit, err = json.Marshal(report); err != nil {
		return nil, fmt.Errorf("write the report of the fit: %w", err)
	}
	file, err := json.Marshal(w)
	if err != nil {
		return nil, fmt.Errorf("write the weights: %w", err)
	}
	return domain.LoadWeights(file)
}

// refusal is why a form is not fitted. It is no failure: the base's form stays.
type refusal struct{ reason string }

func (r *refusal) Error() string { return r.reason }

func refuse(format string, args ...any) error { return &refusal{fmt.Sprintf(format, args...)} }
