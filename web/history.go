package web

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"amends/access"
	"amends/domain"
	"amends/eventstore"
	"amends/ledger"
)

// Change is what one record changed in the customer's state.
type Change struct {
	Thing string `json:"thing" doc:"customer, complaint, commitment, …"`
	ID    string `json:"id,omitempty" doc:"Which one"`
	What  string `json:"what" doc:"What changed of it"`
	From  string `json:"from,omitempty"`
	To    string `json:"to,omitempty"`
}

// HistoryRecord is one record of a history, with what it meant.
type HistoryRecord struct {
	Position     uint64   `json:"position"`
	LateSeconds  int64    `json:"late_seconds,omitempty" doc:"How long after it happened the ledger was told, where that is late"`
	SupersededBy string   `json:"superseded_by,omitempty" doc:"The id of the record.corrected that replaces its data"`
	Changes      []Change `json:"changes"`
	Erased       []Erased `json:"erased,omitempty" doc:"With open=true: the values that cannot be opened any more"`
}

// historyRecord is HistoryRecord as OpenAPI describes it: the record itself is written as it is stored.
type historyRecord struct {
	HistoryRecord
	Event map[string]any `json:"event" doc:"The record: a CloudEvent, byte for byte as it is stored"`
}

// History is a customer's records within the limits and what they add up to.
type History struct {
	Customer  string                  `json:"customer"`
	AsOf      *time.Time              `json:"as_of,omitempty" doc:"Only what had happened by then"`
	KnownAt   *time.Time              `json:"known_at,omitempty" doc:"Only what the ledger knew by then"`
	Records   []historyRecord         `json:"records"`
	State     state                   `json:"state" doc:"What they add up to; no personal data"`
	Deadlines []domain.DeadlineStatus `json:"deadlines" doc:"The clocks of the complaints, as they stood at as_of, else at known_at, else now"`
}

// CustomerState is what a customer's history adds up to.
type CustomerState struct {
	Customer  string                  `json:"customer"`
	AsOf      *time.Time              `json:"as_of,omitempty"`
	KnownAt   *time.Time              `json:"known_at,omitempty"`
	State     state                   `json:"state" doc:"What the history adds up to; no personal data"`
	Deadlines []domain.DeadlineStatus `json:"deadlines" doc:"The clocks of the complaints, as they stood at as_of, else at known_at, else now"`
}

var limitParameters = []parameter{
	{name: "as_of", description: "Only what had happened by then: RFC 3339, or a date for the end of that day in UTC"},
	{name: "known_at", description: "Only what the ledger had been told by then: RFC 3339, or a date for the end of that day in UTC"},
	{name: "after", integer: true, description: "The position of one's own write. The answer comes from the log, which has it already"},
}

func (s *server) customerRoutes() []*route {
	return []*route{
		{
			method: http.MethodGet, path: "/v1/customers/{id}", id: "read-customer", summary: "Where a customer stands",
			needs:       access.ReadViews,
			description: "The state that the customer's history adds up to, from the log and thus as fresh as the last write. It holds no personal data.",
			query:       limitParameters,
			responses:   []body{{mediaType: typeJSON, of: CustomerState{}, description: "The customer's state"}},
			problems:    []int{http.StatusNotFound, http.StatusServiceUnavailable},
			serve:       s.getCustomer,
		},
		{
			method: http.MethodGet, path: "/v1/customers/{id}/history", id: "read-history", summary: "A customer's history, replayed",
			needs: access.ReadRecords,
			description: "All records that had happened by as_of and that the ledger knew by known_at, those of absorbed customers " +
				"included, in the order of (time, position), each with what it changed, and the state they add up to. A record whose time was " +
				"corrected is placed by the corrected time. As NDJSON: exactly the stored records in the same order, one a line, and nothing else. " +
				openDescription,
			query: append(slices.Clip(limitParameters), openParameters...),
			responses: []body{
				{mediaType: typeJSON, of: History{}, description: "The history"},
				{mediaType: typeNDJSON, description: "The stored records, one a line"},
			},
			problems: []int{http.StatusNotFound, http.StatusServiceUnavailable},
			serve:    s.getHistory,
		},
	}
}

// limitsOf reads as_of and known_at.
func limitsOf(r *http.Request) (limits domain.Limits, err error) {
	if limits.AsOf, err = instantOf(r, "as_of"); err != nil {
		return limits, err
	}
	limits.KnownAt, err = instantOf(r, "known_at")
	return limits, err
}

// recordsOf reads the customer's records.
func (s *server) recordsOf(r *http.Request, limits domain.Limits) ([]ledger.Record, []domain.Event, error) {
	if _, err := positionOf(r, "after"); err != nil {
		return nil, nil, err
	}
	records, err := s.cfg.Ledger.History(r.Context(), r.PathValue("id"), limits)
	if err != nil {
		if errors.Is(err, eventstore.ErrInvalid) {
			return nil, nil, err
		}
		return nil, nil, unavailable(err)
	}
	events := make([]domain.Event, len(records))
	for i, rec := range records {
		events[i] = rec.Event
	}
	return records, events, nil
}

// unknownCustomer answers for a customer of whom there is no record within the limits.
func unknownCustomer(limits domain.Limits, records []ledger.Record) error {
	p := problemf(http.StatusNotFound, "unknown-customer", "Unknown customer", "the ledger has no record of this customer")
	if len(records) > 0 && limits != (domain.Limits{}) {
		p.Detail += " within as_of and known_at"
	}
	return p
}

func (s *server) getCustomer(w http.ResponseWriter, r *http.Request) error {
	limits, err := limitsOf(r)
	if err != nil {
		return err
	}
	records, events, err := s.recordsOf(r, limits)
	if err != nil {
		return err
	}
	customer := domain.Fold(r.PathValue("id"), events, limits)
	if customer.Events == 0 {
		return unknownCustomer(limits, records)
	}
	about, err := s.stateOf(r, customer, limits)
	if err != nil {
		return err
	}
	setPosition(w, customer.Position)
	return answerJSON(w, http.StatusOK, about)
}

// stateOf is where the customer stands within the limits, clocks included.
func (s *server) stateOf(r *http.Request, customer *domain.Customer, limits domain.Limits) (CustomerState, error) {
	out := CustomerState{Customer: customer.ID, AsOf: orNil(limits.AsOf), KnownAt: orNil(limits.KnownAt), State: state{customer}}
	book, err := s.cfg.Ledger.Policies(r.Context())
	if err != nil {
		return out, unavailable(err)
	}
	out.Deadlines = []domain.DeadlineStatus{}
	for _, k := range customer.Complaints {
		out.Deadlines = append(out.Deadlines, deadlinesOf(k, book, s.askedFor(limits))...)
	}
	return out, nil
}

// askedFor is the instant that an answer within the limits is about.
func (s *server) askedFor(limits domain.Limits) time.Time {
	for _, t := range []time.Time{limits.AsOf, limits.KnownAt} {
		if !t.IsZero() {
			return t
		}
	}
	return s.cfg.Clock()
}

func deadlinesOf(k *domain.Complaint, book *domain.PolicyBook, at time.Time) []domain.DeadlineStatus {
	out := []domain.DeadlineStatus{}
	for _, d := range k.Deadlines(book) {
		out = append(out, d.Status(at))
	}
	return out
}

func orNil(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

func (s *server) getHistory(w http.ResponseWriter, r *http.Request) error {
	limits, err := limitsOf(r)
	if err != nil {
		return err
	}
	records, events, err := s.recordsOf(r, limits)
	if err != nil {
		return err
	}
	steps, customer := domain.Steps(r.PathValue("id"), events, limits)
	if len(steps) == 0 {
		return unknownCustomer(limits, records)
	}
	stored := make(map[uint64][]byte, len(records))
	for _, step := range steps {
		stored[step.Event.Position] = nil
	}
	for _, rec := range records {
		if _, told := stored[rec.Event.Position]; told {
			stored[rec.Event.Position] = rec.Bytes
		}
	}
	erased, err := s.openRecords(r, "history", stored)
	if err != nil {
		return err
	}
	setPosition(w, customer.Position)
	if accepted(r, typeJSON, typeNDJSON) == typeNDJSON {
		w.Header().Set("Content-Type", typeNDJSON)
		out := bufio.NewWriter(w)
		for _, step := range steps {
			out.Write(stored[step.Event.Position])
			out.WriteByte('\n')
		}
		return out.Flush()
	}
	about, err := s.stateOf(r, customer, limits)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", typeJSON)
	return writeHistory(w, about, steps, stored, erased)
}

// writeHistory writes a History. The members around the records are encoded; the records go in as they are.
func writeHistory(w http.ResponseWriter, about CustomerState, steps []domain.Step, stored map[uint64][]byte,
	erased map[uint64][]Erased,
) error {
	text, err := json.Marshal(about)
	if err != nil {
		return fmt.Errorf("write the history: %w", err)
	}
	head, tail, _ := bytes.Cut(text, []byte(`,"state":`)) // the first one: ids and times before it hold no quotes
	out := bufio.NewWriter(w)                             // keeps the first error until Flush
	out.Write(head)
	out.WriteString(`,"records":[`)
	for i, step := range steps {
		record := recordOf(step)
		record.Erased = erased[step.Event.Position]
		text, err := json.Marshal(record)
		if err != nil {
			return fmt.Errorf("write the history: %w", err)
		}
		if i > 0 {
			out.WriteString(",\n")
		}
		out.Write(text[:len(text)-1])
		out.WriteString(`,"event":`)
		out.Write(stored[step.Event.Position])
		out.WriteByte('}')
	}
	out.WriteString(`],"state":`)
	out.Write(tail)
	out.WriteByte('\n')
	return out.Flush()
}

func recordOf(step domain.Step) HistoryRecord {
	changes := make([]Change, len(step.Changes))
	for i, c := range step.Changes {
		changes[i] = Change(c)
	}
	return HistoryRecord{
		Position: step.Event.Position, LateSeconds: int64(step.Late / time.Second), SupersededBy: step.CorrectedBy, Changes: changes,
	}
}
