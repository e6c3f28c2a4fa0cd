package esdb

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"unicode/utf8"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"github.com/google/uuid"

	"amends/eventstore"
)

// Names as they are stored. They are a format: a test freezes them.
const (
	streamPrefix = "amends-"       // and the customer; the server's own stream about that stream has $$ before it
	recordType   = "amends.record" // the type of each of our events; what kind of fact it is, the record itself says
	contentJSON  = "application/json"
	contentBytes = "application/octet-stream"

	typeDeleted = "$streamDeleted" // the server's tombstone
	keyType     = "type"
	keyContent  = "content-type"
)

// idSpace is the namespace of event UUIDs.
var idSpace = uuid.MustParse("c8a1d7a4-6f0e-4b0f-9f0e-5a1b7f6f3c52")

// errDamaged: the log holds, or lacks, what this package never wrote or removed.
var errDamaged = eventstore.ErrDamaged

// eventUUID is the server's id for an event: SHA-256 over the stream and the id (RFC 9562, version 8). The server compares
// it to recognise a repeated append. No stream name holds a zero byte, so no two pairs run together.
func eventUUID(stream, id string) uuid.UUID {
	return uuid.NewHash(sha256.New(), idSpace, []byte(stream+"\x00"+id), 8)
}

// eventMetadata holds the event's id as its sender wrote it.
type eventMetadata struct {
	ID    *string `json:"id,omitempty"`
	Bytes []byte  `json:"id_base64,omitempty"` // an id that is not UTF-8, which JSON cannot carry as a string
}

func proposal(stream string, e eventstore.Event) (*streams.AppendReq, error) {
	meta := eventMetadata{ID: &e.ID}
	if !utf8.ValidString(e.ID) {
		meta = eventMetadata{Bytes: []byte(e.ID)}
	}
	about, err := json.Marshal(meta)
	if err != nil {
		return nil, fmt.Errorf("%w: event id %q: %w", eventstore.ErrInvalid, e.ID, err)
	}
	content := contentBytes
	if json.Valid(e.Data) { // then the server's own projections and pages can read it
		content = contentJSON
	}
	return &streams.AppendReq{Content: &streams.AppendReq_ProposedMessage_{ProposedMessage: &streams.AppendReq_ProposedMessage{
		Id:             wireUUID(eventUUID(stream, e.ID)),
		Metadata:       map[string]string{keyType: recordType, keyContent: content},
		CustomMetadata: about,
		Data:           e.Data,
	}}}, nil
}

// customerOf returns the customer whose stream this is; false for a stream of somebody else.
func customerOf(name, prefix string) (string, bool) {
	customer, ok := strings.CutPrefix(name, prefix)
	return customer, ok && eventstore.ValidateStream(customer) == nil
}

// recorded turns an event of a customer's stream into what the contract promises, or says what is wrong with it.
func recorded(customer string, e *streams.ReadResp_ReadEvent_RecordedEvent) (eventstore.Recorded, error) {
	damaged := func(format string, args ...any) (eventstore.Recorded, error) {
		return eventstore.Recorded{}, fmt.Errorf("%w: stream %s, event number %d: %s",
			errDamaged, e.GetStreamIdentifier().GetStreamName(), e.GetStreamRevision(), fmt.Sprintf(format, args...))
	}
	switch kind := e.GetMetadata()[keyType]; kind {
	case recordType:
	case typeDeleted:
		return damaged("the stream was tombstoned: its events are lost")
	default:
		return damaged("it has type %q, which Amends never writes", kind)
	}
	var meta eventMetadata
	if err := json.Unmarshal(e.GetCustomMetadata(), &meta); err != nil {
		return damaged("its metadata is not ours: %v", err)
	}
	id := string(meta.Bytes)
	if meta.ID != nil {
		id = *meta.ID
	}
	if readUUID(e.GetId()) != eventUUID(customer, id) {
		return damaged("its UUID is not that of its id")
	}
	position, err := positionOf(e)
	if err != nil {
		return damaged("%v", err)
	}
	return eventstore.Recorded{
		Event:    eventstore.Event{ID: id, Data: e.GetData()},
		Stream:   customer,
		Revision: eventstore.Revision(e.GetStreamRevision()) + 1,
		Position: position,
	}, nil
}

// positionOf is the event's place in the transaction log. Each event of an append over gRPC is a committed record of its own,
// so its commit and prepare positions are equal, and no two events share them.
func positionOf(e *streams.ReadResp_ReadEvent_RecordedEvent) (eventstore.Position, error) {
	commit, prepare := e.GetCommitPosition(), e.GetPreparePosition()
	switch {
	case commit > math.MaxInt64: // the wire's "none"
		return 0, errors.New("it has no log position: the server is older than 22.6, or a transaction wrote the event")
	case commit != prepare:
		return 0, errors.New("a transaction wrote it, so that other events share its position")
	case commit == 0:
		return 0, errors.New("it is at the very start of the server's log, where no event can be")
	}
	return eventstore.Position(commit), nil
}

// retention names the setting in a stream's metadata that hides or removes events of the stream; empty if there is none.
// A soft deletion is $tb, "truncate before", with the largest number.
func retention(metadata []byte) (string, error) {
	var m struct {
		TruncateBefore uint64          `json:"$tb"`
		MaxAge         json.RawMessage `json:"$maxAge"`
		MaxCount       json.RawMessage `json:"$maxCount"`
	}
	if err := json.Unmarshal(metadata, &m); err != nil {
		return "", fmt.Errorf("stream metadata: %w", err)
	}
	set := func(v json.RawMessage) bool { return len(v) > 0 && string(v) != "null" }
	switch {
	case m.TruncateBefore == math.MaxInt64:
		return "deleted", nil
	case m.TruncateBefore > 0:
		return "truncated ($tb)", nil
	case set(m.MaxAge):
		return "limited in age ($maxAge)", nil
	case set(m.MaxCount):
		return "limited in number ($maxCount)", nil
	}
	return "", nil
}

func wireUUID(id uuid.UUID) *shared.UUID {
	return &shared.UUID{Value: &shared.UUID_Structured_{Structured: &shared.UUID_Structured{
		MostSignificantBits:  int64(binary.BigEndian.Uint64(id[:8])),
		LeastSignificantBits: int64(binary.BigEndian.Uint64(id[8:])),
	}}}
}

func readUUID(w *shared.UUID) (id uuid.UUID) {
	if s := w.GetStructured(); s != nil {
		binary.BigEndian.PutUint64(id[:8], uint64(s.MostSignificantBits))
		binary.BigEndian.PutUint64(id[8:], uint64(s.LeastSignificantBits))
		return id
	}
	id, _ = uuid.Parse(w.GetString_()) // the zero UUID is nobody's: the caller compares
	return id
}
