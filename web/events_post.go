package web

import (
	"bufio"
	"errors"
	"iter"
	"mime"
	"net/http"
	"strconv"

	"amends/access"
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
			"503: the log could not be reached; send the same again. Events without an id get a new one each time, so give ids.",
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
	lines, err := bodyIsLines(r)
	if err != nil {
		return err
	}
	in := bufio.NewReaderSize(r.Body, 64<<10)
	if lines {
		return s.recordMany(w, r, lineElements(in), typeNDJSON)
	}
	first, err := firstByte(in)
	if err != nil {
		return problemf(http.StatusBadRequest, "empty-body", "Empty body", "the body holds no event")
	}
	if first == '[' {
		return s.recordMany(w, r, arrayElements(in), typeJSON)
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
	return answerJSON(w, status, receipt)
}

// recordMany records the elements in chunks and answers for each in order: as a JSON array or as NDJSON.
func (s *server) recordMany(w http.ResponseWriter, r *http.Request, elements iter.Seq[element], mediaType string) (err error) {
	out := &receipts{array: mediaType == typeJSON}
	defer func() { err = errors.Join(err, out.held.close()) }()

	from, chunk := author(r), &chunk{}
	var failure error
	for e := range elements {
		chunk.add(e)
		if !chunk.full() {
			continue
		}
		if failure = s.recordChunk(r.Context(), from, chunk, out); failure != nil {
			break
		}
	}
	if failure == nil {
		failure = s.recordChunk(r.Context(), from, chunk, out)
	}
	setPosition(w, out.highest)
	if failure != nil {
		return out.inProblem(failure)
	}
	w.Header().Set("Content-Type", mediaType)
	out.end()
	return out.held.copyTo(w)
}
