package main

import (
	"fmt"
	"io"
	"math"
	"strconv"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/spf13/cobra"

	"amends/internal/bench"
)

func newBench() *cobra.Command {
	var cfg bench.Config
	var formatName string
	allowed := []format{formatTable, formatJSON}
	cmd := &cobra.Command{
		Use:   "bench",
		Short: "Measure this machine: what Amends does, beside what the raw engine does",
		Long: `Measure this machine: what Amends does, beside what the raw engine does with the same bytes on the same disk, in the same
run. Absolute figures say little about another machine; ratios do. It writes to temporary directories, takes a minute or two,
and touches no ledger.`,
		Example: `  amends bench
  amends bench --dir /var/lib/amends --events 1000000 --rate 5000
  amends bench --quick --format json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			f, err := chosenFormat(formatName, allowed...)
			if err != nil {
				return err
			}
			if err := cfg.Check(); err != nil {
				return usage(err)
			}
			bar := progress(-1, "measuring")
			cfg.Progress = func(what string) { bar.Describe("measuring " + what) }
			report, err := bench.Run(cmd.Context(), cfg)
			_ = bar.Finish()
			if err != nil {
				return err
			}
			if f == formatJSON {
				return json.MarshalWrite(cmd.OutOrStdout(), report, jsontext.WithIndent("  "))
			}
			return printReport(cmd.OutOrStdout(), report)
		},
	}
	flags := cmd.Flags()
	flags.BoolVar(&cfg.Quick, "quick", false, "a few seconds in all: shows that everything works, not how fast")
	flags.StringVar(&cfg.Dir, "dir", "", "where to make the temporary directories, which chooses the disk (default: the system's)")
	flags.Uint64Var(&cfg.Seed, "seed", 1, "decides on the invented events")
	flags.IntVar(&cfg.Events, "events", 0, "size of the largest log (default 100000; 12000 if quick)")
	flags.IntVar(&cfg.Customers, "customers", 0, "customers to measure memory with (default 50000; 4000 if quick)")
	flags.IntVar(&cfg.Rate, "rate", 1_000, "events a second while the delay of the views is measured")
	formatFlag(flags, &formatName, allowed...)
	return cmd
}

// printReport draws the figures, and below them what each one means.
func printReport(out io.Writer, report *bench.Report) error {
	t := newTable(out)
	t.AppendHeader(table.Row{"figure", "value", "raw", "ratio", "goal", "unit"})
	t.SetColumnConfigs([]table.ColumnConfig{
		{Number: 2, Align: text.AlignRight}, {Number: 3, Align: text.AlignRight}, {Number: 4, Align: text.AlignRight},
	})
	for _, f := range report.Figures {
		t.AppendRow(table.Row{f.Name, threeDigits(&f.Value), threeDigits(f.Raw), threeDigits(f.Ratio), f.Goal, f.Unit})
	}
	t.Render()
	for _, f := range report.Figures {
		if _, err := fmt.Fprintf(out, "%s: %s\n", f.Name, f.Detail); err != nil {
			return err
		}
	}
	m := report.Machine
	_, err := fmt.Fprintf(out, "%d cores, %s/%s, %s, %s, %.0f s\n",
		m.Cores, m.OS, m.Arch, m.GoVersion, m.Date.Format("2006-01-02 15:04 UTC"), report.Seconds)
	return err
}

// threeDigits shows as many decimals as make three significant digits; nothing for nil.
func threeDigits(v *float64) string {
	if v == nil {
		return ""
	}
	decimals := 0
	if *v != 0 {
		decimals = max(0, 2-int(math.Floor(math.Log10(math.Abs(*v)))))
	}
	return strconv.FormatFloat(*v, 'f', decimals, 64)
}
