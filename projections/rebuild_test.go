package projections

import (
	"context"
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	"amends/domain"
	"amends/eventstore"
	"amends/projections/internal/sqlite"
)

// alter changes the file behind the views' back.
func (r *rig) alter(statement string) {
	r.Helper()
	c, err := sqlite.Open(r.path, sqlite.ReadWrite)
	if err != nil {
		r.Fatal(err)
	}
	defer c.Close()
	if err := c.Exec(statement); err != nil {
		r.Fatal(err)
	}
}

func TestCheckFindsWhatWasAltered(t *testing.T) {
	for alteration, first := range map[string]struct {
		view string
		want Difference
	}{
		"update complaints set owner = 'x' where complaint_id = 'k-2'":     {"complaints", Difference{[]string{"c-2", "k-2"}, "owner", "'x'", "NULL"}},
		"update complaints set is_open = 2 where complaint_id = 'k-1'":     {"complaints", Difference{[]string{"c-1", "k-1"}, "is_open", "2", "1"}},
		"delete from interactions where customer_id = 'c-3'":               {"interactions", Difference{[]string{"c-3", "e-3"}, "", "missing", ""}},
		"insert into redress(customer_id, redress_id) values ('c-0', 'r')": {"redress", Difference{[]string{"c-0", "r"}, "", "", "missing"}},
		"update events set actor = '' where position = 2":                  {"events", Difference{[]string{"2"}, "actor", "''", "NULL"}},
	} {
		r := newRig(t)
		r.record(r.registered("c-1", "k-1"), r.registered("c-2", "k-2"), r.called("c-3"))
		v := r.follow()
		r.caughtUp()
		r.sound()
		r.alter(alteration)
		report, err := v.Check(t.Context(), nil)
		if !errors.Is(err, ErrViewsDiffer) {
			t.Fatalf("%s: got %v, want ErrViewsDiffer", alteration, err)
		}
		for _, table := range report.Tables {
			if table.View != first.view {
				if table.Differing != 0 {
					t.Errorf("%s: %s differs too", alteration, table.View)
				}
				continue
			}
			if table.Differing != 1 || fmt.Sprint(table.First) != fmt.Sprint([]Difference{first.want}) {
				t.Errorf("%s: reported %+v, want %+v", alteration, table, first.want)
			}
		}
		if err := v.Rebuild(t.Context(), nil, nil); err != nil {
			t.Fatal(err)
		}
		r.sound()
	}
}

func TestRebuildOfOneViewLeavesTheOthers(t *testing.T) {
	r := newRig(t)
	r.record(r.registered("c-1", "k-1"), r.called("c-2"))
	v := r.follow()
	r.caughtUp()
	r.alter("update complaints set owner = 'x'; update interactions set purpose = 'x'")
	if err := v.Rebuild(t.Context(), []string{"complaints"}, nil); err != nil {
		t.Fatal(err)
	}
	want(t, r.table("select owner, (select purpose from interactions) from complaints"), "<nil> x")
	if err := v.Rebuild(t.Context(), []string{"nothing"}, nil); !errors.Is(err, ErrQuery) {
		t.Errorf("got %v, want ErrQuery", err)
	}
	r.record(r.called("c-1"))
	r.caughtUp()
}

func TestRebuildWhileTheLogGrows(t *testing.T) {
	r := newRig(t)
	for i := range 500 {
		r.record(r.called(fmt.Sprintf("c-%d", i%20)))
	}
	v := r.follow(func(c *Config) { c.CacheEvents = 60 })
	r.caughtUp()
	written := make(chan struct{})
	started := make(chan struct{})
	go func() {
		defer close(written)
		<-started
		for i := range 300 {
			r.record(r.called(fmt.Sprintf("c-%d", i%25)))
		}
	}()
	first := true
	err := v.Rebuild(t.Context(), nil, func(done, total eventstore.Position) {
		if first {
			close(started)
			first = false
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	<-written
	r.caughtUp()
	want(t, r.table("select count(*), (select count(*) from interactions) from events"), "800 800")
	r.sound()
}

func TestAFailedRebuildLeavesTheLiveViews(t *testing.T) {
	r := newRig(t)
	r.record(r.registered("c-1", "k-1"))
	v := r.follow()
	r.caughtUp()
	ctx, cancel := context.WithCancel(t.Context())
	err := v.Rebuild(ctx, nil, func(_, _ eventstore.Position) { cancel() })
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v, want Canceled", err)
	}
	if _, err := os.Stat(v.besidePath()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the build was left behind: %v", err)
	}
	r.record(r.called("c-1"))
	r.caughtUp()
	r.sound()

	r.close() // as if the machine had stopped in the middle of a build
	if err := os.WriteFile(r.path+".building", []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	r.follow()
	r.caughtUp()
	r.sound()
}

func TestViewsOfAnotherVersionAreBuiltAnew(t *testing.T) {
	r := newRig(t)
	r.record(r.registered("c-1", "k-1"))
	r.follow()
	r.caughtUp()
	r.close()
	r.alter("update checkpoint set views_version = 'old'; drop table complaints; create table complaints(x)")
	v := r.open()
	if _, err := v.Query(t.Context(), "complaints", Query{}); !errors.Is(err, ErrOutdated) {
		t.Errorf("got %v, want ErrOutdated", err)
	}
	r.run()
	r.record(r.registered("c-1", "k-2"))
	r.caughtUp()
	want(t, r.table("select complaint_id from complaints"), "k-1", "k-2")
	r.sound()
}

func TestRefreshScoresWhatIsOld(t *testing.T) {
	r := newRig(t)
	r.record(r.registered("c-1", "k-1"))
	v := r.follow()
	r.caughtUp()
	r.pass(25 * time.Hour)
	r.record(r.called("c-2"))
	r.caughtUp()
	r.pass(time.Hour)
	n, err := v.Refresh(t.Context(), r.now())
	if err != nil || n != 1 {
		t.Fatalf("scored %d, %v; want 1", n, err)
	}
	want(t, r.table("select customer_id, scored_at, position from churn_risk"),
		"c-1 2026-03-11T14:00:00.000Z 1", "c-2 2026-03-11T13:00:00.000Z 2")
	r.sound()
}

func TestAnEventThatBreaksTheFoldIsParked(t *testing.T) {
	r := newRig(t)
	r.open()
	broken := domain.Event{ID: "bad", Customer: "c-1", Type: "customer.merged_into", Revision: 2, Position: 2, Time: noon,
		Data: (*domain.CustomerMergedInto)(nil)}
	good := func(revision uint64) item {
		return item{event: domain.Event{ID: fmt.Sprint(revision), Customer: "c-1", Type: "customer.returned", Revision: revision, Position: revision,
			Time: noon.Add(time.Duration(revision) * time.Hour), Data: &domain.CustomerReturned{}}}
	}
	p := r.views.projector
	if err := p.take([]item{good(1), {event: broken}, good(3)}); err != nil {
		t.Fatal(err)
	}
	if err := p.flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	want(t, r.table("select customer_id, is_stale, event_count, (select event_id from parked) from customers"), "c-1 true 2 bad")
}

func TestCheckAndRebuildWaitForTheEndOfTheLog(t *testing.T) {
	for name, run := range map[string]func(*Views) (eventstore.Position, error){
		"check": func(v *Views) (eventstore.Position, error) {
			report, err := v.Check(t.Context(), nil)
			return report.Position, err
		},
		"rebuild of one view": func(v *Views) (eventstore.Position, error) {
			err := v.Rebuild(t.Context(), []string{"complaints"}, nil)
			return v.Cursor(), err
		},
	} {
		r := newRig(t)
		r.record(r.registered("c-1", "k-1"), r.called("c-1"))
		v := r.open() // nothing follows yet
		type outcome struct {
			at  eventstore.Position
			err error
		}
		done := make(chan outcome, 1)
		go func() {
			at, err := run(v)
			done <- outcome{at, err}
		}()
		select {
		case o := <-done:
			t.Fatalf("%s ended at position %d, before the views had anything: %v", name, o.at, o.err)
		case <-time.After(50 * time.Millisecond): // a wrong implementation would have ended by now; a right one never does
		}
		r.run()
		if o := <-done; o.err != nil || o.at != 2 {
			t.Errorf("%s: position %d, %v; want 2", name, o.at, o.err)
		}
		r.close()
	}
}

func TestCheckOfViewsAheadOfTheLog(t *testing.T) {
	r := newRig(t)
	r.record(r.registered("c-1", "k-1"), r.called("c-1"))
	r.follow()
	r.caughtUp()
	r.close()
	r.store = eventstore.NewMemory() // an older state of the log, as after a restore
	v := r.open()
	if _, err := v.Check(t.Context(), nil); !errors.Is(err, ErrLogBehind) {
		t.Errorf("got %v, want ErrLogBehind", err)
	}
}
