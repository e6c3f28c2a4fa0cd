// Package web is the HTTP API: the one way to the ledger for the command line, for pages and for other services.
//
// It records through ledger.Record, reads exact records from the log, histories from the ledger and the fold, and rows from
// the views. It describes itself in OpenAPI 3.1 at /openapi.json. Errors are RFC 9457 problem documents, made in one place
// (problem.go). Personal data appears only inside the records themselves: never in a problem, never in the log.
package web

import (
	"errors"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/rs/zerolog"

	"amends/access"
	"amends/audit"
	"amends/eventstore"
	"amends/ledger"
	"amends/projections"
	"amends/schemas"
	"amends/vault"
)

// Config says what the API speaks for. Ledger, Store, Codec and Views must be set.
type Config struct {
	Ledger *ledger.Ledger
	Store  eventstore.Store
	Codec  *schemas.Codec
	Views  *projections.Views
	// Callers says who is let in. The zero value lets nobody in but to the public routes.
	Callers access.Callers
	// Vault opens personal values for those who may see them. nil: nothing is sealed, and nothing can be opened.
	Vault *vault.Vault
	// Sealer proves what is recorded. Default: nothing is proved, and the routes of proofs answer 503.
	Sealer *audit.Sealer
	// Clock tells the present instant, for states and views that depend on it. Default: time.Now.
	Clock func() time.Time
	// Logger gets failures and panics; never a body, a query string or data of a record. Default: nothing is logged.
	Logger zerolog.Logger
	// Version is what /v1/status and the OpenAPI document call this build. Default: "dev".
	Version string
	// Heartbeat is how often a silent event stream sends a comment, so that proxies keep it open. Default: 15 s.
	Heartbeat time.Duration
	// SparsePositions: the positions of the Store have gaps, so the difference of two is no number of records.
	SparsePositions bool
	// WriteTimeout is how long a caller may take to receive a piece of an answer of rows, which holds a place among the readers of
	// the views; then the connection is cut. Default: 30 s.
	WriteTimeout time.Duration
	// WaitForViews is how long a read with ?after= waits for the views before it answers 503. Default: 10 s.
	WaitForViews time.Duration
}

type server struct {
	cfg         Config
	mux         *http.ServeMux
	crossOrigin http.CrossOriginProtection
	attempts    *attempts
}

// New returns the API. Requests end with their context: a server that shuts down cancels its base context to end the event
// streams. It panics, as http.ServeMux does, on a route that is not declared well: one without a permission has no start.
func New(cfg Config) http.Handler {
	if cfg.Clock == nil {
		cfg.Clock = time.Now
	}
	if cfg.Version == "" {
		cfg.Version = "dev"
	}
	if cfg.Heartbeat <= 0 {
		cfg.Heartbeat = 15 * time.Second
	}
	if cfg.WriteTimeout <= 0 {
		cfg.WriteTimeout = 30 * time.Second
	}
	if cfg.WaitForViews <= 0 {
		cfg.WaitForViews = 10 * time.Second
	}
	s := &server{cfg: cfg, mux: http.NewServeMux(), attempts: newAttempts()}
	api := humago.New(s.mux, apiConfig(cfg.Version))
	for _, rt := range s.allRoutes() {
		rt.mustDeclare()
		op := rt.operation(api.OpenAPI().Components.Schemas)
		described := *op
		described.Path = strings.ReplaceAll(op.Path, "...}", "}") // OpenAPI has no word for the rest of a path
		api.OpenAPI().AddOperation(&described)
		api.Adapter().Handle(op, func(ctx huma.Context) {
			r, w := humago.Unwrap(ctx)
			s.serve(rt, w, r)
		})
	}
	return s
}

// ServeHTTP routes the request; what no route takes is answered with a problem, too.
func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Content-Type-Options", "nosniff")
	if r.TLS != nil {
		w.Header().Set("Strict-Transport-Security", "max-age=31536000") // RFC 6797
	}
	tracked := &response{ResponseWriter: w}
	defer s.recoverPanic(tracked, r)
	if _, pattern := s.mux.Handler(r); pattern == "" {
		s.noRoute(r).write(tracked)
		return
	}
	// A page of another site, open in the browser of someone who may reach this API, must not write through that browser.
	if err := s.crossOrigin.Check(r); err != nil {
		problemf(http.StatusForbidden, "cross-origin", "Cross-origin request", "a browser may not send this from another site").write(tracked)
		return
	}
	s.mux.ServeHTTP(tracked, r)
}

// noRoute tells an unknown path from a path that has other methods.
func (s *server) noRoute(r *http.Request) *Problem {
	allow := ""
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		other := &http.Request{Method: method, URL: r.URL, Host: r.Host}
		if _, pattern := s.mux.Handler(other); pattern == "" {
			continue
		}
		if allow != "" {
			allow += ", "
		}
		allow += method
	}
	if allow == "" {
		return problemf(http.StatusNotFound, "unknown-path", "Unknown path", "/openapi.json lists the paths")
	}
	p := problemf(http.StatusMethodNotAllowed, "unknown-method", "Method not allowed", "this path takes: %s", allow)
	p.allow = allow
	return p
}

// serve runs one route and turns its error into the answer.
func (s *server) serve(rt *route, w http.ResponseWriter, r *http.Request) {
	var err error
	if rt.needs == access.Public {
		err = rt.answer(w, r)
	} else {
		err = s.serveCaller(rt, w, r)
	}
	if err == nil {
		return
	}
	problem := asProblem(err)
	// Once the context has ended, because the caller left or the server stops, a failure is no news.
	if problem.Status >= http.StatusInternalServerError && r.Context().Err() == nil {
		s.cfg.Logger.Error().Str("method", r.Method).Str("route", rt.path).Int("status", problem.Status).
			Err(problem.cause).Msg("request failed")
	}
	if tracked, ok := w.(*response); ok && tracked.started {
		// Too late for a status. Cutting the connection tells the caller that the answer is incomplete.
		panic(http.ErrAbortHandler)
	}
	problem.write(w)
}

// recoverPanic answers a panic with a problem that says nothing; the operator gets the stack.
func (s *server) recoverPanic(w *response, r *http.Request) {
	v := recover()
	if v == nil {
		return
	}
	if err, ok := v.(error); ok && errors.Is(err, http.ErrAbortHandler) {
		panic(http.ErrAbortHandler)
	}
	s.cfg.Logger.Error().Str("method", r.Method).Str("pattern", r.Pattern).
		Str("panic", panicText(v)).Bytes("stack", debug.Stack()).Msg("panic while answering a request")
	if w.started {
		panic(http.ErrAbortHandler)
	}
	asProblem(errPanic).write(w)
}

var errPanic = errors.New("panic")

// panicText is what may be logged of a panic: a runtime error's text names code, an arbitrary value might hold data.
func panicText(v any) string {
	if err, ok := v.(interface{ RuntimeError() }); ok {
		return err.(error).Error()
	}
	return "not a runtime error"
}

// response remembers whether the answer has begun.
type response struct {
	http.ResponseWriter
	started bool
}

func (w *response) WriteHeader(status int) {
	w.started = true
	w.ResponseWriter.WriteHeader(status)
}

func (w *response) Write(p []byte) (int, error) {
	w.started = true
	return w.ResponseWriter.Write(p)
}

// Unwrap lets http.ResponseController flush.
func (w *response) Unwrap() http.ResponseWriter { return w.ResponseWriter }
