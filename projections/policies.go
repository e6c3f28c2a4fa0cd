package projections

import (
	"context"

	"amends/domain"
	"amends/eventstore"
	"amends/projections/internal/sqlite"
)

// book is the policies that the projector knows. A clock is pinned to a version by the place of both in the log, so it does no
// harm to know of versions beyond the cursor; only what lies before what is folded must not be missing.
type book struct {
	policies *domain.PolicyBook
	stored   []eventstore.Revision // of the ledger's stream: policies before the cursor, yet to be read
	taken    []domain.Event        // policies that were taken since, yet to be added
}

// loadBook finds the policies that the file has seen.
func loadBook(conn *sqlite.Conn) (*book, error) {
	b := &book{policies: domain.NewPolicyBook()}
	s, err := conn.Prepare("SELECT revision FROM events WHERE customer_id = ? AND type = 'policy.published' ORDER BY revision")
	if err != nil {
		return nil, err
	}
	defer s.Close()
	if err := s.BindText(0, domain.LedgerStream); err != nil {
		return nil, err
	}
	for {
		more, err := s.Step()
		if err != nil || !more {
			return b, err
		}
		b.stored = append(b.stored, eventstore.Revision(s.Int(0)))
	}
}

// current is the book with everything taken so far.
func (p *projector) current(ctx context.Context) (*domain.PolicyBook, error) {
	b := p.book
	for len(b.stored) > 0 {
		for r, err := range p.store.Read(ctx, domain.LedgerStream, b.stored[0]) {
			if err != nil {
				return nil, err
			}
			b.taken = append(b.taken, decode(p.codec, r).event)
			break
		}
		b.stored = b.stored[1:]
	}
	for i := range b.taken {
		// What is no policy was recorded by a program that did not check; it is parked when it is taken, and counts for nothing.
		b.policies, _ = b.policies.With(b.taken[i])
	}
	b.taken = b.taken[:0]
	return b.policies, nil
}

// takePolicy notes a policy that was published. One that cannot be read is parked.
func (p *projector) takePolicy(e *domain.Event) {
	d, ok := e.Data.(*domain.PolicyPublished)
	if !ok {
		return
	}
	if _, err := d.Load(); err != nil {
		p.park(e, err)
		return
	}
	p.book.taken = append(p.book.taken, *e)
}
