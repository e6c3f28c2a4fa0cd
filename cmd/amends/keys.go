package main

import (
	"bytes"
	"fmt"

	"github.com/spf13/cobra"
)

func newKeys() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "keys",
		Short: "The keys under which personal data is sealed",
		Long: `Personal values are sealed under data keys, one for each customer and retention class. The data keys lie, wrapped, in
DIR/keys/vault.sqlite; the key-encryption key that wraps them is in DIR/keys/kek-<epoch>.key, or wrapped by a key
management service. Back the directory DIR/keys up apart from the log: who has both can read everything, and what was
erased can be read with an old copy of DIR/keys for as long as it exists.`,
	}
	cmd.AddCommand(newKeysRotate())
	return cmd
}

func newKeysRotate() *cobra.Command {
	var at place
	var formatName, kms string
	allowed := []format{formatTable, formatJSON}
	cmd := &cobra.Command{
		Use:   "rotate",
		Short: "Begin a new epoch: a new key-encryption key, the old one destroyed",
		Long: `Begin a new epoch. All surviving data keys are wrapped under a new key-encryption key, and the old one is destroyed: copies of
vault.sqlite from before open nothing any more, what was erased since included, unless the old kek file was copied, too.
An interrupted rotation is finished at the next start.

With --kms the new key-encryption key is wrapped by the key that the URI names, which is asked once at each start. This build
knows keyset:///path/of/keyset.json, a Tink keyset for AEAD on a medium of its own. A service (AWS KMS, Google Cloud KMS, Vault) is
added in the source, as a tink registry.KMSClient in vault.Config.KMS, where cmd/amends/engine.go opens the vault.`,
		Example: `  amends keys rotate
  amends keys rotate --kms keyset:///media/token/amends.json`,
		Args: cobra.NoArgs,
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
			var done struct {
				Epoch     int   `json:"epoch"`
				Rewrapped int   `json:"rewrapped_keys"`
				Destroyed []int `json:"destroyed_epochs"`
			}
			raw, err := c.postJSON(cmd.Context(), "/v1/keys/rotate", nil, map[string]string{"kms": kms}, &done)
			if err != nil {
				return err
			}
			if f == formatJSON {
				_, err := fmt.Fprintf(cmd.OutOrStdout(), "%s\n", bytes.TrimSpace(raw))
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "epoch %d: %d keys wrapped anew, the key-encryption keys of epochs %v destroyed\n",
				done.Epoch, done.Rewrapped, done.Destroyed)
			return err
		},
	}
	at.flags(cmd.Flags())
	formatFlag(cmd.Flags(), &formatName, allowed...)
	cmd.Flags().StringVar(&kms, "kms", "", "URI of the key that wraps the new one: keyset://FILE is known to this build (default: it lies in its own file)")
	return cmd
}
