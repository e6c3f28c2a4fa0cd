package web

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"amends/eventstore"
	"amends/ledger"
)

func TestOneEvent(t *testing.T) {
	g := newRig(t, nil)
	first := g.post(t, typeCloudEvent, registered("e1", "C1", "K1"))
	want(t, "status", first.status, http.StatusCreated)
	want(t, "receipt", into[ledger.Receipt](t, first),
		ledger.Receipt{ID: "e1", Status: ledger.Recorded, Customer: "C1", Revision: 1, Position: 1})
	want(t, "position header", first.header.Get(positionHeader), "1")

	again := g.post(t, typeCloudEvent, registered("e1", "C1", "K1"))
	want(t, "status of a repetition", again.status, http.StatusOK)
	want(t, "receipt of a repetition", into[ledger.Receipt](t, again),
		ledger.Receipt{ID: "e1", Status: ledger.Duplicate, Customer: "C1", Revision: 1, Position: 1})

	p := problemOf(t, g.post(t, typeCloudEvent, event("e2", "complaint.acknowledged", "C1", `{"complaint_id":"nope"}`)),
		http.StatusUnprocessableEntity, "unknown-complaint")
	want(t, "what was refused", []string{p.ID, p.Customer, p.Pointer}, []string{"e2", "C1", "/data/complaint_id"})
}

func TestOneMalformedEvent(t *testing.T) {
	g := newRig(t, nil)
	for _, body := range []string{`{"id":`, `{"id":"x"} trailing`, `"x" {`} {
		problemOf(t, g.post(t, typeJSON, body), http.StatusUnprocessableEntity, "malformed-json")
	}
	problemOf(t, g.post(t, typeJSON, "  \n"), http.StatusBadRequest, "empty-body")
	problemOf(t, g.post(t, "text/plain", registered("e1", "C1", "K1")), http.StatusUnsupportedMediaType, "unsupported-media-type")
}

// mixed are events good and bad, and what becomes of each: the slug of the problem, or recorded.
func mixed() (events, fates []string) {
	add := func(event, fate string) { events, fates = append(events, event), append(fates, fate) }
	add(registered("m1", "C1", "K1"), "recorded")
	add(event("m2", "complaint.exploded", "C1", `{"complaint_id":"K1"}`), "refused")
	add(event("m3", "complaint.acknowledged", "C1", `{"complaint_id":"K9"}`), "refused")
	add(registered("m4", "jane.doe@example.com", "K1"), "refused")
	add(strings.Replace(registered("m5", "C2", "K1"), `"product":"Card"`,
		`"description":"`+strings.Repeat("x", 10<<20)+`"`, 1), "refused")
	add(strings.Replace(registered("m6", "C2", "K1"), "2026-03-01", "20260-03-01", 1), "refused")
	add(event("m7", "complaint.acknowledged", "C1", `{"complaint_id":"K1"}`), "recorded")
	add(registered("m1", "C1", "K1"), "duplicate")
	return events, fates
}

func fatesOf(receipts []ledger.Receipt) []string {
	fates := make([]string, len(receipts))
	for i, r := range receipts {
		fates[i] = string(r.Status)
	}
	return fates
}

func TestMixedArray(t *testing.T) {
	g := newRig(t, nil)
	events, fates := mixed()
	a := g.post(t, typeCloudEvents, "[\n"+strings.Join(events, " ,\n")+"]\n")
	want(t, "status", a.status, http.StatusOK)
	receipts := into[[]ledger.Receipt](t, a)
	want(t, "fates", fatesOf(receipts), fates)
	for i, r := range receipts {
		if id := fmt.Sprintf("m%d", i%7+1); r.ID != id {
			t.Errorf("receipt %d is of %q, not of %s", i, r.ID, id)
		}
		if r.Status == ledger.Refused && (r.Problem == nil || r.Problem.Type == "") {
			t.Errorf("%s is refused without a problem", r.ID)
		}
	}
	if strings.Contains(a.body, "jane") {
		t.Error("the answer repeats an email address")
	}
	want(t, "position header", a.header.Get(positionHeader), "2")
}

func TestMixedLines(t *testing.T) {
	g := newRig(t, nil)
	events, fates := mixed()
	events = append(events, `{"id":`, "", registered("after", "C3", "K1")) // a bad line; an empty line is no event
	fates = append(fates, "refused", "recorded")
	a := g.post(t, typeNDJSON, strings.Join(events, "\r\n"))
	want(t, "status", a.status, http.StatusOK)
	want(t, "content type", a.header.Get("Content-Type"), typeNDJSON)
	var receipts []ledger.Receipt
	for _, line := range lines(a.body) {
		receipts = append(receipts, into[ledger.Receipt](t, answer{body: line}))
	}
	want(t, "fates", fatesOf(receipts), fates)
}

func TestTruncatedArray(t *testing.T) {
	for name, tail := range map[string]string{
		"truncated": `,{"specversion":"1.0","id":"e3"`,
		"malformed": `,{"id":nope},` + registered("e4", "C1", "K4") + `]`,
		"unclosed":  ``,
		"trailing":  `] {}`,
	} {
		t.Run(name, func(t *testing.T) {
			g := newRig(t, nil)
			head := "[" + registered("e1", "C1", "K1") + "," + registered("e2", "C1", "K2")
			a := g.post(t, typeJSON, head+tail)
			receipts := into[[]ledger.Receipt](t, a)
			want(t, "fates", fatesOf(receipts), []string{"recorded", "recorded", "refused"})
			p := receipts[2].Problem
			want(t, "problem", p.Type, "urn:amends:problem:malformed-json")
			_, at, _ := strings.Cut(p.Detail, "at byte ")
			digits, _, _ := strings.Cut(at, ";")
			if offset, err := strconv.Atoi(digits); err != nil || offset < len(head) || offset > len(head+tail) {
				t.Errorf("offset %q is not in the malformed rest: %s", digits, p.Detail)
			}
			end, _ := g.store.End(t.Context())
			want(t, "records", end, eventstore.Position(2))
		})
	}
}

func TestElementBeyondAllMeasure(t *testing.T) {
	g := newRig(t, nil)
	huge := strings.Replace(registered("huge", "C1", "K2"), `"product":"Card"`, `"description":"`+strings.Repeat("x", maxElementBytes)+`"`, 1)
	a := g.post(t, typeNDJSON, registered("e1", "C1", "K1")+"\n"+huge+"\n"+registered("e3", "C1", "K3"))
	got := lines(a.body)
	want(t, "receipts", len(got), 3)
	want(t, "the line after it", into[ledger.Receipt](t, answer{body: got[2]}).Status, ledger.Recorded)
	p := into[ledger.Receipt](t, answer{body: got[1]}).Problem
	want(t, "problem", p.Type, "urn:amends:problem:record-too-large")
	want(t, "it was not even held", strings.HasPrefix(p.Detail, "line 2 is larger"), true)

	receipts := into[[]ledger.Receipt](t, g.post(t, typeJSON, "["+registered("a1", "C2", "K1")+","+huge+"]"))
	want(t, "fates in an array", fatesOf(receipts), []string{"recorded", "refused"})
	want(t, "problem in an array", receipts[1].Problem.Type, "urn:amends:problem:record-too-large")
}

func TestManyChunks(t *testing.T) {
	g := newRig(t, nil)
	const n = 2_500
	var body strings.Builder
	for i := range n {
		fmt.Fprintln(&body, registered(fmt.Sprintf("e%d", i), fmt.Sprintf("C%d", i%7), fmt.Sprintf("K%d", i)))
	}
	a := g.post(t, typeNDJSON, body.String())
	got := lines(a.body)
	want(t, "receipts", len(got), n)
	for i, line := range got {
		if r := into[ledger.Receipt](t, answer{body: line}); r.ID != fmt.Sprintf("e%d", i) || r.Status != ledger.Recorded {
			t.Fatalf("receipt %d is of %s: %s", i, r.ID, r.Status)
		}
	}
}

func TestLogUnavailable(t *testing.T) {
	g := newRig(t, func(c *Config) { c.Store = &broken{Store: eventstore.NewMemory(), appendsLeft: 1} })
	body := new(strings.Builder)
	for i := range 1_500 { // the first chunk is stored, the second is not
		fmt.Fprintln(body, registered(fmt.Sprintf("e%d", i), "C1", fmt.Sprintf("K%d", i)))
	}
	a := g.post(t, typeNDJSON, body.String())
	p := problemOf(t, a, http.StatusServiceUnavailable, "log-unavailable")
	if a.header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	fates := fatesOf(into[[]ledger.Receipt](t, answer{body: string(p.Receipts)}))
	recorded := slices.Index(fates, "unknown")
	end, _ := g.store.(*broken).Store.End(t.Context())
	want(t, "records", end, eventstore.Position(recorded))
	want(t, "fates of the first chunk and of the second", slices.Compact(fates), []string{"recorded", "unknown"})
	if strings.Contains(a.body, "10.0.0.1") {
		t.Error("the problem tells what is behind it")
	}
	problemOf(t, g.post(t, typeJSON, registered("x", "C2", "K1")), http.StatusServiceUnavailable, "log-unavailable")
	problemOf(t, g.get(t, "/v1/events"), http.StatusServiceUnavailable, "log-unavailable")
	problemOf(t, g.get(t, "/healthz"), http.StatusServiceUnavailable, "log-unavailable")
	problemOf(t, g.get(t, "/v1/customers/C1"), http.StatusServiceUnavailable, "log-unavailable")
}
