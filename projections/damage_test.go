package projections

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"amends/projections/internal/sqlite"
)

// asides lists the files that were moved aside, without what stands beside them.
func (r *rig) asides() (names []string) {
	r.Helper()
	found, err := filepath.Glob(r.path + ".damaged-*")
	if err != nil {
		r.Fatal(err)
	}
	for _, f := range found {
		if !strings.HasSuffix(f, "-wal") && !strings.HasSuffix(f, "-shm") {
			names = append(names, f)
		}
	}
	return names
}

func TestAFileThatIsOfNoUseIsMovedAside(t *testing.T) {
	for name, spoil := range map[string]func(r *rig){
		"garbage": func(r *rig) {
			if err := os.WriteFile(r.path, []byte("garbage\n"), 0o600); err != nil {
				r.Fatal(err)
			}
		},
		"another database": func(r *rig) {
			if err := os.Remove(r.path); err != nil {
				r.Fatal(err)
			}
			r.alter("create table somebody_elses(x)")
		},
		"no checkpoint": func(r *rig) { r.alter("delete from checkpoint") },
	} {
		r := newRig(t)
		r.record(r.registered("c-1", "k-1"))
		r.follow()
		r.caughtUp()
		r.close()
		spoil(r)
		spoiled, err := os.ReadFile(r.path)
		if err != nil {
			t.Fatal(err)
		}
		var log bytes.Buffer
		for range 2 { // the second time there is nothing to do
			r.follow(func(c *Config) { c.Logger = zerolog.New(&log) })
			r.record(r.called("c-1"))
			r.caughtUp()
			r.sound()
			r.close()
		}
		asides := r.asides()
		if len(asides) != 1 || asides[0] != r.path+".damaged-20260310T120000Z" {
			t.Fatalf("%s: moved aside: %v", name, asides)
		}
		if kept, err := os.ReadFile(asides[0]); err != nil || !bytes.Equal(kept, spoiled) {
			t.Errorf("%s: what was moved aside is not what was there (%v)", name, err)
		}
		if n := strings.Count(log.String(), "moved aside"); n != 1 {
			t.Errorf("%s: the operator was told %d times:\n%s", name, n, log.String())
		}
	}
}

func TestDamageFoundWhileRunningIsMendedByTheNextRun(t *testing.T) {
	r := newRig(t)
	for range 200 {
		r.record(r.registered("c-1", "k-"+r.say("", "", nil).ID))
	}
	v := r.follow()
	r.caughtUp()
	// Every page but the first is overwritten once nothing is left in the file beside it.
	r.alter("pragma wal_checkpoint(truncate)")
	content, err := os.ReadFile(r.path)
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(r.path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteAt(bytes.Repeat([]byte{0xff}, len(content)-4096), 4096); err != nil {
		t.Fatal(err)
	}
	rows, err := v.SQL(t.Context(), "select count(*), max(subject) from (select *, complaint_id as subject from complaints)")
	if err == nil {
		for range rows.All() {
		}
		err = rows.Err()
	}
	if !errors.Is(err, sqlite.ErrDamaged) || errors.Is(err, ErrQuery) {
		t.Fatalf("got %v, want ErrDamaged, and nobody to blame", err)
	}
	// The Run that was under way has ended, or is about to.
	if err := r.stop(); !errors.Is(err, sqlite.ErrDamaged) {
		t.Fatalf("Run ended with %v", err)
	}
	r.run()
	r.record(r.called("c-1"))
	for v.WaitFor(t.Context(), 201) != nil { // until then, waiting answers with what stopped it
		runtime.Gosched()
	}
	want(t, r.table("select count(*), (select count(*) from interactions) from complaints"), "200 1")
	r.sound()
	if len(r.asides()) != 1 {
		t.Errorf("moved aside: %v", r.asides())
	}
}
