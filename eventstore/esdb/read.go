package esdb

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"math"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	"amends/eventstore"
)

// Read implements eventstore.Store.
func (s *Store) Read(ctx context.Context, stream string, from eventstore.Revision) iter.Seq2[eventstore.Recorded, error] {
	return s.read(ctx, stream, from, math.MaxInt64)
}

// read yields at most count events. A read that breaks off goes on where it was.
func (s *Store) read(
	ctx context.Context, stream string, from eventstore.Revision, count uint64,
) iter.Seq2[eventstore.Recorded, error] {
	return func(yield func(eventstore.Recorded, error) bool) {
		if err := eventstore.ValidateStream(stream); err != nil {
			yield(eventstore.Recorded{}, err)
			return
		}
		ctx, cancel := s.bounded(ctx)
		defer cancel()
		next := max(from, 1)
		for r := s.retries(); ; {
			n, err := s.link.node(ctx)
			if err == nil {
				err = s.events(ctx, n, streamRequest(s.prefix+stream, uint64(next)-1, count), func(w *streams.ReadResp_ReadEvent_RecordedEvent) (bool, error) {
					e, err := recorded(stream, w)
					if err != nil {
						return false, err
					}
					if e.Revision != next {
						return false, fmt.Errorf("%w: stream %s%s has revision %d where %d belongs", errDamaged, s.prefix, stream, e.Revision, next)
					}
					if ctx.Err() != nil {
						return false, context.Cause(ctx)
					}
					r.progress()
					next, count = next+1, count-1
					return yield(e, nil), nil
				})
			}
			if errors.Is(err, errNoStream) {
				err = s.checkWhole(ctx, n, stream)
			}
			if err == nil {
				return
			}
			if err := r.again(ctx, n, err); err != nil {
				yield(eventstore.Recorded{}, describe(err, "read", s.prefix+stream))
				return
			}
		}
	}
}

// End implements eventstore.Store: the position of the last record on the leader. A leader acknowledges a write once it can
// be read, so no acknowledged event is above it. It reads the server's log backwards, past what others wrote since.
func (s *Store) End(ctx context.Context) (eventstore.Position, error) {
	var end eventstore.Position
	err := s.try(ctx, func(ctx context.Context, n *node) (err error) {
		end, err = s.endAt(ctx, n)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("read the end of the log: %w", err)
	}
	return end, nil
}

func (s *Store) endAt(ctx context.Context, n *node) (end eventstore.Position, err error) {
	err = s.events(ctx, n, lastRequest(s.prefix), func(w *streams.ReadResp_ReadEvent_RecordedEvent) (bool, error) {
		_, ours := customerOf(string(w.GetStreamIdentifier().GetStreamName()), s.prefix)
		if !ours || w.GetMetadata()[keyType] != recordType {
			return true, nil
		}
		var err error
		end, err = positionOf(w)
		return false, err
	})
	return end, err
}

// errNoStream: the server knows no such stream, or it was deleted.
var errNoStream = errors.New("no such stream")

// events makes one attempt at a read, and gives each event to take until that says no or fails.
func (s *Store) events(
	ctx context.Context, n *node, request *streams.ReadReq, take func(*streams.ReadResp_ReadEvent_RecordedEvent) (bool, error),
) error {
	ctx, cancel := context.WithCancel(requireLeader(ctx))
	defer cancel() // ends the call at the server, too
	var trailer metadata.MD
	call, err := n.streams.Read(ctx, request, grpc.Trailer(&trailer))
	if err != nil {
		return diagnose(err, trailer)
	}
	for {
		answer, err := call.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return diagnose(err, trailer)
		}
		switch content := answer.GetContent().(type) {
		case *streams.ReadResp_StreamNotFound_:
			return errNoStream
		case *streams.ReadResp_Event:
			if goOn, err := take(content.Event.GetEvent()); !goOn || err != nil {
				return err
			}
		} // else: the stream's first and last revision, or what a later server may add
	}
}

// checkWhole returns an error if the stream's metadata hides events of it. A deleted stream reads like one that never was.
func (s *Store) checkWhole(ctx context.Context, n *node, stream string) error {
	state := ""
	err := s.events(ctx, n, lastOfRequest("$$"+s.prefix+stream), func(w *streams.ReadResp_ReadEvent_RecordedEvent) (_ bool, err error) {
		state, err = retention(w.GetData())
		return false, err
	})
	if err != nil && !errors.Is(err, errNoStream) {
		return err
	}
	if state != "" {
		return fmt.Errorf("%w: stream %s%s is %s: events of it are missing (undo that in the stream's metadata before a scavenge removes them)",
			errDamaged, s.prefix, stream, state)
	}
	return nil
}

// streamRequest asks for a stream's events from a number on.
func streamRequest(stream string, from, count uint64) *streams.ReadReq {
	return &streams.ReadReq{Options: &streams.ReadReq_Options{
		StreamOption: &streams.ReadReq_Options_Stream{Stream: &streams.ReadReq_Options_StreamOptions{
			StreamIdentifier: &shared.StreamIdentifier{StreamName: []byte(stream)},
			RevisionOption:   &streams.ReadReq_Options_StreamOptions_Revision{Revision: from},
		}},
		ReadDirection: streams.ReadReq_Options_Forwards,
		CountOption:   &streams.ReadReq_Options_Count{Count: count},
		FilterOption:  &streams.ReadReq_Options_NoFilter{NoFilter: &shared.Empty{}},
		UuidOption:    structured(),
	}}
}

// lastOfRequest asks for a stream's last event.
func lastOfRequest(stream string) *streams.ReadReq {
	request := streamRequest(stream, 0, 1)
	request.Options.ReadDirection = streams.ReadReq_Options_Backwards
	request.Options.GetStream().RevisionOption = &streams.ReadReq_Options_StreamOptions_End{End: &shared.Empty{}}
	return request
}

// lastRequest asks for the events of the streams of a prefix, backwards from the end of the log.
func lastRequest(prefix string) *streams.ReadReq {
	return &streams.ReadReq{Options: &streams.ReadReq_Options{
		StreamOption: &streams.ReadReq_Options_All{All: &streams.ReadReq_Options_AllOptions{
			AllOption: &streams.ReadReq_Options_AllOptions_End{End: &shared.Empty{}},
		}},
		ReadDirection: streams.ReadReq_Options_Backwards,
		CountOption:   &streams.ReadReq_Options_Count{Count: math.MaxInt64},
		FilterOption:  &streams.ReadReq_Options_Filter{Filter: filter(prefix)},
		UuidOption:    structured(),
	}}
}

// searchWindow is how many events the server looks at before it answers, at the least with a checkpoint.
const searchWindow = 1_000

func filter(prefixes ...string) *streams.ReadReq_Options_FilterOptions {
	return &streams.ReadReq_Options_FilterOptions{
		Filter: &streams.ReadReq_Options_FilterOptions_StreamIdentifier{
			StreamIdentifier: &streams.ReadReq_Options_FilterOptions_Expression{Prefix: prefixes},
		},
		Window:                       &streams.ReadReq_Options_FilterOptions_Max{Max: searchWindow},
		CheckpointIntervalMultiplier: 1,
	}
}

func structured() *streams.ReadReq_Options_UUIDOption {
	return &streams.ReadReq_Options_UUIDOption{Content: &streams.ReadReq_Options_UUIDOption_Structured{Structured: &shared.Empty{}}}
}
