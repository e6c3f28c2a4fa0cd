package ledger_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"amends/domain"
	"amends/eventstore"
	"amends/ledger"
	"amends/schemas"
)

func TestAuthor(t *testing.T) {
	reserved := func(actor string) bool { return strings.HasPrefix(actor, "key:") || strings.HasPrefix(actor, "oidc:") }
	customers := func(t domain.Type) bool { return !t.LedgerOwn() }
	person := ledger.Author{ID: "oidc:7", Reserved: reserved, May: customers}
	system := ledger.Author{ID: "key:k1", Sources: []string{"urn:crm", "test"}, Reserved: reserved, May: customers}
	administrator := ledger.Author{ID: "key:k2", Reserved: reserved}
	owner := ledger.Author{ID: "local:ada", Unbound: true, Reserved: reserved}
	const look = `{"customer_id":"C-1","purpose":"p","scope":"s"}`
	for name, test := range map[string]struct {
		author  ledger.Author
		actor   string // named in the event; empty: none
		source  string // empty: test
		kind    domain.Type
		ledger  bool   // a record of the ledger's own stream
		want    string // the recorded actor
		refused string // the problem's slug and pointer
	}{
		"person, no actor":                 {author: person, want: "oidc:7"},
		"person, own name":                 {author: person, actor: "oidc:7", want: "oidc:7"},
		"person, another's name":           {author: person, actor: "agent-7", refused: "foreign-actor /actor"},
		"person, another caller's name":    {author: person, actor: "oidc:8", refused: "foreign-actor /actor"},
		"person, any source":               {author: person, source: "urn:erp", want: "oidc:7"},
		"person, ledger's stream":          {author: person, ledger: true, refused: "type-denied /type"},
		"system, no actor":                 {author: system, want: "key:k1"},
		"system, for a person":             {author: system, actor: "agent-7", want: "agent-7"},
		"system, under another's source":   {author: system, source: "urn:erp", refused: "foreign-source /source"},
		"system, under its other source":   {author: system, source: "urn:crm", actor: "agent-7", want: "agent-7"},
		"system, asks for an erasure":      {author: system, kind: "erasure.requested", want: "key:k1"},
		"system, asks for one as a person": {author: system, kind: "erasure.requested", actor: "bob", refused: "foreign-actor /actor"},
		"person, asks for an erasure":      {author: person, kind: "erasure.requested", actor: "oidc:7", want: "oidc:7"},
		"system, as another caller":        {author: system, actor: "oidc:7", refused: "foreign-actor /actor"},
		"administrator, another's name":    {author: administrator, actor: "agent-7", refused: "foreign-actor /actor"},
		"administrator, ledger's stream":   {author: administrator, ledger: true, want: "key:k2"},
		"owner, no actor":                  {author: owner, want: "local:ada"},
		"owner, anybody's name":            {author: owner, actor: "oidc:7", want: "oidc:7"},
		"nobody in particular, no actor":   {author: ledger.Author{Unbound: true}},
		"nobody in particular, with actor": {author: ledger.Author{Unbound: true}, actor: "agent-7", want: "agent-7"},
	} {
		t.Run(name, func(t *testing.T) {
			store := eventstore.NewMemory()
			stream, raw := "C-1", string(registered("C-1", "e1", "K-1"))
			if test.ledger {
				stream, raw = domain.LedgerStream, string(event(domain.LedgerStream, "e1", "access.recorded", look))
			}
			if test.kind != "" {
				raw = string(event("C-1", "e1", string(test.kind), `{"classes":["marketing"],"reason":"asked"}`))
			}
			if test.actor != "" {
				raw = strings.Replace(raw, `"data":`, `"actor":"`+test.actor+`","data":`, 1)
			}
			if test.source != "" {
				raw = strings.Replace(raw, `"source":"test"`, `"source":"`+test.source+`"`, 1)
			}
			receipts, err := newLedger(t, store).RecordAs(t.Context(), &test.author, [][]byte{[]byte(raw)})
			if err != nil {
				t.Fatal(err)
			}
			r := receipts[0]
			if test.refused != "" {
				if r.Status != ledger.Refused || r.Problem == nil || r.ID != "e1" || r.Customer != stream {
					t.Fatalf("receipt %+v", r)
				}
				got := strings.TrimPrefix(r.Problem.Type, "urn:amends:problem:") + " " + r.Problem.Pointer
				if diff := cmp.Diff(test.refused, got); diff != "" {
					t.Errorf("problem (-want +got):\n%s", diff)
				}
				for range store.Read(t.Context(), stream, 1) {
					t.Error("a refused event is in the log")
				}
				return
			}
			if r.Status != ledger.Recorded {
				t.Fatalf("receipt %+v: %v", r, r.Problem)
			}
			codec, err := schemas.New()
			if err != nil {
				t.Fatal(err)
			}
			for rec, err := range store.Read(t.Context(), stream, 1) {
				if err != nil {
					t.Fatal(err)
				}
				e, err := codec.Decode(rec.Data)
				if err != nil {
					t.Fatal(err)
				}
				if e.Actor != test.want {
					t.Errorf("actor %q, want %q", e.Actor, test.want)
				}
			}
		})
	}
}
