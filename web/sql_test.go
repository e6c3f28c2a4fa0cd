package web

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"amends/projections"
)

func TestSQLThatTheStatementIsToBlameFor(t *testing.T) {
	g := newRig(t, nil)
	for _, query := range []string{"select zeroblob(1000000000)", "select randomblob(2000000000)", "select * from pragma_database_list"} {
		problemOf(t, g.sql(t, query), http.StatusBadRequest, "bad-query")
	}
	want(t, "two columns of a name", g.sql(t, "select 1 as a, 2 as a").body, `[{"a":1,"a_2":2}]`+"\n")
}

func TestEndlessSQLTakesNoReadingAway(t *testing.T) {
	var views *projections.Views
	g := newRig(t, func(c *Config) {
		var err error
		views, err = projections.Open(t.Context(), projections.Config{
			Path: filepath.Join(t.TempDir(), "views.sqlite"), Store: c.Store, Codec: c.Codec, MaxQueryTime: 300 * time.Millisecond,
		})
		if err != nil {
			t.Fatal(err)
		}
		c.Views = views
	})
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = views.Run(ctx) // never nil
	}()
	t.Cleanup(func() {
		stop()
		<-ended
		if err := views.Close(); err != nil {
			t.Error(err)
		}
	})
	const many = 12
	answers := make([]answer, many)
	var asked sync.WaitGroup
	for i := range many {
		asked.Go(func() {
			answers[i] = g.sql(t, "with recursive t(n) as (select 1 union all select n+1 from t) select n from t where n<0")
		})
	}
	for range 10 {
		want(t, "a view", g.get(t, "/v1/views/complaints").status, http.StatusOK)
		want(t, "status", g.get(t, "/v1/status").status, http.StatusOK)
	}
	asked.Wait()
	slow := 0
	for _, a := range answers {
		if a.status == http.StatusServiceUnavailable { // it got no place in time
			problemOf(t, a, http.StatusServiceUnavailable, "sql-busy")
			continue
		}
		problemOf(t, a, http.StatusBadRequest, "query-too-slow")
		slow++
	}
	if slow == 0 {
		t.Error("no statement ran")
	}
}

// Whoever asks and does not receive the answer gives the place among the readers back.
func TestACallerWhoDoesNotReadTakesNoReadingAway(t *testing.T) {
	g := newRig(t, func(c *Config) { c.WriteTimeout = 50 * time.Millisecond })
	const large = "with recursive t(n) as (select 1 union all select n+1 from t limit 200000) select n, printf('%.1000c', 'x') from t"
	body := `{"query":"` + large + `"}`
	for range 6 { // more than there are places
		conn, err := net.Dial("tcp", g.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		fmt.Fprintf(conn, "POST /v1/sql HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
	}
	want(t, "another's", g.sql(t, "select 1 as one").body, `[{"one":1}]`+"\n")
}
