package main

import (
	"net/url"

	"github.com/spf13/cobra"
)

func newReport() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "report",
		Short: "Print a report over all customers",
		Long:  `Print a report over all customers, computed from the views when it is asked for.`,
	}
	cmd.AddCommand(newReportSatisfaction())
	return cmd
}

func newReportSatisfaction() *cobra.Command {
	var at place
	var formatName, from, to string
	var by []string
	cmd := &cobra.Command{
		Use:   "satisfaction",
		Short: "Print CSAT, NPS, CES and ACSI as they are published",
		Long: `Print the published measures of satisfaction over all customers: unweighted, in calendar windows (UTC).

  csat  top_2_box      share of answers of 4 and 5, 0 to 1
  nps   net_promoters  percentage of 9 and 10 less that of 0 to 6, -100 to 100
  ces   mean           1 to 7
  ces   share_5_to_7   share of answers of 5 and more, 0 to 1
  acsi  one_item       100 (mean - 1) / 9, 0 to 100

low and high are the ends of the 95 % interval (Wilson; for nps adjusted Wald): few answers have wide ones, and a mean has none. n
counts the answers given in the window, sent the surveys sent in it, answered those of them answered by now, however late.
In a total, the value of what it sums up is "all". Without answers there is no value.`,
		Example: `  amends report satisfaction --by month
  amends report satisfaction --by tier,month --from 2026-01-01 --to 2026-03-31 --format csv`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			f, err := chosenFormat(formatName, rowFormats...)
			if err != nil {
				return err
			}
			query := url.Values{"by": by}
			if from != "" {
				query.Set("from", from)
			}
			if to != "" {
				query.Set("to", to)
			}
			c, err := at.connect(cmd.Context())
			if err != nil {
				return err
			}
			defer c.close()
			if err := c.afterEnd(cmd, query); err != nil {
				return err
			}
			return c.printRows(rowsRequest{cmd: cmd, method: get, path: "/v1/reports/satisfaction", query: query}, f, cmd.OutOrStdout())
		},
	}
	at.flags(cmd.Flags())
	formatFlag(cmd.Flags(), &formatName, rowFormats...)
	cmd.Flags().StringSliceVar(&by, "by", nil, "what to tell apart: month, tier, channel, product; in the order of the subtotals")
	cmd.Flags().StringVar(&from, "from", "", "first day, such as 2026-01-01")
	cmd.Flags().StringVar(&to, "to", "", "last day, such as 2026-03-31")
	return cmd
}
