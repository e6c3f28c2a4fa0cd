package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	"amends/fit"
)

// newFit is the verb for both kinds of fit: of the ledger's own history, and of any table.
func newFit() *cobra.Command {
	var at place
	var formatName, file string
	var tableConfig fit.TableConfig
	var judging fit.CrossValidation
	var learning churnFit
	allowed := []format{formatTable, formatJSON}
	cmd := &cobra.Command{
		Use:   "fit",
		Short: "Learn churn weights from the ledger's history, or from a table, and say how good they are",
		Long: `Learn who leaves, and say how well that can be told: on rows that the fit never saw, with intervals of 95 %, beside the expert
weights and beside recency alone.

Without --table the rows are the ledger's customers at the end of each month, with what had been recorded by then; whether
they left within the horizon is what is known now. The fit learns from the months before a split and is judged on those after
it. What is too small to trust, or no better than the expert weights, is refused with the reason, and those weights stay.
-o writes the weights to a file; --publish records them in the ledger, where they are in force at once. In a ledger that was
filled by an import everything was recorded on one day, so nothing was known before: --as-happened takes each record as known
when it happened.

With --table the rows are those of a CSV file with a column that says what happened; no ledger is needed. Numbers, texts and
blanks are understood by themselves. Two models are judged by stratified cross-validation: linear (numbers as they are) and
binned (the scorecard: numbers cut at their quantiles). The same seed gives the same figures.`,
		Example: `  amends fit -o weights.json
  amends fit --as-happened --publish
  amends fit --table churn.csv --label Churn --id customerID
  amends fit --table bank.csv --label Exited --drop Surname --drop Complain --format json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			f, err := chosenFormat(formatName, allowed...)
			if err != nil {
				return err
			}
			if file == "" {
				learning.seed = judging.Seed
				return learning.run(cmd, at, f)
			}
			if tableConfig.Label == "" {
				return usage(errors.New("name the column of the outcome with --label"))
			}
			report, err := fitTable(cmd, file, tableConfig, judging)
			if err != nil {
				return err
			}
			if f == formatJSON {
				return json.MarshalWrite(cmd.OutOrStdout(), report, jsontext.WithIndent("  "))
			}
			return printTableReport(cmd.OutOrStdout(), report)
		},
	}
	at.flags(cmd.Flags())
	flags := cmd.Flags()
	flags.StringVarP(&learning.output, "output", "o", "", "write the weights to this file")
	flags.BoolVar(&learning.publish, "publish", false, "record the weights in the ledger (weights.published)")
	flags.BoolVar(&learning.asHappened, "as-happened", false, "take each record as known when it happened, not when it was recorded")
	flags.IntVar(&learning.horizon, "horizon", 0, "days within which a customer leaves (default: 90; for buyers without a contract, by their rhythm)")
	flags.StringVar(&learning.version, "name", "", "version of the weights (default: from the date and the position of the last record)")
	flags.StringVar(&file, "table", "", "CSV file to fit instead of the ledger's history")
	flags.StringVar(&tableConfig.Label, "label", "", "with --table: the column of the outcome (two values, such as Yes and No)")
	flags.StringVar(&tableConfig.Positive, "positive", "", "with --table: the label's value that is the outcome, unless it is Yes, True or 1")
	flags.StringVar(&tableConfig.ID, "id", "", "with --table: a column that names the row, and is left out")
	flags.StringArrayVar(&tableConfig.Drop, "drop", nil, "with --table: a column to leave out; may be repeated")
	flags.BoolVar(&tableConfig.Unique, "unique", false, "with --table: leave out rows that equal an earlier one")
	flags.IntVar(&judging.Folds, "folds", 5, "with --table: parts of the cross-validation")
	flags.Float64Var(&judging.Lambda, "lambda", 1, "with --table: penalty on the squares of the log-odds")
	flags.Uint64Var(&judging.Seed, "seed", 1, "decides on the parts and on what the intervals are drawn from")
	formatFlag(flags, &formatName, allowed...)
	return cmd
}

// fitTable reads and judges the file.
func fitTable(cmd *cobra.Command, file string, config fit.TableConfig, judging fit.CrossValidation) (*fit.TableReport, error) {
	in, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	read, err := fit.ReadTable(in, config)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	bar := progress(int64(2*judging.Folds), "fitting")
	judging.Progress = func(done, _ int) { _ = bar.Set(done) }
	report, err := fit.CrossValidate(cmd.Context(), read, judging)
	_ = bar.Finish()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return report, nil
}

// printTableReport draws what a table taught.
func printTableReport(out io.Writer, report *fit.TableReport) error {
	fmt.Fprintf(out, "%d rows, %d with the outcome (%.3f); %d columns; %d folds, seed %d, lambda %g\n",
		report.Rows, report.Events, report.BaseRate, len(report.Columns), report.Folds, report.Seed, report.Lambda)
	for _, d := range report.Dropped {
		fmt.Fprintf(out, "left out: %s %s\n", d.Column, d.Reason)
	}
	if report.Duplicates > 0 {
		fmt.Fprintf(out, "%d %s equal an earlier one; if they are repetitions, --unique leaves them out\n",
			report.Duplicates, plural(report.Duplicates, "row"))
	}
	t := figuresTable(out)
	for _, m := range report.Models {
		t.AppendRow(figuresRow(m.Name, m.Figures, &m.Intervals))
	}
	t.Render()
	for _, m := range report.Models {
		fmt.Fprintf(out, "%s: mean AUC of the folds %.3f; %d parameters\n", m.Name, m.AUCByFold, m.Parameters)
	}
	return printDeciles(out, report.Models[len(report.Models)-1].Deciles)
}

// figuresTable is a table of what figuresRow gives.
func figuresTable(out io.Writer) table.Writer {
	t := newTable(out)
	t.AppendHeader(table.Row{"model", "AUC", "PR-AUC", "Brier", "skill", "lift at 10 %"})
	return t
}

// figuresRow shows figures with their intervals of 95 %.
func figuresRow(name string, f fit.Figures, i *fit.Intervals) table.Row {
	show := func(value float64, within fit.Interval) string {
		return fmt.Sprintf("%.3f (%.3f–%.3f)", value, within.Low, within.High)
	}
	return table.Row{name, show(f.AUC, i.AUC), show(f.PRAUC, i.PRAUC), show(f.Brier, i.Brier), show(f.BrierSkill, i.BrierSkill),
		fmt.Sprintf("%.2f (%.2f–%.2f)", f.Lift10, i.Lift10.Low, i.Lift10.High)}
}

// printDeciles draws the calibration.
func printDeciles(out io.Writer, deciles []fit.Decile) error {
	t := newTable(out)
	t.AppendHeader(table.Row{"tenth", "rows", "predicted", "observed", "interval of 95 %", ""})
	for i, d := range deciles {
		off := ""
		if !d.Inside() {
			off = "off"
		}
		t.AppendRow(table.Row{strconv.Itoa(i + 1), d.Rows, fmt.Sprintf("%.3f", d.Predicted), fmt.Sprintf("%.3f", d.Observed),
			fmt.Sprintf("%.3f–%.3f", d.Low, d.High), off})
	}
	t.Render()
	_, err := fmt.Fprintln(out, "The last tenth is the one most at risk; off: the prediction lies outside the interval of what was observed.")
	return err
}
