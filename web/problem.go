package web

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"amends/eventstore"
	"amends/ledger"
	"amends/schemas"
)

// problemType is the media type of RFC 9457.
const problemType = "application/problem+json"

// Problem is an RFC 9457 problem document: the body of every answer that is not a success. It names the record and the
// field, and never repeats the value of a field.
type Problem struct {
	Type   string `json:"type" doc:"What kind of problem: urn:amends:problem:<slug>"`
	Title  string `json:"title" doc:"The kind in words"`
	Status int    `json:"status" doc:"The HTTP status"`
	Detail string `json:"detail,omitempty" doc:"What is wrong here, and what to do"`
	// Pointer is the field of the record (RFC 6901), Parameter the parameter of the request.
	Pointer   string `json:"pointer,omitempty" doc:"The field of the record, as a JSON pointer (RFC 6901)"`
	Parameter string `json:"parameter,omitempty" doc:"The parameter of the request"`
	ID        string `json:"id,omitempty" doc:"The id of the event that was refused"`
	Customer  string `json:"customer,omitempty" doc:"The customer whose event was refused"`
	// Receipts are what is known of the events of a request that the log failed to take as a whole.
	Receipts json.RawMessage `json:"receipts,omitempty" doc:"Receipts of the events before the failure; status unknown: send again"`

	cause        error  // for the operator's log, never for the caller
	retryAfter   int    // seconds; 0: no such header
	allow        string // the Allow header of a 405
	authenticate string // the WWW-Authenticate header of a 401 or 403
}

// Error implements error.
func (p *Problem) Error() string {
	if p.cause != nil {
		return fmt.Sprintf("%s: %v", p.Title, p.cause)
	}
	return p.Title + ": " + p.Detail
}

// Unwrap returns what lies behind the problem.
func (p *Problem) Unwrap() error { return p.cause }

func problemf(status int, slug, title, format string, args ...any) *Problem {
	return &Problem{Type: "urn:amends:problem:" + slug, Title: title, Status: status, Detail: fmt.Sprintf(format, args...)}
}

// badParameter says that a parameter of the request is not as it must be.
func badParameter(name, format string, args ...any) *Problem {
	p := problemf(http.StatusBadRequest, "bad-parameter", "Bad parameter", format, args...)
	p.Parameter = name
	return p
}

// unavailable says that the log could not be reached: nothing is wrong with the request, and it may be sent again.
func unavailable(cause error) error {
	if errors.Is(cause, context.Canceled) {
		return cause // the caller left, the log is not to blame
	}
	if errors.Is(cause, eventstore.ErrPosition) {
		return problemf(http.StatusBadRequest, "unknown-position", "Unknown position",
			"after must be 0, or the position of a record of this log as a receipt or an event names it")
	}
	if errors.Is(cause, eventstore.ErrDamaged) {
		return logDamaged(cause)
	}
	p := problemf(http.StatusServiceUnavailable, "log-unavailable", "The log cannot be reached",
		"send the same request again; events keep their ids, so none is recorded twice")
	p.cause, p.retryAfter = cause, retryAfterSeconds
	return p
}

// logDamaged says that the log lost something: to send the request again does not help.
func logDamaged(cause error) *Problem {
	detail := eventstore.ErrDamaged.Error()
	var damage *eventstore.DamageError
	if errors.As(cause, &damage) {
		detail = damage.Error()
		if damage.Stream != "" {
			detail += "; only this customer is affected"
		}
	}
	p := problemf(http.StatusInternalServerError, "log-damaged", "The log is damaged",
		"%s. It is no use to send the request again: restore the log from a backup", detail)
	p.cause = cause
	return p
}

// refusedStatus is the status for an event that was refused.
func refusedStatus(problem *schemas.Problem) int {
	switch problem.Type {
	case ledger.ProblemRevisionConflict:
		return http.StatusConflict
	case ledger.ProblemLogDamaged:
		return http.StatusInternalServerError
	}
	return http.StatusUnprocessableEntity
}

// retryAfterSeconds is when a caller may try again after a 503.
const retryAfterSeconds = 2

// asProblem is the one table from errors to answers.
func asProblem(err error) *Problem {
	var problem *Problem
	var refused *schemas.Problem
	var viewProblem *Problem
	switch {
	case errors.As(err, &problem):
		return problem
	case errors.Is(err, eventstore.ErrDamaged):
		return logDamaged(err)
	case errors.As(err, &refused):
		return &Problem{
			Type: refused.Type, Title: refused.Title, Status: refusedStatus(refused),
			Detail: refused.Detail, Pointer: refused.Pointer,
		}
	case errors.Is(err, eventstore.ErrInvalid):
		return problemf(http.StatusBadRequest, "bad-customer-id", "Bad customer id",
			"a customer id is 1 to 64 characters of A-Z a-z 0-9 _ and -")
	case errors.Is(err, eventstore.ErrClosed):
		return asProblem(unavailable(err))
	}
	if viewProblem = fromViews(err); viewProblem != nil {
		return viewProblem
	}
	p := problemf(http.StatusInternalServerError, "internal", "Internal error",
		"the server failed to answer; its log says why")
	p.cause = err
	return p
}

// write sends the problem.
func (p *Problem) write(w http.ResponseWriter) {
	h := w.Header()
	h.Set("Content-Type", problemType)
	h.Set("Cache-Control", "no-store")
	h.Del("Content-Disposition")
	if p.retryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(p.retryAfter))
	}
	if p.authenticate != "" {
		h.Set("WWW-Authenticate", p.authenticate)
	}
	if p.allow != "" {
		h.Set("Allow", p.allow)
	}
	w.WriteHeader(p.Status)
	_ = writeJSON(w, p) // the caller has gone: nobody is left to tell
}
