package audit

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"amends/audit/verifier"
	"amends/eventstore"
	"amends/eventstore/jetstream"
)

// One byte flipped in any file of the log or of what is sealed is found, and named.
func TestFlippedFiles(t *testing.T) {
	dir := t.TempDir()
	store := openLog(t, dir)
	w := newWriter(t, store)
	for i := range 700 {
		w.write(fmt.Sprint("C-", i*i%53), 1)
	}
	sealAll(t, quick(dir, store))
	key, err := PublicKey(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	kinds := map[string]int{}
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		kind := kindOf(strings.TrimPrefix(path, dir))
		if kind == "" {
			return nil
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, at := range flipsIn(t, kind, data) {
			kinds[kind]++
			flipped := slices.Clone(data)
			flipped[at] ^= 1
			if err := os.WriteFile(path, flipped, 0o600); err != nil {
				return err
			}
			name := fmt.Sprintf("%s, byte %d of %d", strings.TrimPrefix(path, dir), at, len(data))
			found := findings(t, dir, key)
			if len(found) == 0 {
				t.Errorf("%s: not found", name)
			} else {
				t.Logf("%s: %s", name, found[0])
			}
		}
		return os.WriteFile(path, data, 0o600)
	})
	if err != nil {
		t.Fatal(err)
	}
	if found := findings(t, dir, key); len(found) > 0 {
		t.Errorf("all bytes are back, and still: %s", found)
	}
	for _, kind := range []string{"block", "bundle", "tile", "checkpoint", "state", "positions", "map bundle", "map tile", "map nodes"} {
		if kinds[kind] == 0 {
			t.Errorf("no file of the kind %s was flipped: %v", kind, kinds)
		}
	}
}

func openLog(t testing.TB, dir string) *jetstream.Store {
	t.Helper()
	store, err := jetstream.Open(t.Context(), jetstream.Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	return store
}

// kindOf tells the files that hold facts from those that are made anew without a word: locks, the server's index.
func kindOf(path string) string {
	prefix := ""
	if strings.Contains(path, "/audit/map/") {
		prefix = "map "
	}
	switch {
	case strings.HasSuffix(path, ".blk"):
		return "block"
	case strings.HasSuffix(path, mapFile):
		return "map nodes"
	case strings.Contains(path, "/tile/entries/"):
		return prefix + "bundle"
	case strings.Contains(path, "/tile/"):
		return prefix + "tile"
	case strings.HasSuffix(path, "/checkpoint"), strings.HasSuffix(path, "/state"), strings.HasSuffix(path, "/positions"):
		return prefix + filepath.Base(path)
	}
	return ""
}

// flipsIn chooses the bytes to flip: in the database one that belongs to a node, as its free space holds nothing.
func flipsIn(t testing.TB, kind string, data []byte) []int {
	if kind != "map nodes" {
		return []int{0, len(data) / 2, len(data) - 2}
	}
	key := verifier.MapKey("C-4")
	at := strings.Index(string(data), string(key[:]))
	if at < 0 {
		t.Fatal("the map has no node of C-4")
	}
	return []int{at, at + 40}
}

// findings verifies what is in the directory, without a sealer.
func findings(t testing.TB, dir string, key verifier.Keys) []string {
	t.Helper()
	store, err := jetstream.Open(t.Context(), jetstream.Config{Dir: dir})
	if errors.Is(err, eventstore.ErrDamaged) {
		return []string{err.Error()}
	}
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	v, err := Verify(t.Context(), VerifyConfig{Dir: dir, Store: store, Key: key})
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, f := range v.First {
		out = append(out, f.String())
	}
	return out
}

// rewritten is a log that holds other records than were sealed.
func rewritten(t testing.TB, records [][]byte) *eventstore.Memory {
	t.Helper()
	store := eventstore.NewMemory()
	count := map[string]eventstore.Revision{}
	for _, data := range records {
		r, err := verifier.ParseRecord(data)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := store.Append(t.Context(), r.Stream, eventstore.At(count[r.Stream]), eventstore.Event{ID: r.ID, Data: data}); err != nil {
			t.Fatal(err)
		}
		count[r.Stream]++
	}
	return store
}

// A log that was rewritten after it was sealed: the verification names the record, and the sealer stops without signing.
func TestRewrittenLog(t *testing.T) {
	dir := t.TempDir()
	w := newWriter(t, eventstore.NewMemory())
	for i := range 300 {
		w.write(fmt.Sprint("C-", i%7), 1)
	}
	sealAll(t, quick(dir, w.store))
	checkpoint, err := os.ReadFile(filepath.Join(dir, auditDir, logDir, checkpointFile))
	if err != nil {
		t.Fatal(err)
	}
	last := slices.Clone(w.all)
	swapped := slices.Clone(w.all)
	swapped[150], swapped[151] = swapped[151], swapped[150]
	altered := slices.Clone(w.all)
	altered[299] = []byte(strings.Replace(string(altered[299]), `"source":"test"`, `"source":"tess"`, 1))
	early := slices.Clone(w.all)
	early[3] = []byte(strings.Replace(string(early[3]), `"source":"test"`, `"source":"tess"`, 1))
	for _, c := range []struct {
		name    string
		records [][]byte
		names   string // of the record that the verification must name first
		starts  bool   // the difference lies before what a starting sealer compares: only a verification finds it
	}{
		{"the last record removed", last[:299], "revision 43 of customer C-5 (id C-5-43, position 300)", false},
		{"the last hundred removed", last[:200], "revision 29 of customer C-4 (id C-4-29, position 201)", false},
		{"two records swapped", swapped, "revision 22 of customer C-4 (id C-4-22, position 151)", false},
		{"the last record altered", altered, "revision 43 of customer C-5 (id C-5-43, position 300)", false},
		{"an early record altered", early, "revision 1 of customer C-3 (id C-3-1, position 4)", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := quick(dir, rewritten(t, c.records))
			v := verify(t, cfg)
			if v.Differing == 0 || !slices.ContainsFunc(v.First, func(f Finding) bool { return strings.Contains(f.String(), c.names) }) {
				t.Errorf("not named: %v", v.First)
			}
			if c.starts {
				return
			}
			s, err := Open(cfg)
			if err != nil {
				t.Fatal(err)
			}
			if err := s.Run(t.Context()); !errors.Is(err, ErrLogDiffers) {
				t.Errorf("the sealer went on: %v", err)
			} else {
				t.Log(err)
			}
			now, err := os.ReadFile(filepath.Join(dir, auditDir, logDir, checkpointFile))
			if err != nil || string(now) != string(checkpoint) {
				t.Errorf("something was signed: %v", err)
			}
		})
	}
}

// An old checkpoint put back is found, by the verification and by the sealer.
func TestReplayedCheckpoint(t *testing.T) {
	dir := t.TempDir()
	w := newWriter(t, eventstore.NewMemory())
	cfg := quick(dir, w.store)
	w.write("C-1", 3)
	sealAll(t, cfg)
	path := filepath.Join(dir, auditDir, logDir, checkpointFile)
	old, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	w.write("C-1", 3)
	sealAll(t, cfg)
	if err := os.WriteFile(path, old, 0o600); err != nil {
		t.Fatal(err)
	}
	if v := verify(t, cfg); v.Differing == 0 {
		t.Error("not found")
	}
	s, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Run(t.Context()); !errors.Is(err, ErrDamaged) {
		t.Errorf("the sealer went on: %v", err)
	}
}

// A second sealer on the same directory does not start, and a state that changed under a running one stops it.
func TestSingleWriter(t *testing.T) {
	dir := t.TempDir()
	w := newWriter(t, eventstore.NewMemory())
	w.write("C-1", 1)
	s, stop := start(t, quick(dir, w.store))
	if err := s.WaitForMap(t.Context(), w.last); err != nil {
		t.Fatal(err)
	}
	second, err := Open(quick(dir, w.store))
	if err != nil {
		t.Fatal(err)
	}
	if err := second.Run(t.Context()); !errors.Is(err, ErrBusy) {
		t.Errorf("a second sealer: %v", err)
	}
	path := filepath.Join(dir, auditDir, logDir, stateFile)
	state, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(strings.Replace(string(state), "\n1\n", "\n2\n", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	w.write("C-1", 1)
	if err := s.WaitFor(t.Context(), w.last); !errors.Is(err, ErrDamaged) {
		t.Errorf("the sealer signed over another's state: %v", err)
	}
	if err := stop(); !errors.Is(err, ErrDamaged) {
		t.Error(err)
	}
}

// A ledger whose key is gone is not given another one in silence.
func TestMissingKey(t *testing.T) {
	dir := t.TempDir()
	w := newWriter(t, eventstore.NewMemory())
	w.write("C-1", 1)
	sealAll(t, quick(dir, w.store))
	if err := os.RemoveAll(KeysDir(dir)); err != nil {
		t.Fatal(err)
	}
	s, err := Open(quick(dir, w.store))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Run(t.Context()); !errors.Is(err, ErrNoKey) {
		t.Errorf("%v", err)
	}
}

// A map that is missing, or whose last commits were lost, is made anew from the bundles.
func TestMapMadeAnew(t *testing.T) {
	dir := t.TempDir()
	w := newWriter(t, eventstore.NewMemory())
	cfg := quick(dir, w.store)
	w.write("C-1", 3)
	w.write("C-2", 3)
	sealAll(t, cfg)
	path := filepath.Join(dir, auditDir, mapFile)
	early, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	w.write("C-3", 300)
	w.write("C-1", 3)
	sealAll(t, cfg)
	for name, put := range map[string]func() error{
		"missing": func() error { return os.Remove(path) },
		"older":   func() error { return os.WriteFile(path, early, 0o600) },
	} {
		if err := put(); err != nil {
			t.Fatal(err)
		}
		sealAll(t, cfg)
		if v := verify(t, cfg); v.Differing > 0 {
			t.Errorf("%s: %v", name, v.First)
		}
	}
}
