package main

import (
	"bytes"
	"errors"
	"fmt"
	"net/url"

	"github.com/spf13/cobra"
)

func newFind() *cobra.Command {
	var at place
	var formatName, kind, value, purpose string
	var short [3]string
	kinds := [3]string{"email", "phone", "account"}
	allowed := []format{formatTable, formatJSON}
	cmd := &cobra.Command{
		Use:   "find",
		Short: "Find customers by an email address, a phone number, or another identity",
		Long: `Find the customers who are known by an identity. It is looked up in an index of keyed hashes and is nowhere stored or logged
in clear; that a customer was found is recorded as an access. Emails are compared without case, phone numbers by their digits.`,
		Example: `  amends find --email li.wei@example.org
  amends find --kind loyalty_card --value 7741-22`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			given := 0
			for i, v := range short {
				if v != "" {
					kind, value = kinds[i], v
					given++
				}
			}
			if given > 1 || kind == "" || value == "" {
				return usage(errors.New("give one of --email, --phone, --account, or --kind with --value"))
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
			var found struct {
				Customers []string `json:"customers"`
			}
			raw, err := c.postJSON(cmd.Context(), "/v1/find", url.Values{"purpose": {purpose}}, map[string]string{"kind": kind, "value": value}, &found)
			if err != nil {
				return err
			}
			out := cmd.OutOrStdout()
			if f == formatJSON {
				_, err := fmt.Fprintf(out, "%s\n", bytes.TrimSpace(raw))
				return err
			}
			for _, customer := range found.Customers {
				fmt.Fprintln(out, customer)
			}
			if len(found.Customers) == 0 {
				fmt.Fprintln(out, "(nobody)")
			}
			return nil
		},
	}
	at.flags(cmd.Flags())
	formatFlag(cmd.Flags(), &formatName, allowed...)
	for i, k := range kinds {
		cmd.Flags().StringVar(&short[i], k, "", "look for this "+k)
	}
	cmd.Flags().StringVar(&kind, "kind", "", "look for an identity of this kind (the codes of identity_kind in docs/events.md)")
	cmd.Flags().StringVar(&value, "value", "", "with --kind: the identity")
	cmd.Flags().StringVar(&purpose, "purpose", "find", "what for; recorded, so without personal data")
	return cmd
}
