package jetstream

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"github.com/nats-io/nats.go"

	"amends/eventstore"
)

// Stored names: they are in every message of every log, and never change.
const (
	logStream      = "LOG"
	subjectPrefix  = "log."
	headerID       = "Amends-Id"       // the event's id, query-escaped so that any id survives as a header
	headerRevision = "Amends-Revision" // decimal, gapless from 1 within the subject
)

// Headers of JetStream itself.
const (
	headerExpected      = "Nats-Expected-Last-Subject-Sequence"
	headerBatchID       = "Nats-Batch-Id"
	headerBatchSequence = "Nats-Batch-Sequence"
	headerBatchCommit   = "Nats-Batch-Commit"
	headerSequence      = "Nats-Sequence" // added to what a Direct Get answers, as is the next
	headerSubject       = "Nats-Subject"
)

// damaged is the error for an answer of the log that this package never wrote; position 0: not known.
func damaged(position uint64, format string, args ...any) error {
	return &eventstore.DamageError{Position: eventstore.Position(position), Reason: fmt.Sprintf(format, args...)}
}

// message is the stored form of an event. The bytes are the message's own: the caller of Append may give up and reuse
// his while the committer still holds the message.
func message(stream string, revision eventstore.Revision, e eventstore.Event) *nats.Msg {
	return &nats.Msg{
		Subject: subjectPrefix + stream,
		Header: nats.Header{
			headerID:       {url.QueryEscape(e.ID)},
			headerRevision: {strconv.FormatUint(uint64(revision), 10)},
		},
		Data: append([]byte(nil), e.Data...),
	}
}

// recorded is the event in a message that a Direct Get answered.
func recorded(m *nats.Msg) (eventstore.Recorded, error) {
	seq, err := strconv.ParseUint(header(m, headerSequence), 10, 64)
	if err != nil {
		return eventstore.Recorded{}, damaged(0, "a message without sequence")
	}
	return decode(header(m, headerSubject), seq, m.Header, m.Data)
}

// decode is the inverse of message.
func decode(subject string, seq uint64, h nats.Header, data []byte) (eventstore.Recorded, error) {
	stream, ok := strings.CutPrefix(subject, subjectPrefix)
	if !ok {
		return eventstore.Recorded{}, damaged(seq, "message %d has a strange subject", seq)
	}
	revision, err := strconv.ParseUint(first(h[headerRevision]), 10, 64)
	if err != nil || revision == 0 {
		return eventstore.Recorded{}, damaged(seq, "message %d has no revision", seq)
	}
	id, err := url.QueryUnescape(first(h[headerID]))
	if err != nil || id == "" {
		return eventstore.Recorded{}, damaged(seq, "message %d has no event id", seq)
	}
	return eventstore.Recorded{
		Event:    eventstore.Event{ID: id, Data: data},
		Stream:   stream,
		Revision: eventstore.Revision(revision),
		Position: eventstore.Position(seq),
	}, nil
}

// previous is the sequence of the event before this one in its stream, 0 if it is the first. The first event of an append
// carries it as the sequence it expected; each further one directly follows its predecessor, because an append is written
// as one run of the log.
func previous(m *nats.Msg, r eventstore.Recorded) (uint64, error) {
	if r.Revision == 1 {
		return 0, nil
	}
	expected := header(m, headerExpected)
	if expected == "" {
		return uint64(r.Position) - 1, nil
	}
	seq, err := strconv.ParseUint(expected, 10, 64)
	if err != nil {
		return 0, damaged(uint64(r.Position), "message %d expected no sequence", r.Position)
	}
	return seq, nil
}

// header reads the exact key; nats.Header.Get would do the same after a search for other spellings.
func header(m *nats.Msg, key string) string { return first(m.Header[key]) }

func first(values []string) string {
	if len(values) == 0 {
		return ""
	}
	return values[0]
}
