package jetstream

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
)

// The server's codes for "the last sequence of the subject is another one". The second only comes from a replicated
// stream: another write to the subject is in flight.
const (
	codeWrongSequence         = 10071
	codeWrongSequenceConstant = 10164
)

// refusal is the server's answer that it did not store what was sent.
type refusal struct {
	Code        int    `json:"err_code"`
	Description string `json:"description"`
}

func (r *refusal) Error() string {
	return fmt.Sprintf("log server refused: %s (%d)", r.Description, r.Code)
}

// conflict reports that the refusal is about the expected sequence.
func (r *refusal) conflict() bool {
	return r.Code == codeWrongSequence || r.Code == codeWrongSequenceConstant
}

func isRefusal(err error) bool {
	var r *refusal
	return errors.As(err, &r)
}

// compareAndSet makes the server refuse the append unless its subject ends at the given sequence. Within a batch only the
// first message to a subject may say so, and only it needs to: nothing can come between the messages of a batch.
func (p *pending) compareAndSet(sequence uint64) {
	p.msgs[0].Header[headerExpected] = []string{strconv.FormatUint(sequence, 10)}
}

func (s *Store) publish(m *nats.Msg, reply string) error {
	m.Reply = reply
	return s.writes.PublishMsg(m)
}

// ack waits for the acknowledgement and returns the sequence in it. A *refusal means that nothing was stored; after any
// other error that is not known.
func (p *reply) ack(ctx context.Context, wait time.Duration) (uint64, error) {
	m, err := p.next(ctx, wait)
	if err != nil {
		return 0, err
	}
	var a struct {
		Error *refusal `json:"error"`
		Seq   uint64   `json:"seq"`
	}
	if err := json.Unmarshal(m.Data, &a); err != nil {
		return 0, fmt.Errorf("read acknowledgement: %w", err)
	}
	if a.Error != nil {
		return 0, a.Error
	}
	if a.Seq == 0 {
		return 0, errors.New("read acknowledgement: no sequence in it")
	}
	return a.Seq, nil
}

// batch is an atomic batch on its way (ADR-50).
type batch struct {
	members []*pending
	reply   *reply
}

// sendBatch sends the members' messages as one atomic batch. Only the last message asks for an answer: a fault at an
// earlier one makes the server refuse the commit.
func (s *Store) sendBatch(members []*pending) (*batch, error) {
	b := &batch{members: members, reply: s.acks.expect(1)}
	id := []string{strings.TrimPrefix(nats.NewInbox(), nats.InboxPrefix)} // unique, and short enough to be stored with each message
	n := 0
	for i, p := range members {
		for j, m := range p.msgs {
			n++
			m.Header[headerBatchID] = id
			m.Header[headerBatchSequence] = []string{strconv.Itoa(n)}
			reply := ""
			if i == len(members)-1 && j == len(p.msgs)-1 {
				m.Header[headerBatchCommit] = []string{"1"}
				reply = b.reply.Subject
			}
			if err := s.publish(m, reply); err != nil {
				b.reply.forget()
				return nil, fmt.Errorf("send batch: %w", err)
			}
		}
	}
	return b, nil
}

// outcome waits for the answer to the commit and returns the last sequence of the batch. The messages can then be sent
// again in another way.
func (b *batch) outcome(ctx context.Context, wait time.Duration) (uint64, error) {
	defer b.reply.forget()
	last, err := b.reply.ack(ctx, wait)
	for _, p := range b.members {
		for _, m := range p.msgs {
			delete(m.Header, headerBatchID)
			delete(m.Header, headerBatchSequence)
			delete(m.Header, headerBatchCommit)
		}
	}
	return last, err
}
