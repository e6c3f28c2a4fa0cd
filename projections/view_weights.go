package projections

import (
	"context"
	"time"

	"amends/domain"
	"amends/eventstore"
	"amends/projections/internal/sqlite"
)

// weightsRow is one publication of churn weights.
type weightsRow struct {
	*domain.Event
	published *domain.WeightsPublished
	problem   string
}

var churnWeights = definition[*weightsRow]{
	name: "churn_weights",
	description: "Churn weights published in the ledger, one row for each publication. In force is the latest whose published_at has " +
		"come and that is usable; before the first, the weights that come with the program.",
	key: []string{"position"},
	columns: []column[*weightsRow]{
		{"position", Integer, "Place of the publication in the log.",
			func(c *cells, r *weightsRow) { c.integer(int64(r.Position)) }},
		{"weights_version", Text, "Version of the weights.",
			func(c *cells, r *weightsRow) { c.string(r.published.Version) }},
		{"published_at", Timestamp, "From when on they are in force (UTC).",
			func(c *cells, r *weightsRow) { c.time(r.Time) }},
		{"recorded_at", Timestamp, "When the ledger took the publication (UTC).",
			func(c *cells, r *weightsRow) { c.time(r.Recorded) }},
		{"is_usable", Boolean, "This program can score with them.",
			func(c *cells, r *weightsRow) { c.bool(r.problem == "") }},
		{"problem", Text, "Why they cannot be used; NULL: they can.",
			func(c *cells, r *weightsRow) { c.string(r.problem) }},
		{"sha256", Text, "SHA-256 of the weights without insignificant space, in lower-case hexadecimal.",
			func(c *cells, r *weightsRow) { c.string(r.published.SHA256) }},
		{"weights", JSON, "The weights themselves, with what the fit says of itself.",
			func(c *cells, r *weightsRow) { c.string(string(r.published.Weights)) }},
	},
}

// publish takes a publication of weights: into the schedule, unless the log is being read in parts, which has it already (see
// fill), and into its view.
func (p *projector) publish(e *domain.Event, d *domain.WeightsPublished) {
	row := weightsRow{Event: e, published: d}
	schedule := p.schedule
	if p.pass != nil {
		schedule = domain.NewWeightsSchedule(p.base) // only to learn whether they can be used
	}
	if err := schedule.Add(e); err != nil {
		row.problem = err.Error()
		p.logger.Error().Str("event", e.ID).Uint64("position", e.Position).Err(err).Msg("published weights cannot be used; those in force stay")
	} else if p.pass == nil {
		p.reweighted = true
	}
	if p.pass != nil && !p.pass.rows {
		return
	}
	for _, c := range churnWeights.columns {
		c.put(&p.chunk.rows[churnWeightsTable.number], &row)
	}
}

// loadSchedule reads the publications that the file holds.
func loadSchedule(conn *sqlite.Conn, base *domain.Weights) (*domain.WeightsSchedule, error) {
	schedule := domain.NewWeightsSchedule(base)
	s, err := conn.Prepare("SELECT position, weights_version, published_at, recorded_at, sha256, weights FROM churn_weights " +
		"WHERE is_usable ORDER BY position")
	if err != nil {
		return nil, err
	}
	defer s.Close()
	for {
		more, err := s.Step()
		if err != nil || !more {
			return schedule, err
		}
		e := domain.Event{Type: "weights.published", Customer: domain.LedgerStream, Position: uint64(s.Int(0)),
			Data: &domain.WeightsPublished{Version: s.Text(1), SHA256: s.Text(4), Weights: []byte(s.Text(5))}}
		if e.Time, err = time.Parse(timeLayout, s.Text(2)); err != nil {
			return nil, err
		}
		if e.Recorded, err = time.Parse(timeLayout, s.Text(3)); err != nil {
			return nil, err
		}
		if err := schedule.Add(&e); err != nil {
			return nil, err // it was usable when it was written
		}
	}
}

// readSchedule reads the publications up to the position from the log: a log that is read in parts is scored with what is in force
// at its end.
func (p *projector) readSchedule(ctx context.Context, until eventstore.Position) error {
	p.schedule = domain.NewWeightsSchedule(p.base)
	for r, err := range p.store.Read(ctx, domain.LedgerStream, 1) {
		if err != nil {
			return err
		}
		if r.Position > until {
			break
		}
		if it := decode(p.codec, r); it.unusable == nil {
			_ = p.schedule.Add(&it.event) // what publishes none, or what cannot be used, is told where its row is put
		}
	}
	return nil
}
