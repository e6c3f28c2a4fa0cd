package audit

import (
	"crypto/sha256"
	"fmt"
	"testing"

	"amends/eventstore"
)

// BenchmarkSeal seals a log from its beginning, from memory: what the sealer itself costs.
func BenchmarkSeal(b *testing.B) {
	w := newWriter(b, eventstore.NewMemory())
	for i := range 20_000 {
		w.write(fmt.Sprint("C-", i%2_000), 1)
	}
	for _, mapped := range []bool{false, true} {
		b.Run(fmt.Sprintf("map=%v", mapped), func(b *testing.B) {
			for b.Loop() {
				s, stop := start(b, Config{Dir: b.TempDir(), Store: w.store})
				wait := s.WaitFor
				if mapped {
					wait = s.WaitForMap
				}
				if err := wait(b.Context(), w.last); err != nil {
					b.Fatal(err)
				}
				_ = stop()
			}
			b.ReportMetric(float64(len(w.all)*b.N)/b.Elapsed().Seconds(), "events/s")
		})
	}
}

// BenchmarkVerify verifies a sealed log, beside the SHA-256 of its bytes.
func BenchmarkVerify(b *testing.B) {
	w := newWriter(b, eventstore.NewMemory())
	for i := range 20_000 {
		w.write(fmt.Sprint("C-", i%2_000), 1)
	}
	cfg := Config{Dir: b.TempDir(), Store: w.store}
	sealAll(b, cfg)
	b.Run("verify", func(b *testing.B) {
		for b.Loop() {
			if v := verify(b, cfg); v.Differing > 0 {
				b.Fatal(v.First)
			}
		}
		b.ReportMetric(float64(len(w.all)*b.N)/b.Elapsed().Seconds(), "events/s")
	})
	b.Run("sha256", func(b *testing.B) {
		for b.Loop() {
			for _, data := range w.all {
				sha256.Sum256(data)
			}
		}
		b.ReportMetric(float64(len(w.all)*b.N)/b.Elapsed().Seconds(), "events/s")
	})
}

// BenchmarkProof makes inclusion proofs in a log of 20,000 records.
func BenchmarkProof(b *testing.B) {
	w := newWriter(b, eventstore.NewMemory())
	for i := range 20_000 {
		w.write(fmt.Sprint("C-", i%2_000), 1)
	}
	s, _ := start(b, Config{Dir: b.TempDir(), Store: w.store})
	if err := s.WaitFor(b.Context(), w.last); err != nil {
		b.Fatal(err)
	}
	for i := 0; b.Loop(); i++ {
		if _, err := s.Proof(b.Context(), eventstore.Position(1+i*7919%20_000)); err != nil {
			b.Fatal(err)
		}
	}
}
