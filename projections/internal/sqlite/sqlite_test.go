package sqlite

import (
	"context"
	"errors"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	lib "modernc.org/sqlite/lib"
)

func open(t *testing.T, path string, mode Mode) *Conn {
	t.Helper()
	c, err := Open(path, mode)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

func TestValuesComeBackAsTheyWereBound(t *testing.T) {
	c := open(t, filepath.Join(t.TempDir(), "odd name %20?#.db"), ReadWrite)
	if err := c.Exec("create table t(a, b, c, d, e)"); err != nil {
		t.Fatal(err)
	}
	insert, err := c.Prepare("insert into t values (?,?,?,?,?)")
	if err != nil {
		t.Fatal(err)
	}
	defer insert.Close()
	long := strings.Repeat("é", 3*blockBytes) // does not fit in one block
	for range 3 {
		for _, err := range []error{
			insert.BindInt(0, -1<<63), insert.BindFloat(1, 0.1), insert.BindText(2, long), insert.BindText(3, ""),
			insert.BindNull(4), insert.Run(),
		} {
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	q, err := c.Prepare("select * from t")
	if err != nil {
		t.Fatal(err)
	}
	defer q.Close()
	rows, first := 0, ""
	for {
		more, err := q.Step()
		if err != nil {
			t.Fatal(err)
		}
		if !more {
			break
		}
		if rows++; rows == 1 {
			first = q.Text(2)
		}
		if q.Int(0) != -1<<63 || q.Float(1) != 0.1 || q.Text(2) != long || q.Text(3) != "" {
			t.Fatal("values differ from what was bound")
		}
		if q.Kind(3) != Text || q.Kind(4) != Null {
			t.Fatalf("kinds %d %d, want text and null", q.Kind(3), q.Kind(4))
		}
	}
	if q.Reset(); first != long {
		t.Fatal("a text changed after its row")
	}
	if rows != 3 {
		t.Fatalf("%d rows, want 3", rows)
	}
}

func TestStatementStopsWhenItsContextEndsAlsoAfterTheFirstRow(t *testing.T) {
	c := open(t, filepath.Join(t.TempDir(), "a.db"), ReadWrite)
	ctx, cancel := context.WithCancel(t.Context())
	defer c.InterruptWhenDone(ctx)()
	q, err := c.Prepare("with recursive n(i) as (select 1 union all select i+1 from n) select i from n where i = 1 or i < 0")
	if err != nil {
		t.Fatal(err)
	}
	defer q.Close()
	if more, err := q.Step(); !more || err != nil {
		t.Fatalf("first row: %v %v", more, err)
	}
	cancel()
	if _, err := q.Step(); !errors.Is(err, ErrInterrupted) {
		t.Fatalf("got %v, want ErrInterrupted", err)
	}
}

func TestStatementStopsWhenItsContextEndedBeforeItsFirstStep(t *testing.T) {
	c := open(t, filepath.Join(t.TempDir(), "a.db"), ReadWrite)
	q, err := c.Prepare("with recursive n(i) as (select 1 union all select i+1 from n) select i from n where i < 0")
	if err != nil {
		t.Fatal(err)
	}
	defer q.Close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	stop := c.InterruptWhenDone(ctx)
	for lib.Xsqlite3_is_interrupted(c.tls, c.db) == 0 { // the first interrupt comes before the statement begins
		runtime.Gosched()
	}
	if _, err := q.Step(); !errors.Is(err, ErrInterrupted) {
		t.Fatalf("got %v, want ErrInterrupted", err)
	}
	stop()
	q.Reset()
	if err := c.Exec("select 1"); err != nil {
		t.Fatalf("after stop: %v", err)
	}
}

func TestPrepareTakesOneStatement(t *testing.T) {
	c := open(t, filepath.Join(t.TempDir(), "a.db"), ReadWrite)
	for _, one := range []string{"select 1", "select 1;", "select 1 ; -- done\n /* really */ "} {
		s, err := c.Prepare(one)
		if err != nil {
			t.Fatalf("%q: %v", one, err)
		}
		s.Close()
	}
	for _, bad := range []string{"", "-- nothing", "select 1; select 2", "select 1; nonsense", "select 1\x00; select 2"} {
		if s, err := c.Prepare(bad); err == nil {
			s.Close()
			t.Errorf("%q was accepted", bad)
		}
	}
}

func TestCopyFromReplacesEverything(t *testing.T) {
	dir := t.TempDir()
	live, beside := open(t, filepath.Join(dir, "live.db"), ReadWrite), open(t, filepath.Join(dir, "beside.db"), ReadWrite)
	reader := open(t, filepath.Join(dir, "live.db"), ReadOnly)
	for _, run := range []struct {
		c   *Conn
		sql string
	}{
		{live, "pragma journal_mode=wal; create table old(x); create table t(x); insert into t values (1)"},
		{beside, "create table t(x); insert into t values (2)"},
	} {
		if err := run.c.Exec(run.sql); err != nil {
			t.Fatal(err)
		}
	}
	if err := reader.Exec("select x from t"); err != nil {
		t.Fatal(err)
	}
	if err := live.CopyFrom(beside); err != nil {
		t.Fatal(err)
	}
	q, err := reader.Prepare("select x, (select count(*) from sqlite_schema), (select * from pragma_journal_mode) from t")
	if err != nil {
		t.Fatal(err)
	}
	defer q.Close()
	if more, err := q.Step(); !more || err != nil {
		t.Fatal(more, err)
	}
	if q.Int(0) != 2 || q.Int(1) != 1 || q.Text(2) != "wal" {
		t.Fatalf("x = %d, %d tables, journal %s; want 2, 1 and wal", q.Int(0), q.Int(1), q.Text(2))
	}
}

func TestAuthorizeDeniesWhatThePolicyRefuses(t *testing.T) {
	c := open(t, filepath.Join(t.TempDir(), "a.db"), ReadWrite)
	if err := c.Authorize(func(a Action, _, _ string) bool { return a == ActionSelect }); err != nil {
		t.Fatal(err)
	}
	if err := c.Exec("select 1"); err != nil {
		t.Fatal(err)
	}
	if err := c.Exec("create table t(x)"); !errors.Is(err, ErrDenied) {
		t.Fatalf("got %v, want ErrDenied", err)
	}
}
