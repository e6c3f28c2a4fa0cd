package audit

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"

	"golang.org/x/mod/sumdb/tlog"
)

// This file is about checkpoints that were handed out: what was cut off a ledger, with everything that was sealed of it, is missed
// only by whoever holds one of them, be it an auditor or the log itself.

// checkKnown holds the sealed tree against the checkpoint that whoever verifies holds.
func (v *verification) checkKnown(ctx context.Context) error {
	if len(v.Known) == 0 {
		return nil
	}
	known, err := v.Key.OpenLog(v.Known)
	if err != nil {
		return fmt.Errorf("%w: the known checkpoint: %w", ErrInvalid, err)
	}
	if what := v.differs(ctx, known.Tree); what != "" {
		v.found(Finding{Part: "checkpoint", What: "the known checkpoint is not of this ledger's past: " + what})
	}
	return nil
}

// publishedType is the event with which the ledger records a checkpoint of its own (domain.CheckpointPublished).
const publishedType = "checkpoint.published"

// checkPublished holds the sealed tree against a checkpoint that the log itself holds, in the record at the index. One that another
// ledger signed, of which this one is a copy, says nothing of this tree.
func (v *verification) checkPublished(ctx context.Context, c checked, index int64) {
	f := nameOf(c)
	f.Part = "checkpoint"
	var record struct {
		Data struct {
			Size       int64  `json:"size"`
			Root       string `json:"root"`
			Checkpoint string `json:"checkpoint"`
		} `json:"data"`
	}
	if err := json.Unmarshal(c.Data, &record); err != nil {
		f.What = "what was published cannot be read: " + err.Error()
		v.found(f)
		return
	}
	origin, _, _ := strings.Cut(record.Data.Checkpoint, "\n")
	if origin != v.Key.Log.Name() {
		return
	}
	head, err := v.Key.OpenLog([]byte(record.Data.Checkpoint))
	switch {
	case err != nil:
		f.What = "what was published is not signed by this ledger: " + err.Error()
	case head.N != record.Data.Size || base64.StdEncoding.EncodeToString(head.Hash[:]) != record.Data.Root:
		f.What = "what was published is not what its signature covers"
	case head.N > index:
		f.What = fmt.Sprintf("a checkpoint of %d records was published in record %d: some that came before it are gone", head.N, index+1)
	case index >= v.sealed.N && head.N > v.sealed.N:
		return // the verification began before it was signed
	default:
		f.What = v.differs(ctx, head.Tree)
	}
	if f.What != "" {
		v.found(f)
	}
}

// differs says in what way the sealed tree does not begin with an earlier one; empty: it does. The tiles that are asked are made
// anew and compared by the same verification.
func (v *verification) differs(ctx context.Context, earlier tlog.Tree) string {
	if earlier.N > v.sealed.N {
		return fmt.Sprintf("it covers %d records, and only %d are sealed: the others were cut off", earlier.N, v.sealed.N)
	}
	root := v.sealed.Hash
	if earlier.N < v.sealed.N {
		var err error
		if root, err = tlog.TreeHash(earlier.N, OpenTiles(filepath.Join(v.dir, logDir)).hashReader(ctx)); err != nil {
			return "its root cannot be made anew: " + err.Error()
		}
	}
	if root != earlier.Hash {
		return fmt.Sprintf("the first %d records that are sealed do not give its root", earlier.N)
	}
	return ""
}
