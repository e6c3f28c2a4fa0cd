package schemas

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"amends/domain"
)

var update = flag.Bool("update", false, "write the stored samples and the list of personal fields anew")

// The clock of the tests, and when the samples were recorded.
var (
	testNow      = time.Date(2026, 10, 1, 12, 0, 0, 0, time.UTC)
	testRecorded = time.Date(2026, 10, 1, 12, 0, 0, 123456789, time.UTC)
)

func newCodec(t testing.TB) *Codec {
	t.Helper()
	c, err := New()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// samples are the names under testdata, such as complaint.registered or complaint.paused.v1: for each there is what a sender
// gave (.input.json) and the record that it became (.json).
func samples(t testing.TB) []string {
	t.Helper()
	paths, err := filepath.Glob("testdata/*.input.json")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no samples: %v", err)
	}
	for i, p := range paths {
		paths[i] = strings.TrimSuffix(filepath.Base(p), ".input.json")
	}
	return paths
}

func readSample(t testing.TB, name string) []byte {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return bytes.TrimSuffix(raw, []byte("\n"))
}

func parse(t testing.TB, c *Codec, raw []byte) Input {
	t.Helper()
	in, err := c.ParseInput(raw, testNow)
	if err != nil {
		t.Fatal(err)
	}
	// Corrections are completed as the ledger does; the samples name the corrected record's schema themselves.
	if correction, ok := in.Event.Data.(*domain.RecordCorrected); ok {
		if err := c.Correction(&in, correction.EventSchema); err != nil {
			t.Fatal(err)
		}
	}
	return in
}

func TestSamplesRoundTrip(t *testing.T) {
	c := newCodec(t)
	for _, name := range samples(t) {
		t.Run(name, func(t *testing.T) {
			in := parse(t, c, readSample(t, name+".input.json"))
			// A sample keeps its revision, so that a new type leaves the stored samples of the others as they are.
			revision, prev := uint64(2), sha256.Sum256([]byte(name))
			if kept, err := os.ReadFile(filepath.Join("testdata", name+".json")); err == nil {
				e, err := c.Decode(bytes.TrimSuffix(kept, []byte("\n")))
				if err != nil {
					t.Fatal(err)
				}
				revision = e.Revision
			}
			if revision == 1 {
				prev = [32]byte{}
			}
			stored, err := c.Encode(in, testRecorded, revision, prev)
			if err != nil {
				t.Fatal(err)
			}
			if *update {
				if err := os.WriteFile(filepath.Join("testdata", name+".json"), append(stored, '\n'), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if diff := cmp.Diff(string(readSample(t, name+".json")), string(stored)); diff != "" {
				t.Errorf("stored bytes (-want +got):\n%s", diff)
			}
			want := in.Event
			want.Recorded, want.Revision = testRecorded, revision
			got, err := c.Decode(stored)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("decoded event (-sent +stored):\n%s", diff)
			}
			if got.Time.Location() != time.UTC || got.Recorded.Location() != time.UTC {
				t.Errorf("times are in %v and %v, want UTC", got.Time.Location(), got.Recorded.Location())
			}
		})
	}
}

func TestEveryTypeHasASampleWithEveryField(t *testing.T) {
	c := newCodec(t)
	have := make(map[string]bool)
	for _, name := range samples(t) {
		in := parse(t, c, readSample(t, name+".input.json"))
		have[in.Schema] = true
		var missing []string
		for _, field := range c.schemas[in.Schema].node.names {
			if !bytes.Contains(in.DataJSON, []byte(`"`+field+`":`)) {
				missing = append(missing, field)
			}
		}
		if missing != nil {
			t.Errorf("the sample %s does not show %v", name, missing)
		}
	}
	for _, id := range c.ids() {
		if !have[id] {
			t.Errorf("no sample of %s", id)
		}
	}
}

func TestOptionalAttributesStayOut(t *testing.T) {
	c := newCodec(t)
	in := parse(t, c, []byte(`{"specversion":"1.0","source":"/crm","type":"commitment.kept","subject":"c-1","actor":null,
		"time":null, "data": { "commitment_id" : "K-1" } }`))
	if in.Event.ID == "" || !in.Event.Time.IsZero() || in.Expected != nil {
		t.Errorf("id %q, time %v, expected %v; want a new id, no time and no expectation", in.Event.ID, in.Event.Time, in.Expected)
	}
	in.Event.ID = "e-1"
	stored, err := c.Encode(in, testRecorded, 1, [32]byte{})
	if err != nil {
		t.Fatal(err)
	}
	want := `{"specversion":"1.0","id":"e-1","source":"/crm","type":"commitment.kept","dataschema":"urn:amends:schema:commitment.kept:1",` +
		`"subject":"c-1","time":"2026-10-01T12:00:00.123456789Z","recordedtime":"2026-10-01T12:00:00.123456789Z","revision":1,"prevhash":"` +
		strings.Repeat("0", 64) + `","datacontenttype":"application/json","data":{"commitment_id":"K-1"}}`
	if diff := cmp.Diff(want, string(stored)); diff != "" {
		t.Errorf("stored bytes (-want +got):\n%s", diff)
	}
}

func TestNewIDsAreInOrderAndUnique(t *testing.T) {
	c := newCodec(t)
	raw := []byte(`{"specversion":"1.0","source":"/crm","type":"commitment.kept","subject":"c-1","data":{"commitment_id":"K-1"}}`)
	last := ""
	for range 1000 {
		id := parse(t, c, raw).Event.ID
		if id <= last {
			t.Fatalf("%s after %s", id, last)
		}
		last = id
	}
}

func TestDecodeRefusesWhatIsNotStoredForm(t *testing.T) {
	c := newCodec(t)
	stored := string(readSample(t, "complaint.registered.json"))
	for _, test := range []struct{ name, from, to string }{
		{"white space", `{"specversion"`, `{ "specversion"`},
		{"another schema's type", `"type":"complaint.registered"`, `"type":"complaint.closed"`},
		{"unknown version", `complaint.registered:1"`, `complaint.registered:9"`},
		{"escaped envelope", `"subject":"c-1042"`, `"subject":"c\u002d1042"`},
		{"short hash", `"prevhash":"`, `"prevhash":"0`},
		{"bad time", `"time":"2026-`, `"time":"2026`},
		{"bad revision", `"revision":`, `"revision":-`},
		{"truncated", `"}}}`, `"}`},
		{"wrong type in data", `"vulnerable":false`, `"vulnerable":"no"`},
	} {
		t.Run(test.name, func(t *testing.T) {
			damaged := strings.Replace(stored, test.from, test.to, 1)
			if test.name == "truncated" {
				damaged = stored[:len(stored)-2]
			} else if damaged == stored {
				t.Fatalf("the sample has no %s", test.from)
			}
			if _, err := c.Decode([]byte(damaged)); !errors.Is(err, ErrNotRecord) {
				t.Errorf("error %v, want ErrNotRecord", err)
			}
		})
	}
}
