package projections

import (
	"context"
	"time"

	"amends/eventstore"
)

// Status is how the views stand.
type Status struct {
	Cursor         eventstore.Position // up to which the views are made
	End            eventstore.Position // of the log
	LagPositions   uint64              // between them: records, unless the log's positions have gaps
	LagSeconds     float64             // age of the last projected record if something is not projected yet; else 0
	Following      bool                // Run runs
	Building       bool                // views are being built beside
	Outdated       bool                // the file holds views of another version, to be built anew by Run
	Parked         int64               // records that could not be projected
	StaleCustomers int64               // customers some of whose records are parked
	ViewsVersion   string              // of this program
	WeightsVersion string              // of the churn weights in force; empty while outdated
	// Stopped is why the last Run ended, until the views have moved on since, or have everything that the log has; nil before.
	Stopped error
}

// Status tells how the views stand.
func (v *Views) Status(ctx context.Context) (Status, error) {
	end, err := v.config.Store.End(ctx)
	if err != nil {
		return Status{}, err
	}
	v.mu.Lock()
	s := Status{Cursor: v.cursor, End: end, Following: v.running, Building: v.building, Outdated: v.outdated,
		ViewsVersion: v.version, WeightsVersion: v.weightsVersion, Stopped: v.failed}
	if v.running && v.cursor >= end {
		s.Stopped = nil
	}
	v.mu.Unlock()
	if s.Cursor < end {
		s.LagPositions = uint64(end - s.Cursor)
	}
	if s.Outdated {
		return s, nil
	}
	var last string
	err = v.one(ctx, `SELECT (SELECT count(*) FROM parked), (SELECT count(DISTINCT customer_id) FROM parked),
		coalesce((SELECT recorded_at FROM events WHERE position <= ? ORDER BY position DESC LIMIT 1), '')`,
		[]any{int64(s.Cursor)}, &s.Parked, &s.StaleCustomers, &last)
	if err != nil {
		return Status{}, err
	}
	if at, err := time.Parse(timeLayout, last); err == nil && s.LagPositions > 0 {
		s.LagSeconds = max(0, v.config.Clock().Sub(at).Seconds())
	}
	return s, nil
}
