package esdb

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	lru "github.com/hashicorp/golang-lru/v2"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"amends/eventstore"
)

// place is where a subscription stands in the server's log. A checkpoint's commit position is that of the next record, with
// a prepare position of 0: both count, or the record at a checkpoint would be passed over.
type place struct{ commit, prepare uint64 }

// follower is one Follow under way. It outlives the connections that it reads from.
type follower struct {
	store *Store
	yield func(eventstore.Recorded, error) bool
	place place
	last  eventstore.Position // of the event that was yielded last

	revisions *lru.Cache[string, eventstore.Revision] // of streams met lately
	fromStart bool                                    // every stream ever met is in revisions
}

// rememberedStreams bounds the memory of a follower: within so many streams it notices every gap.
const rememberedStreams = 100_000

// errStop: whoever ranges over the events has enough.
var errStop = errors.New("stop")

// Follow implements eventstore.Store. The server filters by stream name; a subscription that drops is taken up again at
// the last event or checkpoint. The position must be 0 or that of an event.
func (s *Store) Follow(ctx context.Context, after eventstore.Position) iter.Seq2[eventstore.Recorded, error] {
	return func(yield func(eventstore.Recorded, error) bool) {
		ctx, cancel := s.bounded(ctx)
		defer cancel()
		err := s.checkPosition(ctx, after)
		if err == nil {
			err = s.follow(ctx, after, yield)
		}
		switch {
		case errors.Is(err, errStop):
		case ctx.Err() != nil:
			yield(eventstore.Recorded{}, context.Cause(ctx))
		default:
			yield(eventstore.Recorded{}, fmt.Errorf("follow the log: %w", err))
		}
	}
}

// checkPosition makes sure that there is an event at the position. Beyond the end of its log the server would silently
// pass over new events until they reach the position, and between two events it cannot read.
func (s *Store) checkPosition(ctx context.Context, at eventstore.Position) error {
	if at == 0 {
		return nil
	}
	found := false
	err := s.try(ctx, func(ctx context.Context, n *node) error {
		err := s.events(ctx, n, allRequest(place{uint64(at), uint64(at)}), func(w *streams.ReadResp_ReadEvent_RecordedEvent) (bool, error) {
			found = w.GetCommitPosition() == uint64(at)
			return false, nil
		})
		switch status.Code(err) {
		case codes.InvalidArgument, codes.Unknown:
			// Of a place that is none the server says no more than that something went wrong. If it can read otherwise, that was it.
			if _, failed := s.endAt(ctx, n); failed == nil {
				return nil
			}
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("position %d: %w", at, err)
	}
	if !found {
		return fmt.Errorf("%w: %d: it is of another log, or this one lost events", eventstore.ErrPosition, at)
	}
	return nil
}

func (s *Store) follow(ctx context.Context, after eventstore.Position, yield func(eventstore.Recorded, error) bool) error {
	f := &follower{store: s, yield: yield, last: after, place: place{uint64(after), uint64(after)}, fromStart: after == 0}
	var err error
	f.revisions, err = lru.NewWithEvict(rememberedStreams, func(string, eventstore.Revision) { f.fromStart = false })
	if err != nil {
		return err
	}
	r := s.retries()
	r.never = true
	for warned := false; ; {
		n, err := s.link.node(ctx)
		if err == nil {
			before := f.place
			err = f.subscribe(ctx, n)
			if f.place != before {
				r.progress()
				warned = false
			}
		}
		if !warned && ctx.Err() == nil && !errors.Is(err, errStop) {
			s.log.Warn().Err(err).Uint64("position", uint64(f.last)).Msg("a subscription to the log broke off")
			warned = true
		}
		if err := r.again(ctx, n, err); err != nil {
			return err
		}
	}
}

// subscribe reads one subscription until it breaks off.
func (f *follower) subscribe(ctx context.Context, n *node) error {
	ctx, cancel := context.WithCancel(requireLeader(ctx))
	defer cancel()
	var trailer metadata.MD
	call, err := n.streams.Read(ctx, f.request(), grpc.Trailer(&trailer))
	if err != nil {
		return diagnose(err, trailer)
	}
	for {
		answer, err := call.Recv()
		if errors.Is(err, io.EOF) {
			return &transientError{cause: errors.New("the server ended the subscription")}
		}
		if err != nil {
			return diagnose(err, trailer)
		}
		switch content := answer.GetContent().(type) {
		case *streams.ReadResp_Event:
			w := content.Event.GetEvent()
			if err := f.take(ctx, n, w); err != nil {
				return err
			}
			f.place = place{w.GetCommitPosition(), w.GetPreparePosition()}
		case *streams.ReadResp_Checkpoint_:
			f.place = place{content.Checkpoint.GetCommitPosition(), content.Checkpoint.GetPreparePosition()}
		} // else: confirmation, caught up, fell behind, or what a later server may add
	}
}

// take yields an event of a customer, and stops at the sign of a deletion. Anything else is somebody else's.
func (f *follower) take(ctx context.Context, n *node, w *streams.ReadResp_ReadEvent_RecordedEvent) error {
	name := string(w.GetStreamIdentifier().GetStreamName())
	if customer, ok := customerOf(name, "$$"+f.store.prefix); ok {
		state, err := retention(w.GetData())
		if err != nil || state == "" {
			return err
		}
		return f.store.checkWhole(ctx, n, customer) // it may have been undone since
	}
	customer, ok := customerOf(name, f.store.prefix)
	if !ok {
		return nil
	}
	e, err := recorded(customer, w)
	if err != nil {
		return err
	}
	if e.Position <= f.last {
		return nil // delivered before the subscription was taken up again
	}
	held, met := f.revisions.Get(customer)
	if (met || f.fromStart) && e.Revision != held+1 {
		return fmt.Errorf("%w: stream %s%s has revision %d at position %d, where %d belongs",
			errDamaged, f.store.prefix, customer, e.Revision, e.Position, held+1)
	}
	f.revisions.Add(customer, e.Revision)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	f.last = e.Position
	if !f.yield(e, nil) {
		return errStop
	}
	return nil
}

// request asks for everything after the follower's place, live.
func (f *follower) request() *streams.ReadReq {
	request := allRequest(f.place)
	if f.place == (place{}) {
		request.Options.GetAll().AllOption = &streams.ReadReq_Options_AllOptions_Start{Start: &shared.Empty{}}
	}
	request.Options.CountOption = &streams.ReadReq_Options_Subscription{Subscription: &streams.ReadReq_Options_SubscriptionOptions{}}
	request.Options.FilterOption = &streams.ReadReq_Options_Filter{Filter: filter(f.store.prefix, "$$"+f.store.prefix)}
	return request
}

// allRequest asks for the first event of the log at or after a place.
func allRequest(from place) *streams.ReadReq {
	return &streams.ReadReq{Options: &streams.ReadReq_Options{
		StreamOption: &streams.ReadReq_Options_All{All: &streams.ReadReq_Options_AllOptions{
			AllOption: &streams.ReadReq_Options_AllOptions_Position{Position: &streams.ReadReq_Options_Position{
				CommitPosition: from.commit, PreparePosition: from.prepare,
			}},
		}},
		ReadDirection: streams.ReadReq_Options_Forwards,
		CountOption:   &streams.ReadReq_Options_Count{Count: 1},
		FilterOption:  &streams.ReadReq_Options_NoFilter{NoFilter: &shared.Empty{}},
		UuidOption:    structured(),
	}}
}
