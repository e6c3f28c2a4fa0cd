package jetstream

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
)

// replies routes answers to those who wait for them, over one subscription: a subscription per request would cost more
// than the request.
type replies struct {
	nc     *nats.Conn
	prefix string

	mu      sync.Mutex
	next    uint64
	waiting map[uint64]chan *nats.Msg
}

func newReplies(nc *nats.Conn) (*replies, error) {
	r := &replies{nc: nc, prefix: nc.NewInbox() + ".", waiting: make(map[uint64]chan *nats.Msg)}
	sub, err := nc.Subscribe(r.prefix+"*", r.route)
	if err != nil {
		return nil, fmt.Errorf("subscribe to replies: %w", err)
	}
	// Whoever asks bounds what can come back; dropping an answer would cost its waiter the whole timeout.
	if err := sub.SetPendingLimits(-1, -1); err != nil {
		return nil, fmt.Errorf("subscribe to replies: %w", err)
	}
	return r, nil
}

// route runs in one goroutine; no channel is ever full, so it never blocks.
func (r *replies) route(m *nats.Msg) {
	token, err := strconv.ParseUint(strings.TrimPrefix(m.Subject, r.prefix), 36, 64)
	if err != nil {
		return
	}
	r.mu.Lock()
	ch := r.waiting[token]
	r.mu.Unlock()
	if ch == nil {
		return // its waiter has given up
	}
	select {
	case ch <- m:
	default:
	}
}

// expect opens a reply subject that takes up to n answers. The caller ends it with forget.
func (r *replies) expect(n int) *reply {
	ch := make(chan *nats.Msg, n)
	r.mu.Lock()
	r.next++
	token := r.next
	r.waiting[token] = ch
	r.mu.Unlock()
	return &reply{from: r, token: token, C: ch, Subject: r.prefix + strconv.FormatUint(token, 36)}
}

// reply is where the answers to one request arrive.
type reply struct {
	from    *replies
	token   uint64
	C       <-chan *nats.Msg
	Subject string
}

func (p *reply) forget() {
	p.from.mu.Lock()
	delete(p.from.waiting, p.token)
	p.from.mu.Unlock()
}

// errSilent: the server did not answer in time.
var errSilent = errors.New("the log server does not answer")

// next waits for one more answer, but for at most d.
func (p *reply) next(ctx context.Context, d time.Duration) (*nats.Msg, error) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil, fmt.Errorf("%w (waited %s)", errSilent, d)
	case m := <-p.C:
		if len(m.Data) == 0 && header(m, "Status") == "503" {
			return nil, nats.ErrNoResponders
		}
		return m, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}
