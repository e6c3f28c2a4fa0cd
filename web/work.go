package web

import (
	"fmt"
	"net/http"
	"time"

	"amends/access"
	"amends/projections"
)

// WorkItem is one thing to be done.
type WorkItem struct {
	DueAt       time.Time `json:"due_at"`
	TimeLeft    string    `json:"time_left" doc:"For people: 2d 4h; with a minus sign once it is overdue"`
	SecondsLeft int64     `json:"seconds_left"`
	State       string    `json:"state" doc:"running or overdue, at the instant asked for"`
	Owner       string    `json:"owner"`
	Team        string    `json:"team"`
	CustomerID  string    `json:"customer_id"`
	ComplaintID string    `json:"complaint_id"`
	Kind        string    `json:"kind" doc:"clock or promise"`
	PolicyID    string    `json:"policy_id"`
	Name        string    `json:"name" doc:"The clock, or the promise's id"`
	Label       string    `json:"label"`
	Citation    string    `json:"citation"`
	IsOptional  bool      `json:"is_optional" doc:"A chance and not a duty"`
}

func (s *server) workRoutes() []*route {
	return []*route{{
		method: http.MethodGet, path: "/v1/work", id: "list-work", summary: "What is due, overdue or about to be",
		needs: access.ReadViews,
		description: "Running and overdue clocks of complaints, and open promises, the most urgent first. Paused clocks are not due. " +
			"What is overdue is judged at the instant asked for, by what is known now.",
		query: []parameter{
			{name: "owner", description: "Only what this person owns"},
			{name: "within", description: "What comes due within this time from the instant: 3d, 36h, 90m. Default 3d"},
			{name: "at", description: "The instant: RFC 3339, or a date for the end of that day in UTC. Default: now"},
			{name: "limit", integer: true, description: "At most so many rows. Default 1,000"},
			afterParameter,
		},
		responses: []body{
			{mediaType: typeJSON, of: []WorkItem{}, description: "An array of what is to be done"},
			{mediaType: typeNDJSON, description: "One a line"}, {mediaType: typeCSV, description: "RFC 4180 with a header line"},
		},
		problems: []int{http.StatusServiceUnavailable}, serve: s.listWork,
	}}
}

// withinDefault is how far ahead work is looked for unless told otherwise.
const withinDefault = 72 * time.Hour

func (s *server) listWork(w http.ResponseWriter, r *http.Request) error {
	at, err := instantOf(r, "at")
	if err != nil {
		return err
	}
	if at.IsZero() {
		at = s.cfg.Clock()
	}
	at = at.UTC().Truncate(time.Second)
	within, err := lengthOf(r, "within", withinDefault)
	if err != nil {
		return err
	}
	limit, err := countOf(r, "limit", defaultRows, maxRows)
	if err != nil {
		return err
	}
	if err := s.awaitViews(r); err != nil {
		return err
	}
	setPosition(w, uint64(s.cfg.Views.Cursor()))
	rows, err := s.cfg.Views.Work(r.Context(), value(r, "owner"), at.Add(within), limit)
	if err != nil {
		return err
	}
	return s.writeRows(w, r, withTimeLeft(rows, at))
}

// withTimeLeft adds after due_at what follows from it and the instant.
func withTimeLeft(rows *projections.Rows, at time.Time) rowsAnswer {
	plain := answerOf(rows)
	out := rowsAnswer{columns: append([]string{"due_at", "time_left", "seconds_left", "state"}, plain.columns[1:]...)}
	out.rows = func(yield func([]any, error) bool) {
		for row, err := range plain.rows {
			if err != nil {
				yield(nil, err)
				return
			}
			text, _ := row[0].(string)
			due, err := time.Parse(time.RFC3339, text)
			if err != nil {
				yield(nil, fmt.Errorf("the views hold a due date that is none: %w", err))
				return
			}
			left, state := due.Sub(at), "running"
			if left < 0 {
				state = "overdue"
			}
			if !yield(append([]any{due, timeLeft(left), int64(left / time.Second), state}, row[1:]...), nil) {
				return
			}
		}
	}
	return out
}

// timeLeft is a length of time for people, in its two largest units.
func timeLeft(d time.Duration) string {
	sign := ""
	if d < 0 {
		sign, d = "-", -d
	}
	days, hours, minutes := int(d/(24*time.Hour)), int(d/time.Hour)%24, int(d/time.Minute)%60
	switch {
	case days > 0:
		return fmt.Sprintf("%s%dd %dh", sign, days, hours)
	case hours > 0:
		return fmt.Sprintf("%s%dh %dm", sign, hours, minutes)
	}
	return fmt.Sprintf("%s%dm", sign, minutes)
}
