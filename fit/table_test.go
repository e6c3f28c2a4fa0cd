package fit_test

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"amends/fit"
)

// synthetic is a table of which the true probabilities are known: a number with a straight effect, one with a hump, a category,
// a number that is missing where the outcome is likelier, and noise.
func synthetic(rows int, seed uint64) (file []byte, truth []float64, outcome []bool) {
	rng := rand.New(rand.NewPCG(seed, 1))
	var out bytes.Buffer
	w := csv.NewWriter(&out)
	write := func(fields ...string) { _ = w.Write(fields) } // a buffer takes everything
	write("id", "straight", "hump", "plan", "gap", "noise", "constant", "left")
	for i := range rows {
		straight, hump, noise := rng.NormFloat64(), rng.NormFloat64(), rng.NormFloat64()
		plan := []string{"basic", "plus", "prime"}[rng.IntN(3)]
		z := -1.6 + 1.0*straight + 1.5*(math.Abs(hump)-0.8) + map[string]float64{"basic": 0.6, "plus": 0, "prime": -0.9}[plan]
		gap := fmt.Sprint(rng.IntN(40))
		if rng.Float64() < 0.15 {
			gap, z = "", z+1.2
		}
		p := 1 / (1 + math.Exp(-z))
		left := rng.Float64() < p
		write(fmt.Sprintf("c-%d", i), fmt.Sprintf("%.4f", straight), fmt.Sprintf("%.4f", hump), plan, gap, fmt.Sprintf("%.4f", noise), "x",
			map[bool]string{true: "Yes", false: "No"}[left])
		truth, outcome = append(truth, p), append(outcome, left)
	}
	w.Flush()
	return out.Bytes(), truth, outcome
}

// The scorecard comes close to the truth itself, the linear model cannot (it does not see the hump), and both are calibrated.
func TestCrossValidationComesCloseToTheOracle(t *testing.T) {
	file, truth, outcome := synthetic(6000, 3)
	table, err := fit.ReadTable(bytes.NewReader(file), fit.TableConfig{Label: "left", ID: "id"})
	if err != nil {
		t.Fatal(err)
	}
	report, err := fit.CrossValidate(context.Background(), table, fit.CrossValidation{Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	oracle := fit.Judge(truth, outcome)
	linear, binned := report.Models[0], report.Models[1]
	t.Logf("AUC: oracle %.4f, linear %.4f, binned %.4f %+v", oracle.AUC, linear.AUC, binned.AUC, binned.Intervals.AUC)
	if binned.AUC < oracle.AUC-0.02 || binned.AUC > oracle.AUC+0.01 {
		t.Errorf("binned: AUC %.4f, the oracle's is %.4f", binned.AUC, oracle.AUC)
	}
	if binned.Brier > oracle.Brier+0.01 {
		t.Errorf("binned: Brier %.4f, the oracle's is %.4f", binned.Brier, oracle.Brier)
	}
	if linear.AUC > binned.AUC-0.02 {
		t.Errorf("linear %.4f should not see the hump; binned %.4f", linear.AUC, binned.AUC)
	}
	if math.Abs(binned.AUC-binned.AUCByFold) > 0.01 {
		t.Errorf("AUC %.4f pooled, %.4f by fold", binned.AUC, binned.AUCByFold)
	}
	if i := binned.Intervals.AUC; i.Low >= binned.AUC || i.High <= binned.AUC || i.High-i.Low > 0.06 {
		t.Errorf("AUC %.4f in %+v", binned.AUC, i)
	}
	outside := 0
	for _, d := range binned.Deciles {
		if !d.Inside() {
			outside++
		}
	}
	if outside > 2 {
		t.Errorf("%d of 10 deciles are off: %+v", outside, binned.Deciles)
	}
	if len(table.Dropped) != 2 || table.Dropped[0].Column != "id" || table.Dropped[1].Column != "constant" {
		t.Errorf("dropped: %+v", table.Dropped)
	}
	again, err := fit.CrossValidate(context.Background(), table, fit.CrossValidation{Seed: 1})
	if err != nil || again.Models[1].AUC != binned.AUC {
		t.Errorf("the same seed gave %v, then %v (%v)", binned.AUC, again.Models[1].AUC, err)
	}
}

func TestReadTableUnderstands(t *testing.T) {
	rows := func(header string, line func(i int) string) string {
		var out strings.Builder
		out.WriteString(header)
		for i := range 60 {
			out.WriteString("\r\n" + line(i))
		}
		return out.String()
	}
	text := rows("\ufeffCustomerId,Total, Note ,Name,Churn", func(i int) string {
		return fmt.Sprintf(`%d,%s,"a ""%d"", b","%d`+"\n"+`Street",%s`, 1000+i, []string{"1.5", " ", "NA"}[i%3], i%4, i, []string{"1.0", "0"}[i%2])
	})
	table, err := fit.ReadTable(strings.NewReader(text), fit.TableConfig{Label: "Churn"})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, d := range table.Dropped {
		got = append(got, d.Column+" "+d.Reason)
	}
	want := "CustomerId is a different whole number in each row, like an identifier; Name has 60 different texts in 60 rows, more like an identifier than a category"
	if s := strings.Join(got, "; "); s != want {
		t.Errorf("dropped: %s", s)
	}
	if len(table.Columns) != 2 || table.Columns[0].Numbers == nil || !math.IsNaN(table.Columns[0].Numbers[1]) || table.Columns[1].Texts[1] != `a "1", b` {
		t.Errorf("columns: %+v", table.Columns)
	}
	if !table.Outcome[0] || table.Outcome[1] {
		t.Error("1.0 is the outcome, 0 is not")
	}

	semicolons := rows("plan;left", func(i int) string { return []string{"a;ja", "b;nein"}[i%2] })
	table, err = fit.ReadTable(strings.NewReader(semicolons), fit.TableConfig{Label: "left", Positive: "JA", Unique: true})
	if err != nil || len(table.Outcome) != 2 || table.Duplicates != 58 || !table.Outcome[0] {
		t.Errorf("%+v %v", table, err)
	}
}

func TestReadTableRefuses(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"nothing", "", "empty"},
		{"no such label", "a,b\n1,2\n", `no column "left"`},
		{"a column twice", "a,a,left\n1,2,Yes\n", "column 2"},
		{"a short row", "a,left\n1,Yes\n2\n", "line 3"},
		{"a broken quote", "a,left\n\"1,Yes\n", "line"},
		{"no outcome in a row", "a,left\n1,Yes\n2,\n", "row 2 has no outcome"},
		{"a third value", "a,left\n1,Yes\n2,No\n3,secret\n", "row 3 has a third value"},
		{"one value", "a,left\n1,Yes\n2,Yes\n", "one value"},
		{"values of unknown meaning", "a,left\n1,stays\n2,goes\n", "--positive"},
		{"nothing to learn from", "a,left\nx,Yes\nx,No\n", "no column is left"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := fit.ReadTable(strings.NewReader(tt.text), fit.TableConfig{Label: "left"})
			if !errors.Is(err, fit.ErrTable) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%v, want %q", err, tt.want)
			}
			if err != nil && strings.Contains(err.Error(), "secret") {
				t.Errorf("the error shows a value: %v", err)
			}
		})
	}
	table, err := fit.ReadTable(strings.NewReader("a,left\n1,Yes\n2,No\n3,No\n"), fit.TableConfig{Label: "left"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fit.CrossValidate(context.Background(), table, fit.CrossValidation{}); !errors.Is(err, fit.ErrTable) {
		t.Errorf("too small: %v", err)
	}
}

func FuzzReadTable(f *testing.F) {
	file, _, _ := synthetic(5, 1)
	f.Add(file)
	f.Add([]byte("a;left\n1;Yes\n;No\n"))
	f.Add([]byte("\xef\xbb\xbfleft\nYes"))
	f.Fuzz(func(t *testing.T, file []byte) {
		table, err := fit.ReadTable(bytes.NewReader(file), fit.TableConfig{Label: "left"})
		if err != nil {
			if !errors.Is(err, fit.ErrTable) {
				t.Errorf("%v", err)
			}
			return
		}
		for _, c := range table.Columns {
			if (c.Numbers == nil) == (c.Texts == nil) || len(c.Numbers)+len(c.Texts) != len(table.Outcome) {
				t.Errorf("%+v", c)
			}
		}
	})
}
