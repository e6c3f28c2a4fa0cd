package web

import (
	"bufio"
	"context"
	"errors"
	"iter"
	"mime"
	"net/http"
	"strconv"
	"sync"
	"time"

	"amends/access"
	"amends/eventstore"
	"amends/ledger"
)

// The media types that events are sent in, besides application/json and application/x-ndjson.
const (
	typeCloudEvent  = "application/cloudevents+json"
	typeCloudEvents = "application/cloudevents-batch+json"
)

// positionHeader carries the position that an answer reaches up to: the highest one written, or the one a read has seen.
const positionHeader = "Amends-Position"

func setPosition(w http.ResponseWriter, position uint64) {
	if position > 0 {
		w.Header().Set(positionHeader, strconv.FormatUint(position, 10))
	}
}

// statusUnknown is the fate of an event that the log did not answer for. It appears only in a problem's receipts.
const statusUnknown ledger.Status = "unknown"

// maxChunkBytes bounds what one request holds in memory of the events that it is about to record.
const maxChunkBytes = 4 << 20

func (s *server) postEventsRoute() *route {
	event := func(mediaType, description string) body { return body{mediaType: mediaType, description: description} }
	return &route{
		method: http.MethodPost, path: "/v1/events", id: "record-events", summary: "Record events",
		needs: access.RecordEvents,
		description: "Takes CloudEvents 1.0 in JSON: one, an array, or one a line. Each event is answered, in order. " +
			"One event: 201 recorded, 200 duplicate, 422 refused, 409 refused for its expectedrevision (problem documents). Several: 200, and each receipt says what " +
			"became of its event; a refused event does not hold up the others. What is malformed in an array ends it: everything " +
			"before is recorded, the rest gets one refused receipt. In NDJSON a bad line is refused alone; empty lines get no receipt. " +
			"What has arrived is recorded as soon as the sender pauses. 503: the log could not be reached; send the same again. Events without an id get a new one each time, so give ids.",
		query: []parameter{
			{name: "proof", description: "wait: answer only when a signed checkpoint covers what was recorded, for a few seconds at most; " +
				"the receipt of a single event then has its proof (c2sp.org/tlog-proof)"},
			{name: "live", boolean: true,
				description: "Of NDJSON: send each receipt as soon as it is known, while events still arrive. The caller must read while it " +
					"sends. A failure of the log is then a last line {\"problem\":{…}}, and there is no Amends-Position"},
		},
		request: []body{
			event(typeCloudEvent, "One event"), event(typeCloudEvents, "An array of events"),
			event(typeJSON, "One event, or an array of events"), event(typeNDJSON, "One event a line"),
		},
		responses: []body{
			{mediaType: typeJSON, of: ledger.Receipt{}, description: "One receipt, an array of receipts, or one receipt a line"},
			{mediaType: typeNDJSON, description: "One receipt a line"},
			{mediaType: typeJSON, of: ledger.Receipt{}, status: http.StatusCreated, description: "The one event was recorded"},
		},
		problems: []int{http.StatusUnsupportedMediaType, http.StatusConflict, http.StatusUnprocessableEntity, http.StatusServiceUnavailable},
		serve:    s.postEvents,
	}
}

func (s *server) postEvents(w http.ResponseWriter, r *http.Request) error {
	if v := value(r, "proof"); v != "" && v != "wait" {
		return badParameter("proof", "must be wait, or left out")
	}
	lines, err := bodyIsLines(r)
	if err != nil {
		return err
	}
	live, err := truthOf(r, "live")
	if err != nil {
		return err
	}
	arriving := newArriving(r.Body)
	in := bufio.NewReaderSize(arriving, 64<<10)
	if err := skipMark(in); err != nil {
		return err
	}
	if lines {
		out := &receipts{}
		if live {
			if err := http.NewResponseController(w).EnableFullDuplex(); err != nil {
				return err
			}
			out.live = w
		}
		return s.recordMany(w, r, arriving, lineElements(in), out)
	}
	if live {
		return badParameter("live", "needs Content-Type: %s", typeNDJSON)
	}
	first, err := firstByte(in)
	if err != nil {
		return problemf(http.StatusBadRequest, "empty-body", "Empty body", "the body holds no event")
	}
	if first == '[' {
		return s.recordMany(w, r, arriving, arrayElements(in), &receipts{array: true})
	}
	return s.recordOne(w, r, oneElement(in))
}

// bodyIsLines reads the Content-Type. JSON may be one event or an array: the body itself says which.
func bodyIsLines(r *http.Request) (bool, error) {
	if coding := r.Header.Get("Content-Encoding"); coding != "" && coding != "identity" {
		return false, problemf(http.StatusUnsupportedMediaType, "unsupported-encoding", "Unsupported Content-Encoding",
			"send the body as it is")
	}
	given := r.Header.Get("Content-Type")
	if given == "" {
		return false, nil
	}
	mediaType, params, err := mime.ParseMediaType(given)
	if charset := params["charset"]; err == nil && (charset == "" || charset == "utf-8" || charset == "UTF-8") {
		switch mediaType {
		case typeCloudEvent, typeCloudEvents, typeJSON:
			return false, nil
		case typeNDJSON, "application/ndjson", "application/jsonl":
			return true, nil
		}
	}
	return false, problemf(http.StatusUnsupportedMediaType, "unsupported-media-type", "Unsupported Content-Type",
		"send %s (one event), %s (an array), %s (one event a line) or %s, in UTF-8", typeCloudEvent, typeCloudEvents, typeNDJSON, typeJSON)
}

// skipMark drops a UTF-8 byte order mark. JSON has none, but some programs write one, and readers may ignore it (RFC 8259,
// section 8.1).
func skipMark(in *bufio.Reader) error {
	const mark = "\xef\xbb\xbf"
	if head, _ := in.Peek(len(mark)); string(head) == mark {
		_, err := in.Discard(len(mark))
		return err
	}
	return nil // an error of Peek is met again by whoever reads next
}

// firstByte looks at the first byte that is not white space.
func firstByte(in *bufio.Reader) (byte, error) {
	for {
		c, err := in.ReadByte()
		if err != nil {
			return 0, err
		}
		switch c {
		case ' ', '\t', '\r', '\n':
		default:
			return c, in.UnreadByte()
		}
	}
}

// recordOne answers for one event with its receipt, or with the problem.
func (s *server) recordOne(w http.ResponseWriter, r *http.Request, e element) error {
	if e.problem != nil {
		return e.problem
	}
	receipts, err := s.cfg.Ledger.RecordAs(r.Context(), author(r), [][]byte{e.raw})
	if err != nil && receipts[0].Status == "" {
		return unavailable(err)
	}
	receipt := receipts[0]
	identify(&receipt, e.raw)
	setPosition(w, receipt.Position)
	status := http.StatusOK
	switch receipt.Status {
	case ledger.Refused:
		p := asProblem(receipt.Problem)
		p.ID, p.Customer = receipt.ID, receipt.Customer
		return p
	case ledger.Recorded:
		status = http.StatusCreated
	}
	if value(r, "proof") == "wait" {
		proof, err := s.proof(r.Context(), receipt.Position)
		if err != nil {
			return err // the same event, sent again, is a duplicate, and gets its proof
		}
		return answerJSON(w, status, provedReceipt{receipt, string(proof)})
	}
	return answerJSON(w, status, receipt)
}

// provedReceipt is the receipt of an event that waited for its proof.
type provedReceipt struct {
	ledger.Receipt
	Proof string `json:"proof"`
}

// recordMany records the elements in chunks and answers for each in order: as a JSON array or as NDJSON.
func (s *server) recordMany(w http.ResponseWriter, r *http.Request, arriving *arriving, elements iter.Seq[element], out *receipts) (err error) {
	defer func() { err = errors.Join(err, out.held.close()) }()
	from, mediaType := author(r), typeNDJSON
	if out.array {
		mediaType = typeJSON
	}
	w.Header().Set("Content-Type", mediaType)

	// Neither a server that stops nor a failure of the log waits for a sender that has nothing to say.
	stopReading := func() {
		_ = http.NewResponseController(w).SetReadDeadline(time.Unix(1, 0)) // long past; without deadlines there is nothing to end
	}
	defer context.AfterFunc(r.Context(), stopReading)()

	// The reader stays in this goroutine, which may wait for the sender at any time; the recorder is never left waiting.
	var recorder sync.WaitGroup
	var failure error
	var panicked any
	recorder.Go(func() {
		defer arriving.refuse()
		defer func() { panicked = recover() }()
		for {
			chunk, more := arriving.take()
			if !more {
				return
			}
			if failure = s.recordChunk(r.Context(), from, chunk, out); failure != nil {
				if arriving.refuse(); out.live != nil {
					stopReading() // who sends everything before reading anything would miss the answer; who reads does not
				}
				return
			}
		}
	})
	arriving.readAll(elements)
	recorder.Wait()
	if panicked != nil {
		panic(panicked)
	}
	if failure == nil && value(r, "proof") == "wait" && out.highest > 0 {
		failure = s.awaitSealed(r.Context(), eventstore.Position(out.highest), false)
	}
	switch {
	case out.live != nil:
		return s.endLive(out, failure)
	case failure != nil:
		setPosition(w, out.highest)
		return out.inProblem(failure)
	}
	setPosition(w, out.highest)
	out.end()
	return out.held.copyTo(w)
}

// endLive ends receipts that were sent as they came. A failure is their last line.
func (s *server) endLive(out *receipts, failure error) error {
	if failure == nil || out.count == 0 || errors.Is(failure, context.Canceled) {
		return failure
	}
	s.cfg.Logger.Error().Str("route", "/v1/events").Err(failure).Msg("recording failed")
	return writeJSON(out.live, map[string]*Problem{"problem": asProblem(failure)})
}
