package projections

import (
	"context"
	"errors"
	"time"

	"amends/domain"
)

// scoreAge is how old scores may become before Refresh makes them anew.
const scoreAge = 24 * time.Hour

// Refresh makes the scores anew that are more than a day older than the instant, or were made with other weights than those in
// force at it: satisfaction, risk and its drivers change as time passes, also when nothing is recorded. It returns how many customers were scored. It works in small transactions,
// between which the follower goes on; when ctx ends, what is done is done.
func (v *Views) Refresh(ctx context.Context, at time.Time) (scored int, err error) {
	before := string(appendTime(nil, at.Add(-scoreAge)))
	for after := ""; ; {
		n, last, err := v.refreshSome(ctx, at, before, after)
		scored += n
		if err != nil || last == "" {
			return scored, err
		}
		after = last
	}
}

// refreshBatch is how many customers one transaction of Refresh covers.
const refreshBatch = 500

// refreshSome scores some customers after the given one, and returns the last.
func (v *Views) refreshSome(ctx context.Context, at time.Time, before, after string) (n int, last string, err error) {
	v.gate.Lock()
	defer v.gate.Unlock()
	if v.outdated || v.projector == nil {
		return 0, "", ErrOutdated
	}
	p := v.projector
	defer func() {
		if err != nil {
			err = errors.Join(err, p.restart())
		}
	}()
	ids, err := v.toScore(before, after, p.schedule.InForce(domain.Limits{AsOf: at}).Version)
	if err != nil {
		return 0, "", err
	}
	for _, id := range ids {
		if p.units.root(id) != id {
			continue
		}
		e, err := p.load(ctx, id)
		if err != nil {
			return 0, "", err
		}
		if err := p.projectUnit(ctx, e, true); err != nil {
			return 0, "", err
		}
		n++
		last = id
	}
	if len(ids) > 0 {
		last = ids[len(ids)-1]
	}
	if err := p.commit(ctx, p.cursor); err != nil {
		return 0, "", err
	}
	p.cache.shrink()
	return n, last, nil
}

// toScore lists customers after the given one whose scores are from before the instant, or of another version of the weights.
func (v *Views) toScore(before, after, weightsVersion string) ([]string, error) {
	s, err := v.conn.Prepare("SELECT customer_id FROM churn_risk WHERE customer_id > ? " +
		"AND (scored_at < ? OR weights_version <> ?) ORDER BY 1 LIMIT ?")
	if err != nil {
		return nil, err
	}
	defer s.Close()
	if err := errors.Join(s.BindText(0, after), s.BindText(1, before), s.BindText(2, weightsVersion), s.BindInt(3, refreshBatch)); err != nil {
		return nil, err
	}
	var ids []string
	for {
		more, err := s.Step()
		if err != nil || !more {
			return ids, err
		}
		ids = append(ids, s.Text(0))
	}
}
