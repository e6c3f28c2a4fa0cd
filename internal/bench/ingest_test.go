package bench

import "testing"

// BenchmarkIngest records 20,000 events of many customers through the whole path, 1,000 at a time, into an empty log. It is there
// to be profiled (docs/performance.md); `amends bench` sets the rate beside that of the raw log.
func BenchmarkIngest(b *testing.B) {
	const events, customers = 20_000, 5_000
	source := newHistories(1)
	batches := make([][][]byte, events/ingestBatch)
	for i := range events {
		batches[i/ingestBatch] = append(batches[i/ingestBatch], source.event(among(customers, i)))
	}
	for b.Loop() {
		g, err := openRig(b.Context(), b.TempDir())
		if err != nil {
			b.Fatal(err)
		}
		if err := g.send(b.Context(), batches, 1); err != nil {
			b.Fatal(err)
		}
		if err := g.close(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(events*b.N)/b.Elapsed().Seconds(), "events/s")
}
