package schemas

import (
	"testing"
)

// BenchmarkCodec measures a typical complaint of about 600 bytes on its way in and out.
func BenchmarkCodec(b *testing.B) {
	c := newCodec(b)
	raw := []byte(`{"specversion":"1.0","id":"evt-0001","source":"urn:crm","type":"complaint.registered","subject":"c-1042","time":"2026-03-02T09:30:00Z",` +
		`"actor":"agent-7","data":{"complaint_id":"CMP-2026-0117","channel":"phone","subject":"Charged twice for the January invoice",` +
		`"description":"The January invoice was debited twice, and two calls to the hotline did not help; asks for the money back.",` +
		`"product":"Home broadband","category":"billing","severity":"S3","remedy_sought":"refund","vulnerable":false}}`)
	in := parse(b, c, raw)
	stored, err := c.Encode(in, testRecorded, 12, [32]byte{1})
	if err != nil {
		b.Fatal(err)
	}
	s := c.schemas[in.Schema]
	for _, bench := range []struct {
		name string
		run  func() error
	}{
		{"ParseInput", func() error { _, err := c.ParseInput(raw, testNow); return err }},
		{"Encode", func() error { _, err := c.Encode(in, testRecorded, 12, [32]byte{1}); return err }},
		{"Decode", func() error { _, err := c.Decode(stored); return err }},
		{"checker alone", func() error { s.node.check(in.DataJSON); return nil }},
		{"library alone", func() error {
			if p := c.explain(s, in.DataJSON, ""); p != nil {
				return p
			}
			return nil
		}},
	} {
		b.Run(bench.name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(stored)))
			for b.Loop() {
				if err := bench.run(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("New", func(b *testing.B) {
		for b.Loop() {
			if _, err := New(); err != nil {
				b.Fatal(err)
			}
		}
	})
}
