package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"

	"amends/internal/demo"
	"amends/ledger"
)

// fillDemo records the invented histories of the two years before end and waits until the views show them.
func (e *engine) fillDemo(ctx context.Context, seed int64, customers int, end time.Time) (string, error) {
	bar := progress(-1, "recording")
	counts := map[ledger.Status]int{}
	var batch [][]byte
	flush := func() error {
		receipts, err := e.ledger.Record(ctx, batch)
		if err != nil {
			return err
		}
		for _, r := range receipts {
			counts[r.Status]++
			if r.Status == ledger.Refused {
				return fmt.Errorf("the invented event %s was refused: %w", r.ID, r.Problem)
			}
		}
		_ = bar.Add(len(batch))
		batch = batch[:0]
		return ctx.Err()
	}
	for event := range demo.Generate(demo.Config{
		Seed: seed, Customers: customers, From: end.AddDate(-2, 0, 0), To: end,
	}) {
		if batch = append(batch, event); len(batch) == importBatch {
			if err := flush(); err != nil {
				return "", err
			}
		}
	}
	if err := flush(); err != nil {
		return "", err
	}
	_ = bar.Finish()
	last, err := e.store.End(ctx)
	if err != nil {
		return "", err
	}
	if err := e.views.WaitFor(ctx, last); err != nil {
		return "", err
	}
	return fmt.Sprintf("%d events of %d customers (%d recorded now, %d were there)",
		counts[ledger.Recorded]+counts[ledger.Duplicate], customers, counts[ledger.Recorded], counts[ledger.Duplicate]), nil
}

// progress is a bar on a terminal and nothing in a pipe. A total of -1 means unknown.
func progress(total int64, what string) *progressbar.ProgressBar {
	if !isTerminal(os.Stderr) {
		return progressbar.DefaultSilent(max(total, 1)) // an unknown total would start a spinner, which nobody sees
	}
	return progressbar.NewOptions64(total,
		progressbar.OptionSetWriter(os.Stderr), progressbar.OptionSetDescription(what), progressbar.OptionShowCount(),
		progressbar.OptionShowIts(), progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionClearOnFinish())
}
