package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"amends/internal/logcopy"
)

func newCopy() *cobra.Command {
	var from, to, formatName string
	var parallel int
	allowed := []format{formatTable, formatJSON}
	cmd := &cobra.Command{
		Use:   "copy --from URL --to URL",
		Short: "Copy the log from one store to another, and verify the copy",
		Long: `Copy the log from one store to another: every record's bytes, ids and revisions, and the order. A URL is a data directory
or a store's URL (docs/stores.md). What the source holds when the copy begins is copied; then the target is read back, and each
customer's records are compared with the source's by their chain of hashes (exit code 4 if one differs).

A copy that was interrupted is simply started again. A target that holds other records is refused before anything is written.
Nothing else may write to the target meanwhile. Views are made anew from the log; keys are not part of it and are not copied.

The copy takes an identity of its own: it is sealed under a new key when it is first opened. Of the source's keys/ carry over what
opens personal fields, but never sealer.key: one key must not sign two logs, and --parallel changes the order of the whole log.`,
		Example: `  amends copy --from /var/lib/amends --to 'esdb://db1:2113,db2:2113,db3:2113?tlsCaFile=ca.crt'
  amends copy --from esdb://localhost:2113?tls=false --to ./copy --parallel 64`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			f, err := chosenFormat(formatName, allowed...)
			if err != nil {
				return err
			}
			switch {
			case from == "" || to == "":
				return usage(errors.New("copy needs --from and --to; see amends copy --help"))
			case parallel < 1:
				return usage(errors.New("--parallel is at least 1"))
			}
			return copyLog(cmd, from, to, parallel, f)
		},
	}
	cmd.Flags().StringVar(&from, "from", "", "data directory or URL of the log to copy")
	cmd.Flags().StringVar(&to, "to", "", "data directory or URL of the log to copy to")
	cmd.Flags().IntVar(&parallel, "parallel", 1,
		"customers that are written to at a time; 1 keeps the order of the whole log, more are faster and keep each customer's")
	formatFlag(cmd.Flags(), &formatName, allowed...)
	return cmd
}

func copyLog(cmd *cobra.Command, from, to string, parallel int, f format) (err error) {
	source, err := openForCopy(cmd.Context(), from, true)
	if err != nil {
		return fmt.Errorf("--from: %w", err)
	}
	defer func() { err = errors.Join(err, source.close()) }()
	target, err := openForCopy(cmd.Context(), to, false)
	if err != nil {
		return fmt.Errorf("--to: %w", err)
	}
	defer func() { err = errors.Join(err, target.close()) }()

	bar := progress(-1, "copying")
	started := time.Now()
	r, err := logcopy.Copy(cmd.Context(), logcopy.Config{
		From: source, To: target, Parallel: parallel, Progress: func(n int) { _ = bar.Set(n) },
	})
	_ = bar.Finish()
	switch {
	case errors.Is(err, logcopy.ErrDiffers):
		return &exitError{code: exitDiffers, cause: err}
	case errors.Is(err, logcopy.ErrForeign):
		return fmt.Errorf("%w; nothing was written: choose an empty target", err)
	case err != nil:
		return fmt.Errorf("%w (%d records were copied and stay; the same command goes on from here)", err, r.Copied)
	}
	return printCopy(cmd, r, time.Since(started), f)
}

// openForCopy opens a log by itself: no views, no API.
func openForCopy(ctx context.Context, place string, mustExist bool) (*openedLog, error) {
	if strings.Contains(place, "://") {
		return openRemote(ctx, place, zerolog.Nop())
	}
	if mustExist {
		if _, err := os.Stat(filepath.Join(place, "jetstream")); err != nil {
			return nil, fmt.Errorf("%s holds no log: %w", place, err)
		}
	}
	return openEmbedded(ctx, place, zerolog.Nop())
}

// ownIdentity is what whoever made a copy must know of its keys.
const ownIdentity = "the copy takes a signing key of its own when it is first opened; do not carry sealer.key over to it"

func printCopy(cmd *cobra.Command, r logcopy.Result, took time.Duration, f format) error {
	if f == formatJSON {
		return json.NewEncoder(cmd.OutOrStdout()).Encode(struct {
			Customers    int     `json:"customers"`
			Records      int     `json:"records"`
			Copied       int     `json:"copied"`
			AlreadyThere int     `json:"already_there"`
			SameOrder    bool    `json:"same_order"`
			Seconds      float64 `json:"seconds"`
			Identity     string  `json:"identity"`
		}{r.Customers, r.Records, r.Copied, r.AlreadyThere, r.SameOrder, took.Round(time.Millisecond).Seconds(), ownIdentity})
	}
	order := "in the order of the whole log"
	if !r.SameOrder {
		order = "in each customer's order"
	}
	_, err := fmt.Fprintf(cmd.OutOrStdout(), "%d records of %d customers, %s: %d copied now, %d were there; verified, %.1f s\n%s\n",
		r.Records, r.Customers, order, r.Copied, r.AlreadyThere, took.Seconds(), ownIdentity)
	return err
}
