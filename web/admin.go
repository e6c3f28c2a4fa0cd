package web

import (
	"bufio"
	"context"
	"net/http"
	"sync"
	"time"

	"amends/access"
)

// Status says how the ledger and its views stand.
type Status struct {
	Version string      `json:"version"`
	Log     LogStatus   `json:"log"`
	Views   ViewsStatus `json:"views"`
	Seal    *SealStatus `json:"seal,omitempty"`
}

// LogStatus is the log's.
type LogStatus struct {
	End     uint64 `json:"end" doc:"The position of the last record"`
	Damaged string `json:"damaged,omitempty" doc:"What the views ran into if the log has lost something: they stop there until it is restored"`
}

// ViewsStatus is the views'.
type ViewsStatus struct {
	Position       uint64   `json:"position" doc:"The last position the views have seen"`
	LagEvents      *uint64  `json:"lag_events" doc:"How many records they are behind the log; null where positions have gaps (EventStoreDB) and the views are behind, as the number is not known then"`
	LagSeconds     float64  `json:"lag_seconds" doc:"How long ago the last record that they have seen was recorded; 0 when they are not behind"`
	Parked         []Parked `json:"parked" doc:"Records that the views could not take; everything else goes on"`
	ParkedCount    int      `json:"parked_count"`
	Stopped        string   `json:"stopped,omitempty" doc:"Why the views do not follow the log at present"`
	WeightsVersion string   `json:"weights_version,omitempty" doc:"The version of the churn weights in force"`
	StaleCustomers int      `json:"stale_customers" doc:"Customers whose rows wait to be made anew"`

	logDamaged bool // Stopped is because of the log
}

// Parked is a record that the views could not take.
type Parked struct {
	Position uint64 `json:"position"`
	Customer string `json:"customer,omitempty"`
	Reason   string `json:"reason"`
}

// RebuildRequest says which views to rebuild, or to verify.
type RebuildRequest struct {
	Views []string `json:"views,omitempty" doc:"Names of views; none: all"`
}

// RebuildLine is one line of the answer to a rebuild or a verification of views: progress, then one result or one problem.
type RebuildLine struct {
	Done   *uint64        `json:"done,omitempty" doc:"The position that was reached"`
	Total  *uint64        `json:"total,omitempty" doc:"The position to be reached"`
	Result *RebuildResult `json:"result,omitempty"`
	// Problem ends the answer when the rebuild failed after it had begun.
	Problem *Problem `json:"problem,omitempty"`
}

const linesOfWork = "Answers with progress, one line at a time, and ends with a line that holds the result. An answer without a last " +
	"line of result or problem was cut off."

func (s *server) adminRoutes() []*route {
	return []*route{
		{
			method: http.MethodPost, path: "/v1/rebuild", id: "rebuild-views", summary: "Rebuild the views",
			needs:       access.Administer,
			description: "Builds the views anew from the log beside the live ones and swaps them in. " + linesOfWork,
			request:     []body{{mediaType: typeJSON, of: RebuildRequest{}, description: "Which views; an empty object means all"}},
			responses:   []body{{mediaType: typeNDJSON, of: RebuildLine{}, description: "Lines of progress, then the result"}},
			problems:    []int{http.StatusNotFound, http.StatusConflict},
			serve:       s.rebuild,
		},
		{
			method: http.MethodPost, path: "/v1/verify/views", id: "verify-views", summary: "Verify the views",
			needs: access.Prove,
			description: "Builds the views anew from the log beside the live ones and compares, table by table and row by row; nothing is " +
				"changed. " + linesOfWork,
			request:   []body{{mediaType: typeJSON, of: RebuildRequest{}, description: "Which views; an empty object means all"}},
			responses: []body{{mediaType: typeNDJSON, of: RebuildLine{}, description: "Lines of progress, then the result"}},
			problems:  []int{http.StatusNotFound, http.StatusConflict},
			serve:     s.verifyViews,
		},
		{
			method: http.MethodGet, path: "/v1/status", id: "read-status", summary: "How the ledger and its views stand",
			needs:     access.ReadViews,
			responses: []body{{mediaType: typeJSON, of: Status{}, description: "The status"}},
			problems:  []int{http.StatusServiceUnavailable},
			serve:     s.getStatus,
		},
		{
			method: http.MethodGet, path: "/healthz", id: "health", summary: "Whether the log can be reached",
			needs:     access.Public,
			responses: []body{{mediaType: "text/plain", of: "", description: "ok"}},
			problems:  []int{http.StatusServiceUnavailable},
			serve:     s.health,
		},
	}
}

func (s *server) getStatus(w http.ResponseWriter, r *http.Request) error {
	end, err := s.cfg.Store.End(r.Context())
	if err != nil {
		return unavailable(err)
	}
	views, err := s.viewsStatus(r.Context(), uint64(end))
	if err != nil {
		return err
	}
	setPosition(w, uint64(end))
	log := LogStatus{End: uint64(end)}
	if views.logDamaged {
		log.Damaged = views.Stopped
	}
	return answerJSON(w, http.StatusOK, Status{
		Version: s.cfg.Version, Log: log, Views: views, Seal: s.sealStatus(r.Context(), uint64(end)),
	})
}

func (s *server) health(w http.ResponseWriter, r *http.Request) error {
	if _, err := s.cfg.Store.End(r.Context()); err != nil {
		return unavailable(err)
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, err := w.Write([]byte("ok\n"))
	return err
}

// progressEvery is how often a rebuild tells how far it is.
const progressEvery = 200 * time.Millisecond

func (s *server) rebuild(w http.ResponseWriter, r *http.Request) error {
	return s.workOnViews(w, r, s.runRebuild)
}

func (s *server) verifyViews(w http.ResponseWriter, r *http.Request) error {
	return s.workOnViews(w, r, s.runCheck)
}

// workOnViews does long work on the views that the request names, and tells how far it is.
func (s *server) workOnViews(
	w http.ResponseWriter, r *http.Request,
	work func(ctx context.Context, views []string, progress func(done, total uint64)) (RebuildResult, error),
) error {
	var request RebuildRequest
	if err := readJSON(r, maxSQLBytes, &request); err != nil {
		return err
	}
	if err := s.knownViews(request.Views); err != nil {
		return err
	}
	out := &lineWriter{w: w}
	result, err := work(r.Context(), request.Views, out.progress)
	if err != nil {
		return out.fail(s, r, err)
	}
	return out.line(RebuildLine{Result: &result})
}

// lineWriter writes lines that the caller sees at once. The work may report from another goroutine.
type lineWriter struct {
	mu      sync.Mutex
	w       http.ResponseWriter
	started bool
	last    time.Time
	broken  error
}

func (l *lineWriter) line(v any) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.write(v)
}

func (l *lineWriter) write(v any) error {
	if l.broken != nil {
		return l.broken
	}
	if !l.started {
		l.started = true
		l.w.Header().Set("Content-Type", typeNDJSON)
	}
	out := bufio.NewWriter(l.w)
	if l.broken = writeJSON(out, v); l.broken == nil {
		l.broken = out.Flush()
	}
	if l.broken == nil {
		l.broken = http.NewResponseController(l.w).Flush()
	}
	return l.broken
}

// progress tells how far the work is, at most every progressEvery. It is no error when nobody listens any more: the request's
// context ends then.
func (l *lineWriter) progress(done, total uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if now := time.Now(); now.Sub(l.last) >= progressEvery {
		l.last = now
		_ = l.write(RebuildLine{Done: &done, Total: &total})
	}
}

// fail answers with the problem: as the answer itself, or as the last line of one that has begun.
func (l *lineWriter) fail(s *server, r *http.Request, err error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.started || r.Context().Err() != nil {
		return err
	}
	problem := asProblem(err)
	s.cfg.Logger.Error().Str("route", r.Pattern).Err(err).Msg("the work failed")
	return l.write(RebuildLine{Problem: problem})
}
