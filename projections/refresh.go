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
// force at it, and those of customers with a clock that has come due since: satisfaction, risk and its drivers change as time
// passes, and clocks run out, also when nothing is recorded. It returns how many customers were scored. It works in small transactions,
// between which the follower goes on; when ctx ends, what is done is done.
func (v *Views) Refresh(ctx context.Context, at time.Time) (scored int, err error) {
	for after := ""; ; {
		n, last, err := v.refreshSome(ctx, at, after)
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
func (v *Views) refreshSome(ctx context.Context, at time.Time, after string) (n int, last string, err error) {
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
	ids, err := v.toScore(at, after, p.schedule.InForce(domain.Limits{AsOf: at}).Version)
	if err != nil {
		return 0, "", err
	}
	done := make(map[string]bool, len(ids))
	for _, id := range ids {
		last = id
		root := p.units.root(id) // a clock that has run out may be an absorbed customer's
		if done[root] {
			continue
		}
		done[root] = true
		e, err := p.load(ctx, root)
		if err != nil {
			return 0, "", err
		}
		if err := p.projectUnit(ctx, e, true); err != nil {
			return 0, "", err
		}
		n++
	}
	if err := p.commit(ctx, p.cursor); err != nil {
		return 0, "", err
	}
	p.cache.shrink()
	return n, last, nil
}

// toScore lists customers after the given one whose rows no longer hold at the instant, or are scored with other weights.
func (v *Views) toScore(at time.Time, after, weightsVersion string) ([]string, error) {
	s, err := v.conn.Prepare(`SELECT customer_id FROM churn_risk WHERE customer_id > ?1 AND (scored_at < ?2 OR weights_version <> ?5)
		UNION SELECT customer_id FROM complaint_deadlines WHERE customer_id > ?1 AND state = 'running' AND due_at < ?3
		ORDER BY 1 LIMIT ?4`)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	before, now := string(appendTime(nil, at.Add(-scoreAge))), string(appendTime(nil, at.Truncate(time.Second)))
	if err := errors.Join(s.BindText(0, after), s.BindText(1, before), s.BindText(2, now), s.BindInt(3, refreshBatch),
		s.BindText(4, weightsVersion)); err != nil {
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

// NextDue is when the next running clock comes due: the rows hold until then, and Refresh is worth calling after it. It is zero
// if none is running.
func (v *Views) NextDue(ctx context.Context) (time.Time, error) {
	if v.isOutdated() {
		return time.Time{}, ErrOutdated
	}
	var text string
	err := v.one(ctx, "SELECT coalesce(min(due_at), '') FROM complaint_deadlines WHERE state = 'running'", nil, &text)
	if err != nil || text == "" {
		return time.Time{}, err
	}
	return time.Parse(timeLayout, text)
}
