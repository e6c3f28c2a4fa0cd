package schemas

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"amends/domain"
	"amends/domain/domaintest"
)

// TestDrawnEventsAreAccepted: the histories on which the rules are tested are histories that the contract lets in, and they
// come out of the store as they went in.
func TestDrawnEventsAreAccepted(t *testing.T) {
	c := newCodec(t)
	rapid.Check(t, func(t *rapid.T) {
		for i, want := range append(domaintest.History(t, "c-1"), domaintest.Ledger(t)...) {
			data, err := json.Marshal(want.Data)
			if err != nil {
				t.Fatal(err)
			}
			raw, err := json.Marshal(map[string]any{"specversion": "1.0", "id": fmt.Sprint("e-", i), "source": "/drawn", "type": want.Type,
				"subject": want.Customer, "time": want.Time, "data": json.RawMessage(data)})
			if err != nil {
				t.Fatal(err)
			}
			in, err := c.ParseInput(raw, testNow)
			if err != nil {
				t.Fatalf("%v: %s", err, raw)
			}
			stored, err := c.Encode(in, testRecorded, 1, [32]byte{})
			if err != nil {
				t.Fatal(err)
			}
			got, err := c.Decode(stored)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want.Data, got.Data, cmpopts.EquateEmpty(), cmpopts.IgnoreFields(domain.RecordCorrected{}, "Decoded")); diff != "" {
				t.Errorf("%s (-drawn +stored):\n%s", want.Type, diff)
			}
		}
	})
}
