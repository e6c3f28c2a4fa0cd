package keycopy_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"testing"

	"amends/access"
	"amends/internal/keycopy"
	"amends/vault"
)

// openKeys opens both databases of a directory of keys.
func openKeys(t *testing.T, dir string) (*vault.Vault, *access.Keys) {
	t.Helper()
	v, err := vault.Open(t.Context(), vault.Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { v.Close() })
	k, err := access.OpenKeys(t.Context(), filepath.Join(dir, "access.sqlite"), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { k.Close() })
	return v, k
}

var somewhere = vault.Place{Customer: "C", Revision: 1, Type: "interaction.call", Schema: "s", Pointer: "/data/summary"}

// Copies that are made, and put back, while keys are made and destroyed and epochs rotate: each opens, and opens all that was
// sealed before it was begun and not erased before it ended.
func TestCopyUnderWrites(t *testing.T) {
	dir, safe := filepath.Join(t.TempDir(), "keys"), filepath.Join(t.TempDir(), "safe")
	v, k := openKeys(t, dir)
	if err := os.WriteFile(filepath.Join(dir, "sealer.key"), []byte("signing"), 0o600); err != nil {
		t.Fatal(err)
	}
	sealed := make(map[string][]byte)
	seal := func(customer string) {
		key, err := v.DataKey(t.Context(), customer, "interaction")
		if err != nil {
			t.Fatal(err)
		}
		sealed[customer] = key.Seal(nil, &somewhere, []byte(`"`+customer+`"`))
	}
	for i := range 20 {
		seal("C-" + strconv.Itoa(i))
	}
	granted, secret, err := k.Draft(access.Request{Name: "helpdesk", Roles: []access.Role{access.Recorder}})
	if err != nil {
		t.Fatal(err)
	}
	if err := k.Store(t.Context(), granted, secret); err != nil {
		t.Fatal(err)
	}

	ctx, stop := context.WithCancel(t.Context())
	var writers sync.WaitGroup
	defer func() { stop(); writers.Wait() }()
	writers.Go(func() {
		for i := 0; ctx.Err() == nil; i++ {
			customer := "W-" + strconv.Itoa(i)
			if _, err := v.DataKey(t.Context(), customer, "interaction"); err != nil {
				t.Error(err)
				return
			}
			if _, err := v.Destroy(t.Context(), customer, "X", []string{"interaction"}); err != nil {
				t.Error(err)
				return
			}
			if i%2 == 0 {
				if _, err := v.Rotate(t.Context(), ""); err != nil {
					t.Error(err)
					return
				}
			}
		}
	})
	for i := range 5 {
		copyKeys(t, dir, safe)
		restored := filepath.Join(t.TempDir(), "keys")
		copyKeys(t, safe, restored)
		r, access := openKeys(t, restored)
		for customer, value := range sealed {
			if got, err := r.Open(t.Context(), &somewhere, value); err != nil || string(got.Value) != `"`+customer+`"` {
				t.Fatalf("copy %d: %s opens to %q, %v", i, customer, got.Value, err)
			}
		}
		if listed, err := access.List(t.Context()); err != nil || len(listed) != 1 || listed[0].ID != granted.ID {
			t.Errorf("copy %d: the API keys are %v, %v", i, listed, err)
		}
		if text, err := os.ReadFile(filepath.Join(restored, "sealer.key")); err != nil || string(text) != "signing" {
			t.Errorf("copy %d: the signing key is %q, %v", i, text, err)
		}
		seal("L-" + strconv.Itoa(i))
	}
}

// copyKeys copies for as long as rotations follow each other so fast that no copy can be made.
func copyKeys(t *testing.T, from, to string) {
	t.Helper()
	for {
		_, err := keycopy.Copy(t.Context(), from, to)
		if err == nil {
			return
		}
		if !errors.Is(err, keycopy.ErrChanging) {
			t.Fatal(err)
		}
	}
}

// A newer copy in the same place opens nothing that was erased before it, keeps no key of an epoch that has ended, and is not
// led astray by what SQLite or an interruption left beside the older one. It is for its owner alone.
func TestCopyReplaces(t *testing.T) {
	dir, safe := filepath.Join(t.TempDir(), "keys"), t.TempDir()
	v, _ := openKeys(t, dir)
	key, err := v.DataKey(t.Context(), "C", "interaction")
	if err != nil {
		t.Fatal(err)
	}
	value := key.Seal(nil, &somewhere, []byte(`"secret"`))
	copyKeys(t, dir, safe)
	for _, left := range []string{"vault.sqlite-wal", "vault.sqlite.new", "kek-2.key.new", "sealer.key.new-1"} {
		if err := os.WriteFile(filepath.Join(safe, left), []byte("left behind"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := v.Destroy(t.Context(), "C", "X", []string{"interaction"}); err != nil {
		t.Fatal(err)
	}
	if _, err := v.Rotate(t.Context(), ""); err != nil {
		t.Fatal(err)
	}
	names, err := keycopy.Copy(t.Context(), dir, safe)
	if want := []string{"kek-2.key", "access.sqlite", "vault.sqlite"}; err != nil || !slices.Equal(names, want) {
		t.Fatalf("copied %v, %v", names, err)
	}
	if _, err := os.Stat(filepath.Join(safe, "kek-1.key")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the key of the ended epoch is still there: %v", err)
	}
	for _, path := range append(names, ".") {
		info, err := os.Stat(filepath.Join(safe, path))
		if err != nil || info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %v, %v", path, info.Mode(), err)
		}
	}
	r, _ := openKeys(t, safe)
	if _, err := r.Open(t.Context(), &somewhere, value); !errors.Is(err, vault.ErrErased) {
		t.Errorf("what was erased: %v", err)
	}
	if _, err := keycopy.Copy(t.Context(), filepath.Join(safe, "none"), filepath.Join(t.TempDir(), "x")); err == nil {
		t.Error("no keys were copied")
	}
}
