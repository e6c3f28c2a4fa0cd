package schemas

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"amends/domain"
)

func correction(t *testing.T, c *Codec, changes map[string]any) Input {
	t.Helper()
	in, err := c.ParseInput(event(t, "record.corrected", changes), testNow)
	if err != nil {
		t.Fatal(err)
	}
	return in
}

func TestCorrectionFillsInTheSchema(t *testing.T) {
	c := newCodec(t)
	in := correction(t, c, map[string]any{"data.event_schema": nil})
	if err := c.Correction(&in, "urn:amends:schema:complaint.classified:1"); err != nil {
		t.Fatal(err)
	}
	corrected := in.Event.Data.(*domain.RecordCorrected)
	yes := true
	want := &domain.ComplaintClassified{ComplaintRef: domain.ComplaintRef{ComplaintID: "CMP-2026-0117"}, Cause: "process.billing", Severity: "S3", Systemic: &yes}
	if diff := cmp.Diff(domain.Data(want), corrected.Decoded); diff != "" {
		t.Errorf("decoded (-want +got):\n%s", diff)
	}
	stored, err := c.Encode(in, testRecorded, 7, [32]byte{1})
	if err != nil {
		t.Fatal(err)
	}
	got, err := c.Decode(stored)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(domain.Data(corrected), got.Data); diff != "" {
		t.Errorf("after a round trip (-sent +stored):\n%s", diff)
	}
	if !strings.Contains(string(stored), `"event_schema":"urn:amends:schema:complaint.classified:1"`) {
		t.Errorf("the record does not name the schema: %s", stored)
	}
}

// TestCorrectionOfAnOlderVersion: the correction of a record obeys the version that the record has, and is lifted like it.
func TestCorrectionOfAnOlderVersion(t *testing.T) {
	c := newCodec(t)
	in := correction(t, c, map[string]any{"data.event_schema": nil, "data.data": map[string]any{"complaint_id": "CMP-1", "waiting_for": "internal"}})
	if err := c.Correction(&in, "urn:amends:schema:complaint.paused:1"); err != nil {
		t.Fatal(err)
	}
	stored, err := c.Encode(in, testRecorded, 7, [32]byte{1})
	if err != nil {
		t.Fatal(err)
	}
	got, err := c.Decode(stored)
	if err != nil {
		t.Fatal(err)
	}
	if paused := got.Data.(*domain.RecordCorrected).Decoded.(*domain.ComplaintPaused); paused.Awaiting != "internal" {
		t.Errorf("awaiting %q", paused.Awaiting)
	}
	// A sender may correct it in the words of the newer version, and says so.
	in = correction(t, c, map[string]any{"data.event_schema": "urn:amends:schema:complaint.paused:2", "data.data": map[string]any{"complaint_id": "CMP-1", "awaiting": "internal"}})
	if err := c.Correction(&in, "urn:amends:schema:complaint.paused:1"); err != nil {
		t.Error(err)
	}
}

func TestCorrectionRefusals(t *testing.T) {
	c := newCodec(t)
	for _, test := range []struct {
		name    string
		target  string
		changes map[string]any
		slug    slug
		pointer string
	}{
		{"inner field unknown", "complaint.classified:1", map[string]any{"data.data": map[string]any{"complaint_id": "CMP-1", "severty": "S1"}}, unknownField, "/data/data/severty"},
		{"inner field missing", "complaint.classified:1", map[string]any{"data.data": map[string]any{"severity": "S1"}}, missingField, "/data/data/complaint_id"},
		{"another type's schema named", "complaint.closed:1", nil, wrongCorrection, "/data/event_schema"},
		{"unknown schema", "complaint.melted:1", map[string]any{"data.event_schema": nil}, unknownSchema, "/data/event_id"},
		{"a correction", "record.corrected:1", map[string]any{"data.event_schema": nil}, wrongCorrection, "/data/event_id"},
		{"inner number with a point", "redress.offered:1", map[string]any{"data.event_schema": nil, "data.data": map[string]any{"remedy": "refund", "amount_minor": 1e21, "currency": "GBP"}}, outOfRange, "/data/data/amount_minor"},
	} {
		t.Run(test.name, func(t *testing.T) {
			in := correction(t, c, test.changes)
			p := asProblem(t, c.Correction(&in, schemaPrefix+test.target))
			if p.Type != problemPrefix+string(test.slug) || p.Pointer != test.pointer {
				t.Errorf("got %+v, want %s at %s", p, test.slug, test.pointer)
			}
		})
	}
	in := parse(t, c, readSample(t, "complaint.closed.input.json"))
	if p := asProblem(t, c.Correction(&in, "urn:amends:schema:complaint.closed:1")); p.Pointer != "/type" {
		t.Errorf("got %+v", p)
	}
}

func TestOlderVersionIsStoredAsSentAndReadAsCurrent(t *testing.T) {
	c := newCodec(t)
	in := parse(t, c, readSample(t, "complaint.paused.v1.input.json"))
	if in.Schema != "urn:amends:schema:complaint.paused:1" || !strings.Contains(string(in.DataJSON), `"waiting_for":"customer"`) {
		t.Errorf("schema %s, data %s", in.Schema, in.DataJSON)
	}
	if got := in.Event.Data.(*domain.ComplaintPaused).Awaiting; got != "customer" {
		t.Errorf("awaiting %q", got)
	}
	current := parse(t, c, readSample(t, "complaint.paused.input.json"))
	if diff := cmp.Diff(current.Event.Data, in.Event.Data); diff != "" {
		t.Errorf("the two versions differ (-current +lifted):\n%s", diff)
	}
}

func TestRenameLeavesWhatIsInside(t *testing.T) {
	got, err := rename("a", "b")([]byte(`{"x":"a","a":{"a":["a"]},"c":"\u0041"}`))
	if err != nil || string(got) != `{"x":"a","b":{"a":["a"]},"c":"\u0041"}` {
		t.Errorf("%s, %v", got, err)
	}
	if _, err := rename("a", "b")([]byte(`{"a"`)); err == nil {
		t.Error("no error from half a payload")
	}
}
