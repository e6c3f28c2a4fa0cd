package projections

import (
	"context"
	"slices"

	"amends/domain"
	"amends/eventstore"
)

// complete makes sure that the entry holds its stream from the beginning.
func (p *projector) complete(ctx context.Context, e *entry) error {
	if e.from <= 1 {
		return nil
	}
	var earlier []domain.Event
	for r, err := range p.store.Read(ctx, e.id, 1) {
		if err != nil {
			return err
		}
		if uint64(r.Revision) >= e.from {
			break
		}
		if it := decode(p.codec, r); it.unusable != nil {
			e.parked++
		} else {
			earlier = append(earlier, it.event)
			if _, ok := it.event.Data.(*domain.CustomerAbsorbed); ok {
				e.merges = true
			}
		}
	}
	for i := range e.corrections {
		e.corrections[i] += len(earlier)
	}
	e.events = append(earlier, e.events...)
	p.cache.grew(len(earlier))
	e.from, e.state, e.folded, e.written, e.isNew = 1, nil, 0, nil, false
	return nil
}

// load is the entry of a stream as far as it was seen, from the cache or from the store.
func (p *projector) load(ctx context.Context, id string) (*entry, error) {
	if e := p.cache.get(id); e != nil {
		return e, p.complete(ctx, e)
	}
	e := &entry{id: id, from: 1, isNew: true}
	for r, err := range p.store.Read(ctx, id, 1) {
		if err != nil {
			return nil, err
		}
		if r.Position > p.horizon(id) {
			break
		}
		e.last, e.isNew = uint64(r.Revision), false
		if it := decode(p.codec, r); it.unusable != nil {
			e.parked++
		} else {
			e.hold(it.event)
		}
	}
	e.corrections = nil
	p.cache.add(e)
	return e, nil
}

// horizon is up to where a stream that is loaded must be held: what comes after it will be taken. In a pass over a part of the
// customers, nothing of the others will be.
func (p *projector) horizon(id string) eventstore.Position {
	if p.pass != nil && !p.pass.owns(id) {
		return p.pass.until
	}
	return p.seen
}

// roots finds the units that must be written anew because of what was touched: their own, and those that a merger or its
// undoing makes, changes or ends.
func (p *projector) roots(ctx context.Context) ([]*entry, error) {
	ids := make([]string, 0, len(p.touched))
	for _, e := range p.touched {
		ids = append(ids, e.id)
		if !e.merges {
			continue
		}
		for _, c := range p.units.changes(e) {
			// Whoever counted together with the absorbed customer may now count elsewhere.
			ids = append(ids, p.units.members(p.units.root(c.absorbed))...)
			p.units.set(c)
			p.chunk.claims = append(p.chunk.claims, c)
		}
	}
	var roots []*entry
	known := make(map[string]struct{}, len(ids))
	for _, id := range ids {
		id = p.units.root(id)
		if _, ok := known[id]; ok {
			continue
		}
		known[id] = struct{}{}
		e, err := p.load(ctx, id)
		if err != nil {
			return nil, err
		}
		roots = append(roots, e)
	}
	return roots, nil
}

// projectUnit folds the unit and puts its rows; with scoredOnly, only those that depend on the instant.
func (p *projector) projectUnit(ctx context.Context, root *entry, scoredOnly bool) error {
	of, err := p.asOf(root.id)
	if err != nil {
		return err
	}
	policies, err := p.current(ctx)
	if err != nil {
		return err
	}
	weights, ok := p.schedule.Version(of.weightsVersion)
	if of.weightsVersion == "" || !ok {
		weights = p.schedule.InForce(domain.Limits{AsOf: of.at})
	}
	p.unit = unit{at: of.at, weights: weights, policies: policies, members: p.unit.members[:0], scores: scores{drivers: p.unit.scores.drivers[:0]}}
	ids := p.units.members(root.id)
	if len(ids) > 1 {
		return p.projectMerged(ctx, root, ids, scoredOnly)
	}
	if len(root.events) == 0 && root.parked == 0 {
		return nil // known by name alone: it was absorbed once, and has no record of its own
	}
	since := p.foldOne(root)
	p.unit.state = root.state
	p.unit.members = append(p.unit.members, member{root.state, root.parked > 0})
	switch {
	case root.written == nil && (p.fresh || scoredOnly):
		p.rewrite([]*entry{root}, nil, scoredOnly)
	case root.written == nil:
		root.written = &written{rows: make(map[uint64]uint64), counts: make([]int, len(tables))}
		p.rewrite([]*entry{root}, root.written, scoredOnly)
	default:
		p.update(root, since)
	}
	if root.written != nil {
		root.written.to = root.state.Position
	}
	return nil
}

// foldOne brings the state of a unit of one up to its events. It returns the position up to which nothing but the end of the
// lists has changed; 0 if anything may have.
func (p *projector) foldOne(e *entry) (since uint64) {
	if e.state != nil && e.written != nil {
		since = e.written.to
	}
	for e.state != nil && e.folded < len(e.events) {
		inOrder, err := applySafely(e.state, e.events[e.folded])
		switch {
		case err != nil:
			p.drop(e, e.folded, err)
			e.state = nil // it may be half way
		case !inOrder:
			e.state = nil
		default:
			e.folded++
		}
	}
	if e.state == nil {
		e.state, since = p.fold(e.id, []*entry{e}), 0
		e.folded = len(e.events)
	}
	return since
}

// projectMerged folds a customer together with all whom it absorbed, and writes all their rows anew.
func (p *projector) projectMerged(ctx context.Context, root *entry, ids []string, scoredOnly bool) error {
	all := make([]*entry, 0, len(ids))
	for _, id := range ids {
		e, err := p.load(ctx, id)
		if err != nil {
			return err
		}
		all = append(all, e)
	}
	p.unit.state = p.fold(root.id, all)
	p.unit.members = append(p.unit.members, member{p.unit.state, slices.ContainsFunc(all, isStale)})
	for _, e := range all[1:] {
		if len(e.events) == 0 && e.parked == 0 {
			continue // it was absorbed, but nothing is recorded of it
		}
		var own []*entry
		for _, id := range p.units.members(e.id) {
			own = append(own, all[slices.Index(ids, id)])
		}
		p.unit.members = append(p.unit.members, member{p.fold(e.id, own), slices.ContainsFunc(own, isStale)})
	}
	for _, e := range all {
		e.state, e.folded, e.written = nil, 0, nil
	}
	p.rewrite(all, nil, scoredOnly)
	return nil
}

func isStale(e *entry) bool { return e.parked > 0 }

// rewrite puts all rows of the customers, in the place of those that are there.
func (p *projector) rewrite(all []*entry, known *written, scoredOnly bool) {
	sink := rowSink{chunk: p.chunk, known: known, seen: p.seenRows()}
	for _, t := range tables {
		if !t.perCustomer || scoredOnly && !t.scored {
			continue
		}
		for _, e := range all {
			if !e.isNew {
				p.chunk.clear = append(p.chunk.clear, clearing{t, e.id})
			}
		}
		t.put(&p.unit, 0, &sink)
	}
	for _, e := range all {
		e.isNew = e.isNew && len(e.events) == 0 && e.parked == 0
	}
}

// update puts the rows that differ from those that are there. A table that holds a row too many is written anew for the
// customer.
func (p *projector) update(e *entry, since uint64) {
	sink := rowSink{chunk: p.chunk, known: e.written, seen: p.seenRows()}
	for _, t := range tables {
		if !t.perCustomer {
			continue
		}
		rows := &p.chunk.rows[t.number]
		list, text := len(rows.list), len(rows.text)
		t.put(&p.unit, since, &sink)
		if since != 0 && t == interactionsTable || sink.seen[t.number] >= e.written.counts[t.number] {
			continue
		}
		rows.list, rows.text = rows.list[:list], rows.text[:text]
		e.written.forget(t)
		p.chunk.clear = append(p.chunk.clear, clearing{t, e.id})
		t.put(&p.unit, 0, &sink)
	}
}

// seenRows is a zeroed list by table number.
func (p *projector) seenRows() []int {
	if p.counts == nil {
		p.counts = make([]int, len(tables))
	}
	clear(p.counts)
	return p.counts
}

// fold folds the streams together. An event on which the fold breaks is parked and left out.
func (p *projector) fold(id string, streams []*entry) *domain.Customer {
	state, err := foldSafely(id, gather(streams))
	for err != nil {
		// Find the event: fold ever more of them, in the order of the log, until it breaks.
		if !p.dropBreaking(id, streams) {
			panic(err) // unreachable: what breaks as a whole breaks at some event
		}
		state, err = foldSafely(id, gather(streams))
	}
	return state
}

// gather is the history of the streams.
func gather(streams []*entry) []domain.Event {
	if len(streams) == 1 {
		return streams[0].events
	}
	var all []domain.Event
	for _, e := range streams {
		all = append(all, e.events...)
	}
	return all
}

// dropBreaking parks the first event, in the order of the log, with which the fold breaks.
func (p *projector) dropBreaking(id string, streams []*entry) bool {
	var order []uint64
	for _, e := range streams {
		for i := range e.events {
			order = append(order, e.events[i].Position)
		}
	}
	slices.Sort(order)
	for _, last := range order {
		var history []domain.Event
		for _, e := range streams {
			for _, event := range e.events {
				if event.Position <= last {
					history = append(history, event)
				}
			}
		}
		if _, err := foldSafely(id, history); err != nil {
			for _, e := range streams {
				for i := range e.events {
					if e.events[i].Position == last {
						p.drop(e, i, err)
						return true
					}
				}
			}
		}
	}
	return false
}

// drop parks an event of the entry and leaves it out.
func (p *projector) drop(e *entry, i int, reason error) {
	p.park(&e.events[i], reason)
	e.events = slices.Delete(e.events, i, i+1)
	e.parked++
	e.corrections = nil
	p.cache.grew(-1)
}

func foldSafely(id string, history []domain.Event) (c *domain.Customer, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = panicError("fold", r)
		}
	}()
	return domain.Fold(id, history, domain.Limits{}), nil
}

func applySafely(c *domain.Customer, e domain.Event) (inOrder bool, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = panicError("fold", r)
		}
	}()
	return c.Apply(e), nil
}
