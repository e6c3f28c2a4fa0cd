package schemas

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"amends/domain"
)

// FuzzParseInput: whatever comes in is refused with a problem, or becomes a record that is not too large and reads as what
// was sent.
func FuzzParseInput(f *testing.F) {
	c := newCodec(f)
	for _, name := range samples(f) {
		f.Add(readSample(f, name+".input.json"))
	}
	f.Add([]byte(`{"specversion":"1.0","source":"/a","type":"purchase.recorded","subject":"c","data":{"amount_minor":5.0,"currency":"GBP"}}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		Identify(raw)
		in, err := c.ParseInput(raw, testNow)
		if err != nil {
			var p *Problem
			if !errors.As(err, &p) || p.Type == "" || p.Title == "" || p.Detail == "" {
				t.Fatalf("refused with %#v", err)
			}
			return
		}
		agree(t, c, c.schemas[in.Schema], in.DataJSON)
		correction, isCorrection := in.Event.Data.(*domain.RecordCorrected)
		if isCorrection {
			if c.Correction(&in, correction.EventSchema) != nil {
				return
			}
		}
		stored, err := c.Encode(in, testRecorded, 1<<40, [32]byte{1})
		if err != nil {
			if isCorrection {
				return // it grew by the name of the schema
			}
			t.Fatalf("accepted, but not encoded: %v", err)
		}
		if len(stored) > MaxRecord {
			t.Fatalf("%d bytes", len(stored))
		}
		got, err := c.Decode(stored)
		if err != nil {
			t.Fatalf("stored, but not decoded: %v\n%s", err, stored)
		}
		want := in.Event
		if want.Time.IsZero() {
			want.Time = testRecorded
		}
		want.Recorded, want.Revision = testRecorded, 1<<40
		if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("(-sent +stored):\n%s", diff)
		}
	})
}

// FuzzDecode: no bytes make it panic, and what it reads stands in the bytes.
func FuzzDecode(f *testing.F) {
	c := newCodec(f)
	for _, name := range samples(f) {
		f.Add(readSample(f, name+".json"))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		e, err := c.Decode(raw)
		if err != nil {
			if !errors.Is(err, ErrNotRecord) {
				t.Fatalf("error %v", err)
			}
			return
		}
		if e.Data == nil || e.Type == "" || e.Position != 0 {
			t.Errorf("decoded %+v", e)
		}
	})
}
