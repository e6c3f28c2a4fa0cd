package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"
)

func newStatus() *cobra.Command {
	var at place
	var formatName string
	allowed := []format{formatTable, formatJSON}
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Say how the log and its followers stand: lag, parked events, stale customers",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			f, err := chosenFormat(formatName, allowed...)
			if err != nil {
				return err
			}
			c, err := at.connect(cmd.Context())
			if err != nil {
				return err
			}
			defer c.close()
			var raw json.RawMessage
			if err := c.getJSON(cmd.Context(), "/v1/status", nil, &raw); err != nil {
				return err
			}
			out := cmd.OutOrStdout()
			if f == formatJSON {
				_, err := fmt.Fprintf(out, "%s\n", raw)
				return err
			}
			return drawStatus(raw, out)
		},
	}
	at.flags(cmd.Flags())
	formatFlag(cmd.Flags(), &formatName, allowed...)
	return cmd
}

// drawStatus draws the status, a line for each figure: log.end, views.parked[0].reason.
func drawStatus(raw []byte, out io.Writer) error {
	t := newTable(out)
	t.AppendHeader(table.Row{"what", "value"})
	dec := jsontext.NewDecoder(bytes.NewReader(raw))
	if err := appendFigures(t, "", dec); err != nil {
		return fmt.Errorf("the status is not understood: %w", err)
	}
	t.Render()
	return nil
}

// appendFigures adds a line for each value that is not an object or a list itself; of an empty list it says that there is none.
func appendFigures(t table.Writer, path string, dec *jsontext.Decoder) error {
	open := dec.PeekKind()
	if open != '{' && open != '[' {
		value, err := dec.ReadValue()
		if err != nil {
			return err
		}
		t.AppendRow(table.Row{path, cell(value)})
		return nil
	}
	if _, err := dec.ReadToken(); err != nil {
		return err
	}
	items := 0
	for ; dec.PeekKind() != '}' && dec.PeekKind() != ']'; items++ {
		item := fmt.Sprintf("%s[%d]", path, items)
		if open == '{' {
			name, err := dec.ReadToken()
			if err != nil {
				return err
			}
			item = strings.TrimPrefix(path+"."+visible(name.String()), ".")
		}
		if err := appendFigures(t, item, dec); err != nil {
			return err
		}
	}
	if items == 0 {
		t.AppendRow(table.Row{path, "none"})
	}
	_, err := dec.ReadToken()
	return err
}

func newViews() *cobra.Command {
	var at place
	var formatName string
	cmd := &cobra.Command{
		Use:   "views",
		Short: "List the views and what their columns mean",
		Long:  `List the views and what their columns mean: the data_dictionary view, a row for each column.`,
		Args:  cobra.NoArgs,
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
			return c.printRows(rowsRequest{cmd: cmd, method: get, path: "/v1/views/data_dictionary"}, f, cmd.OutOrStdout())
		},
	}
	at.flags(cmd.Flags())
	formatFlag(cmd.Flags(), &formatName, rowFormats...)
	return cmd
}

func newRebuild() *cobra.Command {
	var at place
	var check bool
	cmd := &cobra.Command{
		Use:   "rebuild [VIEW…]",
		Short: "Build the views anew from the log, beside the live ones, and swap them",
		Long: `Build the views anew from the log, beside the live ones, and swap them; readers go on meanwhile. With --check nothing is
swapped: the rebuilt views are compared with the live ones, table by table and row by row, and a difference gives exit code 4.
Either covers everything that the log held when it was called; the result names the position.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := at.connect(cmd.Context())
			if err != nil {
				return err
			}
			defer c.close()
			body, err := json.Marshal(map[string]any{"views": args})
			if err != nil {
				return err
			}
			path := "/v1/rebuild"
			if check {
				path = pathVerifyViews
			}
			resp, err := c.do(cmd.Context(), http.MethodPost, path, nil, "application/x-ndjson", "application/json", bytes.NewReader(body))
			if err != nil {
				return err
			}
			defer resp.Body.Close()
			return followRebuild(resp.Body, cmd.OutOrStdout())
		},
	}
	at.flags(cmd.Flags())
	cmd.Flags().BoolVar(&check, "check", false, "compare with the live views instead of swapping; exit code 4 if they differ")
	return cmd
}

// followRebuild shows the progress lines and prints the result, the last one.
func followRebuild(body io.Reader, out io.Writer) error {
	bar := progress(-1, "rebuilding")
	lines := bufio.NewScanner(body)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var line struct {
			Done   int64 `json:"done"`
			Total  int64 `json:"total"`
			Result *struct {
				Differing int64 `json:"differing"`
			} `json:"result"`
			Problem *problemError `json:"problem"`
		}
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			return fmt.Errorf("the answer is not understood: %w", err)
		}
		switch {
		case line.Problem != nil:
			return line.Problem
		case line.Result == nil:
			bar.ChangeMax64(line.Total)
			_ = bar.Set64(line.Done)
		default:
			_ = bar.Finish()
			if _, err := fmt.Fprintln(out, lines.Text()); err != nil {
				return err
			}
			if line.Result.Differing > 0 {
				return &exitError{code: exitDiffers}
			}
			return nil
		}
	}
	if err := lines.Err(); err != nil {
		return err
	}
	return errors.New("the rebuild broke off; the live views are as they were")
}
