package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// erasure is the API's answer about one erasure.
type erasure struct {
	ErasureID   string   `json:"erasure_id"`
	Customer    string   `json:"customer_id"`
	State       string   `json:"state"`
	Classes     []string `json:"classes"`
	RequestedBy string   `json:"requested_by"`
	ApprovedBy  string   `json:"approved_by"`
	Obstacles   []struct {
		Class    string     `json:"class"`
		Customer string     `json:"customer_id"`
		HoldID   string     `json:"hold_id"`
		Basis    string     `json:"basis"`
		Until    *time.Time `json:"until"`
	} `json:"obstacles"`
	PossibleAt *time.Time `json:"possible_at"`
}

func newErase() *cobra.Command {
	var at place
	var formatName, id, reason string
	var classes []string
	allowed := []format{formatTable, formatJSON}
	cmd := &cobra.Command{
		Use:   "erase CUSTOMER",
		Short: "Ask that a customer's personal data be erased; see erase approve",
		Long: `Ask that a customer's personal data of one or more retention classes be erased. Nothing happens before the request is
approved (amends erase approve), by another person than the one who asked; where the ledger has a single user, the same one
may do both, and the record says so.

Approved, the keys of these classes are destroyed: at once, or, while a legal hold stands or a retention rule wants the
records kept, on the first day on which nothing forbids it. Complaint records are kept for three years from the receipt of
the complaint (FCA DISP 1.9.1R); a file retention.json in the data directory says otherwise:

  [{"class": "complaint_record", "years": 5, "basis": "our archive rules, section 4"}]

Afterwards the records are still there, with every count and every proof, and the values read [erased]. A backup of the
key store from before the erasure still opens them; amends keys rotate ends that for backups without the old kek file.`,
		Example: `  amends erase C-1042 --class marketing --reason "asked for under article 17 GDPR"
  amends erase list
  amends erase approve 0198f3d2-5c1e-7a63-9d0f-2f6f0f6f5b11`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(classes) == 0 || reason == "" {
				return usage(errors.New("--class and --reason are needed; see amends erase --help"))
			}
			f, err := chosenFormat(formatName, allowed...)
			if err != nil {
				return err
			}
			c, err := at.connect(cmd.Context())
			if err != nil {
				return err
			}
			defer c.close()
			var answer erasure
			raw, err := c.postJSON(cmd.Context(), "/v1/customers/"+url.PathEscape(args[0])+"/erasures", nil,
				map[string]any{"erasure_id": id, "classes": classes, "reason": reason}, &answer)
			if err != nil {
				return err
			}
			return answer.print(cmd.OutOrStdout(), f, raw)
		},
	}
	at.flags(cmd.Flags())
	formatFlag(cmd.Flags(), &formatName, allowed...)
	cmd.Flags().StringSliceVar(&classes, "class", nil, "complaint_record, interaction, marketing or all; repeat or separate by commas")
	cmd.Flags().StringVar(&reason, "reason", "", "why, without personal data: it stays readable")
	cmd.Flags().StringVar(&id, "id", "", "an id of your own for the erasure, so that the request can be sent again")
	cmd.AddCommand(newEraseApprove(), newEraseList())
	return cmd
}

func newEraseApprove() *cobra.Command {
	var at place
	var formatName, customer string
	allowed := []format{formatTable, formatJSON}
	cmd := &cobra.Command{
		Use:   "approve ERASURE_ID",
		Short: "Approve an erasure; it is carried out at once, or as soon as nothing forbids it",
		Long: `Approve an erasure that somebody asked for. The keys are destroyed at once, or as soon as no legal hold and no retention rule
forbids it. It cannot be undone.`,
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
			if customer == "" {
				if customer, err = c.customerOfErasure(cmd.Context(), args[0]); err != nil {
					return err
				}
			}
			var answer erasure
			raw, err := c.postJSON(cmd.Context(), "/v1/customers/"+url.PathEscape(customer)+"/erasures/"+url.PathEscape(args[0])+"/approve", nil, nil, &answer)
			if err != nil {
				return err
			}
			return answer.print(cmd.OutOrStdout(), f, raw)
		},
	}
	at.flags(cmd.Flags())
	formatFlag(cmd.Flags(), &formatName, allowed...)
	cmd.Flags().StringVar(&customer, "customer", "", "whose erasure it is; needed only if several customers have one of that id")
	return cmd
}

func newEraseList() *cobra.Command {
	var at place
	var formatName string
	allowed := []format{formatTable, formatJSON}
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the erasures that wait for approval, or for their day",
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
			open, raw, err := c.openErasures(cmd.Context())
			if err != nil {
				return err
			}
			out := cmd.OutOrStdout()
			if f == formatJSON {
				_, err := fmt.Fprintf(out, "%s\n", bytes.TrimSpace(raw))
				return err
			}
			for i := range open {
				if err := open[i].print(out, f, nil); err != nil {
					return err
				}
			}
			if len(open) == 0 {
				_, err = fmt.Fprintln(out, "(no open erasures)")
			}
			return err
		},
	}
	at.flags(cmd.Flags())
	formatFlag(cmd.Flags(), &formatName, allowed...)
	return cmd
}

func (c *client) openErasures(ctx context.Context) ([]erasure, json.RawMessage, error) {
	var raw json.RawMessage
	if err := c.getJSON(ctx, "/v1/erasures", nil, &raw); err != nil {
		return nil, nil, err
	}
	var list struct {
		Erasures []erasure `json:"erasures"`
	}
	return list.Erasures, raw, json.Unmarshal(raw, &list)
}

func (c *client) customerOfErasure(ctx context.Context, id string) (string, error) {
	open, _, err := c.openErasures(ctx)
	if err != nil {
		return "", err
	}
	customer := ""
	for _, e := range open {
		switch {
		case e.ErasureID != id:
		case customer != "":
			return "", usage(fmt.Errorf("several customers have an erasure %s; say whose with --customer", id))
		default:
			customer = e.Customer
		}
	}
	if customer == "" {
		return "", fmt.Errorf("there is no open erasure %s; amends erase list shows them", id)
	}
	return customer, nil
}

// print tells where the erasure stands and what to do next.
func (e *erasure) print(out io.Writer, f format, raw []byte) error {
	if f == formatJSON {
		_, err := fmt.Fprintf(out, "%s\n", bytes.TrimSpace(raw))
		return err
	}
	var text strings.Builder
	fmt.Fprintf(&text, "erasure %s of %s (%s): %s\n", e.ErasureID, e.Customer, strings.Join(e.Classes, ", "), e.State)
	for _, o := range e.Obstacles {
		of := ""
		if o.Customer != "" {
			of = " of " + o.Customer + ", merged with this customer"
		}
		switch {
		case o.HoldID != "":
			fmt.Fprintf(&text, "  forbidden by the legal hold %s%s, %s\n", o.HoldID, of, until(o.Until, "until it is released"))
		default:
			if of != "" {
				of = " for a complaint" + of
			}
			fmt.Fprintf(&text, "  %s must be kept (%s)%s, %s\n", o.Class, o.Basis, of, until(o.Until, "without an end"))
		}
	}
	switch {
	case e.State == "completed":
		text.WriteString("  the keys are destroyed\n")
	case e.State == "requested":
		fmt.Fprintf(&text, "  next: amends erase approve %s\n", e.ErasureID)
	case e.PossibleAt != nil:
		fmt.Fprintf(&text, "  it will be carried out by itself at %s\n", e.PossibleAt.UTC().Format(time.RFC3339))
	default:
		text.WriteString("  it will be carried out by itself when nothing forbids it\n")
	}
	_, err := io.WriteString(out, text.String())
	return err
}

func until(t *time.Time, otherwise string) string {
	if t == nil {
		return otherwise
	}
	return "until " + t.UTC().Format(time.RFC3339)
}
