package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"filippo.io/torchwood"
	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"amends/audit"
	"amends/audit/verifier"
	"amends/eventstore/jetstream"
	"amends/internal/keycopy"
)

func newBackup() *cobra.Command {
	var at place
	var to, keys string
	cmd := &cobra.Command{
		Use:   "backup",
		Short: "Copy what is sealed to another directory, verified; run again, it adds what is new",
		Long: `Copy the sealed records, the tiles and the signed checkpoints to another directory. Everything copied is hashed and must give
the signed root. Run again, it adds what is new; interrupted, it goes on. A ledger that is open elsewhere can be backed up all
the same. Records are sealed within a second; what is younger comes with the next backup.

The copy also takes retention.json and the witnesses (audit/policy), which a server does not tell: not with --server. It holds no
private key. --keys copies the keys (the signing key, and those that open personal fields) to a directory of their own, each
database as it is at one instant, also while it is written to: keep the two apart. What is erased later can be had from a copy of
the keys for as long as it exists. Copy them again to the same directory and the older ones are replaced; after 'amends keys rotate'
a copy of vault.sqlite opens nothing without the kek file that was copied with it.`,
		Example: `  amends backup --to /mnt/backup
  amends backup --to /mnt/backup --keys /media/safe/keys
  amends backup --server http://127.0.0.1:8080 --to /mnt/backup`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if to == "" {
				return usage(errors.New("name the directory with --to"))
			}
			if keys != "" && at.server != "" {
				return usage(errors.New("--keys works with --data only: a server does not give its keys away"))
			}
			source, err := at.source(cmd)
			if err != nil {
				return err
			}
			bar := progress(-1, "backing up")
			done, err := audit.Backup(cmd.Context(), source, to, func(done, total int64) {
				bar.ChangeMax64(total)
				_ = bar.Set64(done)
			})
			_ = bar.Finish()
			if err != nil {
				return err
			}
			var copied []string
			if keys != "" {
				if copied, err = keycopy.Copy(cmd.Context(), audit.KeysDir(at.data), keys); err != nil {
					return err
				}
			}
			if keys != "" {
				fmt.Fprintf(cmd.ErrOrStderr(), copiedKeys, keys)
			}
			return printCopied(cmd.OutOrStdout(), done, copied)
		},
	}
	at.flags(cmd.Flags())
	cmd.Flags().StringVar(&to, "to", "", "directory of the backup")
	cmd.Flags().StringVar(&keys, "keys", "", "copy the keys to this directory as well; keep it apart from the backup")
	return cmd
}

// copiedKeys is said of each copy of the keys.
const copiedKeys = `%s can open whatever is erased from now on, until it is destroyed or replaced by a newer copy: let it be no
older than you promise customers. 'amends keys rotate' and a new copy here end what stray copies of vault.sqlite alone can open.
`

// source is where a backup reads from: files of this machine, whoever has them open, or what a server serves.
func (p *place) source(cmd *cobra.Command) (audit.Source, error) {
	if p.server == "" {
		if err := sealFirst(cmd.Context(), p.logPlace); err != nil {
			return audit.Source{}, err
		}
		return audit.LocalSource(p.data)
	}
	c, err := p.connect(cmd.Context())
	if err != nil {
		return audit.Source{}, err
	}
	var status struct {
		Seal struct {
			Key string `json:"key"`
		} `json:"seal"`
	}
	if err := errors.Join(c.getJSON(cmd.Context(), "/v1/status", nil, &status), c.close()); err != nil {
		return audit.Source{}, err
	}
	key, err := verifier.ParseKey(status.Seal.Key)
	if err != nil {
		return audit.Source{}, fmt.Errorf("the server seals nothing: %w", err)
	}
	source := audit.Source{Key: key}
	for path, to := range map[string]*torchwood.TileReader{"/audit/log/": &source.Log, "/audit/map/": &source.Map} {
		tiles, err := torchwood.NewTileFetcher(c.base+path, torchwood.WithHTTPClient(c.http), torchwood.WithUserAgent("amends"))
		if err != nil {
			return audit.Source{}, err
		}
		*to = tiles
	}
	return source, nil
}

// sealFirst seals what an earlier command recorded and had no time to seal. A ledger that another process has open is sealed
// by that process.
func sealFirst(ctx context.Context, at logPlace) error {
	e, err := openEngine(ctx, at, zerolog.Nop())
	var locked *jetstream.LockedError
	if errors.As(err, &locked) {
		return nil
	}
	if err != nil {
		return err
	}
	end, err := e.store.End(ctx)
	if err == nil {
		err = e.sealer.WaitForMap(ctx, end)
	}
	return errors.Join(err, e.Close())
}

func printCopied(out io.Writer, done audit.Copied, keys []string) error {
	return json.NewEncoder(out).Encode(struct {
		audit.Copied
		Keys []string `json:"keys,omitempty"`
	}{done, keys})
}

func newRestore() *cobra.Command {
	var data, from, keys, newestFile string
	var sameIdentity bool
	cmd := &cobra.Command{
		Use:   "restore",
		Short: "Make a ledger anew from a backup, record for record",
		Long: `Make the log anew from a backup, byte for byte: the same records, ids, revisions and order, verified against the backup's
checkpoint. The directory must hold no ledger. Interrupted, it says so when it is opened, and the same restore goes on where it was.

The restored ledger signs under a new key, also when --keys brings the old one: the original may have signed more than the
backup holds, and one key must never sign two histories. Tell the new public key to whoever has pinned the old one; the old one
and its last checkpoint are kept in DIR/audit/previous, and verify holds the log against them.

--same-identity keeps the key (docs/proofs.md). Give --newest FILE with it: the checkpoint that the original signed last, from a
witness, a subscriber, or the original itself, which must have ended for good. It is refused unless the backup ends there.`,
		Example: `  amends restore --from /mnt/backup --keys /media/safe/keys --data /var/lib/amends
  amends restore --from /mnt/backup --keys /media/safe/keys --same-identity --newest last-checkpoint
  amends verify --data /var/lib/amends`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			if from == "" {
				return usage(errors.New("name the backup with --from"))
			}
			if sameIdentity != (newestFile != "") {
				return usage(errors.New("--same-identity and --newest go together: the key is kept only when nothing newer was signed under it"))
			}
			var newest []byte
			if sameIdentity {
				if newest, err = os.ReadFile(newestFile); err != nil {
					return fmt.Errorf("--newest: %w", err)
				}
			}
			if err := audit.BeginRestore(data); err != nil {
				return err
			}
			store, err := jetstream.Open(cmd.Context(), jetstream.Config{Dir: data, Logger: zerolog.Nop()})
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, store.Close()) }()
			var copied []string
			if keys != "" {
				if copied, err = keycopy.Copy(cmd.Context(), keys, audit.KeysDir(data)); err != nil {
					return err
				}
			}
			bar := progress(-1, "restoring")
			done, err := audit.Restore(cmd.Context(), audit.RestoreConfig{
				From: from, Dir: data, Store: store, Newest: newest, Progress: func(done, total int64) {
					bar.ChangeMax64(total)
					_ = bar.Set64(done)
				},
			})
			_ = bar.Finish()
			switch {
			case errors.Is(err, audit.ErrNewerSigned):
				return fmt.Errorf("%w; nothing was restored", err)
			case err != nil:
				return fmt.Errorf("%w; the directory is unfinished, run the same restore again", err)
			}
			return printCopied(cmd.OutOrStdout(), done, copied)
		},
	}
	cmd.Flags().StringVar(&data, "data", defaultData(), "directory to restore into")
	cmd.Flags().StringVar(&from, "from", "", "directory of the backup")
	cmd.Flags().StringVar(&keys, "keys", "", "directory that the keys were copied to")
	cmd.Flags().BoolVar(&sameIdentity, "same-identity", false, "go on under the old signing key; only with --newest")
	cmd.Flags().StringVar(&newestFile, "newest", "", "file with the last checkpoint that the original ever signed")
	return cmd
}
