package projections

import (
	"context"
	"errors"
	"time"
)

// scoreAge is how old scores may become before Refresh makes them anew.
const scoreAge = 24 * time.Hour

// Refresh makes the scores anew that are more than a day older than the instant: satisfaction, risk and its drivers change as
// time passes, also when nothing is recorded. It returns how many customers were scored. It works in small transactions,
// between which the follower goes on; when ctx ends, what is done is done.
func (v *Views) Refresh(ctx context.Context, at time.Time) (scored int, err error) {
	before := string(appendTime(nil, at.Add(-scoreAge)))
	for after := ""; ; {
		n, last, err := v.refreshSome(ctx, before, after)
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
func (v *Views) refreshSome(ctx context.Context, before, after string) (n int, last string, err error) {
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
	ids, err := v.scoredBefore(before, after)
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

func (v *Views) scoredBefore(before, after string) ([]string, error) {
	s, err := v.conn.Prepare("SELECT customer_id FROM satisfaction WHERE customer_id > ? AND scored_at < ? ORDER BY 1 LIMIT ?")
	if err != nil {
		return nil, err
	}
	defer s.Close()
	if err := errors.Join(s.BindText(0, after), s.BindText(1, before), s.BindInt(2, refreshBatch)); err != nil {
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
