package vault

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/core/registry"
	"github.com/tink-crypto/tink-go/v2/insecurecleartextkeyset"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"pgregory.net/rapid"
)

func open(t testing.TB, dir string) *Vault {
	t.Helper()
	v, err := Open(context.Background(), Config{Dir: dir, KMS: []registry.KMSClient{KeysetFile{}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { v.Close() }) // again is no harm
	return v
}

func dataKey(t testing.TB, v *Vault, customer, class string) *DataKey {
	t.Helper()
	key, err := v.DataKey(context.Background(), customer, class)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

var somewhere = Place{Customer: "C-1", Revision: 7, Type: "complaint.registered", Schema: "urn:amends:schema:complaint.registered:1", Pointer: "/data/description"}

// TestSealOpen: what was sealed opens to the same bytes at its place and nowhere else, and the same value gives the same bytes.
func TestSealOpen(t *testing.T) {
	v := open(t, t.TempDir())
	rapid.Check(t, func(rt *rapid.T) {
		place := Place{
			Customer: rapid.SampledFrom([]string{"C-1", "C-2"}).Draw(rt, "customer"), Revision: rapid.Uint64().Draw(rt, "revision"),
			Type: rapid.String().Draw(rt, "type"), Schema: rapid.String().Draw(rt, "schema"), Pointer: rapid.String().Draw(rt, "pointer"),
		}
		key := dataKey(t, v, place.Customer, rapid.SampledFrom([]string{"marketing", "interaction"}).Draw(rt, "class"))
		value, err := json.Marshal(rapid.OneOf(rapid.String().AsAny(), rapid.MapOf(rapid.String(), rapid.Int()).AsAny(), rapid.Int().AsAny()).Draw(rt, "value"))
		if err != nil {
			rt.Fatal(err)
		}
		sealed := key.Seal([]byte("before"), &place, value)[len("before"):]
		if again := key.Seal(nil, &place, value); !bytes.Equal(again, sealed) {
			rt.Fatalf("sealed twice: %s and %s", sealed, again)
		}
		if !json.Valid(sealed) {
			rt.Fatalf("%s is not JSON", sealed)
		}
		got, err := v.Open(context.Background(), &place, sealed)
		if err != nil || !bytes.Equal(got.Value, value) || got.Class != key.Class || got.Key != key.ID {
			rt.Fatalf("opened to %+v, %v", got, err)
		}
		elsewhere := place
		switch rapid.IntRange(0, 4).Draw(rt, "moved") {
		case 0:
			elsewhere.Customer += "x"
		case 1:
			elsewhere.Revision++
		case 2:
			elsewhere.Type += "x"
		case 3:
			elsewhere.Schema += "x"
		default:
			elsewhere.Pointer += "x"
		}
		if _, err := v.Open(context.Background(), &elsewhere, sealed); !errors.Is(err, ErrTampered) {
			rt.Fatalf("at another place: %v", err)
		}
	})
}

// TestParts: text that moves from one part of the place to the next does not give the same binding.
func TestParts(t *testing.T) {
	a := Place{Customer: "C", Type: "ab", Schema: "c"}
	b := Place{Customer: "C", Type: "a", Schema: "bc"}
	if bytes.Equal(a.appendBinding(nil, "x"), b.appendBinding(nil, "x")) {
		t.Error("two places have one binding")
	}
}

func FuzzOpen(f *testing.F) {
	v := open(f, f.TempDir())
	key := dataKey(f, v, "C-1", "marketing")
	whole := key.Seal(nil, &somewhere, []byte(`"secret"`))
	f.Add(whole)
	f.Add(key.Seal(nil, &somewhere, []byte(`{"a":1}`)))
	f.Add([]byte(`"sealed:v1:"`))
	f.Add([]byte(`{"sealed":"v1:x:y"}`))
	f.Fuzz(func(t *testing.T, value []byte) {
		got, err := v.Open(context.Background(), &somewhere, value)
		if err == nil && !bytes.Equal(key.Seal(nil, &somewhere, got.Value), value) {
			t.Errorf("%q opens to %q, which seals to other bytes", value, got.Value)
		}
	})
}

func TestTampered(t *testing.T) {
	v := open(t, t.TempDir())
	sealed := dataKey(t, v, "C-1", "marketing").Seal(nil, &somewhere, []byte(`"secret"`))
	for i := range sealed {
		changed := bytes.Clone(sealed)
		changed[i] ^= 1
		if got, err := v.Open(t.Context(), &somewhere, changed); err == nil {
			t.Errorf("byte %d flipped: opened to %q", i, got.Value)
		}
	}
}

// TestConcurrent: many ask for few keys at once; all get the same ones, and they are there after a restart.
func TestConcurrent(t *testing.T) {
	dir := t.TempDir()
	v := open(t, dir)
	var mu sync.Mutex
	made := map[string]KeyID{}
	var wg sync.WaitGroup
	for i := range 64 {
		wg.Go(func() {
			for j := range 20 {
				customer := fmt.Sprintf("C-%d", (i+j)%10)
				key, err := v.DataKey(context.Background(), customer, "interaction")
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				if old, ok := made[customer]; ok && old != key.ID {
					t.Errorf("%s has two keys", customer)
				}
				made[customer] = key.ID
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if err := v.Close(); err != nil {
		t.Fatal(err)
	}
	v = open(t, dir)
	for customer, id := range made {
		if key := dataKey(t, v, customer, "interaction"); key.ID != id {
			t.Errorf("%s has another key after the restart", customer)
		}
	}
}

// TestCommitment: a wrapped key that was put in the place of another one is found.
func TestCommitment(t *testing.T) {
	dir := t.TempDir()
	v := open(t, dir)
	a, b := dataKey(t, v, "C-1", "marketing"), dataKey(t, v, "C-2", "marketing")
	if _, err := v.db.Exec("UPDATE data_keys SET wrapped = (SELECT wrapped FROM data_keys WHERE key_id = ?) WHERE key_id = ?", b.ID[:], a.ID[:]); err != nil {
		t.Fatal(err)
	}
	v.Close()
	v = open(t, dir)
	if key, err := v.DataKey(t.Context(), "C-1", "marketing"); err == nil {
		t.Errorf("got %s", key.ID)
	}
}

// everything reads all files of a directory.
func everything(t testing.TB, dir string) []byte {
	t.Helper()
	var all []byte
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		all = append(all, text...)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func wrappedOf(t testing.TB, v *Vault, id KeyID) []byte {
	t.Helper()
	var wrapped []byte
	if err := v.db.QueryRow("SELECT wrapped FROM data_keys WHERE key_id = ?", id[:]).Scan(&wrapped); err != nil {
		t.Fatal(err)
	}
	return wrapped
}

func TestDestroy(t *testing.T) {
	dir := t.TempDir()
	v := open(t, dir)
	gone, stays, other := dataKey(t, v, "C-1", "marketing"), dataKey(t, v, "C-1", "interaction"), dataKey(t, v, "C-2", "marketing")
	wrapped := wrappedOf(t, v, gone.ID)
	sealed := gone.Seal(nil, &somewhere, []byte(`"secret"`))
	index(t, v, 1, "C-1", "e1", Identity{"email", "a@example.org", gone.ID}, Identity{"phone", "+44 20", stays.ID})
	if !bytes.Contains(everything(t, dir), wrapped) {
		t.Fatal("the wrapped key is not found before: the test looks in the wrong place")
	}
	first, err := v.Destroy(t.Context(), "C-1", "X", []string{"marketing"})
	if err != nil || len(first) != 1 || first[0].ID != gone.ID || first[0].Epoch != 1 {
		t.Fatalf("%+v, %v", first, err)
	}
	if bytes.Contains(everything(t, dir), wrapped) {
		t.Error("the bytes of the destroyed key are still in the directory")
	}
	if got, err := v.Open(t.Context(), &somewhere, sealed); !errors.Is(err, ErrErased) || got.Class != "marketing" {
		t.Errorf("opened to %+v, %v", got, err)
	}
	if diff := cmp.Diff([]string(nil), find(t, v, "email", "a@example.org")); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"C-1"}, find(t, v, "phone", "+4420")); diff != "" {
		t.Error(diff)
	}
	if key := dataKey(t, v, "C-1", "interaction"); key.ID != stays.ID {
		t.Error("the other class was destroyed, too")
	}
	if key := dataKey(t, v, "C-2", "marketing"); key.ID != other.ID {
		t.Error("another customer's key was destroyed, too")
	}
	// What comes after the erasure is not part of it, also when a crash makes it run again.
	fresh := dataKey(t, v, "C-1", "marketing")
	if fresh.ID == gone.ID {
		t.Fatal("the destroyed key is back")
	}
	again, err := v.Destroy(t.Context(), "C-1", "X", []string{"marketing"})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(first, again); diff != "" {
		t.Error(diff)
	}
	if key := dataKey(t, v, "C-1", "marketing"); key.ID != fresh.ID {
		t.Error("the erasure took a key that was made after it")
	}
	if _, err := v.Open(t.Context(), &Place{}, []byte(`"sealed:v1:`+strings.Repeat("A", keyIDText)+`:AAAA"`)); !errors.Is(err, ErrNoKey) {
		t.Errorf("an unknown key: %v", err)
	}
}

// TestDestroyInterrupted: a stop before the destruction leaves everything; one after it leaves no bytes of the key once the
// vault is opened again.
func TestDestroyInterrupted(t *testing.T) {
	for step, destroyed := range map[string]bool{"destroy": false, "checkpoint": true} {
		t.Run(step, func(t *testing.T) {
			dir := t.TempDir()
			v := open(t, dir)
			key := dataKey(t, v, "C-1", "marketing")
			wrapped := wrappedOf(t, v, key.ID)
			errStop := errors.New("stopped")
			v.fault = func(s string) error {
				if s == step {
					return errStop
				}
				return nil
			}
			if _, err := v.Destroy(t.Context(), "C-1", "X", []string{"marketing"}); !errors.Is(err, errStop) {
				t.Fatal(err)
			}
			v = open(t, dir) // beside the first one, which was never closed
			if gone, err := v.Erased(t.Context(), key.ID); err != nil || gone != destroyed {
				t.Errorf("gone: %v, %v", gone, err)
			}
			if bytes.Contains(everything(t, dir), wrapped) == destroyed {
				t.Error("the wrapped key: in the directory or not, against what should be")
			}
			done, err := v.Destroy(t.Context(), "C-1", "X", []string{"marketing"})
			if err != nil || len(done) != 1 || done[0].ID != key.ID {
				t.Errorf("%+v, %v", done, err)
			}
		})
	}
}

func index(t testing.TB, v *Vault, position uint64, customer, event string, ids ...Identity) {
	t.Helper()
	err := v.Index(t.Context(), position, func(x *Indexing) error { return x.Identities(t.Context(), customer, event, ids) })
	if err != nil {
		t.Fatal(err)
	}
}

func find(t testing.TB, v *Vault, kind, value string) []string {
	t.Helper()
	found, err := v.Find(t.Context(), kind, value)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestFind(t *testing.T) {
	dir := t.TempDir()
	v := open(t, dir)
	one, two := dataKey(t, v, "C-1", "complaint_record"), dataKey(t, v, "C-2", "complaint_record")
	index(t, v, 3, "C-1", "e1", Identity{"email", "Li.Wei@Example.org ", one.ID}, Identity{"phone", "0044 20 7946 0018", one.ID})
	index(t, v, 5, "C-2", "e2", Identity{"email", "li.wei@example.org", two.ID}, Identity{"account", "Ac-7", two.ID})
	for _, test := range []struct {
		kind, value string
		want        []string
	}{
		{"email", " LI.WEI@example.ORG", []string{"C-1", "C-2"}},
		{"phone", "+44 (20) 7946-0018", []string{"C-1"}},
		{"account", "Ac-7", []string{"C-2"}},
		{"account", "ac-7", nil},
		{"phone", "li.wei@example.org", nil},
	} {
		if diff := cmp.Diff(test.want, find(t, v, test.kind, test.value)); diff != "" {
			t.Errorf("%s %s: %s", test.kind, test.value, diff)
		}
	}
	index(t, v, 6, "C-1", "e1", Identity{"email", "lw@example.org", one.ID}) // a correction
	if diff := cmp.Diff([]string{"C-2"}, find(t, v, "email", "li.wei@example.org")); diff != "" {
		t.Error(diff)
	}
	if text := everything(t, dir); bytes.Contains(bytes.ToLower(text), []byte("example.org")) || bytes.Contains(text, []byte("7946")) {
		t.Error("an identity is in the vault in clear")
	}
	if at, err := v.Cursor(t.Context()); err != nil || at != 6 {
		t.Errorf("cursor %d, %v", at, err)
	}
	v.Close()
	v = open(t, dir)
	if diff := cmp.Diff([]string{"C-1"}, find(t, v, "email", "LW@example.org")); diff != "" {
		t.Error("after a restart: " + diff)
	}
}

func TestPermissions(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "keys")
	v := open(t, dir)
	dataKey(t, v, "C-1", "marketing")
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if info, err := e.Info(); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v", e.Name(), info.Mode())
		}
	}
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the directory has mode %v", info.Mode())
	}
}

func TestLostKEK(t *testing.T) {
	dir := t.TempDir()
	v := open(t, dir)
	dataKey(t, v, "C-1", "marketing")
	v.Close()
	if err := os.Remove(filepath.Join(dir, "kek-1.key")); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), Config{Dir: dir}); err == nil || !strings.Contains(err.Error(), "restore") {
		t.Errorf("err = %v", err)
	}
}

// TestRotation stops a rotation at each of its steps, opens the vault again and expects it finished, with every key in place
// and the old key-encryption key gone.
func TestRotation(t *testing.T) {
	errStop := errors.New("stopped")
	finished := false
	for stopAt := 0; !finished; stopAt++ {
		t.Run(fmt.Sprint("step ", stopAt), func(t *testing.T) {
			dir := t.TempDir()
			v := open(t, dir)
			const customers = rewrapBatch + 20
			ids := make([]KeyID, customers)
			var wg sync.WaitGroup
			for i := range customers {
				wg.Go(func() { ids[i] = dataKey(t, v, fmt.Sprint("C-", i), "marketing").ID })
			}
			wg.Wait()
			sealed := dataKey(t, v, "C-1", "marketing").Seal(nil, &somewhere, []byte(`"secret"`))
			index(t, v, 1, "C-1", "e1", Identity{"email", "a@b", ids[1]})
			destroyed := dataKey(t, v, "C-2", "marketing")
			backup := everything(t, dir)
			if _, err := v.Destroy(t.Context(), "C-2", "X", []string{"marketing"}); err != nil {
				t.Fatal(err)
			}
			old, err := os.ReadFile(v.kekPath(1))
			if err != nil || !bytes.Contains(backup, old) {
				t.Fatal("no first epoch")
			}
			steps := 0
			v.fault = func(string) error {
				if steps++; steps > stopAt {
					return errStop
				}
				return nil
			}
			_, err = v.Rotate(t.Context(), "")
			if err != nil && !errors.Is(err, errStop) {
				t.Fatal(err)
			}
			finished = err == nil
			v.Close()
			v = open(t, dir)
			began := stopAt > 0
			if want := map[bool][]int{true: {2}, false: {1}}[began]; !slices.Equal(v.keks.epochs(), want) {
				t.Errorf("epochs %v, want %v", v.keks.epochs(), want)
			}
			if bytes.Contains(everything(t, dir), old) == began {
				t.Error("the old key-encryption key: present or not, against what should be")
			}
			for i, id := range ids {
				key, err := v.DataKey(t.Context(), fmt.Sprint("C-", i), "marketing")
				if err != nil || (key.ID == id) == (i == 2) {
					t.Fatalf("customer %d: %v, %v", i, key, err)
				}
			}
			if got, err := v.Open(t.Context(), &somewhere, sealed); err != nil || string(got.Value) != `"secret"` {
				t.Errorf("%+v, %v", got, err)
			}
			if gone, err := v.Erased(t.Context(), destroyed.ID); err != nil || !gone {
				t.Errorf("the destroyed key: %v, %v", gone, err)
			}
			if diff := cmp.Diff([]string{"C-1"}, find(t, v, "email", "a@b")); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestKMS: the key-encryption key wrapped by a key management service; without the service the vault opens nothing.
func TestKMS(t *testing.T) {
	dir, token := t.TempDir(), filepath.Join(t.TempDir(), "token.json")
	handle, err := keyset.NewHandle(aead.AES256GCMKeyTemplate())
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(token)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(insecurecleartextkeyset.Write(handle, keyset.NewJSONWriter(f)), f.Close()); err != nil {
		t.Fatal(err)
	}
	v := open(t, dir)
	key := dataKey(t, v, "C-1", "marketing")
	done, err := v.Rotate(t.Context(), "keyset://"+token)
	if err != nil || done.Epoch != 2 || !slices.Equal(done.Destroyed, []int{1}) || done.Rewrapped != 2 {
		t.Fatalf("%+v, %v", done, err)
	}
	v.Close()
	v = open(t, dir)
	if again := dataKey(t, v, "C-1", "marketing"); again.ID != key.ID {
		t.Error("another key after the rotation")
	}
	if _, err := v.Rotate(t.Context(), "aws-kms://arn"); err == nil || !strings.Contains(err.Error(), "aws-kms") {
		t.Errorf("an unknown service: %v", err)
	}
	v.Close()
	if err := os.Rename(token, token+".away"); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), Config{Dir: dir, KMS: []registry.KMSClient{KeysetFile{}}}); err == nil {
		t.Error("it opens without the service")
	}
}

func BenchmarkSeal(b *testing.B) {
	v := open(b, b.TempDir())
	key := dataKey(b, v, "C-1", "marketing")
	for _, size := range []int{20, 300, 3000} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			value := []byte(`"` + strings.Repeat("x", size) + `"`)
			b.SetBytes(int64(size))
			b.ReportAllocs()
			var dst []byte
			for b.Loop() {
				dst = key.Seal(dst[:0], &somewhere, value)
			}
		})
	}
}

func BenchmarkNewKeys(b *testing.B) {
	v := open(b, b.TempDir())
	i := 0
	for b.Loop() {
		i++
		var wg sync.WaitGroup
		for j := range 256 {
			wg.Go(func() { dataKey(b, v, fmt.Sprintf("C-%d-%d", i, j), "marketing") })
		}
		wg.Wait()
	}
	b.ReportMetric(float64(b.N*256)/b.Elapsed().Seconds(), "keys/s")
}

// BenchmarkKeyMemory is what an opened key costs.
func BenchmarkKeyMemory(b *testing.B) {
	b.ReportAllocs()
	secret := newSecret()
	keys := make([]*DataKey, 0, b.N)
	for range b.N {
		key, err := newDataKey("C-1", "marketing", secret)
		if err != nil {
			b.Fatal(err)
		}
		keys = append(keys, key)
	}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&after)
	runtime.KeepAlive(keys)
	n := len(keys)
	keys = nil
	runtime.GC()
	runtime.ReadMemStats(&before)
	b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/float64(n), "B/key")
}
