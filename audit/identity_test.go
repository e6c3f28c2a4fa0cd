package audit

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/tlog"

	"amends/audit/verifier"
)

// copyFile copies a file, as whoever brings keys along does.
func copyFile(t testing.TB, from, to string) []byte {
	t.Helper()
	data, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return data
}

// The original goes on after its backup, and so does the restored ledger, which has the original's key: no key signs both.
func TestRestoredLedgerHasAnIdentityOfItsOwn(t *testing.T) {
	dir, backup, key := filled(t, 600)
	restored := t.TempDir()
	keyPath := filepath.Join(keysDir, sealerKeyFile)
	brought := copyFile(t, filepath.Join(dir, keyPath), filepath.Join(restored, keyPath))
	if err := BeginRestore(restored); err != nil {
		t.Fatal(err)
	}
	store := openLog(t, restored)
	// A first try is killed before its last step: the key that it made has signed nothing, and the next try makes another.
	first, err := Restore(t.Context(), RestoreConfig{From: backup, Dir: restored, Store: store})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(restored, restoringFile), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	// That key cannot keep the identity of the backup.
	newest, err := os.ReadFile(filepath.Join(backup, logDir, checkpointFile))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Restore(t.Context(), RestoreConfig{From: backup, Dir: restored, Store: store, Newest: newest}); !errors.Is(err, ErrNoKey) {
		t.Errorf("another key: %v", err)
	}
	done, err := Restore(t.Context(), RestoreConfig{From: backup, Dir: restored, Store: store})
	if err != nil || done.Previous != key.LogText || done.Key == key.LogText || done.Key == first.Key || done.Records != 600 {
		t.Fatalf("%+v, %v", done, err)
	}
	own, err := PublicKey(restored)
	if err != nil || own.LogText != done.Key {
		t.Fatalf("%s, %v", own.LogText, err)
	}
	retired := fmt.Sprintf("%s.%08x", filepath.Join(restored, keyPath), key.Log.KeyHash())
	if kept, err := os.ReadFile(retired); err != nil || string(kept) != string(brought) {
		t.Errorf("the key that was brought along is gone: %v", err)
	}

	w := newWriter(t, store)
	w.write("late", 40)
	sealAll(t, quick(restored, store))
	v, err := Verify(t.Context(), VerifyConfig{Dir: restored, Store: store, Key: own})
	if err != nil || v.Differing > 0 || v.Sealed != 640 {
		t.Fatalf("%+v, %v", v, err)
	}
	// What it signs is nothing to the old key, and begins with what the old key signed.
	signed, err := os.ReadFile(filepath.Join(restored, auditDir, logDir, checkpointFile))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := key.OpenLog(signed); err == nil {
		t.Error("the restored ledger signs under the original's key")
	}
	now, err := own.OpenLog(signed)
	if err != nil {
		t.Fatal(err)
	}
	old, err := os.ReadFile(filepath.Join(backup, logDir, checkpointFile))
	if err != nil {
		t.Fatal(err)
	}
	was, err := key.OpenLog(old)
	if err != nil {
		t.Fatal(err)
	}
	proof, err := OpenTiles(filepath.Join(restored, auditDir, logDir)).consistency(t.Context(), was.N, now.Tree)
	if err != nil {
		t.Fatal(err)
	}
	if err := tlog.CheckTree(proof, now.N, now.Hash, was.N, was.Hash); err != nil {
		t.Error(err)
	}

	// A backup of it carries the earlier identity along; a log that does not begin with it is found out.
	source, err := LocalSource(restored)
	if err != nil {
		t.Fatal(err)
	}
	second := t.TempDir()
	if _, err := Backup(t.Context(), source, second, nil); err != nil {
		t.Fatal(err)
	}
	if kept, err := filepath.Glob(filepath.Join(second, previousDir, "*", checkpointFile)); err != nil || len(kept) != 1 {
		t.Errorf("in its backup: %v, %v", kept, err)
	}
	at := filepath.Join(restored, auditDir, previousDir, "00000000")
	claim := func(dir string, key verifier.Keys) *Verification {
		copyFile(t, filepath.Join(dir, auditDir, logDir, checkpointFile), filepath.Join(at, checkpointFile))
		if err := os.WriteFile(filepath.Join(at, keyFile), []byte(key.LogText+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		v, err := Verify(t.Context(), VerifyConfig{Dir: restored, Store: store, Key: own})
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	longer, _, longerKey := filled(t, 700)
	foreign := t.TempDir()
	foreignStore := openLog(t, foreign)
	newWriter(t, foreignStore).write("other", 30)
	sealAll(t, quick(foreign, foreignStore))
	if err := foreignStore.Close(); err != nil {
		t.Fatal(err)
	}
	foreignKey, err := PublicKey(foreign)
	if err != nil {
		t.Fatal(err)
	}
	if v := claim(foreign, foreignKey); v.Differing != 1 || !strings.Contains(v.First[0].What, "the first 30 records are not those") {
		t.Errorf("other records: %+v", v)
	}
	if v := claim(longer, longerKey); v.Differing != 1 || !strings.Contains(v.First[0].What, "640 records are sealed, and 700 were signed") {
		t.Errorf("more records: %+v", v)
	}
	if v := claim(foreign, longerKey); v.Differing != 1 || !strings.Contains(v.First[0].What, "00000000") {
		t.Errorf("another key: %+v", v)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
}

// The key is kept only for a backup that ends with the last checkpoint.
func TestSameIdentityNeedsTheNewestCheckpoint(t *testing.T) {
	dir, backup, _ := filled(t, 50)
	old, err := os.ReadFile(filepath.Join(backup, logDir, checkpointFile))
	if err != nil {
		t.Fatal(err)
	}
	store := openLog(t, dir)
	newWriter(t, store).write("late", 1)
	sealAll(t, quick(dir, store))
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	newest, err := os.ReadFile(filepath.Join(dir, auditDir, logDir, checkpointFile))
	if err != nil {
		t.Fatal(err)
	}
	source, err := LocalSource(dir)
	if err != nil {
		t.Fatal(err)
	}
	newer := t.TempDir()
	if _, err := Backup(t.Context(), source, newer, nil); err != nil {
		t.Fatal(err)
	}
	unmapped := t.TempDir()
	if _, err := Backup(t.Context(), source, unmapped, nil); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(filepath.Join(unmapped, mapDir)); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		from   string
		newest []byte
	}{
		"newer than the backup": {backup, newest}, "older than the backup": {newer, old}, "no checkpoint": {backup, []byte("x")},
		"later map roots may be": {unmapped, newest},
	} {
		restored := t.TempDir()
		if err := BeginRestore(restored); err != nil {
			t.Fatal(err)
		}
		into := openLog(t, restored)
		_, err := Restore(t.Context(), RestoreConfig{From: c.from, Dir: restored, Store: into, Newest: c.newest})
		if !errors.Is(err, ErrNewerSigned) {
			t.Errorf("%s: %v", name, err)
		}
		if end, err := into.End(t.Context()); err != nil || end != 0 {
			t.Errorf("%s: the log ends at %d, %v", name, end, err)
		}
		if err := into.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// What no checkpoint covers comes back as well.
func TestSettingsAreRestored(t *testing.T) {
	dir, backup, _ := filled(t, 10)
	for _, path := range settings {
		if err := os.WriteFile(filepath.Join(dir, path), []byte("# "+path+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	source, err := LocalSource(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Backup(t.Context(), source, backup, nil); err != nil {
		t.Fatal(err)
	}
	restored := t.TempDir()
	if err := BeginRestore(restored); err != nil {
		t.Fatal(err)
	}
	store := openLog(t, restored)
	if _, err := Restore(t.Context(), RestoreConfig{From: backup, Dir: restored, Store: store}); err != nil {
		t.Fatal(err)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"retention.json", "audit/policy"} {
		if text, err := os.ReadFile(filepath.Join(restored, path)); err != nil || string(text) != "# "+path+"\n" {
			t.Errorf("%s: %q, %v", path, text, err)
		}
	}
	// A rule that is gone from the ledger is gone from its backup.
	if err := os.Remove(filepath.Join(dir, RetentionFile)); err != nil {
		t.Fatal(err)
	}
	if _, err := Backup(t.Context(), source, backup, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(backup, RetentionFile)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the backup still has it: %v", err)
	}
}

// A signing key that was put beside another log signs nothing there; once it is moved away, the log gets a key of its own.
func TestKeyOfAnotherDirectorySignsNothing(t *testing.T) {
	dir, _, key := filled(t, 20)
	other := t.TempDir()
	path := filepath.Join(other, keysDir, sealerKeyFile)
	copyFile(t, filepath.Join(dir, keysDir, sealerKeyFile), path)
	store := openLog(t, other)
	newWriter(t, store).write("C-1", 20)
	s, stop := start(t, quick(other, store))
	if err := s.WaitFor(t.Context(), 20); !errors.Is(err, ErrNotSealed) || !errors.Is(err, ErrNoKey) {
		t.Errorf("got %v", err)
	}
	if err := stop(); !errors.Is(err, ErrNoKey) || !strings.Contains(err.Error(), "another directory") {
		t.Errorf("got %v", err)
	}
	if _, err := os.Stat(filepath.Join(other, auditDir, logDir, checkpointFile)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("it signed: %v", err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	sealAll(t, quick(other, store))
	own, err := PublicKey(other)
	if err != nil || own.LogText == key.LogText {
		t.Errorf("%s, %v", own.LogText, err)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
}

// A first start that ended between the empty tree and its key leaves nothing that keeps the next one from making both.
func TestFirstStartInterrupted(t *testing.T) {
	dir := t.TempDir()
	if _, err := firstKey(dir); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(dir, keysDir, sealerKeyFile)); err != nil {
		t.Fatal(err)
	}
	store := openLog(t, dir)
	newWriter(t, store).write("C-1", 3)
	sealAll(t, quick(dir, store))
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
}
