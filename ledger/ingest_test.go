package ledger_test

import (
	"fmt"
	"strings"
	"testing"

	"amends/eventstore/jetstream"
	"amends/ledger"
	"amends/schemas"
	"amends/vault"
)

// BenchmarkIngest is durable ingest through the whole path into embedded JetStream, sealed and not: batches of 1,000 calls
// of some 900 bytes with two personal values each; one event in ten is of a new customer and needs a new key.
func BenchmarkIngest(b *testing.B) {
	text := strings.Repeat("The kettle leaks at the seam. ", 15)
	for _, seals := range []bool{false, true} {
		b.Run(fmt.Sprintf("sealed=%v", seals), func(b *testing.B) {
			store, err := jetstream.Open(b.Context(), jetstream.Config{Dir: b.TempDir()})
			if err != nil {
				b.Fatal(err)
			}
			defer store.Close()
			codec, err := schemas.New()
			if err != nil {
				b.Fatal(err)
			}
			cfg := ledger.Config{Store: store, Codec: codec}
			if seals {
				if cfg.Vault, err = vault.Open(b.Context(), vault.Config{Dir: b.TempDir()}); err != nil {
					b.Fatal(err)
				}
				defer cfg.Vault.Close()
			}
			l := ledger.New(cfg)
			n := 0
			for b.Loop() {
				raws := make([][]byte, 1_000)
				for i := range raws {
					n++
					raws[i] = event(fmt.Sprint("C-", n/10), fmt.Sprint("e", n), "interaction.call",
						fmt.Sprintf(`{"direction":"inbound","summary":%q,"extra":{"ticket":"HD-%d"}}`, text, n))
				}
				record(b, l, raws...)
			}
			b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "events/s")
		})
	}
}
