package jetstream_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"amends/eventstore"
	"amends/eventstore/jetstream"
)

const (
	crashDir     = "AMENDS_TEST_CRASH_DIR" // set for the child: where to append until it is killed
	crashStreams = 12
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(crashDir); dir != "" {
		if err := appendUntilKilled(context.Background(), dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	os.Exit(m.Run())
}

// part is the bytes of one event of an append of several: who it is, and which part of how large a whole.
func part(stream string, revision eventstore.Revision, i, of int) []byte {
	line := fmt.Sprintf("%s %d %d %d\n", stream, revision, i, of)
	return bytes.Repeat([]byte(line), 20)
}

// appendUntilKilled prints "stream revision position" for each acknowledged event, once it is acknowledged.
func appendUntilKilled(ctx context.Context, dir string) error {
	s, err := jetstream.Open(ctx, jetstream.Config{Dir: dir})
	if err != nil {
		return err
	}
	failed := make(chan error)
	var print sync.Mutex
	for c := range crashStreams {
		go func() {
			stream := fmt.Sprint("customer", c)
			var at eventstore.Revision
			for e, err := range s.Read(ctx, stream, 1) {
				if err != nil {
					failed <- err
					return
				}
				at = e.Revision
			}
			for {
				n := 1
				if c%3 == 0 { // a third of them append several events at once, sometimes many
					n = 1 + rand.IntN(4)*rand.IntN(30)
				}
				events := make([]eventstore.Event, n)
				for i := range events {
					r := at + eventstore.Revision(i) + 1
					events[i] = eventstore.Event{ID: fmt.Sprintf("%s-%d", stream, r), Data: part(stream, r, i, n)}
				}
				positions, err := s.Append(ctx, stream, eventstore.At(at), events...)
				if err != nil {
					failed <- err
					return
				}
				var lines strings.Builder
				for i, p := range positions {
					fmt.Fprintln(&lines, stream, at+eventstore.Revision(i)+1, p)
				}
				print.Lock()
				io.WriteString(os.Stdout, lines.String())
				print.Unlock()
				at += eventstore.Revision(n)
			}
		}()
	}
	return <-failed
}

// crash lets a child append to the directory and kills it in the middle, after it acknowledged the given number of events.
// It adds the acknowledged events to acked.
func crash(t *testing.T, dir string, after int, acked map[string][]eventstore.Position) {
	t.Helper()
	child := exec.CommandContext(t.Context(), os.Args[0])
	child.Env = append(os.Environ(), crashDir+"="+dir)
	var complaint bytes.Buffer
	child.Stderr = &complaint
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	n := 0
	for lines := bufio.NewScanner(out); lines.Scan(); n++ {
		var stream string
		var revision eventstore.Revision
		var position eventstore.Position
		if _, err := fmt.Sscan(lines.Text(), &stream, &revision, &position); err != nil {
			continue // cut off by the kill
		}
		for eventstore.Revision(len(acked[stream])) < revision {
			acked[stream] = append(acked[stream], 0) // stored, but not acknowledged, before an earlier crash
		}
		acked[stream][revision-1] = position
		if n == after {
			if err := child.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := child.Wait(); err == nil || n < after {
		t.Fatalf("the child ended by itself after %d events: %v %s", n, err, &complaint)
	}
}

// checkParts holds the log to what the child wrote: gapless revisions, exact bytes, no half of an append. It returns the
// positions by stream.
func checkParts(t *testing.T, s *jetstream.Store) map[string][]eventstore.Position {
	t.Helper()
	end, err := s.End(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	found := make(map[string][]eventstore.Position)
	missing := make(map[string]int) // how many parts of the append under way are still to come
	if end > 0 {
		for e, err := range s.Follow(t.Context(), 0) {
			if err != nil {
				t.Fatal(err)
			}
			found[e.Stream] = append(found[e.Stream], e.Position)
			var name string
			var revision eventstore.Revision
			var i, of int
			if _, err := fmt.Sscan(string(e.Data), &name, &revision, &i, &of); err != nil {
				t.Fatal(err)
			}
			if missing[e.Stream] == 0 {
				missing[e.Stream] = of
			}
			if want := eventstore.Revision(len(found[e.Stream])); e.Revision != want || i != of-missing[e.Stream] ||
				!bytes.Equal(e.Data, part(e.Stream, want, i, of)) {
				t.Fatalf("%s: revision %d where %d belongs, part %d of %d", e.Stream, e.Revision, want, i, of)
			}
			missing[e.Stream]--
			if e.Position == end {
				break
			}
		}
	}
	for stream, n := range missing {
		if n != 0 {
			t.Fatalf("%d events of an append to %s are missing", n, stream)
		}
	}
	return found
}

func TestKill(t *testing.T) {
	rounds := 8
	if testing.Short() {
		rounds = 2
	}
	dir := t.TempDir()
	acked := make(map[string][]eventstore.Position)
	for round := range rounds {
		crash(t, dir, rand.IntN(3000), acked)
		s := open(t, jetstream.Config{Dir: dir})
		found := checkParts(t, s)
		n := 0
		for stream, positions := range acked {
			if len(found[stream]) < len(positions) {
				t.Fatalf("round %d: %s has %d events, %d were acknowledged", round, stream, len(found[stream]), len(positions))
			}
			for i, p := range positions {
				if p != 0 && p != found[stream][i] {
					t.Fatalf("round %d: event %d of %s is at %d, acknowledged at %d", round, i+1, stream, found[stream][i], p)
				}
			}
			n += len(found[stream])
		}
		t.Logf("round %d: %d events", round, n)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// A disk that lied about a sync can lose the end of the newest block. Then the torn record is cut off, everything before it
// is there unaltered, and the log goes on.
func TestTornWrite(t *testing.T) {
	for _, cut := range []int64{1, 7, 100, 700, 5000} {
		t.Run(fmt.Sprint("cut=", cut), func(t *testing.T) {
			dir := t.TempDir()
			acked := make(map[string][]eventstore.Position)
			crash(t, dir, 300+rand.IntN(300), acked)
			truncateNewestBlock(t, dir, cut)

			s := open(t, jetstream.Config{Dir: dir})
			end, err := s.End(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			last := eventstore.Position(0)
			for _, positions := range acked {
				for _, p := range positions {
					last = max(last, p)
				}
			}
			// Records of the test are above 300 bytes, and more may have been stored than was acknowledged.
			if lost := eventstore.Position(cut/300 + 1); end+lost < last {
				t.Fatalf("cutting %d bytes left %d of at least %d events", cut, end, last)
			}
			next := make(map[string]eventstore.Revision)
			for e, err := range s.Follow(t.Context(), 0) {
				if err != nil {
					t.Fatal(err)
				}
				var name string
				var r, i, of int
				if _, err := fmt.Sscan(string(e.Data), &name, &r, &i, &of); err != nil {
					t.Fatal(err)
				}
				if !bytes.Equal(e.Data, part(e.Stream, next[e.Stream]+1, i, of)) {
					t.Fatalf("event %d of %s was altered", e.Revision, e.Stream)
				}
				next[e.Stream] = e.Revision
				if e.Position == end {
					break
				}
			}
			for stream, r := range next {
				if _, err := s.Append(t.Context(), stream, eventstore.At(r), eventstore.Event{ID: "next"}); err != nil {
					t.Fatalf("append after the repair: %v", err)
				}
			}
		})
	}
}

// A block damaged in its middle must be noticed: by Open, or by whoever reads the record; it is never passed over.
func TestDamagedBlock(t *testing.T) {
	dir := t.TempDir()
	s := open(t, jetstream.Config{Dir: dir})
	const n = 200
	for i := range n {
		e := eventstore.Event{ID: fmt.Sprint(i), Data: part("customer", eventstore.Revision(i+1), 0, 1)}
		if _, err := s.Append(t.Context(), "customer", eventstore.At(eventstore.Revision(i)), e); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	path := newestBlock(t, dir)
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)/2] ^= 1
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	s, err = jetstream.Open(t.Context(), jetstream.Config{Dir: dir})
	if err != nil {
		if !errors.Is(err, eventstore.ErrDamaged) {
			t.Errorf("Open: %v, which is not ErrDamaged", err)
		}
		return
	}
	defer s.Close()
	end, err := s.End(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	reads := map[string]func(func(eventstore.Recorded, error) bool){
		"Follow": s.Follow(t.Context(), 0),
		"Read":   s.Read(t.Context(), "customer", 1),
	}
	for what, all := range reads {
		seen := eventstore.Revision(0)
		failed := false
		all(func(e eventstore.Recorded, err error) bool {
			if failed = err != nil; failed {
				if !errors.Is(err, eventstore.ErrDamaged) {
					t.Errorf("%s: %v, which is not ErrDamaged", what, err)
				}
				return false
			}
			if seen++; !bytes.Equal(e.Data, part("customer", seen, 0, 1)) {
				t.Errorf("%s: event %d was altered or skipped", what, seen)
				return false
			}
			return e.Position < end
		})
		if !failed && seen == n {
			t.Errorf("%s did not notice the damage", what)
		}
		if !failed {
			t.Errorf("%s ended without an error after %d of %d events", what, seen, n)
		}
	}
}

func newestBlock(t *testing.T, dir string) string {
	t.Helper()
	blocks, err := filepath.Glob(filepath.Join(dir, "jetstream", "*", "streams", "LOG", "msgs", "*.blk"))
	if err != nil || len(blocks) == 0 {
		t.Fatalf("no blocks: %v", err)
	}
	newest, largest := "", -1
	for _, b := range blocks {
		var n int
		if _, err := fmt.Sscanf(filepath.Base(b), "%d.blk", &n); err != nil {
			t.Fatal(err)
		}
		if n > largest {
			newest, largest = b, n
		}
	}
	return newest
}

func truncateNewestBlock(t *testing.T, dir string, cut int64) {
	t.Helper()
	path := newestBlock(t, dir)
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, info.Size()-cut); err != nil {
		t.Fatal(err)
	}
}
