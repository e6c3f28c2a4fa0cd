package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	"amends/web"
)

func newRisk() *cobra.Command {
	var at place
	var formatName, asOf, knownAt, weights string
	allowed := []format{formatTable, formatJSON}
	cmd := &cobra.Command{
		Use:   "risk CUSTOMER",
		Short: "Print a customer's churn risk and why it is what it is, now or on any date",
		Long: `Print a customer's churn risk, and what drives it: each driver's value, its points (20 points double the odds; they add up to
the risk), when it changes by itself if nothing more happens, and the events that tell of it.

As of a past date the risk is what it was then: from what had happened, with the weights then in force. --weights latest
reckons the past with the newest weights. A risk that was not fitted to outcomes is called uncalibrated: its probability only
serves to compare customers.`,
		Example: `  amends risk C-1042
  amends risk C-1042 --as-of 2026-03-31 --weights latest`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			f, err := chosenFormat(formatName, allowed...)
			if err != nil {
				return err
			}
			c, err := at.connect(cmd.Context())
			if err != nil {
				return err
			}
			defer c.close()
			query := url.Values{}
			for name, value := range map[string]string{"as_of": asOf, "known_at": knownAt, "weights": weights} {
				if value != "" {
					query.Set(name, value)
				}
			}
			var risk web.Risk
			if err := c.getJSON(cmd.Context(), "/v1/customers/"+url.PathEscape(args[0])+"/risk", query, &risk); err != nil {
				return err
			}
			if f == formatJSON {
				encoder := json.NewEncoder(cmd.OutOrStdout())
				encoder.SetIndent("", "  ")
				return encoder.Encode(risk)
			}
			return printRisk(cmd.OutOrStdout(), &risk)
		},
	}
	at.flags(cmd.Flags())
	formatFlag(cmd.Flags(), &formatName, allowed...)
	cmd.Flags().StringVar(&asOf, "as-of", "", "the risk on this date or at this time (RFC 3339)")
	cmd.Flags().StringVar(&knownAt, "known-at", "", "from what had been recorded by this date or time (RFC 3339)")
	cmd.Flags().StringVar(&weights, "weights", "", "in_force, latest, or a published version (default: in_force)")
	return cmd
}

// printRisk draws a risk for people.
func printRisk(out io.Writer, risk *web.Risk) error {
	fmt.Fprintf(out, "%s at %s: %s", risk.Customer, risk.At.Format(time.RFC3339), risk.Band)
	if risk.Points == nil {
		_, err := fmt.Fprintln(out)
		return err
	}
	calibrated := "uncalibrated"
	if risk.IsCalibrated {
		calibrated = "calibrated"
	}
	fmt.Fprintf(out, ", %d points, %.1f %% within %d days (%s; %s, weights %s)\n", *risk.Points, 100**risk.Probability, risk.HorizonDays,
		calibrated, risk.Form, risk.WeightsVersion)
	t := newTable(out)
	t.AppendHeader(table.Row{"points", "driver", "value", "unit", "bin", "changes by itself", "evidence"})
	for _, d := range risk.Drivers {
		changes := ""
		if d.ChangesAt != nil {
			changes = d.ChangesAt.Format(time.DateOnly)
		}
		t.AppendRow(table.Row{d.Points, d.Label, d.Value, d.Unit, d.Bin, changes, strings.Join(d.Evidence, " ")})
	}
	t.Render()
	return nil
}
