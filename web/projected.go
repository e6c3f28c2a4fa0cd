package web

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"

	"amends/eventstore"
	"amends/projections"
)

// This file is where the API meets the views.

func (s *server) viewInfos() []ViewInfo {
	views := s.cfg.Views.Views()
	out := make([]ViewInfo, len(views))
	for i, v := range views {
		out[i] = ViewInfo{Name: v.Name, Description: v.Description, Columns: make([]ColumnInfo, len(v.Columns))}
		for j, c := range v.Columns {
			out[i].Columns[j] = ColumnInfo{Name: c.Name, Type: string(c.Type), Description: c.Description}
		}
	}
	return out
}

// answerQuery answers with the rows of a view.
func (s *server) answerQuery(w http.ResponseWriter, r *http.Request, q viewQuery) error {
	setPosition(w, uint64(s.cfg.Views.Cursor())) // the rows reach up to here, or further
	rows, err := s.cfg.Views.Query(r.Context(), q.view, q.forViews())
	if err != nil {
		return err
	}
	return s.writeRows(w, r, answerOf(rows))
}

// answerSQL answers with the rows of a statement.
func (s *server) answerSQL(w http.ResponseWriter, r *http.Request, query string) error {
	setPosition(w, uint64(s.cfg.Views.Cursor()))
	rows, err := s.cfg.Views.SQL(r.Context(), query)
	if err != nil {
		return err
	}
	return s.writeRows(w, r, answerOf(rows))
}

// answerOf gives the rows to an answer, which reads them once.
func answerOf(rows *projections.Rows) rowsAnswer {
	columns := make([]string, len(rows.Columns()))
	for i, c := range rows.Columns() {
		columns[i] = c.Name
	}
	return rowsAnswer{columns: columns, rows: func(yield func([]any, error) bool) {
		for row := range rows.All() {
			if !yield(row, nil) {
				return
			}
		}
		if err := rows.Err(); err != nil {
			yield(nil, err)
		}
	}}
}

// rowObjects reads the rows of a view into memory.
func (s *server) rowObjects(ctx context.Context, q viewQuery) ([]rowObject, uint64, error) {
	cursor := uint64(s.cfg.Views.Cursor())
	rows, err := s.cfg.Views.Query(ctx, q.view, q.forViews())
	if err != nil {
		return nil, 0, err
	}
	answer := answerOf(rows)
	out := []rowObject{}
	for row, err := range answer.rows {
		if err != nil {
			return nil, 0, err
		}
		out = append(out, rowObject{answer.columns, slices.Clone(row)})
	}
	return out, cursor, nil
}

func (q viewQuery) forViews() projections.Query {
	out := projections.Query{Columns: q.columns, Limit: q.limit}
	for _, c := range q.where {
		on := projections.Condition{Column: c.column, Op: projections.Op(c.operator), Value: c.value}
		if c.value == "" { // the empty value is NULL
			switch on.Op {
			case projections.Equal:
				on.Op = projections.IsNull
			case projections.NotEqual:
				on.Op = projections.IsNotNull
			}
		}
		out.Where = append(out.Where, on)
	}
	for _, o := range q.order {
		out.OrderBy = append(out.OrderBy, projections.Order{Column: o.column, Descending: o.descending})
	}
	return out
}

// fromViews turns an error of the views into its problem; nil if it is none of theirs.
func fromViews(err error) *Problem {
	switch {
	case errors.Is(err, projections.ErrUnknownView):
		return problemf(http.StatusNotFound, "unknown-view", "Unknown view", "%s", err)
	case errors.Is(err, projections.ErrQuery):
		return problemf(http.StatusBadRequest, "bad-query", "Bad query", "%s", err)
	case errors.Is(err, projections.ErrTooManyRows), errors.Is(err, projections.ErrTooManyBytes):
		return problemf(http.StatusBadRequest, "result-too-large", "Result too large", "%s", err)
	case errors.Is(err, projections.ErrTooSlow):
		return problemf(http.StatusBadRequest, "query-too-slow", "Query too slow",
			"%s; narrow it with WHERE, ask for less at a time, or ask a copy of the file (sqlite3 views.sqlite \".backup copy.sqlite\")", err)
	case errors.Is(err, projections.ErrBusy):
		p := problemf(http.StatusServiceUnavailable, "sql-busy", "Too many statements", "%s; send the same request again", err)
		p.retryAfter = retryAfterSeconds
		return p
	case errors.Is(err, projections.ErrBuilding):
		return problemf(http.StatusConflict, "already-building", "The views are being built", "%s", err)
	case errors.Is(err, projections.ErrLogBehind):
		return problemf(http.StatusConflict, "log-behind", "The log is behind the views", "%s", err)
	case errors.Is(err, projections.ErrFileDamaged):
		p := problemf(http.StatusInternalServerError, "views-damaged", "The file of views is damaged",
			"%s; it is moved aside, and the views are built anew from the log", projections.ErrFileDamaged)
		p.cause = err
		return p
	case errors.Is(err, projections.ErrOutdated):
		p := problemf(http.StatusServiceUnavailable, "views-outdated", "The views are being built anew", "%s", err)
		p.retryAfter = retryAfterSeconds
		return p
	}
	return nil
}

func (s *server) viewsStatus(ctx context.Context, end uint64) (ViewsStatus, error) {
	status, err := s.cfg.Views.Status(ctx)
	if err != nil {
		return ViewsStatus{}, err
	}
	out := ViewsStatus{
		Position: uint64(status.Cursor), LagSeconds: status.LagSeconds,
		Parked: []Parked{}, ParkedCount: int(status.Parked), StaleCustomers: int(status.StaleCustomers),
		WeightsVersion: status.WeightsVersion,
	}
	if lag := end - min(end, uint64(status.Cursor)); lag == 0 || !s.cfg.SparsePositions {
		out.LagEvents = &lag
	}
	if status.Stopped != nil {
		out.Stopped, out.logDamaged = status.Stopped.Error(), errors.Is(status.Stopped, eventstore.ErrDamaged)
	}
	if out.ParkedCount == 0 {
		return out, nil
	}
	parked, _, err := s.rowObjects(ctx, viewQuery{view: "parked", limit: parkedShown})
	if err != nil {
		return ViewsStatus{}, err
	}
	for _, p := range parked {
		position, _ := p.member("position").(int64)
		customer, _ := p.member("customer_id").(string)
		reason, _ := p.member("error").(string)
		out.Parked = append(out.Parked, Parked{Position: uint64(position), Customer: customer, Reason: reason})
	}
	return out, nil
}

// parkedShown is how many parked records a status names; the parked view has them all.
const parkedShown = 20

// knownViews refuses names that are no view's.
func (s *server) knownViews(names []string) error {
	views := s.cfg.Views.Views()
	for _, name := range names {
		if !slices.ContainsFunc(views, func(v projections.View) bool { return v.Name == name }) {
			return problemf(http.StatusNotFound, "unknown-view", "Unknown view", "there is no view %q; /v1/views lists the views", name)
		}
	}
	return nil
}

// RebuildResult is what a rebuild or a check found.
type RebuildResult struct {
	Position    uint64       `json:"position" doc:"The position that the views now stand at"`
	Rows        int64        `json:"rows,omitempty" doc:"Of a check: how many rows were compared"`
	Differing   int64        `json:"differing" doc:"Of a check: how many rows differ"`
	SetAside    []string     `json:"set_aside,omitempty" doc:"Of a check: files of views that could not be used and were moved aside, as they still lie in the data directory"`
	Differences []Difference `json:"differences" doc:"Of a check: the first rows of each view that differ from the rebuilt ones"`
}

// Difference is one place where a live view differs from the rebuilt one.
type Difference struct {
	View    string `json:"view"`
	Key     string `json:"key"`
	Column  string `json:"column,omitempty"`
	Live    string `json:"live"`
	Rebuilt string `json:"rebuilt"`
}

func (s *server) runRebuild(ctx context.Context, views []string, progress func(done, total uint64)) (RebuildResult, error) {
	err := s.cfg.Views.Rebuild(ctx, views, positions(progress))
	return RebuildResult{Position: uint64(s.cfg.Views.Cursor()), Differences: []Difference{}}, err
}

// positions is a report of positions that tells them as numbers.
func positions(progress func(done, total uint64)) func(done, total eventstore.Position) {
	return func(done, total eventstore.Position) { progress(uint64(done), uint64(total)) }
}

func (s *server) runCheck(ctx context.Context, views []string, progress func(done, total uint64)) (RebuildResult, error) {
	out := RebuildResult{Differences: []Difference{}}
	var err error
	if out.SetAside, err = s.cfg.Views.SetAside(); err != nil {
		return out, err
	}
	found, err := s.cfg.Views.Check(ctx, positions(progress))
	out.Position = uint64(found.Position)
	for _, t := range found.Tables {
		if len(views) > 0 && !slices.Contains(views, t.View) {
			continue
		}
		out.Rows += t.Rows
		out.Differing += t.Differing
		for _, d := range t.First {
			out.Differences = append(out.Differences, Difference{
				View: t.View, Key: strings.Join(d.Key, " "), Column: d.Column, Live: d.Live, Rebuilt: d.Rebuilt,
			})
		}
	}
	if errors.Is(err, projections.ErrViewsDiffer) {
		err = nil // it is the answer
	}
	return out, err
}
