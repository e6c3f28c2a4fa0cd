package bench

import (
	"context"
	"fmt"
	"time"

	"amends/domain"
)

// replays measures reading and folding one customer's history in logs of several sizes. Each size has customers of its own,
// whose events are spread evenly over what the log grew by.
type replays struct {
	r      *run
	source *histories
	took   map[int]map[int][]time.Duration // by length of history, then by size of log
	sizes  []int
}

// replayed are the lengths of history that are measured, and how many customers have each.
var replayed = []struct{ length, customers int }{{100, 8}, {1_000, 2}}

func newReplays(r *run) *replays {
	return &replays{r: r, source: newHistories(r.Seed), took: map[int]map[int][]time.Duration{100: {}, 1_000: {}}}
}

func replayName(length, size, n int) string { return fmt.Sprintf("R-%d-%d-%d", length, size, n) }

// grow records events up to the size.
func (p *replays) grow(ctx context.Context, g *rig, from, size int) error {
	// special says which event of the growth belongs to which of the measured customers.
	special := map[int]string{}
	place := 0
	for _, s := range replayed {
		for n := range s.customers {
			place++
			for i := range s.length {
				at := i*(size-from)/s.length + place
				for special[at%(size-from)] != "" {
					at++
				}
				special[at%(size-from)] = replayName(s.length, size, n)
			}
		}
	}
	customers := max(p.r.Events/10, 1_000)
	var batches [][][]byte
	for i := 0; i < size-from; {
		var batch [][]byte
		for ; i < size-from && len(batch) < ingestBatch; i++ {
			customer := special[i]
			if customer == "" {
				customer = among(customers, from+i)
			}
			batch = append(batch, p.source.event(customer))
		}
		batches = append(batches, batch)
		if len(batches) == 100 { // not all of a large log in memory at once
			if err := g.send(ctx, batches, 1); err != nil {
				return err
			}
			batches = nil
		}
	}
	return g.send(ctx, batches, 1)
}

// measure replays the customers of this size.
func (p *replays) measure(ctx context.Context, g *rig, size int) error {
	p.sizes = append(p.sizes, size)
	for _, s := range replayed {
		for i := range pick(p.r, 2, 8) * s.customers {
			customer := replayName(s.length, size, i%s.customers)
			began := time.Now()
			history, err := g.ledger.History(ctx, customer, domain.Limits{})
			if err != nil {
				return err
			}
			events := make([]domain.Event, len(history))
			for j, rec := range history {
				events[j] = rec.Event
			}
			domain.Fold(customer, events, domain.Limits{})
			p.took[s.length][size] = append(p.took[s.length][size], time.Since(began))
			if len(events) != s.length {
				return fmt.Errorf("a history has %d events instead of %d", len(events), s.length)
			}
		}
	}
	return nil
}

func (p *replays) figures() []Figure {
	var figures []Figure
	smallest, largest := p.sizes[0], p.sizes[len(p.sizes)-1]
	for _, s := range replayed {
		took := p.took[s.length]
		detail := fmt.Sprintf("reading and folding one customer with %d events, median, in a log of %d events; raw: in one of %d",
			s.length, largest, smallest)
		for _, size := range p.sizes[1 : len(p.sizes)-1] {
			detail += fmt.Sprintf("; %.2f ms in one of %d", milliseconds(took[size], 0.5), size)
		}
		figures = append(figures, Figure{
			Name: fmt.Sprintf("replay_%d_events", s.length), Unit: "ms", Value: milliseconds(took[largest], 0.5),
			Goal: "ratio <= 1.3", Detail: detail,
		}.against(milliseconds(took[smallest], 0.5)))
	}
	return figures
}
