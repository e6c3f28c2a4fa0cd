package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

func newReplay() *cobra.Command {
	var at place
	var formatName, asOf, knownAt, purpose string
	var open bool
	allowed := []format{formatTable, formatJSON, formatNDJSON}
	cmd := &cobra.Command{
		Use:   "replay CUSTOMER",
		Short: "Print a customer's history, as it was on any date",
		Long: `Print a customer's history. History has two axes: --as-of limits it to what had happened by then, --known-at to what the
ledger had been told by then. A date means the end of that day, UTC.

On a terminal the history is told for people: what, when, when recorded if late, who, which complaint, and what changed.
Personal values are opened, and that they were read is recorded (--open=false leaves them sealed). What was erased reads
[erased]. As JSON it is the exact records, byte for byte as they are stored; with --open it is the whole answer of the API,
the personal values opened.`,
		Example: `  amends replay C-1042
  amends replay C-1042 --as-of 2026-03-31 --known-at 2026-04-15
  amends replay C-1042 --format ndjson | jq .type`,
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
			if asOf != "" {
				query.Set("as_of", asOf)
			}
			if knownAt != "" {
				query.Set("known_at", knownAt)
			}
			accept := replayAccepts[f]
			if open = open || f == formatTable && !cmd.Flags().Changed("open"); open {
				accept = "application/json"
				query.Set("open", "true")
				query.Set("purpose", purpose)
			}
			resp, err := c.do(cmd.Context(), get, "/v1/customers/"+url.PathEscape(args[0])+"/history", query, accept, "", nil)
			if err != nil {
				return err
			}
			defer resp.Body.Close()
			switch {
			case f != formatTable && open:
				_, err = io.Copy(cmd.OutOrStdout(), resp.Body)
				return err
			case f == formatNDJSON:
				_, err = io.Copy(cmd.OutOrStdout(), resp.Body)
				return err
			case f == formatJSON:
				return joinLines(resp.Body, cmd.OutOrStdout())
			}
			var h history
			if err := json.NewDecoder(resp.Body).Decode(&h); err != nil {
				return err
			}
			return h.tell(cmd.OutOrStdout())
		},
	}
	at.flags(cmd.Flags())
	formatFlag(cmd.Flags(), &formatName, allowed...)
	cmd.Flags().StringVar(&asOf, "as-of", "", "what had happened by this date or time (RFC 3339)")
	cmd.Flags().StringVar(&knownAt, "known-at", "", "what had been recorded by this date or time (RFC 3339)")
	cmd.Flags().BoolVar(&open, "open", false, "open the personal values (default: for the table, not for JSON)")
	cmd.Flags().StringVar(&purpose, "purpose", "replay", "what the personal values are read for; recorded, so without personal data")
	return cmd
}

var replayAccepts = map[format]string{
	formatTable: "application/json", formatJSON: "application/x-ndjson", formatNDJSON: "application/x-ndjson",
}

// joinLines turns NDJSON into one JSON array without touching the values' bytes.
func joinLines(in io.Reader, out io.Writer) error {
	w := bufio.NewWriter(out)
	lines := bufio.NewReader(in)
	separator := "["
	for {
		line, err := lines.ReadString('\n')
		if line = strings.TrimSuffix(line, "\n"); line != "" {
			w.WriteString(separator)
			w.WriteString(line)
			separator = ",\n"
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
	}
	if separator == "[" {
		w.WriteString("[")
	}
	w.WriteString("]\n")
	return w.Flush()
}

// history is the API's answer, as far as telling it needs.
type history struct {
	Customer  string            `json:"customer"`
	Records   []historyRecord   `json:"records"`
	Deadlines []historyDeadline `json:"deadlines"`
}

type historyRecord struct {
	LateSeconds  float64         `json:"late_seconds"`
	SupersededBy string          `json:"superseded_by"`
	Changes      []historyChange `json:"changes"`
	Erased       []erasedField   `json:"erased"`
	Event        struct {
		ID       string          `json:"id"`
		Type     string          `json:"type"`
		Subject  string          `json:"subject"`
		Time     time.Time       `json:"time"`
		Accuracy string          `json:"timeaccuracy"`
		Recorded time.Time       `json:"recordedtime"`
		Revision uint64          `json:"revision"`
		Source   string          `json:"source"`
		Actor    string          `json:"actor"`
		Data     json.RawMessage `json:"data"`
	} `json:"event"`
}

type historyDeadline struct {
	ComplaintID   string `json:"complaint_id"`
	PolicyID      string `json:"policy_id"`
	PolicyVersion string `json:"policy_version"`
	Clock         string `json:"clock"`
	State         string `json:"state"`
	Reason        string `json:"reason"`
	DueAt         string `json:"due_at"`
	StoppedAt     string `json:"stopped_at"`
}

// tell is the clock on one line.
func (d *historyDeadline) tell() string {
	line := fmt.Sprintf("complaint %s  %s %s (version %s): %s", d.ComplaintID, d.PolicyID, d.Clock, d.PolicyVersion, d.State)
	if d.Reason != "" {
		line += " (" + d.Reason + ")"
	}
	if d.DueAt != "" {
		line += ", due " + d.DueAt
	}
	if d.StoppedAt != "" {
		line += ", stopped " + d.StoppedAt
	}
	return line
}

// erasedField is a personal value that cannot be opened any more.
type erasedField struct {
	Pointer string `json:"pointer"`
	Class   string `json:"class"`
	Missing bool   `json:"missing"`
}

func (e erasedField) String() string {
	field := strings.TrimPrefix(e.Pointer, "/data/")
	if e.Missing {
		return fmt.Sprintf("(%s: this ledger's vault never had the key)", field)
	}
	return fmt.Sprintf("(%s: erased with the class %s)", field, e.Class)
}

type historyChange struct {
	Thing string `json:"thing"`
	ID    string `json:"id"`
	What  string `json:"what"`
	From  string `json:"from"`
	To    string `json:"to"`
}

// accuracyWords say how well a time is known.
var accuracyWords = map[string]string{"day": " (day)", "not_before": " (or later; date unknown)", "not_after": " (or earlier; date unknown)"}

// tell writes the history for people, one paragraph a record.
func (h *history) tell(out io.Writer) error {
	w := bufio.NewWriter(out)
	fmt.Fprintf(w, "%s: %d %s\n", visible(h.Customer), len(h.Records), plural(len(h.Records), "record"))
	for _, r := range h.Records {
		e := r.Event
		stamp := e.Time.UTC().Format("2006-01-02 15:04:05")
		if e.Accuracy == "day" {
			stamp = e.Time.UTC().Format("2006-01-02")
		}
		fmt.Fprintf(w, "\n%s%s  %s", stamp, accuracyWords[e.Accuracy], visible(e.Type))
		var about struct {
			ComplaintID string `json:"complaint_id"`
		}
		if json.Unmarshal(e.Data, &about) == nil && about.ComplaintID != "" {
			fmt.Fprintf(w, "  complaint %s", visible(about.ComplaintID))
		}
		who := e.Actor
		if who == "" {
			who = e.Source
		}
		fmt.Fprintf(w, "  by %s  #%d", visible(who), e.Revision)
		if e.Subject != h.Customer {
			fmt.Fprintf(w, " of %s", visible(e.Subject))
		}
		fmt.Fprintln(w)
		if r.LateSeconds > 0 {
			fmt.Fprintf(w, "    recorded late: %s\n", e.Recorded.UTC().Format("2006-01-02 15:04:05"))
		}
		if r.SupersededBy != "" {
			fmt.Fprintf(w, "    corrected later by %s\n", visible(r.SupersededBy))
		}
		for _, line := range describe(e.Data) {
			fmt.Fprintf(w, "    %s\n", line)
		}
		for _, gone := range r.Erased {
			fmt.Fprintf(w, "    %s\n", gone)
		}
		for _, c := range r.Changes {
			from := c.From
			if from == "" {
				from = "–"
			}
			fmt.Fprintf(w, "    → %s %s: %s %s → %s\n", visible(c.Thing), visible(c.ID), visible(c.What), visible(from), visible(c.To))
		}
	}
	if len(h.Deadlines) > 0 {
		fmt.Fprint(w, "\nclocks:\n")
	}
	for _, d := range h.Deadlines {
		fmt.Fprintf(w, "    %s\n", d.tell())
	}
	return w.Flush()
}
