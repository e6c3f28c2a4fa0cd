package vault

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
)

func give(t testing.TB, v *Vault, id KeyID) GivenKey {
	t.Helper()
	k, err := v.Give(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func text(t testing.TB, keys ...GivenKey) []byte {
	t.Helper()
	b, err := json.Marshal(keys)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestGivenKeys: a key that was given opens its values where they stand, also after the vault has destroyed it, and no others.
func TestGivenKeys(t *testing.T) {
	v := open(t, t.TempDir())
	first, other, gone := dataKey(t, v, "C-1", "interaction"), dataKey(t, v, "C-1", "marketing"), dataKey(t, v, "C-2", "marketing")
	given := text(t, give(t, v, first.ID))
	for _, customer := range []string{"C-1", "C-2"} {
		if _, err := v.Destroy(t.Context(), customer, "X", []string{"interaction", "marketing"}); err != nil {
			t.Fatal(err)
		}
	}
	r, err := ParseKeys(given)
	if err != nil || r.Len() != 1 {
		t.Fatalf("%d keys, %v", r.Len(), err)
	}
	r.Erase(gone.ID)
	value := func(k *DataKey) []byte { return k.Seal(nil, &somewhere, []byte(`"secret"`)) }
	if got, err := r.Open(&somewhere, value(first)); err != nil || string(got.Value) != `"secret"` || got.Class != "interaction" {
		t.Errorf("opened to %+v, %v", got, err)
	}
	elsewhere := somewhere
	elsewhere.Revision++
	if _, err := r.Open(&elsewhere, value(first)); !errors.Is(err, ErrTampered) {
		t.Errorf("at another place: %v", err)
	}
	if _, err := r.Open(&somewhere, value(other)); !errors.Is(err, ErrNoKey) {
		t.Errorf("without its key: %v", err)
	}
	if _, err := r.Open(&somewhere, value(gone)); !errors.Is(err, ErrErased) {
		t.Errorf("erased: %v", err)
	}
	if _, err := v.Give(t.Context(), first.ID); !errors.Is(err, ErrErased) {
		t.Errorf("a destroyed key is given: %v", err)
	}
	if _, err := v.Give(t.Context(), KeyID{}); !errors.Is(err, ErrNoKey) {
		t.Errorf("an unknown key is given: %v", err)
	}
}

// TestForgedKeys: a key that its id does not commit to, with this customer and class, is refused, and so is what is no list.
func TestForgedKeys(t *testing.T) {
	v := open(t, t.TempDir())
	key := give(t, v, dataKey(t, v, "C-1", "interaction").ID)
	for name, change := range map[string]func(*GivenKey){
		"key":      func(k *GivenKey) { k.Key = bytes.Clone(k.Key); k.Key[31] ^= 1 },
		"class":    func(k *GivenKey) { k.Class = "marketing" },
		"customer": func(k *GivenKey) { k.Customer = "C-2" },
		"id":       func(k *GivenKey) { k.ID = strings.Repeat("A", len(k.ID)) },
	} {
		forged := key
		change(&forged)
		if _, err := ParseKeys(text(t, forged)); !errors.Is(err, ErrOtherKey) {
			t.Errorf("another %s: %v", name, err)
		}
	}
	short := key
	short.Key = short.Key[:31]
	for _, bad := range [][]byte{
		text(t, short), text(t, key, key), nil, []byte("{}"), []byte("[1]"), []byte("[] []"),
		bytes.Replace(text(t, key), []byte(key.ID), []byte(key.ID[1:]), 1), bytes.Replace(text(t, key), []byte(`"class"`), []byte(`"klass"`), 1),
	} {
		if _, err := ParseKeys(bad); err == nil {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

func FuzzParseKeys(f *testing.F) {
	v := open(f, f.TempDir())
	f.Add(text(f, give(f, v, dataKey(f, v, "C-1", "interaction").ID)))
	f.Add([]byte("[]"))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := ParseKeys(b)
		if err != nil {
			return
		}
		for id, key := range r.given {
			if key.ID != id {
				t.Errorf("%s stands for %s", id, key.ID)
			}
		}
	})
}
