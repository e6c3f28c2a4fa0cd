package main

import (
	"net/url"

	"github.com/spf13/cobra"
)

func newWork() *cobra.Command {
	var at place
	var formatName, owner, within, instant string
	cmd := &cobra.Command{
		Use:   "work",
		Short: "What is due, overdue or about to be, the most urgent first",
		Long: `Print what is to be done: the clocks of complaints that are running or overdue, and open promises, the most urgent first.
A clock that is paused is not due. With --at, what is overdue is judged at that instant, by what is known now.`,
		Example: `  amends work
  amends work --owner agent-7 --within 1d
  amends work --within 0d                       only what is overdue`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			f, err := chosenFormat(formatName, rowFormats...)
			if err != nil {
				return err
			}
			c, err := at.connect(cmd.Context())
			if err != nil {
				return err
			}
			defer c.close()
			query := url.Values{"within": {within}}
			if owner != "" {
				query.Set("owner", owner)
			}
			if instant != "" {
				query.Set("at", instant)
			}
			if err := c.afterEnd(cmd, query); err != nil {
				return err
			}
			return c.printRows(rowsRequest{cmd: cmd, method: get, path: "/v1/work", query: query}, f, cmd.OutOrStdout())
		},
	}
	at.flags(cmd.Flags())
	formatFlag(cmd.Flags(), &formatName, rowFormats...)
	cmd.Flags().StringVar(&owner, "owner", "", "only what this person owns (default: everybody's)")
	cmd.Flags().StringVar(&within, "within", "3d", "what comes due within this time: 3d, 36h, 90m")
	cmd.Flags().StringVar(&instant, "at", "", "the instant: a date or an RFC 3339 time (default: now)")
	return cmd
}
