package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	"amends/domain"
)

func newPolicies() *cobra.Command {
	var at place
	var formatName string
	cmd := &cobra.Command{
		Use:   "policies",
		Short: "The deadline policies: list, show, test and publish them",
		Long: `List the deadline policies: those that the ledger knows, and those that come with the program. The policies cfpb (for what
"amends import cfpb" brings in) and service are in force from the start; the others bind only companies under their
regulator, and are in force from when they are published. A clock keeps the version of its policy that was in the log, and
in force, when it started: what is published later never changes it.`,
		Example: `  amends policies
  amends policies test fca-disp --received 2026-04-02T10:00:00+01:00
  amends policies show service > ours.json
  amends policies publish ours.json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			f, err := chosenFormat(formatName, formatTable, formatJSON)
			if err != nil {
				return err
			}
			c, err := at.connect(cmd.Context())
			if err != nil {
				return err
			}
			defer c.close()
			var list json.RawMessage
			if err := c.getJSON(cmd.Context(), "/v1/policies", nil, &list); err != nil {
				return err
			}
			if f == formatJSON {
				_, err := fmt.Fprintf(cmd.OutOrStdout(), "%s\n", list)
				return err
			}
			return tellPolicies(list, cmd.OutOrStdout())
		},
	}
	at.flags(cmd.Flags())
	formatFlag(cmd.Flags(), &formatName, formatTable, formatJSON)
	cmd.AddCommand(newPoliciesShow(), newPoliciesTest(), newPoliciesPublish())
	return cmd
}

func tellPolicies(list json.RawMessage, out io.Writer) error {
	var policies []struct {
		PolicyID      string       `json:"policy_id"`
		Version       string       `json:"version"`
		Title         domain.Label `json:"title"`
		Family        string       `json:"family"`
		EffectiveFrom string       `json:"effective_from"`
		EffectiveTo   string       `json:"effective_to"`
		InForce       bool         `json:"in_force"`
		Published     bool         `json:"published"`
	}
	if err := json.Unmarshal(list, &policies); err != nil {
		return err
	}
	t := newTable(out)
	t.AppendHeader(table.Row{"policy", "version", "family", "from", "to", "in force", "published", "title"})
	for _, p := range policies {
		t.AppendRow(table.Row{p.PolicyID, p.Version, p.Family, p.EffectiveFrom, p.EffectiveTo, yesNo(p.InForce), yesNo(p.Published), p.Title.EN})
	}
	t.Render()
	return nil
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

func newPoliciesShow() *cobra.Command {
	var at place
	var version string
	cmd := &cobra.Command{
		Use:   "show POLICY",
		Short: "Print a policy as JSON, to be read or to be changed and published",
		Long: `Print a policy as JSON. One that comes with the program is printed as its file, without a ledger, unless --version or --server
asks for another.`,
		Example: `  amends policies show fca-disp`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if _, file, shipped := domain.ShippedPolicy(args[0]); shipped && version == "" && at.server == "" {
				_, err := cmd.OutOrStdout().Write(file)
				return err
			}
			p, err := at.policy(cmd, args[0], version)
			if err != nil {
				return err
			}
			var text bytes.Buffer
			if err := json.Indent(&text, p, "", "  "); err != nil {
				return err
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), text.String())
			return err
		},
	}
	at.flags(cmd.Flags())
	cmd.Flags().StringVar(&version, "version", "", "which version in the ledger (default: the one in force)")
	return cmd
}

// policy reads a policy from the ledger.
func (p *place) policy(cmd commandContext, id, version string) (json.RawMessage, error) {
	c, err := p.connect(cmd.Context())
	if err != nil {
		return nil, err
	}
	defer c.close()
	query := url.Values{}
	if version != "" {
		query.Set("version", version)
	}
	var document struct {
		Policy json.RawMessage `json:"policy"`
	}
	err = c.getJSON(cmd.Context(), "/v1/policies/"+url.PathEscape(id), query, &document)
	return document.Policy, err
}

func newPoliciesTest() *cobra.Command {
	var at place
	var formatName, version, instant string
	facts := make(map[string]*[]string)
	fields := make(map[string]*string)
	cmd := &cobra.Command{
		Use:   "test POLICY",
		Short: "Print the clocks and due dates of a supposed complaint",
		Long: `Print what each clock of a policy would do on a supposed complaint. Nothing is recorded. POLICY is the name of one that comes
with the program (` + strings.Join(shippedNames(), ", ") + `), a file, or the name of one in the ledger.

A time is RFC 3339; a date alone means that only the day is known. Whether the policy applies to such a complaint is not asked.
Policies that come with the program and files need no ledger; --version or --server asks the ledger.`,
		Example: `  amends policies test fca-disp --received 2026-04-02T10:00:00+01:00
  amends policies test housing-ombudsman --received 2026-03-02 --acknowledged 2026-03-05
  amends policies test service --received 2026-03-06T15:00:00Z --severity S2`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			f, err := chosenFormat(formatName, formatTable, formatJSON)
			if err != nil {
				return err
			}
			p, err := at.policyToTest(cmd, args[0], version)
			if err != nil {
				return err
			}
			var trial domain.Trial
			for _, fact := range domain.TrialFacts() {
				for _, v := range *facts[fact.Name] {
					if err := trial.Suppose(fact.Name, v); err != nil {
						return usage(fmt.Errorf("--%w", err))
					}
				}
			}
			for name, v := range fields {
				if err := trial.Suppose(name, *v); err != nil {
					return err
				}
			}
			now := time.Now().UTC()
			if instant != "" {
				if now, err = parseInstant(instant); err != nil {
					return usage(fmt.Errorf("--at %w", err))
				}
			}
			clocks, err := trial.Run(p, now)
			if err != nil {
				return usage(fmt.Errorf("--%w", err))
			}
			if f == formatTable {
				return tellClocks(p, clocks, cmd.OutOrStdout())
			}
			return json.NewEncoder(cmd.OutOrStdout()).Encode(clocks)
		},
	}
	at.flags(cmd.Flags())
	formatFlag(cmd.Flags(), &formatName, formatTable, formatJSON)
	cmd.Flags().StringVar(&version, "version", "", "which version in the ledger")
	cmd.Flags().StringVar(&instant, "at", "", "the instant for the states: a date or an RFC 3339 time (default: now)")
	for _, fact := range domain.TrialFacts() {
		facts[fact.Name] = cmd.Flags().StringArray(fact.Name, nil, fact.Description)
	}
	for _, name := range domain.TrialFields() {
		fields[name] = cmd.Flags().String(strings.ReplaceAll(name, "_", "-"), "", "the complaint's "+strings.ReplaceAll(name, "_", " "))
	}
	return cmd
}

// parseInstant reads an instant as the API does: a date is the end of that day in UTC.
func parseInstant(text string) (time.Time, error) {
	if day, err := time.Parse(time.DateOnly, text); err == nil {
		return day.AddDate(0, 0, 1).Add(-time.Nanosecond), nil
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return at, fmt.Errorf("%q is neither a date (2026-03-31) nor an RFC 3339 time (2026-03-31T12:00:00Z)", text)
	}
	return at.UTC(), nil
}

func shippedNames() []string {
	var names []string
	for _, p := range domain.ShippedPolicies() {
		names = append(names, p.ID)
	}
	return names
}

// policyToTest finds what is to be tested: a shipped policy, a file, or one in the ledger.
func (p *place) policyToTest(cmd commandContext, name, version string) (*domain.Policy, error) {
	if version == "" && p.server == "" {
		if shipped, _, ok := domain.ShippedPolicy(name); ok {
			return shipped, nil
		}
		file, err := os.ReadFile(name)
		if err == nil {
			policy, err := domain.LoadPolicy(file)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
			return policy, nil
		}
		if !errors.Is(err, os.ErrNotExist) {
			return nil, err
		}
	}
	document, err := p.policy(cmd, name, version)
	if err != nil {
		return nil, err
	}
	return domain.LoadPolicy(document)
}

func tellClocks(p *domain.Policy, clocks []domain.DeadlineStatus, out io.Writer) error {
	fmt.Fprintf(out, "%s %s: %s (%s, %s)\n", p.ID, p.Version, p.Title.EN, p.Family, p.TimeZone)
	t := newTable(out)
	t.AppendHeader(table.Row{"clock", "limit", "started (UTC)", "due on", "due (UTC)", "at the latest", "state", "citation", "what"})
	for _, c := range clocks {
		state := string(c.State)
		switch {
		case c.StartsOn != "":
			state = "starts on " + string(c.StartsOn)
		case c.Reason != "":
			state += " (" + string(c.Reason) + ")"
		}
		if c.IsOptional {
			state += ", optional"
		}
		t.AppendRow(table.Row{c.Clock, c.Limit, minute(c.StartedAt), c.DueOn, minute(c.DueAt), minute(c.LatestDueAt), state, c.Citation, c.Label.EN})
	}
	t.Render()
	for _, note := range []string{p.Note, p.Calendar.Note} {
		if note != "" {
			fmt.Fprintln(out, note)
		}
	}
	return nil
}

func minute(t *time.Time) string {
	if t == nil {
		return ""
	}
	return t.UTC().Format("2006-01-02 15:04:05")
}

func newPoliciesPublish() *cobra.Command {
	var at place
	cmd := &cobra.Command{
		Use:   "publish FILE|POLICY",
		Short: "Record a policy, in force from its effective date",
		Long: `Record a policy: a file, or the name of one that comes with the program. It counts for clocks that start on or after its
effective date and whose start is recorded after it: what ran already keeps its version. A version is never edited; a change is
a new version. To end a policy, publish a version with an effective_to.

To import a history under a policy, publish the policy first.`,
		Example: `  amends policies publish fca-disp
  amends policies publish ours.json`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			policy, file, shipped := domain.ShippedPolicy(args[0])
			if !shipped {
				var err error
				if file, err = os.ReadFile(args[0]); err != nil {
					return fmt.Errorf("%w; there is no such file, and no policy of this name comes with the program", err)
				}
				if policy, err = domain.LoadPolicy(file); err != nil {
					return fmt.Errorf("%s: %w", args[0], err)
				}
			}
			event, err := json.Marshal(map[string]any{
				"specversion": "1.0", "id": "policy:" + policy.ID + ":" + policy.Version, "source": "urn:amends:policies",
				"type": "policy.published", "subject": domain.LedgerStream, "datacontenttype": "application/json",
				"data": domain.PolicyPublished{PolicyID: policy.ID, Version: policy.Version, Policy: file},
			})
			if err != nil {
				return err
			}
			c, err := at.connect(cmd.Context())
			if err != nil {
				return err
			}
			defer c.close()
			line, r, err := c.recordMade(cmd.Context(), event)
			if err != nil {
				return err
			}
			if r.Problem != nil {
				return &exitError{code: exitRefused, cause: fmt.Errorf("%s %s: %w", policy.ID, policy.Version, r.Problem)}
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s\n", line)
			return err
		},
	}
	at.flags(cmd.Flags())
	return cmd
}
