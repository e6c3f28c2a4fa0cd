package jetstream

import (
	"context"
	"runtime"
	"sync"

	"github.com/nats-io/nats.go"

	"amends/eventstore"
)

// pending is an append on its way through the committer.
type pending struct {
	stream   string
	expect   eventstore.Revision
	msgs     []*nats.Msg
	ids      []string
	bytes    int // of all payloads
	attempts int // how often a refusal turned out to be no conflict
	done     chan outcome
}

type outcome struct {
	positions []eventstore.Position
	err       error
}

// settle tells the caller; each pending append is settled exactly once.
func (p *pending) settle(positions []eventstore.Position, err error) {
	p.done <- outcome{positions, err}
}

// run settles the append as stored in the run of messages that ends with the given sequence.
func (p *pending) run(last uint64) {
	positions := make([]eventstore.Position, len(p.msgs))
	for i := range positions {
		positions[i] = eventstore.Position(last - uint64(len(p.msgs)-1-i))
	}
	p.settle(positions, nil)
}

// queue holds the appends that wait for the committer.
type queue struct {
	mu      sync.Mutex
	waiting []*pending
	closed  bool
	wake    chan struct{}
}

func newQueue() *queue { return &queue{wake: make(chan struct{}, 1)} }

// add reports false when the queue is closed.
func (q *queue) add(p ...*pending) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return false
	}
	q.waiting = append(q.waiting, p...)
	q.signal()
	return true
}

func (q *queue) signal() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// gather lets goroutines that are ready to append do so, as long as that makes the queue longer. This is no delay: when
// nobody else is ready it costs next to nothing. Without it, those who were told of the round before would just miss the
// next one, the first of many who come at once would have a round for itself, and there would be twice as many rounds.
func (q *queue) gather() {
	for before := -1; ; {
		q.mu.Lock()
		n := len(q.waiting)
		q.mu.Unlock()
		if n == before {
			return
		}
		before = n
		runtime.Gosched()
	}
}

// wait waits until something is there, or ctx has ended.
func (q *queue) wait(ctx context.Context) {
	for {
		q.mu.Lock()
		n := len(q.waiting)
		q.mu.Unlock()
		if n > 0 {
			return
		}
		select {
		case <-q.wake:
		case <-ctx.Done():
			return
		}
	}
}

// takeAll returns what is there, perhaps nothing.
func (q *queue) takeAll() []*pending {
	q.mu.Lock()
	defer q.mu.Unlock()
	all := q.waiting
	q.waiting = nil
	return all
}

// close fails everything that waits, and everything that is added later.
func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	for _, p := range q.waiting {
		p.settle(nil, eventstore.ErrClosed)
	}
	q.waiting = nil
}
