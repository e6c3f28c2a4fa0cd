package fit

import (
	"context"
	"fmt"
	"math/rand/v2"
)

// CrossValidation says how a table is judged.
type CrossValidation struct {
	Folds  int     // parts; each is judged by a fit on the others. 2 to 20; 0: 5
	Seed   uint64  // decides on the parts and on the bootstrap's draws
	Lambda float64 // of the squares of the log-odds; 0: 1
	// Progress is told how many of how many fits are done; may be nil.
	Progress func(done, total int)
}

// TableReport says how well a table's outcome can be told from its columns.
type TableReport struct {
	Rows       int          `json:"rows"`
	Events     int          `json:"events"`
	BaseRate   float64      `json:"base_rate"`
	Columns    []string     `json:"columns"` // that were used
	Dropped    []Dropped    `json:"dropped"`
	Duplicates int          `json:"duplicate_rows"`
	Folds      int          `json:"folds"`
	Seed       uint64       `json:"seed"`
	Lambda     float64      `json:"lambda"`
	Models     []TableModel `json:"models"`
}

// TableModel is one way of reading the table: linear (numbers as they are) or binned (the scorecard).
type TableModel struct {
	Name       string    `json:"model"`
	Parameters int       `json:"parameters"` // in the first fold, the intercept apart
	Figures              // of all rows, each predicted by the fit that did not see it
	AUCByFold  float64   `json:"auc_mean_of_folds"` // what is mostly published
	Intervals  Intervals `json:"intervals"`
	Deciles    []Decile  `json:"deciles"`
}

// CrossValidate judges both models by stratified cross-validation: each part has its share of outcomes, each row is predicted by
// a fit on the other parts, and everything that a fit depends on is learnt there.
func CrossValidate(ctx context.Context, t *Table, config CrossValidation) (*TableReport, error) {
	if config.Folds == 0 {
		config.Folds = 5
	}
	if config.Lambda == 0 {
		config.Lambda = 1
	}
	if config.Folds < 2 || config.Folds > 20 {
		return nil, fmt.Errorf("%w: the number of folds must be 2 to 20", ErrTable)
	}
	if config.Lambda < 0 {
		return nil, fmt.Errorf("%w: lambda must be above 0", ErrTable)
	}
	report := &TableReport{Rows: len(t.Outcome), Dropped: t.Dropped, Duplicates: t.Duplicates, Folds: config.Folds,
		Seed: config.Seed, Lambda: config.Lambda}
	for _, is := range t.Outcome {
		if is {
			report.Events++
		}
	}
	report.BaseRate = float64(report.Events) / float64(report.Rows)
	if least := min(report.Events, report.Rows-report.Events); least < config.Folds {
		return nil, fmt.Errorf("%w: the rarer outcome comes in %d rows, fewer than there are folds", ErrTable, least)
	}
	for _, c := range t.Columns {
		report.Columns = append(report.Columns, c.Name)
	}
	folds := stratified(t.Outcome, config.Folds, config.Seed)
	done := 0
	for _, name := range []string{"linear", "binned"} {
		m := TableModel{Name: name}
		p := make([]float64, len(t.Outcome))
		for fold := range config.Folds {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			train, test := parted(folds, fold)
			s := learnScheme(t, train, name == "binned")
			d := s.design(t, train)
			if fold == 0 {
				m.Parameters = d.parameters()
			}
			effects, err := logistic(d, chosen(t.Outcome, train), config.Lambda)
			if err != nil {
				return nil, err
			}
			some := make([]float64, len(test))
			layoutOf(s.design(t, test)).logOdds(effects, some)
			for i, r := range test {
				some[i] = sigmoid(some[i])
				p[r] = some[i]
			}
			m.AUCByFold += newPrediction(some, chosen(t.Outcome, test)).figures(nil).AUC / float64(config.Folds)
			done++
			if config.Progress != nil {
				config.Progress(done, 2*config.Folds)
			}
		}
		q := newPrediction(p, t.Outcome)
		m.Figures = q.figures(nil)
		each := make([]int, len(p))
		for i := range each {
			each[i] = i
		}
		m.Deciles, m.Intervals = q.deciles(each), q.bootstrap(each, config.Seed)
		report.Models = append(report.Models, m)
	}
	return report, nil
}

// stratified gives each row its fold: each outcome's rows are dealt out in a random order.
func stratified(outcome []bool, folds int, seed uint64) []int {
	rng := rand.New(rand.NewPCG(seed, 0xF01D))
	out := make([]int, len(outcome))
	dealt := 0
	for _, class := range []bool{true, false} {
		var rows []int
		for r, is := range outcome {
			if is == class {
				rows = append(rows, r)
			}
		}
		rng.Shuffle(len(rows), func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
		for _, r := range rows {
			out[r] = dealt % folds
			dealt++
		}
	}
	return out
}

// parted lists the rows outside the fold and in it.
func parted(folds []int, fold int) (train, test []int) {
	for r, f := range folds {
		if f == fold {
			test = append(test, r)
		} else {
			train = append(train, r)
		}
	}
	return train, test
}

func chosen[T any](list []T, rows []int) []T {
	out := make([]T, len(rows))
	for i, r := range rows {
		out[i] = list[r]
	}
	return out
}
