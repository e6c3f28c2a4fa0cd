package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/spf13/cobra"
)

func newHold() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "hold",
		Short: "Place or release a legal hold: nothing of a customer is erased while one stands",
		Long: `Place or release a legal hold. While it stands nothing of the customer is erased; an approved erasure waits for its end and is
carried out then.`,
		Example: `  amends hold place C-1042 --id H-7 --reason "litigation 2026/14"
  amends hold release C-1042 H-7 --reason settled`,
	}
	cmd.AddCommand(newHoldPlace(), newHoldRelease())
	return cmd
}

func newHoldPlace() *cobra.Command {
	var at place
	var id, reason, until, actor string
	cmd := &cobra.Command{
		Use:   "place CUSTOMER",
		Short: "Place a legal hold",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if reason == "" {
				return usage(errors.New("--reason is needed: why, without personal data"))
			}
			if id == "" {
				id = uuid.Must(uuid.NewV7()).String()
			}
			data := map[string]any{"hold_id": id, "reason": reason}
			if until != "" {
				end, err := time.Parse(time.RFC3339, until)
				if err != nil {
					return usage(fmt.Errorf("--until %q is not a date-time such as 2027-01-31T00:00:00Z", until))
				}
				data["until"] = end.UTC()
			}
			return at.recordOne(cmd, "legal_hold.placed", args[0], actor, data)
		},
	}
	at.flags(cmd.Flags())
	cmd.Flags().StringVar(&id, "id", "", "an id of your own for the hold (default: a new one)")
	cmd.Flags().StringVar(&reason, "reason", "", "why, without personal data: it stays readable after an erasure")
	cmd.Flags().StringVar(&until, "until", "", "when it ends by itself (RFC 3339; default: when it is released)")
	cmd.Flags().StringVar(&actor, "actor", "", "the id of whoever places it")
	return cmd
}

func newHoldRelease() *cobra.Command {
	var at place
	var reason, actor string
	cmd := &cobra.Command{
		Use:   "release CUSTOMER HOLD_ID",
		Short: "Release a legal hold",
		Args:  cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			data := map[string]any{"hold_id": args[1]}
			if reason != "" {
				data["reason"] = reason
			}
			return at.recordOne(cmd, "legal_hold.released", args[0], actor, data)
		},
	}
	at.flags(cmd.Flags())
	cmd.Flags().StringVar(&reason, "reason", "", "why, without personal data")
	cmd.Flags().StringVar(&actor, "actor", "", "the id of whoever releases it")
	return cmd
}

// recordOne records one event and prints its receipt.
func (p *place) recordOne(cmd *cobra.Command, eventType, customer, actor string, data map[string]any) error {
	event := map[string]any{
		"specversion": "1.0", "id": uuid.Must(uuid.NewV7()).String(), "source": "urn:amends:cli", "type": eventType, "subject": customer, "data": data,
	}
	if actor != "" {
		event["actor"] = actor
	}
	text, err := json.Marshal(event)
	if err != nil {
		return err
	}
	c, err := p.connect(cmd.Context())
	if err != nil {
		return err
	}
	defer c.close()
	line, r, err := c.recordMade(cmd.Context(), text)
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintf(cmd.OutOrStdout(), "%s\n", line); err != nil {
		return err
	}
	if r.Status == "refused" {
		return &exitError{code: exitRefused}
	}
	return nil
}
