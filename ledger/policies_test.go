package ledger_test

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"amends/domain"
	"amends/eventstore"
	"amends/ledger"
)

// policy publishes a policy under an event id.
func policy(t *testing.T, id, policyID, version string, file []byte) []byte {
	t.Helper()
	data, err := json.Marshal(domain.PolicyPublished{PolicyID: policyID, Version: version, Policy: file})
	if err != nil {
		t.Fatal(err)
	}
	return event(domain.LedgerStream, id, "policy.published", string(data))
}

func TestPublishPolicies(t *testing.T) {
	store := eventstore.NewMemory()
	l := newLedger(t, store)
	_, file, _ := domain.ShippedPolicy("fca-disp")
	other := []byte(strings.Replace(string(file), `"count": 8`, `"count": 6`, 1))
	broken := []byte(strings.Replace(string(file), `"weeks"`, `"fortnights"`, 1))
	receipts := record(t, l,
		policy(t, "a", "fca-disp", "1", file),
		policy(t, "b", "fca-disp", "1", other), // in the same call
		policy(t, "c", "fca-disp", "1", broken),
		policy(t, "d", "fca", "1", file),
		policy(t, "e", "fca-disp", "2", file),
		policy(t, "f", "fca-disp", "1", file)) // the same again changes nothing
	for i, wanted := range []struct {
		status        ledger.Status
		slug, pointer string
	}{
		{ledger.Recorded, "", ""},
		{ledger.Refused, "version-taken", "/data/version"},
		{ledger.Refused, "invalid-policy", "/data/policy/clocks/2/limit/unit"},
		{ledger.Refused, "invalid-policy", "/data/policy_id"},
		{ledger.Refused, "invalid-policy", "/data/version"},
		{ledger.Recorded, "", ""},
	} {
		r := receipts[i]
		if r.Status != wanted.status || wanted.slug != "" && (r.Problem.Type != "urn:amends:problem:"+wanted.slug || r.Problem.Pointer != wanted.pointer) {
			t.Errorf("event %d: %s %+v, want %+v", i, r.Status, r.Problem, wanted)
		}
	}
	for _, reader := range []*ledger.Ledger{l, newLedger(t, store)} {
		book, err := reader.Policies(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if p, ok := book.Version("fca-disp", "1"); !ok || !book.Published(p) || book.Current("fca-disp", now) == nil {
			t.Error("the published policy is not in the book")
		}
		if book.Current("psd2", now) != nil || book.Current("service", now) == nil {
			t.Error("psd2 was not published, and service needs no publishing")
		}
	}
	var laidOut bytes.Buffer
	if err := json.Indent(&laidOut, file, "", "\t"); err != nil {
		t.Fatal(err)
	}
	same := event(domain.LedgerStream, "h", "policy.published", `{"policy_id":"fca-disp","version":"1","policy":`+laidOut.String()+`}`)
	if r := record(t, newLedger(t, store), same); r[0].Status != ledger.Recorded {
		t.Errorf("the same policy, laid out differently: %+v", r[0].Problem)
	}
	if r := record(t, newLedger(t, store), policy(t, "g", "fca-disp", "1", other)); r[0].Status != ledger.Refused {
		t.Errorf("after a restart: %+v", r[0])
	}
}

// The catalogue's sample is a policy that the ledger takes.
func TestSamplePolicy(t *testing.T) {
	sample, err := os.ReadFile("../schemas/testdata/policy.published.input.json")
	if err != nil {
		t.Fatal(err)
	}
	if r := record(t, newLedger(t, eventstore.NewMemory()), sample); r[0].Status != ledger.Recorded {
		t.Errorf("%s: %+v", r[0].Status, r[0].Problem)
	}
}
