package jetstream

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
)

// How much one batched Direct Get may answer. Larger batches save round trips and hold more memory per reader.
const (
	getMessages = 1_000
	getBytes    = 1 << 20
)

// answerWait is how long a reader waits for the server's next answer before it calls the read failed.
const answerWait = 30 * time.Second

// errNoMessage: nothing in the log matches the request.
var errNoMessage = errors.New("no such message")

// getRequest is the body of a Direct Get (ADR-31).
type getRequest struct {
	Seq      uint64 `json:"seq,omitempty"`
	LastFor  string `json:"last_by_subj,omitempty"`
	NextFor  string `json:"next_by_subj,omitempty"`
	Batch    int    `json:"batch,omitempty"`
	MaxBytes int    `json:"max_bytes,omitempty"`
}

// getter asks for stored messages over its own connection, so that acknowledgements never queue behind bulk reads.
type getter struct {
	nc      *nats.Conn
	replies *replies
	subject string
}

func newGetter(nc *nats.Conn) (*getter, error) {
	r, err := newReplies(nc)
	if err != nil {
		return nil, err
	}
	return &getter{nc: nc, replies: r, subject: "$JS.API.DIRECT.GET." + logStream}, nil
}

// ask sends the request; answers arrive at the reply, at most n of them.
func (g *getter) ask(req getRequest, n int) (*reply, error) {
	body, err := json.Marshal(req)
	if err != nil {
		return nil, err
	}
	p := g.replies.expect(n)
	if err := g.nc.PublishRequest(g.subject, p.Subject, body); err != nil {
		p.forget()
		return nil, fmt.Errorf("read log: %w", err)
	}
	return p, nil
}

// one returns the one message that the request names, or errNoMessage.
func (g *getter) one(ctx context.Context, req getRequest) (*nats.Msg, error) {
	p, err := g.ask(req, 1)
	if err != nil {
		return nil, err
	}
	defer p.forget()
	return p.message(ctx)
}

// message waits for the answer to a request for one message.
func (p *reply) message(ctx context.Context) (*nats.Msg, error) {
	m, err := p.next(ctx, answerWait)
	if err != nil {
		return nil, fmt.Errorf("read log: %w", err)
	}
	switch status := header(m, "Status"); status {
	case "":
		return m, nil
	case "404":
		return nil, errNoMessage
	default:
		return nil, fmt.Errorf("read log: server answered %s %s", status, header(m, "Description"))
	}
}

// batch sends a batched request: up to getMessages messages, getBytes bytes, from req.Seq on.
func (g *getter) batch(req getRequest) (*reply, error) {
	req.Batch, req.MaxBytes = getMessages, getBytes
	return g.ask(req, getMessages+1)
}

// collect receives the answers to a batched request, and whether more messages are pending behind them. No message at all
// is no error here. A batch must end with its own mark (204 EOB): a run that breaks off is a failure, never the end.
func (p *reply) collect(ctx context.Context) (msgs []*nats.Msg, more bool, err error) {
	defer p.forget()
	for {
		m, err := p.next(ctx, answerWait)
		if err != nil {
			return nil, false, fmt.Errorf("read log: %w", err)
		}
		switch status := header(m, "Status"); status {
		case "":
			msgs = append(msgs, m)
		case "204":
			pending, err := strconv.ParseUint(header(m, "Nats-Num-Pending"), 10, 64)
			if err != nil {
				return nil, false, fmt.Errorf("read log: end of batch without a count of pending messages")
			}
			return msgs, pending > 0, nil
		case "404":
			if len(msgs) > 0 {
				return nil, false, fmt.Errorf("read log: batch broke off after %d messages", len(msgs))
			}
			return nil, false, nil
		default:
			return nil, false, fmt.Errorf("read log: server answered %s %s", status, header(m, "Description"))
		}
	}
}
