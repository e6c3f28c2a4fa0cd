package schemas

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"time"
)

// MaxRecord is the size of the largest record in bytes: the entry limit of C2SP tlog-tiles.
const MaxRecord = 65535

// Encode makes the stored bytes of an event: recorded is when the ledger takes it, revision its place in the customer's
// stream and prev the SHA-256 of the record before it (zero for revision 1). An event without a time happened, as far as the
// ledger knows, when it was recorded. If in was sealed, the sealed payload is what is stored. The error is a Problem of type
// record-too-large.
func (c *Codec) Encode(in Input, recorded time.Time, revision uint64, prev [32]byte) ([]byte, error) {
	payload := in.DataJSON
	if in.Sealed != nil {
		payload = in.Sealed
	}
	b := make([]byte, 0, envelopeSize(&in)+len(payload))
	e := &in.Event
	occurred := e.Time
	if occurred.IsZero() {
		occurred = recorded
	}
	b = append(b, `{"specversion":"1.0","id":"`...)
	b = append(b, e.ID...)
	b = append(b, `","source":"`...)
	b = append(b, e.Source...)
	b = append(b, `","type":"`...)
	b = append(b, e.Type...)
	b = append(b, `","dataschema":"`...)
	b = append(b, in.Schema...)
	b = append(b, `","subject":"`...)
	b = append(b, e.Customer...)
	b = append(b, `","time":"`...)
	b = occurred.UTC().AppendFormat(b, time.RFC3339Nano)
	b = appendOptional(b, `","timeaccuracy":"`, string(e.Accuracy))
	b = append(b, `","recordedtime":"`...)
	b = recorded.UTC().AppendFormat(b, time.RFC3339Nano)
	b = append(b, `","revision":`...)
	b = strconv.AppendUint(b, revision, 10)
	b = append(b, `,"prevhash":"`...)
	b = hex.AppendEncode(b, prev[:])
	b = appendOptional(b, `","actor":"`, e.Actor)
	b = appendOptional(b, `","correlationid":"`, e.CorrelationID)
	b = appendOptional(b, `","causationid":"`, e.CausationID)
	b = appendOptional(b, `","traceparent":"`, in.Traceparent)
	b = append(b, `","datacontenttype":"application/json","data":`...)
	b = append(b, payload...)
	b = append(b, '}')
	if len(b) > MaxRecord {
		return nil, tooLarge(len(b), in.DataJSON) // names the field as it was sent; sealing takes a third more
	}
	return b, nil
}

func appendOptional(b []byte, prefix, value string) []byte {
	if value == "" {
		return b
	}
	return append(append(b, prefix...), value...)
}

// envelopeSize is at least the size of a record without its data.
func envelopeSize(in *Input) int {
	const names = 460 // all attribute names and punctuation (255), both times (60), revision (20), prevhash (64), and room
	e := &in.Event
	return names + len(e.ID) + len(e.Source) + len(e.Type) + len(in.Schema) + len(e.Customer) + len(e.Accuracy) + len(e.Actor) +
		len(e.CorrelationID) + len(e.CausationID) + len(in.Traceparent)
}

// largest is where the largest text or list of the payload stands.
func largest(data []byte, base string) string {
	n := newNode()
	pointer, size := base, 0
	if data[0] != '{' {
		return base
	}
	var winner []byte
	for b := data[1:]; b[0] != '}'; {
		if b[0] == ',' {
			b = b[1:]
		}
		end, _ := stringEnd(b)
		name, value := b[1:end-1], b[end+1:]
		b, _ = n.check(value)
		if length := len(value) - len(b); length > size {
			size, winner = length, value[:length]
			pointer = base + "/" + string(name)
		}
	}
	// Inside an object the largest member is named as well, unless the object is large through many small members.
	if len(winner) > 0 && winner[0] == '{' {
		if inner := largest(winner, pointer); inner != pointer {
			return safePointer(inner)
		}
	}
	return safePointer(pointer)
}

func tooLarge(size int, data []byte) *Problem {
	return problem(recordTooLarge, largest(data, "/data"), fmt.Sprintf(
		"The record would take %d bytes as stored, and at most %d are allowed. "+
			"Long texts, recordings, scans and mails live elsewhere; the record names them under documents by URI, SHA-256 and size. "+
			"The pointer shows the largest field.", size, MaxRecord))
}
