package main

import (
	"context"
	"encoding/base64"
	"strconv"
	"strings"
	"time"

	"github.com/rs/zerolog"

	"amends/domain"
	"amends/ledger"
	"amends/projections"
)

// checkpointEvery is how often a served ledger records its own checkpoint, when something else was recorded since.
const checkpointEvery = time.Hour

// publishCheckpoints records the ledger's checkpoint now and then, so that every subscriber holds what cannot be denied later.
func (e *engine) publishCheckpoints(ctx context.Context, log zerolog.Logger) {
	tick := time.NewTicker(checkpointEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		if err := e.publishCheckpoint(ctx); err != nil && ctx.Err() == nil {
			log.Error().Err(err).Msg("the checkpoint could not be recorded; the next try is in an hour")
		}
	}
}

// publishCheckpoint records the last checkpoint, unless the one recorded last covers everything but its own record.
func (e *engine) publishCheckpoint(ctx context.Context) error {
	before, err := e.lastPublished(ctx)
	if err != nil {
		return err
	}
	status := e.sealer.Status(ctx)
	if status.Size <= before+1 {
		return nil
	}
	head, err := e.sealer.Key().OpenLog([]byte(status.Checkpoint))
	if err != nil {
		return err
	}
	return e.ledger.RecordCheckpoint(ctx, domain.CheckpointPublished{
		Size: head.N, Root: base64.StdEncoding.EncodeToString(head.Hash[:]), Checkpoint: status.Checkpoint,
	})
}

// lastPublished is how many records the checkpoint covers that was recorded last; 0 if none was, or the views have not seen it.
func (e *engine) lastPublished(ctx context.Context) (int64, error) {
	rows, err := e.views.Query(ctx, "events", projections.Query{
		Where:   []projections.Condition{{Column: "type", Value: "checkpoint.published"}},
		OrderBy: []projections.Order{{Column: "position", Descending: true}}, Limit: 1,
	})
	if err != nil {
		return 0, err
	}
	id := -1
	for i, c := range rows.Columns() {
		if c.Name == "event_id" {
			id = i
		}
	}
	size := int64(0)
	for row := range rows.All() {
		text, _ := row[id].(string)
		// An event of this type that somebody else recorded, when that was possible, has an id of its own, and does not count.
		size, _ = strconv.ParseInt(strings.TrimPrefix(text, ledger.CheckpointID), 10, 64)
	}
	return size, rows.Err()
}
