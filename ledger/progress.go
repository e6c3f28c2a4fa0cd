package ledger

import (
	"context"
	"sync"
)

// progress is a position that only rises, and can be waited for. The zero value is at 0.
type progress struct {
	mu      sync.Mutex
	at      uint64
	changed chan struct{} // closed when at rises; nil while nobody waits
}

func (p *progress) reached(at uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if at <= p.at {
		return
	}
	p.at = at
	if p.changed != nil {
		close(p.changed)
		p.changed = nil
	}
}

func (p *progress) await(ctx context.Context, at uint64) error {
	for {
		p.mu.Lock()
		if p.at >= at {
			p.mu.Unlock()
			return nil
		}
		if p.changed == nil {
			p.changed = make(chan struct{})
		}
		changed := p.changed
		p.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
