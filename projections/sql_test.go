package projections

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"testing"
	"time"
)

const endless = "with recursive t(n) as (select 1 union all select n+1 from t) select n from t where n<0"

// drain runs a statement to its end.
func (r *rig) drain(ctx context.Context, statement string) error {
	rows, err := r.views.SQL(ctx, statement)
	if err != nil {
		return err
	}
	for range rows.All() {
	}
	return rows.Err()
}

func TestEndlessSQLTakesNoReadingAway(t *testing.T) {
	r := newRig(t)
	r.record(r.registered("c-1", "k-1"))
	v := r.follow()
	r.caughtUp()
	ctx, cancel := context.WithCancel(t.Context())
	const many = 12
	ended := make(chan error, many)
	for range many {
		go func() { ended <- r.drain(ctx, endless) }()
	}
	for len(v.sql.slots) < cap(v.sql.slots) { // until every place for SQL is taken
		runtime.Gosched()
	}
	for range 20 {
		rows, err := v.Query(t.Context(), "complaints", Query{})
		if err != nil {
			t.Fatal(err)
		}
		for range rows.All() {
		}
		if _, err := v.Status(t.Context()); err != nil || rows.Err() != nil {
			t.Fatal(err, rows.Err())
		}
	}
	cancel()
	for range many {
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want Canceled", err)
		}
	}
}

func TestASlowStatementEnds(t *testing.T) {
	r := newRig(t)
	v := r.open(func(c *Config) { c.MaxQueryTime, c.MaxReaders = 20*time.Millisecond, 1 })
	for _, slow := range []string{endless, "with recursive t(n) as (select 1 union all select n+1 from t) select count(*) from t"} {
		if err := r.drain(t.Context(), slow); !errors.Is(err, ErrTooSlow) || !strings.Contains(err.Error(), "20ms") {
			t.Errorf("got %v, want ErrTooSlow", err)
		}
	}
	// Whoever waits for a place does not wait for ever either.
	v.sql.slots <- struct{}{}
	if err := r.drain(t.Context(), "select 1"); !errors.Is(err, ErrBusy) {
		t.Errorf("got %v, want ErrBusy", err)
	}
	<-v.sql.slots
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := r.drain(ctx, endless); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want Canceled", err)
	}
}

func TestAStatementIsToBlameAlsoForALaterRow(t *testing.T) {
	r := newRig(t)
	r.open()
	for _, bad := range []string{
		"select zeroblob(1000000000)", "select randomblob(2000000000)", "select * from pragma_database_list",
		"select 1 union all select abs(-9223372036854775807 - 1)", "select json('{')", "select ?", "selec", "select * from nothing",
	} {
		if err := r.drain(t.Context(), bad); !errors.Is(err, ErrQuery) {
			t.Errorf("%s: got %v, want ErrQuery", bad, err)
		}
	}
	if err := r.drain(t.Context(), "select * from pragma_database_list"); !errors.Is(err, ErrNotReading) {
		t.Errorf("got %v, want ErrNotReading", err)
	}
}

func TestColumnsOfTheSameNameAreToldApart(t *testing.T) {
	r := newRig(t)
	v := r.open()
	rows, err := v.SQL(t.Context(), "select 1 as a, 2 as a, 3 as a_2, 4 as a, 5 as b, 6 as A")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var names []string
	for _, c := range rows.Columns() {
		names = append(names, c.Name)
	}
	want(t, names, "a", "a_3", "a_2", "a_4", "b", "A")
}
