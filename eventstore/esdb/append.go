package esdb

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	"amends/eventstore"
)

// Append implements eventstore.Store. The server writes the events of one call as one unit, and recognises a repetition by
// the events' UUIDs after the expected revision, however old it is; so a try whose fate is unknown is simply made again.
//
// An append whose bytes, with some 100 for each event, are above the server's MaxAppendSize (1 MiB by default) gives
// ErrTooLarge; eventstore.MaxAppendBytes stays clear of that.
func (s *Store) Append(
	ctx context.Context, stream string, expect eventstore.Expect, events ...eventstore.Event,
) ([]eventstore.Position, error) {
	if err := eventstore.ValidateAppend(stream, events); err != nil {
		return nil, err
	}
	request := make([]*streams.AppendReq, 0, len(events)+1)
	request = append(request, appendHeader(s.prefix+stream, expect))
	for _, e := range events {
		p, err := proposal(stream, e)
		if err != nil {
			return nil, err
		}
		request = append(request, p)
	}
	var written *streams.AppendResp_Success
	err := s.try(ctx, func(ctx context.Context, n *node) (err error) {
		written, err = s.appendOnce(ctx, n, stream, expect, request)
		return err
	})
	if err != nil {
		return nil, describe(err, "append to", s.prefix+stream)
	}
	// A deleted stream takes an append that expects no stream, and goes on counting where it ended.
	last := uint64(expect.Revision()) + uint64(len(events)) - 1
	if written.GetCurrentRevision() != last {
		return nil, fmt.Errorf("%w: stream %s%s was deleted or truncated: its last event should have number %d, not %d",
			errDamaged, s.prefix, stream, last, written.GetCurrentRevision())
	}
	if at := written.GetPosition(); len(events) == 1 && at != nil && at.GetCommitPosition() == at.GetPreparePosition() {
		return []eventstore.Position{eventstore.Position(at.GetCommitPosition())}, nil
	}
	return s.positions(ctx, stream, expect, events)
}

func appendHeader(name string, expect eventstore.Expect) *streams.AppendReq {
	options := &streams.AppendReq_Options{StreamIdentifier: &shared.StreamIdentifier{StreamName: []byte(name)}}
	if expect == eventstore.NoStream {
		options.ExpectedStreamRevision = &streams.AppendReq_Options_NoStream{NoStream: &shared.Empty{}}
	} else {
		options.ExpectedStreamRevision = &streams.AppendReq_Options_Revision{Revision: uint64(expect.Revision()) - 1}
	}
	return &streams.AppendReq{Content: &streams.AppendReq_Options_{Options: options}}
}

// appendOnce makes one attempt.
func (s *Store) appendOnce(
	ctx context.Context, n *node, stream string, expect eventstore.Expect, request []*streams.AppendReq,
) (*streams.AppendResp_Success, error) {
	ctx, cancel := context.WithTimeout(requireLeader(ctx), s.deadline)
	defer cancel()
	var trailer metadata.MD
	call, err := n.streams.Append(ctx, grpc.Trailer(&trailer))
	if err != nil {
		return nil, diagnose(err, trailer)
	}
	for _, part := range request {
		err := call.Send(part)
		if errors.Is(err, io.EOF) {
			break // the server has answered already: the answer tells why
		}
		if err != nil {
			return nil, diagnose(err, trailer)
		}
	}
	answer, err := call.CloseAndRecv()
	if err != nil {
		return nil, diagnose(err, trailer)
	}
	if done := answer.GetSuccess(); done != nil {
		return done, nil
	}
	wrong := answer.GetWrongExpectedVersion()
	if wrong == nil {
		return nil, &transientError{cause: errors.New("the server's answer is neither yes nor no")}
	}
	conflict := &eventstore.ConflictError{Stream: stream, Expected: expect.Revision()}
	if wrong.GetCurrentNoStream() == nil {
		conflict.Actual = eventstore.Revision(wrong.GetCurrentRevision()) + 1
	}
	if conflict.Actual == conflict.Expected {
		return nil, &transientError{cause: fmt.Errorf("the server contradicts itself: %w", errors.New(conflict.Error()))}
	}
	return nil, conflict
}

// positions reads back where the events of an append are: the server's answer tells only the last one's, and of a
// repetition not always that.
func (s *Store) positions(
	ctx context.Context, stream string, expect eventstore.Expect, events []eventstore.Event,
) ([]eventstore.Position, error) {
	at := make([]eventstore.Position, 0, len(events))
	for e, err := range s.read(ctx, stream, expect.Revision()+1, uint64(len(events))) {
		if err != nil {
			return nil, err
		}
		if e.ID != events[len(at)].ID {
			return nil, fmt.Errorf("%w: stream %s%s, revision %d holds another event than the one appended",
				errDamaged, s.prefix, stream, e.Revision)
		}
		at = append(at, e.Position)
	}
	if len(at) != len(events) {
		return nil, fmt.Errorf("%w: stream %s%s has %d of the %d events appended after revision %d",
			errDamaged, s.prefix, stream, len(at), len(events), expect.Revision())
	}
	return at, nil
}

// describe adds what was attempted to an error, unless callers branch on its very text or type.
func describe(err error, what, name string) error {
	var conflict *eventstore.ConflictError
	if errors.As(err, &conflict) || errors.Is(err, eventstore.ErrClosed) {
		return err
	}
	return fmt.Errorf("%s %s: %w", what, name, err)
}
