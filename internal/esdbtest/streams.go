package esdbtest

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"regexp"
	"slices"
	"strconv"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/gossip"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"github.com/google/uuid"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// Append implements the streams service.
func (s *Server) Append(call streams.Streams_AppendServer) error {
	if err := s.atLeader(call.Context(), call.SetTrailer); err != nil {
		return err
	}
	first, err := call.Recv()
	if err != nil {
		return err
	}
	options := first.GetOptions()
	if options == nil {
		return status.Error(codes.Unknown, "Exception was thrown by handler.")
	}
	stream := string(options.GetStreamIdentifier().GetStreamName())
	var expected int64
	switch e := options.GetExpectedStreamRevision().(type) {
	case *streams.AppendReq_Options_Revision:
		expected = int64(e.Revision)
	case *streams.AppendReq_Options_NoStream:
		expected = expectNoStream
	case *streams.AppendReq_Options_Any:
		expected = expectAny
	case *streams.AppendReq_Options_StreamExists:
		expected = expectStreamExists
	default:
		return status.Error(codes.InvalidArgument, "'None' is not a valid expected revision")
	}
	events, err := s.receive(call)
	if err != nil {
		return err
	}
	fate := Pass
	s.mu.Lock()
	if s.onAppend != nil {
		fate = s.onAppend(stream)
	}
	s.mu.Unlock()
	switch fate {
	case LoseRequest:
		s.Cut()
		return status.Error(codes.Unavailable, "cut")
	case Busy:
		return status.Error(codes.Unavailable, "Server Is Too Busy")
	}
	out := s.cluster.log.append(stream, expected, events)
	switch {
	case fate == LoseReceipt:
		s.Cut()
		return status.Error(codes.Unavailable, "cut")
	case fate == TimeOut:
		return status.Error(codes.Aborted, "Operation timed out: Prepare phase timeout.")
	case out.decision == streamDeleted:
		call.SetTrailer(metadata.Pairs("exception", "stream-deleted", "stream-name", stream))
		return status.Errorf(codes.FailedPrecondition, "Event stream '%s' is deleted.", stream)
	case out.decision == wrongVersion:
		return call.SendAndClose(wrongExpectedVersion(options, expected, out.current))
	}
	done := &streams.AppendResp_Success{PositionOption: &streams.AppendResp_Success_NoPosition{NoPosition: &shared.Empty{}}}
	if out.end < 0 {
		done.CurrentRevisionOption = &streams.AppendResp_Success_NoStream{NoStream: &shared.Empty{}}
	} else {
		done.CurrentRevisionOption = &streams.AppendResp_Success_CurrentRevision{CurrentRevision: uint64(out.end)}
	}
	if out.knownPosition {
		done.PositionOption = &streams.AppendResp_Success_Position{Position: &streams.AppendResp_Position{
			CommitPosition: out.position, PreparePosition: out.position,
		}}
	}
	return call.SendAndClose(&streams.AppendResp{Result: &streams.AppendResp_Success_{Success: done}})
}

// receive takes the events of an append, up to the server's limits.
func (s *Server) receive(call streams.Streams_AppendServer) ([]proposed, error) {
	var events []proposed
	size := 0
	for {
		part, err := call.Recv()
		if errors.Is(err, io.EOF) {
			return events, nil
		}
		if err != nil {
			return nil, err
		}
		m := part.GetProposedMessage()
		if m == nil {
			return nil, status.Error(codes.Unknown, "Exception was thrown by handler.")
		}
		e := proposed{id: uuidOf(m.GetId()), kind: m.GetMetadata()["type"], data: m.GetData(), meta: m.GetCustomMetadata()}
		content, typed := m.GetMetadata()["content-type"]
		if e.kind == "" || !typed {
			return nil, status.Error(codes.InvalidArgument, "Required Metadata Property 'type' or 'content-type' is missing")
		}
		e.json = content == "application/json"
		size += len(e.data) + len(e.meta) + 2*len(e.kind)
		if size > s.cfg.MaxAppendSize {
			call.SetTrailer(metadata.Pairs("exception", "maximum-append-size-exceeded",
				"maximum-append-size", strconv.Itoa(s.cfg.MaxAppendSize)))
			return nil, status.Errorf(codes.InvalidArgument, "Maximum Append Size of %d Exceeded.", s.cfg.MaxAppendSize)
		}
		events = append(events, e)
	}
}

func wrongExpectedVersion(options *streams.AppendReq_Options, expected, current int64) *streams.AppendResp {
	wrong := &streams.AppendResp_WrongExpectedVersion{}
	switch options.GetExpectedStreamRevision().(type) {
	case *streams.AppendReq_Options_Any:
		wrong.ExpectedRevisionOption = &streams.AppendResp_WrongExpectedVersion_ExpectedAny{ExpectedAny: &shared.Empty{}}
	case *streams.AppendReq_Options_StreamExists:
		wrong.ExpectedRevisionOption = &streams.AppendResp_WrongExpectedVersion_ExpectedStreamExists{ExpectedStreamExists: &shared.Empty{}}
	case *streams.AppendReq_Options_NoStream:
		wrong.ExpectedRevisionOption = &streams.AppendResp_WrongExpectedVersion_ExpectedNoStream{ExpectedNoStream: &shared.Empty{}}
	default:
		wrong.ExpectedRevisionOption = &streams.AppendResp_WrongExpectedVersion_ExpectedRevision{ExpectedRevision: uint64(expected)}
	}
	if current < 0 {
		wrong.CurrentRevisionOption = &streams.AppendResp_WrongExpectedVersion_CurrentNoStream{CurrentNoStream: &shared.Empty{}}
	} else {
		wrong.CurrentRevisionOption = &streams.AppendResp_WrongExpectedVersion_CurrentRevision{CurrentRevision: uint64(current)}
	}
	return &streams.AppendResp{Result: &streams.AppendResp_WrongExpectedVersion_{WrongExpectedVersion: wrong}}
}

// Delete implements the streams service. Only deletions at any version are needed here.
func (s *Server) Delete(_ context.Context, r *streams.DeleteReq) (*streams.DeleteResp, error) {
	at := s.cluster.log.delete(string(r.GetOptions().GetStreamIdentifier().GetStreamName()))
	return &streams.DeleteResp{PositionOption: &streams.DeleteResp_Position_{
		Position: &streams.DeleteResp_Position{CommitPosition: at, PreparePosition: at},
	}}, nil
}

// Tombstone implements the streams service.
func (s *Server) Tombstone(_ context.Context, r *streams.TombstoneReq) (*streams.TombstoneResp, error) {
	at := s.cluster.log.tombstone(string(r.GetOptions().GetStreamIdentifier().GetStreamName()))
	return &streams.TombstoneResp{PositionOption: &streams.TombstoneResp_Position_{
		Position: &streams.TombstoneResp_Position{CommitPosition: at, PreparePosition: at},
	}}, nil
}

// Read implements the streams service: reads of a stream or of $all, and subscriptions to $all.
func (s *Server) Read(r *streams.ReadReq, call streams.Streams_ReadServer) error {
	if err := s.atLeader(call.Context(), call.SetTrailer); err != nil {
		return err
	}
	o := r.GetOptions()
	if o.GetUuidOption() == nil {
		return status.Error(codes.InvalidArgument, "'uuidOption' is a required argument")
	}
	out := &sender{server: s, call: call, asText: o.GetUuidOption().GetString_() != nil}
	switch {
	case o.GetStream() != nil && o.GetSubscription() == nil && o.GetFilter() == nil:
		return s.readStream(o, out)
	case o.GetAll() != nil && o.GetSubscription() != nil:
		return s.subscribe(o, out)
	case o.GetAll() != nil:
		return s.readAll(o, out)
	}
	return status.Error(codes.InvalidArgument, "The combination is invalid.")
}

func (s *Server) readStream(o *streams.ReadReq_Options, out *sender) error {
	name := string(o.GetStream().GetStreamIdentifier().GetStreamName())
	visible, found := s.cluster.log.read(name)
	if s.lags() {
		visible = slices.DeleteFunc(visible, func(r record) bool { return !s.sees(r) })
		found = found && len(visible) > 0
	}
	if !found {
		return out.call.Send(&streams.ReadResp{Content: &streams.ReadResp_StreamNotFound_{
			StreamNotFound: &streams.ReadResp_StreamNotFound{StreamIdentifier: o.GetStream().GetStreamIdentifier()},
		}})
	}
	if len(visible) > 0 && visible[len(visible)-1].number == deletedStream {
		out.call.SetTrailer(metadata.Pairs("exception", "stream-deleted", "stream-name", name))
		return status.Errorf(codes.FailedPrecondition, "Event stream '%s' is deleted.", name)
	}
	from := uint64(0)
	backwards := o.GetReadDirection() == streams.ReadReq_Options_Backwards
	switch p := o.GetStream().GetRevisionOption().(type) {
	case *streams.ReadReq_Options_StreamOptions_Revision:
		from = p.Revision
	case *streams.ReadReq_Options_StreamOptions_End:
		from = math.MaxInt64
	}
	if backwards {
		slices.Reverse(visible)
	}
	sent := uint64(0)
	for i := range visible {
		r := &visible[i]
		if !backwards && r.number < from || backwards && r.number > from {
			continue
		}
		if sent == o.GetCount() {
			break
		}
		sent++
		if err := out.event(r, !s.cfg.NoStreamPositions); err != nil {
			return err
		}
	}
	return nil
}

// lags reports whether this node's view of the log stands still.
func (s *Server) lags() bool { return s.leader() != s && s.frozen > 0 }

func (s *Server) sees(r record) bool {
	records, _, _ := s.cluster.log.snapshot()
	return s.frozen > 0 && r.pos <= records[s.frozen-1].pos
}

func (s *Server) readAll(o *streams.ReadReq_Options, out *sender) error {
	records, end, _ := s.cluster.log.snapshot()
	if s.lags() {
		records = records[:s.frozen]
	}
	chosen, err := chosenBy(o.GetFilter())
	if err != nil {
		return err
	}
	from, err := placeOf(o.GetAll(), records, end)
	if err != nil {
		return err
	}
	backwards := o.GetReadDirection() == streams.ReadReq_Options_Backwards
	sent := uint64(0)
	for i := range records {
		r := &records[i]
		if backwards {
			r = &records[len(records)-1-i]
		}
		at := place{r.pos, r.pos}
		if !backwards && at.before(from) || backwards && !at.before(from) || !chosen.takes(r) {
			continue
		}
		if sent == o.GetCount() {
			break
		}
		sent++
		if err := out.event(r, true); err != nil {
			return err
		}
	}
	return nil
}

// place is a position in $all.
type place struct{ commit, prepare uint64 }

func (p place) before(q place) bool {
	return p.commit < q.commit || p.commit == q.commit && p.prepare < q.prepare
}

// placeOf is strict as the server: a read must start at a record, or at the end.
func placeOf(all *streams.ReadReq_Options_AllOptions, records []record, end uint64) (place, error) {
	switch p := all.GetAllOption().(type) {
	case *streams.ReadReq_Options_AllOptions_End:
		return place{math.MaxInt64, math.MaxInt64}, nil
	case *streams.ReadReq_Options_AllOptions_Position:
		at := place{p.Position.GetCommitPosition(), p.Position.GetPreparePosition()}
		_, exact := slices.BinarySearchFunc(records, at.commit, func(r record, pos uint64) int {
			switch {
			case r.pos < pos:
				return -1
			case r.pos > pos:
				return 1
			}
			return 0
		})
		switch {
		case at.commit > end:
			return at, status.Error(codes.InvalidArgument, "Trying to read from an invalid position.")
		case !exact && at.commit != end:
			return at, status.Error(codes.Unknown, "Unexpected ReadAllResult: Error")
		}
		return at, nil
	}
	return place{}, nil
}

func chosenBy(f *streams.ReadReq_Options_FilterOptions) (*selection, error) {
	if f == nil {
		return nil, nil
	}
	expression := f.GetStreamIdentifier()
	if expression == nil {
		expression = f.GetEventType()
	}
	chosen := &selection{byType: f.GetEventType() != nil, prefixes: expression.GetPrefix()}
	if expression.GetRegex() != "" {
		var err error
		if chosen.regex, err = regexp.Compile(expression.GetRegex()); err != nil {
			return nil, status.Error(codes.InvalidArgument, err.Error())
		}
	}
	return chosen, nil
}

// subscribe serves a subscription to $all: what is there, then what comes. Checkpoints name the place of the next record with
// a prepare position of 0, as servers do.
func (s *Server) subscribe(o *streams.ReadReq_Options, out *sender) error {
	chosen, err := chosenBy(o.GetFilter())
	if err != nil {
		return err
	}
	interval := 0
	if f := o.GetFilter(); f != nil {
		window := int(f.GetMax())
		if f.GetCount() != nil {
			window = 32
		}
		if f.GetCheckpointIntervalMultiplier() == 0 || window == 0 {
			return status.Error(codes.InvalidArgument, "the checkpoint interval is 0")
		}
		interval = window * int(f.GetCheckpointIntervalMultiplier())
	}
	s.mu.Lock()
	dropped := s.drop
	s.mu.Unlock()
	if err := out.call.Send(&streams.ReadResp{Content: &streams.ReadResp_Confirmation{
		Confirmation: &streams.ReadResp_SubscriptionConfirmation{SubscriptionId: uuid.NewString()},
	}}); err != nil {
		return err
	}
	records, end, grown := s.cluster.log.snapshot()
	after := place{}
	switch p := o.GetAll().GetAllOption().(type) {
	case *streams.ReadReq_Options_AllOptions_End:
		after = place{end - 1, end - 1}
	case *streams.ReadReq_Options_AllOptions_Position:
		// Beyond the end of the log the server waits in silence; elsewhere it reads, and must find a record.
		after = place{p.Position.GetCommitPosition(), p.Position.GetPreparePosition()}
		if after.commit < end {
			if _, err := placeOf(o.GetAll(), records, end); err != nil {
				return err
			}
		}
	}
	considered, live := 0, false
	for next := 0; ; {
		for ; next < len(records); next++ {
			r := &records[next]
			if !after.before(place{r.pos, r.pos}) {
				continue
			}
			if chosen.takes(r) {
				if err := out.event(r, true); err != nil {
					return err
				}
			}
			if considered++; interval > 0 && considered >= interval {
				considered = 0
				if err := out.checkpoint(place{commit: r.pos + r.size()}); err != nil {
					return err
				}
			}
		}
		if !live {
			live = true
			if err := out.caughtUp(interval > 0 && after.commit < end, place{commit: end}); err != nil {
				return err
			}
		}
		select {
		case <-grown:
		case <-dropped:
			return status.Error(codes.Aborted, "Operation timed out: the consumer is too slow")
		case <-out.call.Context().Done():
			return out.call.Context().Err()
		}
		records, end, grown = s.cluster.log.snapshot()
	}
}

// sender writes the answers of a read.
type sender struct {
	server *Server
	call   streams.Streams_ReadServer
	asText bool // UUIDs
	sent   int
}

func (o *sender) event(r *record, placed bool) error {
	s := o.server
	s.mu.Lock()
	cut := s.onRead != nil && s.onRead(o.sent) == LoseRequest
	s.mu.Unlock()
	if cut {
		s.Cut()
		return status.Error(codes.Unavailable, "cut")
	}
	o.sent++
	e := &streams.ReadResp_ReadEvent_RecordedEvent{
		Id:               wire(r.id, o.asText),
		StreamIdentifier: &shared.StreamIdentifier{StreamName: []byte(r.stream)},
		StreamRevision:   r.number,
		CommitPosition:   math.MaxUint64,
		PreparePosition:  math.MaxUint64,
		Metadata: map[string]string{
			"type": r.kind, "created": strconv.FormatInt(r.created.UnixNano()/100, 10), "content-type": "application/octet-stream",
		},
		Data:           r.data,
		CustomMetadata: r.meta,
	}
	if r.json {
		e.Metadata["content-type"] = "application/json"
	}
	read := &streams.ReadResp_ReadEvent{Event: e, Position: &streams.ReadResp_ReadEvent_NoPosition{NoPosition: &shared.Empty{}}}
	if placed {
		e.CommitPosition, e.PreparePosition = r.pos, r.pos
		read.Position = &streams.ReadResp_ReadEvent_CommitPosition{CommitPosition: r.pos}
	}
	return o.call.Send(&streams.ReadResp{Content: &streams.ReadResp_Event{Event: read}})
}

func (o *sender) checkpoint(at place) error {
	return o.call.Send(&streams.ReadResp{Content: &streams.ReadResp_Checkpoint_{
		Checkpoint: &streams.ReadResp_Checkpoint{CommitPosition: at.commit, PreparePosition: at.prepare},
	}})
}

// caughtUp says that the subscription is live; a checkpoint comes first if there is a filter. A message that nobody knows yet
// comes last: a later server may send such.
func (o *sender) caughtUp(withCheckpoint bool, at place) error {
	if withCheckpoint {
		if err := o.checkpoint(at); err != nil {
			return err
		}
	}
	if err := o.call.Send(&streams.ReadResp{Content: &streams.ReadResp_CaughtUp_{CaughtUp: &streams.ReadResp_CaughtUp{}}}); err != nil {
		return err
	}
	return o.call.Send(&streams.ReadResp{})
}

func uuidOf(w *shared.UUID) (id uuid.UUID) {
	if t := w.GetString_(); t != "" {
		id, _ = uuid.Parse(t)
		return id
	}
	binary.BigEndian.PutUint64(id[:8], uint64(w.GetStructured().GetMostSignificantBits()))
	binary.BigEndian.PutUint64(id[8:], uint64(w.GetStructured().GetLeastSignificantBits()))
	return id
}

func wire(id uuid.UUID, asText bool) *shared.UUID {
	if asText {
		return &shared.UUID{Value: &shared.UUID_String_{String_: id.String()}}
	}
	return &shared.UUID{Value: &shared.UUID_Structured_{Structured: &shared.UUID_Structured{
		MostSignificantBits:  int64(binary.BigEndian.Uint64(id[:8])),
		LeastSignificantBits: int64(binary.BigEndian.Uint64(id[8:])),
	}}}
}

// gossipService is the node's answer to who leads; a type of its own, because its method is called Read, too.
type gossipService struct {
	gossip.UnimplementedGossipServer
	server *Server
}

func (g gossipService) Read(context.Context, *shared.Empty) (*gossip.ClusterInfo, error) {
	return g.server.gossipInfo(), nil
}
