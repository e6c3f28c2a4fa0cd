package main

import (
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"amends/audit/verifier"
)

func newEvidence() *cobra.Command {
	var at place
	var output, known, purpose string
	var withKeys bool
	cmd := &cobra.Command{
		Use:   "evidence CUSTOMER",
		Short: "Make a bundle that proves a customer's whole history, offline",
		Long: `Make one file that proves, to whoever has the ledger's public key, that it holds all records of the customer and of all
whom it absorbed, unaltered and in order, up to a signed checkpoint; or that there is no such customer. It holds the records
as they are stored: what is sealed in them stays sealed, unless --with-keys adds the keys that open it. Such a bundle is personal
data: its keys open what it holds, and what is recorded of the customer under the same keys later, for ever, also after an
erasure. The ledger records who was given it and what for.

'amends verify --bundle FILE --key KEY' checks it without a ledger and says what is proved and what is not.`,
		Example: `  amends evidence C-1042 -o C-1042.zip
  amends evidence C-1042 -o C-1042.zip --known checkpoint-of-last-year
  amends evidence C-1042 -o C-1042.zip --with-keys --purpose 'ombudsman case 4711'`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if output == "" {
				return usage(errors.New("name the file with -o"))
			}
			query := url.Values{}
			switch {
			case withKeys && strings.TrimSpace(purpose) == "":
				return usage(errors.New("--with-keys needs --purpose: what the personal data is for; it is recorded"))
			case withKeys:
				query.Set("keys", "true")
				query.Set("purpose", purpose)
			case purpose != "":
				return usage(errors.New("--purpose goes with --with-keys"))
			}
			if known != "" {
				text, err := os.ReadFile(known)
				if err != nil {
					return err
				}
				query.Set("known", string(text))
			}
			c, err := at.connect(cmd.Context())
			if err != nil {
				return err
			}
			defer c.close()
			var status struct {
				Seal struct {
					Key string `json:"key"`
				} `json:"seal"`
			}
			if err := c.getJSON(cmd.Context(), "/v1/status", nil, &status); err != nil {
				return err
			}
			resp, err := c.do(cmd.Context(), get, "/v1/customers/"+url.PathEscape(args[0])+"/evidence", query, "application/zip", "", nil)
			if err != nil {
				return err
			}
			defer resp.Body.Close()
			report, err := saveBundle(resp.Body, output, status.Seal.Key)
			if err != nil {
				return err
			}
			records := uint64(0)
			for _, s := range report.Streams {
				records += s.Records
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s: %d %s of %d %s under the checkpoint of %d records; check it with\n  amends verify --bundle %s --key '%s'\n",
				output, records, plural(int(records), "record"), len(report.Streams), plural(len(report.Streams), "customer"), report.Size, output, report.Key)
			return err
		},
	}
	at.flags(cmd.Flags())
	cmd.Flags().StringVarP(&output, "output", "o", "", "file to write")
	cmd.Flags().StringVar(&known, "known", "", "file with a signed checkpoint that the bundle is to be shown to extend")
	cmd.Flags().BoolVar(&withKeys, "with-keys", false, "add the keys that open the personal values")
	cmd.Flags().StringVar(&purpose, "purpose", "", "with --with-keys: what for; recorded, so without personal data")
	return cmd
}

// saveBundle writes the bundle, checked, whole or not at all.
func saveBundle(in io.Reader, path, key string) (_ *verifier.Report, err error) {
	file, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(file.Name()))
		}
	}()
	keys, err := verifier.ParseKey(key)
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	size, err := io.Copy(file, in)
	var report *verifier.Report
	if err == nil {
		report, err = verifier.Check(file, size, verifier.Options{Key: keys})
	}
	if err == nil {
		_, err = bundledKeys(report)
	}
	if err := errors.Join(err, file.Close()); err != nil {
		return nil, err
	}
	return report, os.Rename(file.Name(), path)
}

func newProof() *cobra.Command {
	var at place
	var customer string
	cmd := &cobra.Command{
		Use:   "proof EVENT-ID",
		Short: "Prove that one event is in the signed log",
		Long: `Print the proof that the event is in the log under a signed checkpoint, in the format of c2sp.org/tlog-proof, which other
tools check. What it proves is about the record's exact bytes, as 'amends replay --format ndjson' prints them.`,
		Example: `  amends proof evt-1 --customer C-1042 > evt-1.tlog-proof`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := at.connect(cmd.Context())
			if err != nil {
				return err
			}
			defer c.close()
			query := url.Values{}
			if customer != "" {
				query.Set("customer", customer)
			}
			resp, err := c.do(cmd.Context(), get, "/v1/proofs/"+url.PathEscape(args[0]), query, "text/plain", "", nil)
			if err != nil {
				return err
			}
			defer resp.Body.Close()
			_, err = io.Copy(cmd.OutOrStdout(), resp.Body)
			return err
		},
	}
	at.flags(cmd.Flags())
	cmd.Flags().StringVar(&customer, "customer", "", "whose event it is (default: found in the views)")
	return cmd
}
