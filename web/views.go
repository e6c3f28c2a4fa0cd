package web

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"

	"github.com/go-json-experiment/json"

	"amends/access"
	"amends/eventstore"
)

const (
	defaultRows = 1_000
	maxRows     = 10_000_000
	maxSQLBytes = 64 << 10
)

// ViewInfo describes a view.
type ViewInfo struct {
	Name        string       `json:"name"`
	Description string       `json:"description"`
	Columns     []ColumnInfo `json:"columns"`
}

// ColumnInfo describes a column of a view.
type ColumnInfo struct {
	Name        string `json:"name"`
	Type        string `json:"type"`
	Description string `json:"description"`
}

// SQLRequest is a question in SQL.
type SQLRequest struct {
	Query string `json:"query" doc:"One SELECT; nothing can be changed with it"`
}

var afterParameter = parameter{
	name: "after", integer: true,
	description: "Wait until the views have seen this position, such as that of one's own write; 503 if that takes too long",
}

func (s *server) viewRoutes() []*route {
	return []*route{
		{
			method: http.MethodGet, path: "/v1/views", id: "list-views", summary: "The views and their columns",
			needs:     access.ReadViews,
			responses: []body{{mediaType: typeJSON, of: []ViewInfo{}, description: "The views"}},
			serve:     s.listViews,
		},
		{
			method: http.MethodGet, path: "/v1/views/{view}", id: "query-view", summary: "Rows of a view",
			needs:       access.ReadViews,
			description: "Rows as an array of objects, as NDJSON, or as CSV. Amends-Position is the position that the rows reach up to.",
			query: []parameter{
				{name: "where", repeats: true, description: "column=value; also != < <= > >=. Repeated: all must hold"},
				{name: "order", description: "column, or -column for descending; several are comma-separated"},
				{name: "columns", repeats: true, description: "Only these columns, in this order; comma-separated. Default: all"},
				{name: "limit", integer: true, description: "At most so many rows. Default 1,000"},
				afterParameter,
			},
			responses: rowBodies, problems: []int{http.StatusNotFound, http.StatusServiceUnavailable},
			serve: s.queryView,
		},
		{
			method: http.MethodPost, path: "/v1/sql", id: "query-sql", summary: "Ask the views in SQL",
			needs: access.RunSQL,
			description: "One read-only statement over the views. It may run for 30 seconds. Columns of the same name are told apart: the " +
				"second a is a_2.",
			query:     []parameter{afterParameter},
			request:   []body{{mediaType: typeJSON, of: SQLRequest{}, description: "The question"}},
			responses: rowBodies, problems: []int{http.StatusServiceUnavailable},
			serve: s.querySQL,
		},
	}
}

// awaitViews waits for the views to reach ?after=, as long as a caller may be kept waiting.
func (s *server) awaitViews(r *http.Request) error {
	after, err := positionOf(r, "after")
	if err != nil || after == 0 {
		return err
	}
	ctx, cancel := context.WithTimeout(r.Context(), s.cfg.WaitForViews)
	defer cancel()
	err = s.cfg.Views.WaitFor(ctx, eventstore.Position(after))
	if errors.Is(err, context.DeadlineExceeded) && r.Context().Err() == nil {
		p := problemf(http.StatusServiceUnavailable, "views-behind", "The views are behind",
			"the views have not seen position %d yet; ask again", after)
		p.retryAfter = retryAfterSeconds
		return p
	}
	if errors.Is(err, eventstore.ErrDamaged) {
		return logDamaged(err)
	}
	if err != nil && r.Context().Err() == nil { // the follower has stopped; it is started again
		p := problemf(http.StatusServiceUnavailable, "views-stopped", "The views do not follow the log", "ask again")
		p.retryAfter, p.cause = retryAfterSeconds, err
		return p
	}
	return err
}

func (s *server) listViews(w http.ResponseWriter, _ *http.Request) error {
	return answerJSON(w, http.StatusOK, s.viewInfos())
}

func (s *server) queryView(w http.ResponseWriter, r *http.Request) error {
	q, err := s.viewQueryOf(r)
	if err != nil {
		return err
	}
	if err := s.awaitViews(r); err != nil {
		return err
	}
	return s.answerQuery(w, r, q)
}

// viewQuery selects rows of a view.
type viewQuery struct {
	view    string
	columns []string // none: all
	where   []condition
	order   []ordering
	limit   int
}

type condition struct{ column, operator, value string }

type ordering struct {
	column     string
	descending bool
}

func (s *server) viewQueryOf(r *http.Request) (q viewQuery, err error) {
	q.view = r.PathValue("view")
	for _, text := range r.URL.Query()["where"] {
		c, ok := parseCondition(text)
		if !ok {
			return q, badParameter("where", "must be column=value, or with != < <= > >=")
		}
		q.where = append(q.where, c)
	}
	q.columns = list(r, "columns")
	for _, column := range list(r, "order") {
		name, descending := strings.CutPrefix(column, "-")
		q.order = append(q.order, ordering{name, descending})
	}
	q.limit, err = countOf(r, "limit", defaultRows, maxRows)
	return q, err
}

// parseCondition reads column, operator and value; the value is everything after the first operator.
func parseCondition(text string) (condition, bool) {
	at := strings.IndexAny(text, "=!<>")
	if at <= 0 {
		return condition{}, false
	}
	column, rest := strings.TrimSpace(text[:at]), text[at:]
	for _, operator := range []string{"!=", "<=", ">=", "=", "<", ">"} {
		if value, found := strings.CutPrefix(rest, operator); found {
			return condition{column, operator, value}, true
		}
	}
	return condition{}, false
}

func (s *server) querySQL(w http.ResponseWriter, r *http.Request) error {
	var request SQLRequest
	if err := readJSON(r, maxSQLBytes, &request); err != nil {
		return err
	}
	if strings.TrimSpace(request.Query) == "" {
		return problemf(http.StatusBadRequest, "bad-request", "Bad request", `the body must be {"query":"select …"}`)
	}
	if err := s.awaitViews(r); err != nil {
		return err
	}
	return s.answerSQL(w, r, request.Query)
}

// readJSON reads a small JSON body strictly: unknown members and anything after the value are refused.
func readJSON(r *http.Request, most int64, into any) error {
	text, err := io.ReadAll(io.LimitReader(r.Body, most+1))
	if err != nil {
		return problemf(http.StatusBadRequest, "bad-request", "Bad request", "the body broke off")
	}
	if int64(len(text)) > most {
		return problemf(http.StatusRequestEntityTooLarge, "request-too-large", "Request too large", "at most %d bytes", most)
	}
	if err := json.Unmarshal(text, into, json.RejectUnknownMembers(true)); err != nil {
		p := problemf(http.StatusBadRequest, "bad-request", "Bad request", "the body is not the JSON object that this path takes")
		var semantic *json.SemanticError
		if errors.As(err, &semantic) {
			p.Pointer = string(semantic.JSONPointer)
		}
		return p
	}
	return nil
}
