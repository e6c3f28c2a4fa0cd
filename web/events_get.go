package web

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"path"
	"strconv"

	"amends/access"
	"amends/eventstore"
)

const (
	defaultPage = 100
	maxPage     = 1_000
	// maxPageScan bounds how many records one page looks at: a filter that matches little must not hold a request for
	// the length of the log. The page then is short, and next goes on from where it stopped.
	maxPageScan = 100_000
)

// EventPage is a page of the log as OpenAPI describes it. The records themselves are written as they are stored.
type EventPage struct {
	Events []PlacedEvent `json:"events"`
	Next   uint64        `json:"next" doc:"Where to continue: the next page's after"`
	End    bool          `json:"end" doc:"Whether the page reached the end that the log had when it was asked"`
}

// PlacedEvent is a record and its place in the log.
type PlacedEvent struct {
	Position uint64         `json:"position"`
	Event    map[string]any `json:"event" doc:"The record: a CloudEvent, byte for byte as it is stored, unless open=true"`
	Erased   []Erased       `json:"erased,omitempty" doc:"With open=true: the values that cannot be opened any more"`
}

func (s *server) getEventsRoute() *route {
	return &route{
		method: http.MethodGet, path: "/v1/events", id: "read-events", summary: "Read or follow the log",
		needs: access.ReadRecords,
		description: "Pages through the log in order of position: start with after=0 and continue with next. Nothing is skipped " +
			"or repeated, also while events are written. A page may be short, even empty, before the end when a filter matches little. " +
			"As Server-Sent Events: catches up and stays live; each message's id is the position and its data the record; " +
			"Last-Event-ID resumes. As NDJSON: up to the end of the log; with follow=true it stays live. " +
			"Positions rise; they need not be dense. 409: the position lies beyond the end of the log, which then is not the log that " +
			"the position is from, or an older state of it. Only pages can be opened. " + openDescription,
		query: append([]parameter{
			{name: "after", integer: true, description: "Only events after this position. Default 0: from the beginning"},
			{name: "limit", integer: true, description: "Events in a page, 1 to 1,000. Default 100. Of NDJSON: at most so many lines; default: no limit"},
			{name: "type", repeats: true, description: "Only these types: globs such as complaint.*, repeated or comma-separated"},
			{name: "customer", description: "Only this customer's events"},
			{name: "follow", boolean: true, description: "NDJSON: stay live at the end of the log"},
		}, openParameters...),
		headers: []parameter{{name: "Last-Event-ID", description: "Server-Sent Events: the last position seen; stronger than after"}},
		responses: []body{
			{mediaType: typeJSON, of: EventPage{}, description: "A page of events"},
			{mediaType: typeSSE, description: "Events as messages: id is the position, data the record"},
			{mediaType: typeNDJSON, description: `One {"position":…,"event":…} a line`},
		},
		problems: []int{http.StatusConflict, http.StatusServiceUnavailable},
		serve:    s.getEvents,
	}
}

func (s *server) getEvents(w http.ResponseWriter, r *http.Request) error {
	query, err := eventQueryOf(r)
	if err != nil {
		return err
	}
	follow, err := truthOf(r, "follow")
	if err != nil {
		return err
	}
	open, err := truthOf(r, "open")
	if err != nil {
		return err
	}
	mediaType := accepted(r, typeJSON, typeNDJSON, typeSSE)
	if last := r.Header.Get("Last-Event-ID"); last != "" && mediaType == typeSSE {
		if query.after, err = parsePosition("Last-Event-ID", last); err != nil {
			return err
		}
	}
	if err := s.notBeyondEnd(r.Context(), query.after); err != nil {
		return err
	}
	switch {
	case open && mediaType != typeJSON:
		return badParameter("open", "only pages can be opened: ask with Accept: %s", typeJSON)
	case mediaType == typeSSE:
		return s.streamMessages(w, r, query)
	case mediaType == typeNDJSON && follow:
		return s.streamLines(w, r, query)
	case follow:
		return badParameter("follow", "needs Accept: %s (Server-Sent Events follow anyway)", typeNDJSON)
	case mediaType == typeNDJSON:
		return s.eventLines(w, r, query)
	default:
		return s.eventPage(w, r, query)
	}
}

// notBeyondEnd refuses a position that the log has not reached. To follow it from there would skip what is recorded until then.
func (s *server) notBeyondEnd(ctx context.Context, after uint64) error {
	if after == 0 {
		return nil
	}
	end, err := s.cfg.Store.End(ctx)
	if err != nil {
		return unavailable(err)
	}
	if after <= uint64(end) {
		return nil
	}
	return problemf(http.StatusConflict, "position-beyond-end", "Position beyond the end",
		"position %d lies beyond the end of the log, which is %d: this is another log, or it was restored from a backup; find out what "+
			"was processed that it does not hold, and continue from a position up to its end", after, end)
}

// eventQuery selects events of the log.
type eventQuery struct {
	after    uint64
	limit    int // 0: none given
	types    []string
	customer string
}

func eventQueryOf(r *http.Request) (q eventQuery, err error) {
	if q.after, err = positionOf(r, "after"); err != nil {
		return q, err
	}
	if q.limit, err = countOf(r, "limit", 0, maxPage); err != nil && accepted(r, typeJSON, typeNDJSON, typeSSE) == typeNDJSON {
		q.limit, err = countOf(r, "limit", 0, 1<<31-1) // lines are not held in memory
	}
	if err != nil {
		return q, err
	}
	q.types = list(r, "type")
	for _, glob := range q.types {
		if _, err := path.Match(glob, ""); err != nil {
			return q, badParameter("type", "a glob is not well formed")
		}
	}
	if q.customer = value(r, "customer"); q.customer != "" {
		if err := eventstore.ValidateStream(q.customer); err != nil {
			return q, badParameter("customer", "a customer id is 1 to 64 characters of A-Z a-z 0-9 _ and -")
		}
	}
	return q, nil
}

// matches reports whether the query selects the record.
func (q *eventQuery) matches(rec *eventstore.Recorded) bool {
	if q.customer != "" && rec.Stream != q.customer {
		return false
	}
	if len(q.types) == 0 {
		return true
	}
	name := typeOfRecord(rec.Data)
	for _, glob := range q.types {
		if ok, _ := path.Match(glob, name); ok {
			return true
		}
	}
	return false
}

// typeMarker precedes the type in a stored record. Inside a string its quotes would be escaped, and the attributes stand
// before the data, so its first occurrence is the attribute itself.
var typeMarker = []byte(`,"type":"`)

func typeOfRecord(record []byte) string {
	_, rest, _ := bytes.Cut(record, typeMarker)
	name, _, _ := bytes.Cut(rest, []byte{'"'})
	return string(name)
}

// scan calls emit with the selected events up to the end that the log has now, until emit returns false or an error. It
// returns the position up to which it has seen everything, and whether that is the end. With most above 0 it looks at that
// many records and no more.
func (s *server) scan(ctx context.Context, q eventQuery, most int, emit func(*eventstore.Recorded) (bool, error)) (uint64, bool, error) {
	end, err := s.cfg.Store.End(ctx)
	if err != nil {
		return 0, false, unavailable(err)
	}
	if uint64(end) <= q.after {
		return q.after, true, nil
	}
	// Following up to End sees everything acknowledged before; a single customer's stream is the shorter way there.
	records := s.cfg.Store.Follow(ctx, eventstore.Position(q.after))
	if q.customer != "" {
		records = s.cfg.Store.Read(ctx, q.customer, 1)
	}
	seen, looked := q.after, 0
	for rec, err := range records {
		if err != nil {
			return 0, false, unavailable(err)
		}
		if rec.Position > end {
			break // written after this scan began; the next one sees it
		}
		if uint64(rec.Position) <= q.after {
			continue
		}
		seen = uint64(rec.Position)
		if q.matches(&rec) {
			more, err := emit(&rec)
			if err != nil || !more {
				return seen, rec.Position == end, err
			}
		}
		if rec.Position == end {
			break // Follow would wait for the next one
		}
		if looked++; most > 0 && looked >= most {
			return seen, false, nil
		}
	}
	return uint64(end), true, nil
}

// eventPage answers with one page.
func (s *server) eventPage(w http.ResponseWriter, r *http.Request, q eventQuery) error {
	limit := q.limit
	if limit == 0 {
		limit = defaultPage
	}
	var page []eventstore.Recorded
	stored := make(map[uint64][]byte)
	next, atEnd, err := s.scan(r.Context(), q, maxPageScan, func(rec *eventstore.Recorded) (bool, error) {
		page = append(page, *rec)
		stored[uint64(rec.Position)] = rec.Data
		return len(page) < limit, nil
	})
	if err != nil {
		return err
	}
	erased, err := s.openRecords(r, "events", stored)
	if err != nil {
		return err
	}
	var out bytes.Buffer
	out.WriteString(`{"events":[`)
	for i := range page {
		if i > 0 {
			out.WriteString(",\n")
		}
		position := uint64(page[i].Position)
		page[i].Data = stored[position]
		placed := appendPlaced(out.AvailableBuffer(), &page[i])
		if gone := erased[position]; len(gone) > 0 {
			text, err := json.Marshal(gone)
			if err != nil {
				return err
			}
			placed = append(append(append(placed[:len(placed)-1], `,"erased":`...), text...), '}')
		}
		out.Write(placed)
	}
	out.WriteString(`],"next":` + strconv.FormatUint(next, 10) + `,"end":` + strconv.FormatBool(atEnd) + "}\n")
	w.Header().Set("Content-Type", typeJSON)
	setPosition(w, next)
	_, err = w.Write(out.Bytes())
	return err
}

// eventLines answers with all selected events up to the end of the log, one a line.
func (s *server) eventLines(w http.ResponseWriter, r *http.Request, q eventQuery) error {
	w.Header().Set("Content-Type", typeNDJSON)
	count := 0
	var line []byte
	_, _, err := s.scan(r.Context(), q, 0, func(rec *eventstore.Recorded) (bool, error) {
		line = append(appendPlaced(line[:0], rec), '\n')
		count++
		_, err := w.Write(line)
		return count != q.limit, err
	})
	return err
}

// appendPlaced writes {"position":…,"event":…}; the record goes in as it is.
func appendPlaced(dst []byte, rec *eventstore.Recorded) []byte {
	dst = append(dst, `{"position":`...)
	dst = strconv.AppendUint(dst, uint64(rec.Position), 10)
	dst = append(dst, `,"event":`...)
	dst = append(dst, rec.Data...)
	return append(dst, '}')
}
