package web

import (
	"context"
	"fmt"
	"iter"
	"net/http"
	"runtime"
	"strings"
	"testing"

	"amends/eventstore"
)

// damaged is a log that has lost the record at a position.
type damaged struct {
	eventstore.Store
	at eventstore.Position
}

func (d damaged) Follow(ctx context.Context, after eventstore.Position) iter.Seq2[eventstore.Recorded, error] {
	return func(yield func(eventstore.Recorded, error) bool) {
		for rec, err := range d.Store.Follow(ctx, after) {
			if rec.Position == d.at {
				err = &eventstore.DamageError{Position: d.at, Reason: fmt.Sprintf("position %d is missing", d.at)}
			}
			if !yield(rec, err) || err != nil {
				return
			}
		}
	}
}

func TestADamagedLogIsNoPassingOutage(t *testing.T) {
	g := newRig(t, func(c *Config) { c.Store = damaged{c.Store, 3} })
	for i := range 4 {
		g.post(t, typeJSON, registered(fmt.Sprintf("e%d", i), "C1", fmt.Sprintf("K%d", i)))
	}
	for _, accept := range []string{typeJSON, typeSSE} {
		a := g.get(t, "/v1/events?after=2", "Accept", accept)
		p := problemOf(t, a, http.StatusInternalServerError, "log-damaged")
		if !strings.Contains(p.Detail, "position 3 is missing") || a.header.Get("Retry-After") != "" {
			t.Errorf("%s: %q, Retry-After %q", accept, p.Detail, a.header.Get("Retry-After"))
		}
	}
	problemOf(t, g.get(t, "/v1/events?after=2&follow=true", "Accept", typeNDJSON), http.StatusInternalServerError, "log-damaged")
	for { // the views are asked for what they will never have
		a := g.get(t, "/v1/views/complaints?after=4")
		if a.status == http.StatusInternalServerError {
			problemOf(t, a, http.StatusInternalServerError, "log-damaged")
			break
		}
	}
	for {
		s := into[Status](t, g.get(t, "/v1/status"))
		if s.Log.Damaged != "" {
			want(t, "status", s.Log.Damaged, "log is damaged: position 3 is missing")
			want(t, "the views stand before it", s.Views.Position <= 2, true)
			break
		}
		runtime.Gosched() // until the views have run into it
	}
}

func TestARecordThatCannotBeDecodedIsDamageOfItsCustomer(t *testing.T) {
	g := newRig(t, nil)
	_, err := g.store.Append(t.Context(), "C1", eventstore.NoStream, eventstore.Event{ID: "x", Data: []byte(`{"name":"Ada"}`)})
	if err != nil {
		t.Fatal(err)
	}
	says := func(p Problem) {
		t.Helper()
		if !strings.Contains(p.Detail, "position 1 (customer C1, revision 1)") || !strings.Contains(p.Detail, "nly this customer") ||
			strings.Contains(p.Detail, "Ada") {
			t.Errorf("detail: %s", p.Detail)
		}
	}
	says(problemOf(t, g.post(t, typeJSON, registered("e1", "C1", "K1")), http.StatusInternalServerError, "log-damaged"))
	says(problemOf(t, g.get(t, "/v1/customers/C1/history"), http.StatusInternalServerError, "log-damaged"))
	a := g.post(t, typeNDJSON, registered("e1", "C1", "K1")+"\n"+registered("e2", "C2", "K1"))
	want(t, "status", a.status, http.StatusOK)
	want(t, "the customer's", strings.Contains(lines(a.body)[0], `"status":"refused"`), true)
	want(t, "the other's", strings.Contains(lines(a.body)[1], `"status":"recorded"`), true)
}

func TestAPositionBeyondTheEnd(t *testing.T) {
	g := newRig(t, nil)
	for i := range 4 {
		g.post(t, typeJSON, registered(fmt.Sprintf("e%d", i), "C1", fmt.Sprintf("K%d", i)))
	}
	for _, a := range []answer{
		g.get(t, "/v1/events?after=5"), g.get(t, "/v1/events?after=5", "Accept", typeNDJSON),
		g.get(t, "/v1/events?after=5&follow=true", "Accept", typeNDJSON),
		g.get(t, "/v1/events", "Accept", typeSSE, "Last-Event-ID", "50"),
	} {
		problemOf(t, a, http.StatusConflict, "position-beyond-end")
	}
	want(t, "at the end", g.get(t, "/v1/events?after=4").status, http.StatusOK)
}

func TestARevisionConflictIsAConflict(t *testing.T) {
	g := newRig(t, nil)
	e := strings.Replace(registered("e1", "C1", "K1"), `"data"`, `"expectedrevision":7,"data"`, 1)
	want(t, "id", problemOf(t, g.post(t, typeJSON, e), http.StatusConflict, "revision-conflict").ID, "e1")
	a := g.post(t, typeJSON, "["+e+"]")
	want(t, "in an array", a.status, http.StatusOK)
	want(t, "its receipt", strings.Contains(a.body, "revision-conflict"), true)
}
