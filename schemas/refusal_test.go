package schemas

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"amends/domain"
)

// event is a well-formed event as a map, with changes: a nil value takes a member out. A key such as data.score reaches into
// the payload.
func event(t *testing.T, sample string, changes map[string]any) []byte {
	t.Helper()
	var e map[string]any
	if err := json.Unmarshal(readSample(t, sample+".input.json"), &e); err != nil {
		t.Fatal(err)
	}
	for key, value := range changes {
		object := e
		if inner, found := strings.CutPrefix(key, "data."); found {
			object, key = e["data"].(map[string]any), inner
		}
		if value == nil {
			delete(object, key)
		} else {
			object[key] = value
		}
	}
	raw, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func asProblem(t *testing.T, err error) *Problem {
	t.Helper()
	var p *Problem
	if !errors.As(err, &p) {
		t.Fatalf("error %v, want a Problem", err)
	}
	return p
}

func TestRefusals(t *testing.T) {
	c := newCodec(t)
	type changes = map[string]any
	for _, test := range []struct {
		name, sample string
		changes      changes
		slug         slug
		pointer      string
		says         string // the detail has this
	}{
		{"no specversion", "complaint.registered", changes{"specversion": nil}, missingField, "/specversion", "required"},
		{"CloudEvents 0.3", "complaint.registered", changes{"specversion": "0.3"}, unsupportedValue, "/specversion", `"1.0"`},
		{"no source", "complaint.registered", changes{"source": nil}, missingField, "/source", "required"},
		{"source with a space", "complaint.registered", changes{"source": "our crm"}, wrongFormat, "/source", "URI reference"},
		{"no type", "complaint.registered", changes{"type": nil}, missingField, "/type", "required"},
		{"type misspelt", "complaint.registered", changes{"type": "complaint.registerd"}, unknownType, "/type", "Did you mean complaint.registered?"},
		{"type unlike any", "complaint.registered", changes{"type": "order.shipped"}, unknownType, "/type", "no such event type"},
		{"type a number", "complaint.registered", changes{"type": 7}, wrongType, "/type", "must be a string, but is a number"},
		{"another type's schema", "complaint.registered", changes{"dataschema": "urn:amends:schema:complaint.closed:1"}, unknownSchema, "/dataschema", "complaint.registered:1"},
		{"version that is not there", "complaint.paused", changes{"dataschema": "urn:amends:schema:complaint.paused:3"}, unknownSchema, "/dataschema", "complaint.paused:1 to 2"},

		{"no subject", "complaint.registered", changes{"subject": nil}, missingField, "/subject", "required"},
		{"subject an email address", "complaint.registered", changes{"subject": "mei.lin@example.com"}, personalSubject, "/subject", "no personal data"},
		{"subject a phone number", "complaint.registered", changes{"subject": "+442079460018"}, personalSubject, "/subject", "no personal data"},
		{"subject a grouped phone number", "complaint.registered", changes{"subject": "555-123-4567"}, personalSubject, "/subject", "telephone number"},
		{"subject a mobile number", "complaint.registered", changes{"subject": "13912345678"}, personalSubject, "/subject", "telephone number"},
		{"subject with a space", "complaint.registered", changes{"subject": "c 1042"}, invalidSubject, "/subject", "1 to 64"},
		{"subject empty", "complaint.registered", changes{"subject": ""}, invalidSubject, "/subject", "1 to 64"},
		{"the ledger's stream", "complaint.registered", changes{"subject": "_ledger"}, invalidSubject, "/subject", "own records only"},
		{"a policy at a customer", "policy.published", changes{"subject": "c-1042"}, invalidSubject, "/subject", "must be _ledger"},

		{"revision set", "complaint.registered", changes{"revision": 3}, setByLedger, "/revision", "leave it out"},
		{"prevhash set", "complaint.registered", changes{"prevhash": "00"}, setByLedger, "/prevhash", "leave it out"},
		{"recordedtime set", "complaint.registered", changes{"recordedtime": "2026-01-01T00:00:00Z"}, setByLedger, "/recordedtime", "leave it out"},
		{"attribute misspelt", "complaint.registered", changes{"corelationid": "x"}, unknownField, "/corelationid", "Did you mean correlationid?"},
		{"attribute unknown", "complaint.registered", changes{"partitionkey": "x"}, unknownField, "/partitionkey", "no field partitionkey"},
		{"attribute whose name may be personal", "complaint.registered", changes{"mei.lin@example.com": "x"}, unknownField, "", "not in the contract"},
		{"id with an @", "complaint.registered", changes{"id": "mei@example.com"}, wrongFormat, "/id", "1 to 128"},
		{"id a number", "complaint.registered", changes{"id": 12}, wrongType, "/id", "string"},
		{"actor a name", "complaint.registered", changes{"actor": "Ann Smith"}, wrongFormat, "/actor", "never a name"},
		{"traceparent short", "complaint.registered", changes{"traceparent": "00-1"}, wrongFormat, "/traceparent", "W3C"},
		{"expectedrevision text", "complaint.registered", changes{"expectedrevision": "4"}, wrongType, "/expectedrevision", "JSON number"},
		{"expectedrevision negative", "complaint.registered", changes{"expectedrevision": -1}, wrongType, "/expectedrevision", "from 0"},
		{"XML", "complaint.registered", changes{"datacontenttype": "text/xml"}, contentEncoding, "/datacontenttype", "application/json"},
		{"binary", "complaint.registered", changes{"data_base64": "e30="}, contentEncoding, "/data_base64", "JSON"},

		{"time in words", "complaint.registered", changes{"time": "yesterday"}, invalidTime, "/time", "RFC 3339"},
		{"time without offset", "complaint.registered", changes{"time": "2026-03-02T09:30:00"}, invalidTime, "/time", "offset"},
		{"year 20260", "complaint.registered", changes{"time": "20260-03-02T09:30:00Z"}, timeYear, "/time", "more than four digits"},
		{"before 1900", "complaint.registered", changes{"time": "1899-12-31T23:59:59Z"}, timeBefore1900, "/time", "before 1900"},
		{"in the future", "complaint.registered", changes{"time": "2026-10-01T12:05:01Z"}, timeInFuture, "/time", "5 minutes"},
		{"time a number", "complaint.registered", changes{"time": 1767225600}, wrongType, "/time", "string"},
		{"accuracy unknown", "complaint.registered", changes{"timeaccuracy": "roughly"}, unknownCode, "/timeaccuracy", "not_before"},
		{"accuracy of no time", "complaint.registered", changes{"timeaccuracy": "day", "time": nil}, missingField, "/time", "no time"},

		{"no data", "complaint.registered", changes{"data": nil}, missingField, "/data", "missing"},
		{"data a list", "complaint.registered", changes{"data": []any{}}, wrongType, "/data", "an array"},
		{"field missing", "complaint.registered", changes{"data.complaint_id": nil}, missingField, "/data/complaint_id", "complaint_id is required: The id of the new complaint."},
		{"field misspelt", "complaint.registered", changes{"data.chanel": "phone"}, unknownField, "/data/chanel", "Did you mean channel?"},
		{"field in camel case", "complaint.registered", changes{"data.complaintId": "x", "data.complaint_id": nil}, unknownField, "/data/complaintId", "Did you mean complaint_id?"},
		{"field unknown", "complaint.registered", changes{"data.zip": "x"}, unknownField, "/data/zip", "under extra"},
		{"wrong type", "complaint.registered", changes{"data.vulnerable": "no"}, wrongType, "/data/vulnerable", "must be a boolean, but is a string"},
		{"null", "complaint.registered", changes{"data.vulnerable": json.RawMessage("null")}, wrongType, "/data/vulnerable", "but is null"},
		{"code unknown, short list", "complaint.registered", changes{"data.severity": "S5"}, unknownCode, "/data/severity", "must be one of: S1, S2, S3, S4."},
		{"code unknown, long list", "complaint.classified", changes{"data.cause": "proces.delay"}, unknownCode, "/data/cause", "Did you mean process.delay?"},
		{"id with an @ in data", "complaint.registered", changes{"data.complaint_id": "a@b"}, wrongFormat, "/data/complaint_id", "letters, digits"},
		{"text too long", "complaint.registered", changes{"data.subject": strings.Repeat("投", 201)}, wrongLength, "/data/subject", "201 characters, and at most 200"},
		{"required text empty", "commitment.made", changes{"data.what": ""}, wrongLength, "/data/what", "must not be empty"},
		{"date-time without offset", "commitment.made", changes{"data.due_at": "2026-03-04 17:00"}, wrongFormat, "/data/due_at", "RFC 3339"},
		{"date-time of year 1", "commitment.made", changes{"data.due_at": "0001-01-01T00:00:00Z"}, wrongFormat, "/data/due_at", "1900 to 2999"},
		{"date", "customer.registered", changes{"data.since": "14.05.2019"}, wrongFormat, "/data/since", ""},
		{"no such date", "customer.registered", changes{"data.since": "2019-02-30"}, wrongFormat, "/data/since", "a date"},
		{"amount without currency", "redress.offered", changes{"data.currency": nil}, missingField, "/data/currency", "together"},
		{"currency without amount", "redress.offered", changes{"data.amount_minor": nil}, missingField, "/data/amount_minor", "together"},
		{"currency in words", "redress.offered", changes{"data.currency": "pounds"}, wrongFormat, "/data/currency", "capital letters"},
		{"amount negative", "redress.offered", changes{"data.amount_minor": -1}, outOfRange, "/data/amount_minor", "from 0"},
		{"amount with a fraction", "redress.offered", changes{"data.amount_minor": 39.5}, wrongType, "/data/amount_minor", "must be an integer"},
		{"amount with a point", "redress.offered", changes{"data.amount_minor": json.RawMessage("3900.0")}, wrongType, "/data/amount_minor", "whole number"},
		{"amount beyond float64", "redress.offered", changes{"data.amount_minor": json.RawMessage("1e999")}, wrongType, "/data/amount_minor", "whole number"},
		{"csat of 7", "survey.answered", changes{"data.score": 7}, outOfRange, "/data/score", "1 to 5 for csat"},
		{"csat of 11", "survey.answered", changes{"data.score": 11}, outOfRange, "/data/score", "1 to 5 for csat"},
		{"nps of 11", "survey.answered", changes{"data.metric": "nps", "data.score": 11}, outOfRange, "/data/score", "0 to 10 for nps"},
		{"ces of 0", "survey.answered", changes{"data.metric": "ces", "data.score": 0}, outOfRange, "/data/score", "1 to 7 for ces"},
		{"no remedies", "complaint.proposed", changes{"data.remedies": []any{}}, wrongLength, "/data/remedies", "at least 1"},
		{"a remedy's kind", "complaint.proposed", changes{"data.remedies": []any{map[string]any{"kind": "refund"}, map[string]any{"kind": "cake"}}}, unknownCode, "/data/remedies/1/kind", "apology"},
		{"a remedy's field", "complaint.proposed", changes{"data.remedies": []any{map[string]any{"kind": "refund", "ammount_minor": 1}}}, unknownField, "/data/remedies/0/ammount_minor", "Did you mean amount_minor?"},
		{"a document without a digest", "complaint.registered", changes{"data.documents": []any{map[string]any{"uri": "x:y", "size": 1}}}, missingField, "/data/documents/0/sha256", "required"},
		{"a document's relative URI", "interaction.call", changes{"data.documents": []any{map[string]any{"uri": "a.opus", "size": 1, "sha256": strings.Repeat("0", 64)}}}, wrongFormat, "/data/documents/0/uri", "absolute URI"},
		{"old field in the new version", "complaint.paused", changes{"data.waiting_for": "customer"}, unknownField, "/data/waiting_for", "no field waiting_for"},
		{"new field in the old version", "complaint.paused.v1", changes{"data.awaiting": "customer"}, unknownField, "/data/awaiting", "no field awaiting"},
		{"NUL", "complaint.registered", changes{"data.description": "a\x00b"}, unstorableText, "/data/description", "U+0000"},
		{"NUL in extra", "complaint.registered", changes{"data.extra": map[string]any{"note": []any{"a\x00b"}}}, unstorableText, "/data/extra/note/0", "U+0000"},
		{"many complaints", "prevention.planned", changes{"data.complaint_ids": slices.Repeat([]string{"CMP-1"}, 401)}, wrongLength, "/data/complaint_ids", "401 items, and at most 400"},
		{"much that is extra", "complaint.registered", changes{"data.extra": manyMembers(65)}, wrongLength, "/data/extra", "65 members, and at most 64"},
		{"two mistakes, the deeper one is told", "complaint.proposed", changes{"data.proposal": "P", "data.remedies": []any{map[string]any{"kind": "cake"}}}, unknownCode, "/data/remedies/0/kind", "refund"},
		{"attribute with an endless name", "complaint.registered", changes{strings.Repeat("a", 65): "x"}, unknownField, "", "not in the contract"},
		{"erasing everything", "erasure.requested", changes{"data.classes": []any{"all"}}, unknownCode, "/data/classes/0", "marketing"},
		{"an empty record", "complaint.registered", changes{"data": map[string]any{}}, missingField, "/data/complaint_id", "required"},
	} {
		t.Run(test.name, func(t *testing.T) {
			in, err := c.ParseInput(event(t, test.sample, test.changes), testNow)
			p := asProblem(t, err)
			if p.Type != problemPrefix+string(test.slug) || p.Pointer != test.pointer || !strings.Contains(p.Detail, test.says) {
				t.Errorf("got %s at %q: %s\nwant %s at %q: …%s…", p.Type, p.Pointer, p.Detail, test.slug, test.pointer, test.says)
			}
			if p.Title == "" || in.Event.Data != nil || in.DataJSON != nil {
				t.Errorf("title %q; the input must stay empty, but is %+v", p.Title, in)
			}
		})
	}
}

func manyMembers(count int) map[string]any {
	out := make(map[string]any)
	for i := range count {
		out[fmt.Sprint("m", i)] = i
	}
	return out
}

func TestMalformedJSON(t *testing.T) {
	c := newCodec(t)
	whole := string(readSample(t, "commitment.kept.input.json"))
	for _, test := range []struct {
		name, raw string
		slug      slug
		pointer   string
		says      string
	}{
		{"nothing", "", malformedJSON, "", "ends too early, at byte 0"},
		{"white space", "  \n", malformedJSON, "", "ends too early, at byte 3"},
		{"truncated in a name", `{"specversion":"1.0","so`, malformedJSON, "", "ends too early, at byte 24"},
		{"truncated after a value", `{"specversion":"1.0"`, malformedJSON, "", "ends too early, at byte 20"},
		{"truncated in data", `{"data":{"a":[1,2`, malformedJSON, "", "ends too early, at byte 17"},
		{"a list", `[{}]`, malformedJSON, "", "one JSON object"},
		{"two records", whole + whole, malformedJSON, "", "follows the record's closing brace"},
		{"a stray word", `{"specversion":yes}`, malformedJSON, "/specversion", "at byte 15"},
		{"a comma too many", `{"id":"a",}`, malformedJSON, "", "at byte 9"},
		{"duplicate attribute", `{"id":"a","id":"b"}`, duplicateField, "/id", "twice"},
		{"duplicate field", `{"data":{"extra":{"a":1,"a":2}}}`, duplicateField, "/data/extra/a", "twice"},
		{"not UTF-8", "{\"id\":\"a\xff\"}", invalidUTF8, "", "UTF-8"},
		{"half a surrogate pair", `{"id":"\ud83d"}`, malformedJSON, "", "valid JSON"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := c.ParseInput([]byte(test.raw), testNow)
			p := asProblem(t, err)
			if p.Type != problemPrefix+string(test.slug) || !strings.HasPrefix(p.Pointer, test.pointer) || !strings.Contains(p.Detail, test.says) {
				t.Errorf("got %s at %q: %s\nwant %s at %q: …%s…", p.Type, p.Pointer, p.Detail, test.slug, test.pointer, test.says)
			}
		})
	}
}

func TestTooLarge(t *testing.T) {
	c := newCodec(t)
	text := strings.Repeat("x", 40000)
	_, err := c.ParseInput(event(t, "complaint.registered", map[string]any{"data.description": text, "data.extra": map[string]any{"mail": text + text}}), testNow)
	p := asProblem(t, err)
	if p.Type != problemPrefix+"record-too-large" || p.Pointer != "/data/extra/mail" || !strings.Contains(p.Detail, "URI, SHA-256 and size") {
		t.Errorf("got %+v", p)
	}
	// The limit is on the stored bytes, so white space around what is sent does not count.
	small := event(t, "commitment.kept", nil)
	padded := append(append([]byte(strings.Repeat(" ", 100000)), small...), strings.Repeat("\n", 1000)...)
	parse(t, c, padded)
}

func TestLargestAcceptedRecordFits(t *testing.T) {
	c := newCodec(t)
	for size := 64000; size < 66000; size += 50 {
		raw := event(t, "complaint.registered", map[string]any{"data.description": strings.Repeat("x", 30000), "data.extra": map[string]any{"a": strings.Repeat("x", size-30000)}})
		in, err := c.ParseInput(raw, testNow)
		if err != nil {
			continue
		}
		stored, err := c.Encode(in, testRecorded, 1<<63, [32]byte{})
		if err != nil {
			t.Fatalf("accepted with %d bytes of text, but does not fit: %v", size, err)
		}
		if len(stored) > MaxRecord {
			t.Fatalf("%d bytes stored", len(stored))
		}
	}
	in := parse(t, c, event(t, "complaint.registered", nil))
	in.DataJSON = []byte(`{"complaint_id":"` + strings.Repeat("x", MaxRecord) + `"}`)
	_, err := c.Encode(in, testRecorded, 1, [32]byte{})
	if p := asProblem(t, err); p.Pointer != "/data/complaint_id" {
		t.Errorf("got %+v", p)
	}
}

// TestRefusalsKeepValuesToThemselves damages every field of every sample, and looks for the values in the refusal.
func TestRefusalsKeepValuesToThemselves(t *testing.T) {
	c := newCodec(t)
	const secret = "Zebedee"
	for i, name := range samples(t) {
		long := 1
		if i%8 == 0 {
			long = 10000
		}
		var e map[string]any
		if err := json.Unmarshal(readSample(t, name+".input.json"), &e); err != nil {
			t.Fatal(err)
		}
		for object := range maps.Values(map[string]map[string]any{"": e, "data": e["data"].(map[string]any)}) {
			for key, value := range object {
				for _, bad := range []any{secret + " \x00", strings.Repeat(secret, long), []any{secret}, map[string]any{secret + "@": secret}, secret + "@x"} {
					object[key] = bad
					raw, err := json.Marshal(e)
					if err != nil {
						t.Fatal(err)
					}
					if _, err := c.ParseInput(raw, testNow); err != nil && strings.Contains(err.Error(), secret) {
						t.Errorf("%s %s: %v", name, key, err)
					}
				}
				object[key] = value
			}
		}
	}
}

func TestSubjectsThatAreNotPhoneNumbers(t *testing.T) {
	for _, id := range []string{"c-1042", "1042", "100234567", "0000012345", "2026-0117", "cfpb-8841231", "20231234567", "7f9c24e8-3b12-4fef-91e0-9d1a5f2c7b11", "1234567890123456"} {
		if looksLikePhone(id) {
			t.Errorf("%s is taken for a telephone number", id)
		}
	}
	for _, id := range []string{"+44 20 7946 0018", "(020) 7946 0018", "020-79460018", "02079460018", "00442079460018", "555-1234", "138-1234-5678", "13812345678"} {
		if !looksLikePhone(id) {
			t.Errorf("%s is not taken for a telephone number", id)
		}
	}
}

func TestTimesAreStoredInUTC(t *testing.T) {
	c := newCodec(t)
	in := parse(t, c, event(t, "commitment.made", map[string]any{"time": "2026-03-02T09:33:00.120000001+08:00", "data.due_at": "2026-03-05T01:00:00+08:00"}))
	if got := in.Event.Time.Format(time.RFC3339Nano); got != "2026-03-02T01:33:00.120000001Z" {
		t.Errorf("time %s", got)
	}
	if got := in.Event.Data.(*domain.CommitmentMade).DueAt.Format(time.RFC3339Nano); got != "2026-03-04T17:00:00Z" {
		t.Errorf("due_at %s", got)
	}
	if !strings.Contains(string(in.DataJSON), "2026-03-05T01:00:00+08:00") {
		t.Errorf("the payload must stay as it was sent: %s", in.DataJSON)
	}
	parse(t, c, event(t, "commitment.made", map[string]any{"time": testNow.Add(skew).Format(time.RFC3339Nano)}))
}

func TestIdentify(t *testing.T) {
	for _, test := range []struct{ raw, id, customer string }{
		{`{"id":"e-1","subject":"c-1","nonsense":1}`, "e-1", "c-1"},
		{`{"nonsense":1,"id":"e-1","subject":"c-1"}`, "e-1", "c-1"},
		{`{"id":"e-1","subject":"c-1","data":{`, "e-1", "c-1"},
		{`{"id":"a@b","subject":"a@b"}`, "", ""},
		{`{"id":"e-1","subject":"_ledger"}`, "e-1", "_ledger"},
		{`nothing`, "", ""},
	} {
		if id, customer := Identify([]byte(test.raw)); id != test.id || customer != test.customer {
			t.Errorf("%s: id %q, customer %q", test.raw, id, customer)
		}
	}
}
