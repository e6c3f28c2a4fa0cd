package web

import (
	"context"
	"encoding/csv"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"amends/projections"
)

type row = map[string]any

// openViews makes the views of the configuration's log in a file and follows it.
func openViews(t *testing.T, cfg Config) *projections.Views {
	t.Helper()
	views, err := projections.Open(t.Context(), projections.Config{
		Path: filepath.Join(t.TempDir(), "views.db"), Store: cfg.Store, Codec: cfg.Codec, Clock: cfg.Clock,
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = views.Run(ctx) // never nil; a log that is broken on purpose stops it
	}()
	t.Cleanup(func() {
		stop()
		<-done
		if err := views.Close(); err != nil {
			t.Error(err)
		}
	})
	return views
}

// withComplaints records three complaints of two customers and returns the query parameter that waits for them.
func withComplaints(t *testing.T, g *rig) string {
	t.Helper()
	for _, e := range []string{
		registered("e1", "C1", "K1"), registered("e2", "C1", "K2"), registered("e3", "C2", "K1"),
		event("e4", "complaint.acknowledged", "C1", `{"complaint_id":"K2"}`),
	} {
		want(t, "status", g.post(t, typeJSON, e).status, http.StatusCreated)
	}
	return "after=4"
}

func TestQueryView(t *testing.T) {
	g := newRig(t, nil)
	after := withComplaints(t, g)
	a := g.get(t, "/v1/views/complaints?where=customer_id=C1&where=state!=registered&"+after)
	rows := into[[]row](t, a)
	if len(rows) != 1 || rows[0]["complaint_id"] != "K2" || rows[0]["state"] != "acknowledged" {
		t.Fatalf("rows: %s", a.body)
	}
	want(t, "position header", a.header.Get(positionHeader), "4")
	want(t, "NULL", rows[0]["closed_at"], nil)

	all := into[[]row](t, g.get(t, "/v1/views/complaints"))
	want(t, "all rows", len(all), 3)
	want(t, "limit", len(into[[]row](t, g.get(t, "/v1/views/complaints?limit=2"))), 2)
	want(t, "no row", g.get(t, "/v1/views/complaints?where=customer_id=C9").body, "[]\n")
	want(t, "NDJSON", len(lines(g.get(t, "/v1/views/complaints", "Accept", typeNDJSON).body)), 3)
	ordered := into[[]row](t, g.get(t, "/v1/views/events?order=-position&limit=1"))
	want(t, "order", ordered[0]["event_id"], any("e4"))

	sheet, err := csv.NewReader(strings.NewReader(g.get(t, "/v1/views/complaints", "Accept", typeCSV).body)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	want(t, "CSV lines", len(sheet), 4)

	problemOf(t, g.get(t, "/v1/views/nothing"), http.StatusNotFound, "unknown-view")
	problemOf(t, g.get(t, "/v1/views/complaints?where=nothing=1"), http.StatusBadRequest, "bad-query")
	problemOf(t, g.get(t, "/v1/views/complaints?where=state"), http.StatusBadRequest, "bad-parameter")
	problemOf(t, g.get(t, "/v1/views/complaints?wehre=state=x"), http.StatusBadRequest, "bad-parameter")
}

func TestViewsBehind(t *testing.T) {
	g := newRig(t, func(c *Config) { c.WaitForViews = 10 * time.Millisecond })
	a := g.get(t, "/v1/views/complaints?after=1000")
	problemOf(t, a, http.StatusServiceUnavailable, "views-behind")
	if a.header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
}

func TestComplaints(t *testing.T) {
	g := newRig(t, nil)
	after := withComplaints(t, g)
	want(t, "of a customer", len(into[[]row](t, g.get(t, "/v1/complaints?customer=C1&"+after))), 2)
	want(t, "in a state", len(into[[]row](t, g.get(t, "/v1/complaints?state=acknowledged"))), 1)

	one := into[struct {
		Complaint row
		Events    []row
	}](t, g.get(t, "/v1/complaints/K2"))
	want(t, "state", one.Complaint["state"], any("acknowledged"))
	want(t, "events", len(one.Events), 2)
	want(t, "the first", one.Events[0]["event_id"], any("e2"))

	p := problemOf(t, g.get(t, "/v1/complaints/K1"), http.StatusConflict, "ambiguous-complaint")
	want(t, "whose", strings.HasSuffix(p.Detail, ": C1, C2"), true)
	want(t, "with the customer", g.get(t, "/v1/complaints/K1?customer=C2").status, http.StatusOK)
	problemOf(t, g.get(t, "/v1/complaints/K9"), http.StatusNotFound, "unknown-complaint")
}

func (g *rig) sql(t *testing.T, query string, headers ...string) answer {
	t.Helper()
	return g.do(t, http.MethodPost, "/v1/sql", typeJSON, `{"query":"`+query+`"}`, headers...)
}

func TestSQL(t *testing.T) {
	g := newRig(t, nil)
	g.get(t, "/v1/views/complaints?"+withComplaints(t, g))
	a := g.sql(t, "select customer_id, count(*) as n from complaints group by 1 order by 1")
	want(t, "rows", a.body, `[{"customer_id":"C1","n":2},`+"\n"+`{"customer_id":"C2","n":1}]`+"\n")
	a = g.sql(t, "select 1 as one, null as missing, 'a' as text", "Accept", typeCSV)
	want(t, "CSV", a.body, "one,missing,text\n1,,a\n")
	for _, query := range []string{"select nothing from complaints", "delete from complaints", "selec", "attach 'x' as y"} {
		problemOf(t, g.sql(t, query), http.StatusBadRequest, "bad-query")
	}
	want(t, "rows after the attempts", len(into[[]row](t, g.get(t, "/v1/complaints"))), 3)
	for _, body := range []string{``, `{}`, `{"query":" "}`, `{"qeury":"select 1"}`, `[1]`} {
		problemOf(t, g.do(t, http.MethodPost, "/v1/sql", typeJSON, body), http.StatusBadRequest, "bad-request")
	}
}

func TestViewsAndStatus(t *testing.T) {
	g := newRig(t, nil)
	g.get(t, "/v1/views/complaints?"+withComplaints(t, g))
	found := false
	for _, v := range into[[]ViewInfo](t, g.get(t, "/v1/views")) {
		if v.Description == "" || len(v.Columns) == 0 {
			t.Errorf("%s is not described", v.Name)
		}
		found = found || v.Name == "complaints"
	}
	want(t, "complaints is a view", found, true)

	s := into[Status](t, g.get(t, "/v1/status"))
	want(t, "status", []any{s.Version, s.Log.End, s.Views.Position, *s.Views.LagEvents, s.Views.ParkedCount},
		[]any{"test", uint64(4), uint64(4), uint64(0), 0})
}

func TestRebuild(t *testing.T) {
	g := newRig(t, nil)
	g.get(t, "/v1/views/complaints?"+withComplaints(t, g))
	for _, path := range []string{"/v1/verify/views", "/v1/rebuild"} {
		a := g.do(t, http.MethodPost, path, typeJSON, `{}`)
		all := lines(a.body)
		last := into[RebuildLine](t, answer{status: a.status, body: all[len(all)-1]})
		if last.Result == nil {
			t.Fatalf("no result: %s", a.body)
		}
		want(t, "differences", len(last.Result.Differences), 0)
	}
	want(t, "rows after it", len(into[[]row](t, g.get(t, "/v1/complaints"))), 3)
	for _, path := range []string{"/v1/verify/views", "/v1/rebuild"} {
		problemOf(t, g.do(t, http.MethodPost, path, typeJSON, `{"views":["nothing"]}`), http.StatusNotFound, "unknown-view")
	}
}
