package audit

import (
	"fmt"
	"testing"

	"amends/eventstore"
)

func verify(t testing.TB, cfg Config) *Verification {
	t.Helper()
	key, err := PublicKey(cfg.Dir)
	if err != nil {
		t.Fatal(err)
	}
	v, err := Verify(t.Context(), VerifyConfig{Dir: cfg.Dir, Store: cfg.Store, Key: key})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestVerify(t *testing.T) {
	store := eventstore.NewMemory()
	w := newWriter(t, store)
	cfg := quick(t.TempDir(), store)
	sealAll(t, cfg)
	for round := range 5 {
		for i := range 300 {
			w.write(fmt.Sprint("C-", i*i%37), 1)
		}
		sealAll(t, cfg)
		v := verify(t, cfg)
		if v.Differing > 0 || v.Records != int64(len(w.all)) || v.Sealed != v.Records || v.Customers != len(w.heads) || v.MapRoots < int64(round) {
			t.Fatalf("%+v", v)
		}
	}
}
