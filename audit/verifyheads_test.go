package audit

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"amends/eventstore"
)

// verified verifies the sealed store and returns the texts of what is wrong.
func verified(t *testing.T, dir string, store eventstore.Store, known []byte) (wrong []string) {
	t.Helper()
	key, err := PublicKey(dir)
	if err != nil {
		t.Fatal(err)
	}
	v, err := Verify(t.Context(), VerifyConfig{Dir: dir, Store: store, Key: key, Known: known})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range v.First {
		wrong = append(wrong, f.String())
	}
	return wrong
}

// only checks that exactly one thing is wrong, and that its text has the part; empty: that nothing is.
func only(t *testing.T, wrong []string, part string) {
	t.Helper()
	if part == "" && len(wrong) > 0 || part != "" && (len(wrong) != 1 || !strings.Contains(wrong[0], part)) {
		t.Errorf("found %q, want %q", wrong, part)
	}
}

func checkpointOf(t *testing.T, dir string) []byte {
	t.Helper()
	signed, err := os.ReadFile(filepath.Join(dir, auditDir, logDir, checkpointFile))
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

// beginTree makes the sealed copy of a log without records.
func beginTree(t *testing.T, dir, name string) {
	t.Helper()
	empty, err := openTree(filepath.Join(dir, auditDir, logDir), name)
	if err == nil {
		err = empty.commit()
	}
	if err != nil {
		t.Fatal(err)
	}
}

// Whoever cuts off the last records and removes what was sealed of them is found out: at once, and by each checkpoint that was kept.
func TestCutOffWithItsSeal(t *testing.T) {
	dir := t.TempDir()
	store := eventstore.NewMemory()
	w := newWriter(t, store)
	w.write("C-1", 300)
	sealAll(t, quick(dir, store))
	known := checkpointOf(t, dir)
	w.write("C-2", 20)
	sealAll(t, quick(dir, store))
	only(t, verified(t, dir, store, known), "")
	only(t, verified(t, dir, store, checkpointOf(t, dir)), "")

	cut := eventstore.NewMemory()
	newWriter(t, cut).write("C-1", 290)
	if err := os.RemoveAll(filepath.Join(dir, auditDir)); err != nil {
		t.Fatal(err)
	}
	s, err := Open(quick(dir, cut))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Run(t.Context()); !errors.Is(err, ErrNoKey) || !strings.Contains(err.Error(), "another directory") {
		t.Fatalf("got %v, want ErrNoKey: a key beside no tree signs nothing", err)
	}
	if len(verified(t, dir, cut, known)) == 0 {
		t.Error("a ledger without its sealed copy is found to be in order")
	}
	key, err := PublicKey(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Verify(t.Context(), VerifyConfig{Dir: dir, Store: cut, Key: key, Known: []byte("no checkpoint")}); !errors.Is(err, ErrInvalid) {
		t.Errorf("got %v, want ErrInvalid", err)
	}
}

// A key is never without a state, whatever a crash leaves: a state without records and without a key is not that of a sealed ledger.
func TestKeyAfterCrash(t *testing.T) {
	dir := t.TempDir()
	store := eventstore.NewMemory()
	newWriter(t, store).write("C-1", 3)
	beginTree(t, dir, "amends.ledger/of-a-key-that-was-not-written")
	if _, err := Open(quick(dir, store)); err != nil {
		t.Fatal(err)
	}
	sealAll(t, quick(dir, store)) // after another crash, before anything was sealed
	only(t, verified(t, dir, store, nil), "")
}

// A checkpoint that the log itself holds must be of the tree that is sealed.
func TestPublishedCheckpoint(t *testing.T) {
	dir := t.TempDir()
	store := eventstore.NewMemory()
	w := newWriter(t, store)
	w.write("C-1", 270)
	sealAll(t, quick(dir, store))
	key, err := PublicKey(dir)
	if err != nil {
		t.Fatal(err)
	}
	publish := func(w *writer, signed []byte, size int64, root string) {
		data, err := json.Marshal(map[string]any{"size": size, "root": root, "checkpoint": string(signed)})
		if err != nil {
			t.Fatal(err)
		}
		w.event("_ledger", publishedType, string(data))
	}
	signed := checkpointOf(t, dir)
	head, err := key.OpenLog(signed)
	if err != nil {
		t.Fatal(err)
	}
	root := base64.StdEncoding.EncodeToString(head.Hash[:])
	publish(w, signed, head.N, root)
	publish(w, []byte("amends.ledger/another\n1\n\n"), 1, "") // of the ledger that this one was copied from
	w.write("C-1", 5)
	sealAll(t, quick(dir, store))
	only(t, verified(t, dir, store, nil), "")

	for name, c := range map[string]struct {
		make func(w *writer)
		want string
	}{
		"another history": {func(w *writer) { w.write("C-2", 280); publish(w, signed, head.N, root) }, "position 281): the first 270 records"},
		"too early":       {func(w *writer) { w.write("C-1", 260); publish(w, signed, head.N, root) }, "position 261): a checkpoint of 270 records"},
		"another size":    {func(w *writer) { w.write("C-1", 280); publish(w, signed, 269, root) }, "position 281): what was published is not what"},
		"not signed": {func(w *writer) {
			w.write("C-1", 280)
			publish(w, []byte(strings.Replace(string(signed), "\n270\n", "\n271\n", 1)), head.N, root)
		}, "position 281): what was published is not signed"},
	} {
		t.Run(name, func(t *testing.T) {
			other := t.TempDir()
			if err := os.CopyFS(filepath.Join(other, keysDir), os.DirFS(filepath.Join(dir, keysDir))); err != nil {
				t.Fatal(err)
			}
			beginTree(t, other, key.Log.Name())
			store := eventstore.NewMemory()
			c.make(newWriter(t, store))
			sealAll(t, quick(other, store))
			only(t, verified(t, other, store, nil), c.want)
		})
	}
}
