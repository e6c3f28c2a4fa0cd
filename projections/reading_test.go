package projections

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"amends/domain"
)

func TestSQLOnlyReads(t *testing.T) {
	r := newRig(t)
	r.record(r.registered("c-1", "k-1"))
	v := r.follow()
	r.caughtUp()
	dir := filepath.Dir(r.path)
	files := func() (names []string) {
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			names = append(names, e.Name())
		}
		return names
	}
	before := files()
	content := r.table("select * from complaints")
	for _, attack := range []string{
		"delete from complaints", "update complaints set owner = 'me'", "insert into parked(position) values (1)",
		"insert into complaints select * from complaints returning 1", "drop table complaints", "create table t(x)",
		"create temp table t(x)", "create temp view w as select 1", "alter table complaints add column x", "reindex", "analyze", "vacuum",
		"vacuum into '" + dir + "/copy.db'", "attach '" + dir + "/other.db' as other", "attach ':memory:' as other", "detach main",
		"pragma query_only=0", "pragma journal_mode=delete", "pragma writable_schema=1", "pragma user_version=7", "PRAGMA temp_store_directory='/'",
		"select * from pragma_journal_mode('delete')", "select * from pragma_wal_checkpoint", "select load_extension('x')", "begin", "savepoint s",
		"select 1; delete from complaints", "select 1; select 2", "with x as (select 1) delete from complaints",
		"explain delete from complaints; delete from complaints", "create virtual table f using fts5(x)", "replace into complaints(customer_id, complaint_id) values (1,2)",
		"/* select */ delete from complaints", "", ";", "select writefile('" + dir + "/x', 'y')", "select zeroblob(1000000000)",
		"select readfile('/etc/passwd')", "select edit('x')",
	} {
		rows, err := v.SQL(t.Context(), attack)
		if err == nil {
			for range rows.All() {
			}
			err = rows.Err()
		}
		if err == nil {
			t.Errorf("%q was allowed", attack)
		}
	}
	if diff := cmp.Diff(before, files()); diff != "" {
		t.Errorf("files changed: %s", diff)
	}
	want(t, r.table("select * from complaints"), content...)
	r.sound()
	want(t, r.table("select name, type from pragma_table_info('parked') where pk"), "position INTEGER")
}

func TestSQLIsBounded(t *testing.T) {
	r := newRig(t)
	v := r.open(func(c *Config) { c.MaxRows, c.MaxBytes, c.MaxReaders = 10, 1000, 1 })
	end := func(ctx context.Context, statement string) error {
		rows, err := v.SQL(ctx, statement)
		if err != nil {
			return err
		}
		for range rows.All() {
		}
		return rows.Err()
	}
	const numbers = "with recursive n(i) as (select 1 union all select i+1 from n) select i from n"
	if err := end(t.Context(), numbers); !errors.Is(err, ErrTooManyRows) {
		t.Errorf("got %v, want ErrTooManyRows", err)
	}
	if err := end(t.Context(), "select printf('%.2000c', 'x')"); !errors.Is(err, ErrTooManyBytes) {
		t.Errorf("got %v, want ErrTooManyBytes", err)
	}
	for _, endless := range []string{"with recursive n(i) as (select 1 union all select i+1 from n) select count(*) from n", numbers + " where i = 1 or i < 0"} {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		if err := end(ctx, endless); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want DeadlineExceeded", err)
		}
		cancel()
	}
	if err := end(t.Context(), "select 1"); err != nil { // the one connection came back in good order
		t.Error(err)
	}
}

func TestQueryConditionsOrderAndPages(t *testing.T) {
	r := newRig(t)
	r.record(r.registered("c-1", "k-1"), r.registered("c-2", "k-2"), r.registered("c-2", "k-3"),
		r.say("c-2", "complaint.closed", &domain.ComplaintClosed{ComplaintRef: domain.ComplaintRef{ComplaintID: "k-3"}}))
	v := r.follow()
	r.caughtUp()
	ids := func(q Query) string {
		t.Helper()
		rows, err := v.Query(t.Context(), "complaints", q)
		if err != nil {
			t.Fatal(err)
		}
		var out []string
		for values := range rows.All() {
			out = append(out, values[0].(string))
		}
		if rows.Err() != nil {
			t.Fatal(rows.Err())
		}
		return strings.Join(out, " ")
	}
	at := r.table("select registered_at from complaints where complaint_id = 'k-2'")[0]
	for want, q := range map[string]Query{
		"k-1 k-2 k-3": {},
		"k-2 k-3":     {Where: []Condition{{Column: "customer_id", Value: "c-2"}}},
		"k-3":         {Where: []Condition{{Column: "is_open", Value: "false"}}},
		"k-1 k-2":     {Where: []Condition{{Column: "closed_at", Op: IsNull}}},
		"k-2 k-1":     {Where: []Condition{{Column: "registered_at", Op: AtMost, Value: at}}, OrderBy: []Order{{"registered_at", true}}},
		"k-3 k-2 k-1": {OrderBy: []Order{{Column: "complaint_id", Descending: true}}},
		"k-2":         {Limit: 1, Offset: 1},
		"k-3 ":        {After: []string{"c-2", "k-2"}},
		"":            {Where: []Condition{{Column: "customer_id", Value: "x' or 1=1 --"}}},
		"k-1":         {Where: []Condition{{Column: "position", Op: AtMost, Value: "1"}, {Column: "owner", Op: NotEqual, Value: "x"}}},
	} {
		if got := ids(q); got != strings.TrimSpace(want) {
			t.Errorf("%+v gave %q, want %q", q, got, want)
		}
	}
	for _, bad := range []struct {
		view string
		q    Query
		says string
	}{
		{"complaint", Query{}, "did you mean complaints?"},
		{"complaints", Query{Where: []Condition{{Column: "sevrity"}}}, "did you mean severity?"},
		{"complaints", Query{OrderBy: []Order{{Column: "1; drop"}}}, "has no column"},
		{"complaints", Query{Where: []Condition{{Column: "is_open", Value: "maybe"}}}, "true or false"},
		{"complaints", Query{Where: []Condition{{Column: "registered_at", Value: "yesterday"}}}, "an instant"},
		{"complaints", Query{Where: []Condition{{Column: "position", Value: "x"}}}, "a whole number"},
		{"complaints", Query{Where: []Condition{{Column: "state", Op: "like", Value: "x"}}}, "no comparison"},
		{"complaints", Query{After: []string{"c-1"}}, "customer_id"},
		{"checkpoint", Query{}, "no view"},
	} {
		_, err := v.Query(t.Context(), bad.view, bad.q)
		if !errors.Is(err, ErrQuery) || !strings.Contains(err.Error(), bad.says) {
			t.Errorf("%s %+v: got %v, want %q", bad.view, bad.q, err, bad.says)
		}
	}
}

func TestValuesComeTyped(t *testing.T) {
	r := newRig(t)
	r.record(r.registered("c-1", "k-1"))
	r.follow()
	r.caughtUp()
	rows, err := r.views.SQL(t.Context(), "select is_open, is_timely, reopened_count, registered_at, (select probability from churn_risk), 'x' from complaints")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	if !rows.Next() {
		t.Fatal(rows.Err())
	}
	got := rows.Values()
	if got[0] != true || got[1] != nil || got[2] != int64(0) || got[5] != "x" {
		t.Errorf("values %#v", got)
	}
	if _, ok := got[3].(string); !ok {
		t.Errorf("a timestamp came as %T", got[3])
	}
	if _, ok := got[4].(float64); !ok {
		t.Errorf("a probability came as %T", got[4])
	}
	types := []Type{Boolean, Boolean, Integer, Timestamp, Float, Text}
	for i, c := range rows.Columns() {
		if c.Type != types[i] {
			t.Errorf("column %s has type %s, want %s", c.Name, c.Type, types[i])
		}
	}
}

func TestDictionaryHasEveryColumnOfEveryTable(t *testing.T) {
	r := newRig(t)
	r.open()
	want(t, r.table(`select m.name, p.name from sqlite_schema m, pragma_table_info(m.name) p
		where m.type = 'table' and m.name not in ('checkpoint', 'survivors')
		and not exists (select 1 from data_dictionary d where d.view = m.name and d.column_name = p.name and d.ordinal = p.cid + 1)`))
	want(t, r.table("select view, column_name from data_dictionary where description is null or type is null"))
	position := r.table("select count(distinct view) from data_dictionary where column_name = 'position'")[0]
	want(t, r.table("select count(distinct view) - 1 from data_dictionary"), position)
}

func TestPersonalTextsReachNoView(t *testing.T) {
	r := newRig(t)
	const secret = "Zanzibar-4711"
	r.record(
		r.say("c-1", "customer.registered", &domain.CustomerRegistered{Name: secret, Identities: []domain.Identity{{Kind: "email", Value: secret + "@example.com"}}}),
		r.say("c-1", "interaction.call", &domain.Interaction{Direction: "inbound", Summary: secret}),
		r.say("c-1", "complaint.registered", &domain.ComplaintRegistered{ComplaintRef: domain.ComplaintRef{ComplaintID: "k-1"},
			Channel: "phone", Subject: secret, Description: secret, Product: "loan", Category: "fees", Severity: "S3"}),
		r.say("c-1", "commitment.made", &domain.CommitmentMade{What: secret, DueAt: noon, Medium: "phone"}),
		r.say("c-1", "survey.answered", &domain.SurveyAnswered{Metric: "csat", Score: 2, Verbatim: secret}))
	r.follow()
	r.caughtUp()
	want(t, r.table("select count(*) from parked"), "0")
	r.close()
	content, err := os.ReadFile(r.path)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(content, []byte(secret)) {
		t.Error("a personal text is in the file of views")
	}
}
