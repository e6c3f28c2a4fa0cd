package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
)

// commandContext is the part of a cobra command that a request needs.
type commandContext interface{ Context() context.Context }

// rowsRequest is a request whose answer is rows.
type rowsRequest struct {
	cmd         commandContext
	method      string
	path        string
	query       url.Values
	contentType string
	body        []byte
	width       int // of a table that has to fit; 0: boundless
}

// allRows is the API's largest limit.
const allRows = 10_000_000

// forPeople are the columns of a view that has too many for any terminal: those that people ask for first, in that order.
var forPeople = map[string][]string{
	"complaints": {
		"complaint_id", "customer_id", "state", "registered_at", "product", "category", "channel", "severity", "outcome", "is_timely",
		"closed_at", "owner",
	},
}

var rowFormats = []format{formatTable, formatJSON, formatNDJSON, formatCSV}

func newQuery() *cobra.Command {
	var at place
	var formatName, order string
	var where, columns []string
	var limit int
	cmd := &cobra.Command{
		Use:   "query VIEW",
		Short: "Print the rows of a view",
		Long: `Print the rows of a view. "amends views" lists the views and their columns.

A condition is column=value; !=, >=, <=, > and < work too; an empty value means NULL. Several conditions must all hold.

On a terminal the table has the columns that fit, without empty ones; --columns chooses. JSON and CSV have every column.`,
		Example: `  amends query complaints --where state=paused --limit 20
  amends query churn_risk --where band=high --order -points
  amends query complaints --columns complaint_id,state,registered_at
  amends query complaints --where registered_at>=2026-01-01 --format csv`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			f, err := chosenFormat(formatName, rowFormats...)
			if err != nil {
				return err
			}
			for _, w := range where {
				if !strings.ContainsAny(w, "=<>") {
					return usage(fmt.Errorf("--where %q is not column=value", w))
				}
			}
			if limit < 0 {
				return usage(fmt.Errorf("--limit %d is below 0", limit))
			}
			c, err := at.connect(cmd.Context())
			if err != nil {
				return err
			}
			defer c.close()
			query := url.Values{"where": where}
			if limit == 0 {
				limit = allRows
			}
			query.Set("limit", strconv.Itoa(limit))
			if order != "" {
				query.Set("order", order)
			}
			width := terminalWidth()
			switch {
			case len(columns) > 0:
				width = 0
			case width > 0 && f == formatTable:
				columns = forPeople[args[0]]
			}
			if len(columns) > 0 {
				query["columns"] = columns
			}
			if err := c.afterEnd(cmd, query); err != nil {
				return err
			}
			return c.printRows(rowsRequest{
				cmd: cmd, method: get, path: "/v1/views/" + url.PathEscape(args[0]), query: query, width: width,
			}, f, cmd.OutOrStdout())
		},
	}
	at.flags(cmd.Flags())
	formatFlag(cmd.Flags(), &formatName, rowFormats...)
	cmd.Flags().StringArrayVar(&where, "where", nil, "condition column=value; may be repeated")
	cmd.Flags().StringSliceVar(&columns, "columns", nil, "only these columns, in this order: a,b,c (default: all; on a terminal, those that fit)")
	cmd.Flags().StringVar(&order, "order", "", "column to sort by; -column for descending")
	cmd.Flags().IntVar(&limit, "limit", 0, "at most so many rows (default: all)")
	return cmd
}

func newSQL() *cobra.Command {
	var at place
	var formatName string
	cmd := &cobra.Command{
		Use:   "sql STATEMENT",
		Short: "Run a read-only SQL statement on the views",
		Long: `Run a read-only SQL statement (SQLite's dialect) on the views. Nothing that is typed here can change anything.
A statement may run for 30 seconds. Columns of the same name are told apart: the second a is a_2. With - the statement is read from
standard input.`,
		Example: `  amends sql 'select channel, count(*) as complaints from complaints group by channel order by 2 desc'`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			f, err := chosenFormat(formatName, rowFormats...)
			if err != nil {
				return err
			}
			statement := args[0]
			if statement == "-" {
				typed, err := io.ReadAll(os.Stdin)
				if err != nil {
					return err
				}
				statement = string(typed)
			}
			c, err := at.connect(cmd.Context())
			if err != nil {
				return err
			}
			defer c.close()
			query := url.Values{}
			if err := c.afterEnd(cmd, query); err != nil {
				return err
			}
			body, err := json.Marshal(map[string]string{"query": statement})
			if err != nil {
				return err
			}
			return c.printRows(rowsRequest{
				cmd: cmd, method: http.MethodPost, path: "/v1/sql", query: query, contentType: "application/json", body: body,
			}, f, cmd.OutOrStdout())
		},
	}
	at.flags(cmd.Flags())
	formatFlag(cmd.Flags(), &formatName, rowFormats...)
	return cmd
}
