package audit

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"golang.org/x/mod/sumdb/tlog"

	"amends/audit/verifier"
	"amends/eventstore"
	"amends/eventstore/jetstream"
	"amends/eventstore/storetest"
)

const (
	crashDir  = "AMENDS_TEST_CRASH_DIR"  // set for a child: the data directory that it works in until it is killed
	crashFrom = "AMENDS_TEST_CRASH_FROM" // set as well: the backup that it restores from, instead of sealing
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(crashDir); dir != "" {
		var err error
		if from := os.Getenv(crashFrom); from != "" {
			err = restoreUntilKilled(context.Background(), dir, from)
		} else {
			err = sealUntilKilled(context.Background(), dir)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// kept collects every checkpoint that anybody was ever shown.
type kept struct {
	t    testing.TB
	key  verifier.Keys
	seen map[int64]tlog.Hash
}

func (k *kept) add(signed []byte) {
	k.t.Helper()
	c, err := k.key.OpenLog(signed)
	if err != nil {
		k.t.Fatal(err)
	}
	if before, ok := k.seen[c.N]; ok && before != c.Hash {
		k.t.Fatalf("two roots were signed for %d records", c.N)
	}
	k.seen[c.N] = c.Hash
}

// agree checks that the last tree extends each checkpoint that was ever signed.
func (k *kept) agree(dir string) {
	k.t.Helper()
	tiles := OpenTiles(filepath.Join(dir, auditDir, logDir))
	signed, err := tiles.ReadEndpoint(k.t.Context(), checkpointFile)
	if err != nil {
		k.t.Fatal(err)
	}
	last, err := k.key.OpenLog(signed)
	if err != nil {
		k.t.Fatal(err)
	}
	for n, root := range k.seen {
		if n > last.N {
			k.t.Fatalf("a checkpoint of %d records was signed, the last one has %d", n, last.N)
		}
		if n == 0 || n == last.N {
			continue
		}
		proof, err := tiles.consistency(k.t.Context(), n, last.Tree)
		if err == nil {
			err = tlog.CheckTree(proof, last.N, last.Hash, n, root)
		}
		if err != nil {
			k.t.Fatalf("the last checkpoint contradicts the one of %d records: %v", n, err)
		}
	}
}

var errStop = errors.New("stopped by the test")

// The sealer is stopped before each of its steps in turn, and started again: what was signed stands, and the rest follows.
func TestStopAtEveryStep(t *testing.T) {
	dir := t.TempDir()
	w := newWriter(t, eventstore.NewMemory())
	cfg := quick(dir, w.store)
	sealAll(t, cfg)
	key, err := PublicKey(dir)
	if err != nil {
		t.Fatal(err)
	}
	all := &kept{t: t, key: key, seen: map[int64]tlog.Hash{}}
	steps := []string{"positions", "tile", "sync", "state", "checkpoint", "clean", "map"}
	stops := map[string]int{}
	rounds := 8 * len(steps)
	if testing.Short() {
		rounds = 3 * len(steps)
	}
	for round := range rounds {
		for range 1 + round*37%300 {
			w.write(fmt.Sprint("C-", round%11), 1)
		}
		s, err := Open(cfg)
		if err != nil {
			t.Fatal(err)
		}
		var mu sync.Mutex
		stopBefore, left := steps[round%len(steps)], 1+round/len(steps)%3
		s.step = func(name string) error {
			mu.Lock()
			defer mu.Unlock()
			if name != stopBefore {
				return nil
			}
			if left--; left == 0 {
				stops[name]++
				return errStop
			}
			return nil
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- s.Run(ctx) }()
		err = s.WaitForMap(t.Context(), w.last) // or it was stopped
		cancel()
		if ran := <-ended; !errors.Is(ran, errStop) && err != nil {
			t.Fatal(ran, err)
		}
		if signed, err := os.ReadFile(filepath.Join(dir, auditDir, logDir, checkpointFile)); err == nil {
			all.add(signed)
		}
	}
	for _, step := range steps {
		if stops[step] == 0 {
			t.Errorf("it was never stopped before %s: %v", step, stops)
		}
	}
	sealAll(t, cfg)
	all.agree(dir)
	if v := verify(t, cfg); v.Differing > 0 || v.Sealed != int64(len(w.all)) {
		t.Errorf("%+v", v)
	}
}

// sealUntilKilled records and seals, and prints every checkpoint that it publishes.
func sealUntilKilled(ctx context.Context, dir string) error {
	store, err := jetstream.Open(ctx, jetstream.Config{Dir: dir})
	if err != nil {
		return err
	}
	s, err := Open(quick(dir, store))
	if err != nil {
		return err
	}
	failed := make(chan error, 2)
	go func() { failed <- s.Run(ctx) }()
	go func() {
		for c := 0; ; c = (c + 1) % 9 {
			stream := fmt.Sprint("C-", c)
			var head verifier.Head
			for rec, err := range store.Read(ctx, stream, 1) {
				if err != nil {
					failed <- err
					return
				}
				r, err := verifier.ParseRecord(rec.Data)
				if err != nil {
					failed <- err
					return
				}
				head = verifier.Head{Count: r.Revision, Hash: r.Hash}
			}
			at, events := head.Count, make([]eventstore.Event, 1+rand.IntN(40))
			for i := range events {
				data := record(stream, "interaction.call", head, `{"n":1}`)
				r, err := verifier.ParseRecord(data)
				if err != nil {
					failed <- err
					return
				}
				events[i] = eventstore.Event{ID: r.ID, Data: data}
				head = verifier.Head{Count: r.Revision, Hash: r.Hash}
			}
			if _, err := store.Append(ctx, stream, eventstore.At(eventstore.Revision(at)), events...); err != nil {
				failed <- err
				return
			}
		}
	}()
	for last := ""; ; {
		s.mu.Lock()
		moved, stopped := s.moved, s.stopped
		s.mu.Unlock()
		if stopped != nil {
			return stopped
		}
		if st := s.Status(ctx); st.Checkpoint != last {
			last = st.Checkpoint
			fmt.Println(base64.StdEncoding.EncodeToString([]byte(last)))
		}
		select {
		case <-moved:
		case err := <-failed:
			return err
		}
	}
}

// child starts this test binary as a child, and kills it once it has printed so many lines; each gets them.
func child(t *testing.T, after int, each func(line string), env ...string) (ended bool) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), env...)
	var complaint bytes.Buffer
	cmd.Stderr = &complaint
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	n := 0
	lines := bufio.NewReader(out)
	for {
		line, err := lines.ReadString('\n')
		if errors.Is(err, io.EOF) {
			break // a last line without an end was cut off by the kill
		}
		if err != nil {
			t.Fatal(err)
		}
		each(strings.TrimSpace(line))
		if n++; n == after {
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	err = cmd.Wait()
	if n < after && err != nil {
		t.Fatalf("the child failed by itself: %v %s", err, &complaint)
	}
	return err == nil
}

// kill -9 while it records and seals, again and again: no two checkpoints that were ever shown contradict each other.
func TestKillSealer(t *testing.T) {
	dir := t.TempDir()
	rounds := 6
	if testing.Short() {
		rounds = 2
	}
	s, err := Open(quick(dir, eventstore.NewMemory())) // makes the key
	if err != nil {
		t.Fatal(err)
	}
	all := &kept{t: t, key: s.Key(), seen: map[int64]tlog.Hash{}}
	for range rounds {
		child(t, 3+rand.IntN(40), func(line string) {
			signed, err := base64.StdEncoding.DecodeString(line)
			if err != nil {
				t.Fatal(err)
			}
			all.add(signed)
		}, crashDir+"="+dir)
	}
	store := openLog(t, dir)
	cfg := quick(dir, store)
	sealAll(t, cfg)
	all.agree(dir)
	v := verify(t, cfg)
	t.Logf("%d records, %d checkpoints kept, %d map roots", v.Records, len(all.seen), v.MapRoots)
	if v.Differing > 0 || v.Sealed != v.Records {
		t.Errorf("%+v", v)
	}
}

// filled is a data directory with a sealed log of n records, closed, and its backup.
func filled(t testing.TB, n int) (dir, backup string, key verifier.Keys) {
	t.Helper()
	dir, backup = t.TempDir(), t.TempDir()
	store := openLog(t, dir)
	w := newWriter(t, store)
	for i := range n {
		w.write(fmt.Sprint("C-", i*i%13), 1)
	}
	sealAll(t, quick(dir, store))
	source, err := LocalSource(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Backup(t.Context(), source, backup, nil); err != nil {
		t.Fatal(err)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	return dir, backup, source.Key
}

// same checks that the restored ledger is the old one: the same records at the same places, and verified.
func same(t testing.TB, dir, restored string, key verifier.Keys) {
	t.Helper()
	if err := Unfinished(restored); err != nil {
		t.Fatal(err)
	}
	var logs [2][]eventstore.Recorded
	for i, d := range []string{dir, restored} {
		store := openLog(t, d)
		end, err := store.End(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for rec, err := range store.Follow(t.Context(), 0) {
			if err != nil {
				t.Fatal(err)
			}
			if logs[i] = append(logs[i], rec); rec.Position == end {
				break
			}
		}
		v, err := Verify(t.Context(), VerifyConfig{Dir: d, Store: store, Key: key})
		if err != nil || v.Differing > 0 || v.Sealed != v.Records {
			t.Fatalf("%+v, %v", v, err)
		}
		if err := store.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if !slices.EqualFunc(logs[0], logs[1], func(a, b eventstore.Recorded) bool {
		return a.Stream == b.Stream && a.Revision == b.Revision && a.Position == b.Position && a.ID == b.ID && bytes.Equal(a.Data, b.Data)
	}) {
		t.Error("the restored log is not the old one")
	}
}

func restoreInto(ctx context.Context, from, dir string, store eventstore.Store, progress func(done, total int64)) error {
	if err := BeginRestore(dir); err != nil {
		return err
	}
	// The backup is of everything that was signed, so the ledger may keep its key.
	newest, err := os.ReadFile(filepath.Join(from, logDir, checkpointFile))
	if err != nil {
		return err
	}
	_, err = Restore(ctx, RestoreConfig{From: from, Dir: dir, Store: store, Newest: newest, Progress: progress})
	return err
}

// restoreUntilKilled restores, and prints a line each time that it reports progress.
func restoreUntilKilled(ctx context.Context, dir, from string) error {
	if err := BeginRestore(dir); err != nil {
		return err
	}
	store, err := jetstream.Open(ctx, jetstream.Config{Dir: dir})
	if err != nil {
		return err
	}
	return errors.Join(restoreInto(ctx, from, dir, store, func(int64, int64) { fmt.Println("restoring") }), store.Close())
}

// kill -9 in a restore: the directory says that it is unfinished, and the same restore goes on to the same ledger.
func TestKillRestore(t *testing.T) {
	dir, backup, key := filled(t, 3_000)
	restored := t.TempDir()
	kills := 0
	for after := 1; ; after++ {
		if child(t, after, func(string) {}, crashDir+"="+restored, crashFrom+"="+backup) {
			break
		}
		kills++
		if Unfinished(restored) == nil {
			break // it was killed after its last step
		}
	}
	t.Log(kills, "kills")
	same(t, dir, restored, key)
}

// A restore whose appends fail, with and without having stored the record, resumes to the same ledger.
func TestFaultyRestore(t *testing.T) {
	dir, backup, key := filled(t, 400)
	restored := t.TempDir()
	if err := BeginRestore(restored); err != nil {
		t.Fatal(err)
	}
	store := openLog(t, restored)
	for fault := range 40 {
		script := make([]storetest.Fate, fault*3+1)
		script[fault*3] = storetest.LostRequest + storetest.Fate(fault%2)
		err := restoreInto(t.Context(), backup, restored, storetest.NewFaulty(store, script...), nil)
		if err == nil {
			break
		}
		if !errors.Is(err, storetest.ErrInjected) {
			t.Fatal(err)
		}
		if Unfinished(restored) == nil {
			t.Fatal("it failed, and the directory is finished")
		}
	}
	if Unfinished(restored) != nil {
		if err := restoreInto(t.Context(), backup, restored, store, nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	same(t, dir, restored, key)
}

// A backup goes on where the last one ended, refuses another ledger, and refuses a source that was altered.
func TestBackup(t *testing.T) {
	dir, backup, key := filled(t, 600)
	store := openLog(t, dir)
	w := newWriter(t, store)
	w.write("D-1", 700)
	sealAll(t, quick(dir, store))
	source, err := LocalSource(dir)
	if err != nil {
		t.Fatal(err)
	}
	done, err := Backup(t.Context(), source, backup, nil)
	if err != nil || done.New != 700 || done.Records != 1300 {
		t.Fatalf("%+v, %v", done, err)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	restored := t.TempDir()
	if err := BeginRestore(restored); err != nil {
		t.Fatal(err)
	}
	into := openLog(t, restored)
	if err := restoreInto(t.Context(), backup, restored, into, nil); err != nil {
		t.Fatal(err)
	}
	if err := into.Close(); err != nil {
		t.Fatal(err)
	}
	same(t, dir, restored, key)
	if err := BeginRestore(restored); err == nil {
		t.Error("a restore over a ledger was begun")
	}

	other, _, _ := filled(t, 10)
	otherSource, err := LocalSource(other)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Backup(t.Context(), otherSource, backup, nil); !errors.Is(err, ErrOtherLedger) {
		t.Errorf("another ledger's backup: %v", err)
	}
	bundle := filepath.Join(dir, auditDir, logDir, "tile/entries/001")
	data, err := os.ReadFile(bundle)
	if err != nil {
		t.Fatal(err)
	}
	data[9000] ^= 1
	if err := os.WriteFile(bundle, data, 0o600); err != nil {
		t.Fatal(err)
	}
	fresh := t.TempDir()
	if _, err := Backup(t.Context(), source, fresh, nil); err == nil {
		t.Error("an altered bundle was backed up")
	}
	if _, err := os.Stat(filepath.Join(fresh, logDir, checkpointFile)); err == nil {
		t.Error("the failed backup has a checkpoint")
	}
}
