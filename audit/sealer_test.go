package audit

import (
	"fmt"
	"testing"

	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"

	"amends/eventstore"
)

// What the sealer publishes is what an independent implementation of RFC 6962 (transparency-dev/merkle) computes, at sizes
// around the borders of tiles.
func TestRootsAgainstMerkle(t *testing.T) {
	store := eventstore.NewMemory()
	w := newWriter(t, store)
	dir := t.TempDir()
	for _, size := range []int{0, 1, 2, 255, 256, 257, 511, 513, 1000} {
		for i := len(w.all); i < size; i++ {
			w.write(fmt.Sprint("C-", i%7), 1)
		}
		sealAll(t, quick(dir, store))
		s, stop := start(t, quick(dir, store))
		if err := s.WaitFor(t.Context(), w.last); err != nil {
			t.Fatal(err)
		}
		c, err := s.Key().OpenLog([]byte(s.Status(t.Context()).Checkpoint))
		if err != nil {
			t.Fatal(err)
		}
		if c.N != int64(size) {
			t.Fatalf("the checkpoint covers %d records, not %d", c.N, size)
		}
		for i, leaf := range w.all {
			text, err := OpenTiles(dir+"/audit/log").inclusion(t.Context(), c.Tree, int64(i), nil)
			if err != nil {
				t.Fatal(err)
			}
			hashes := proofHashes(t, text)
			if err := proof.VerifyInclusion(rfc6962.DefaultHasher, uint64(i), uint64(size),
				rfc6962.DefaultHasher.HashLeaf(leaf), hashes, c.Hash[:]); err != nil {
				t.Fatalf("leaf %d of %d: %v", i, size, err)
			}
		}
		_ = stop()
	}
}
