package audit

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	"amends/audit/verifier"
	"amends/eventstore"
)

// evidence is a customer's bundle.
func evidence(t testing.TB, s *Sealer, customer string, known []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := s.Evidence(t.Context(), customer, known, nil, &b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func check(b []byte, o verifier.Options) (*verifier.Report, error) {
	return verifier.Check(bytes.NewReader(b), int64(len(b)), o)
}

// A bundle holds all records of the customer and of all whom it absorbed, directly or not, and proves that there are no others.
func TestEvidence(t *testing.T) {
	store := eventstore.NewMemory()
	w := newWriter(t, store)
	w.write("C-1", 3)
	w.write("C-2", 300)
	w.write("C-3", 2)
	w.event("C-2", "customer.absorbed", `{"customer_id":"C-3"}`)
	w.event("C-1", "customer.absorbed", `{"customer_id":"C-2"}`)
	w.event("C-3", "customer.absorbed", `{"customer_id":"C-1"}`)
	s, _ := start(t, quick(t.TempDir(), store))
	if err := s.WaitForMap(t.Context(), w.last); err != nil {
		t.Fatal(err)
	}
	known := []byte(s.Status(t.Context()).Checkpoint)
	for customer, want := range map[string]int{"C-1": 3, "C-9": 1} {
		report, err := check(evidence(t, s, customer, nil), verifier.Options{Key: s.Key()})
		if err != nil {
			t.Fatalf("%s: %v", customer, err)
		}
		if len(report.Streams) != want || report.Size != 308 {
			t.Errorf("%s: %d streams under %d records", customer, len(report.Streams), report.Size)
		}
		for _, stream := range report.Streams {
			if stream.Records != w.heads[stream.Customer].Count {
				t.Errorf("%s: %d records of %s", customer, stream.Records, stream.Customer)
			}
		}
	}
	w.write("C-4", 500)
	if err := s.WaitForMap(t.Context(), w.last); err != nil {
		t.Fatal(err)
	}
	report, err := check(evidence(t, s, "C-4", known), verifier.Options{Key: s.Key(), Known: known})
	if err != nil || report.Extends != 308 || report.Streams[0].Records != 500 {
		t.Errorf("%+v, %v", report, err)
	}
}

// The keys are asked for with all records of the bundle, and come out of it as they went in. Without them there is no bundle.
func TestEvidenceWithKeys(t *testing.T) {
	store := eventstore.NewMemory()
	w := newWriter(t, store)
	w.write("C-1", 3)
	w.write("C-2", 2)
	w.event("C-1", "customer.absorbed", `{"customer_id":"C-2"}`)
	s, _ := start(t, quick(t.TempDir(), store))
	if err := s.WaitForMap(t.Context(), w.last); err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	var asked [][]byte
	err := s.Evidence(t.Context(), "C-1", nil, func(records [][]byte) ([]byte, error) {
		asked = records
		return []byte("the keys"), nil
	}, &b)
	if err != nil {
		t.Fatal(err)
	}
	report, err := check(b.Bytes(), verifier.Options{Key: s.Key()})
	if err != nil || string(report.Keys()) != "the keys" || len(asked) != 6 || !slices.EqualFunc(report.Records(), asked, bytes.Equal) {
		t.Errorf("keys %q, asked for %d records, the bundle has %d, %v", report.Keys(), len(asked), len(report.Records()), err)
	}
	if report, err := check(evidence(t, s, "C-1", nil), verifier.Options{Key: s.Key()}); err != nil || report.Keys() != nil {
		t.Errorf("not asked for: %q, %v", report.Keys(), err)
	}
	broken := errors.New("broken")
	if err := s.Evidence(t.Context(), "C-1", nil, func([][]byte) ([]byte, error) { return nil, broken }, &b); !errors.Is(err, broken) {
		t.Errorf("the keys cannot be had: %v", err)
	}
}
