package web

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"amends/eventstore"
	"amends/ledger"
)

// send begins a request of NDJSON whose body is written by hand.
func (g *rig) send(t *testing.T, query string) (body *io.PipeWriter, answered <-chan *http.Response) {
	t.Helper()
	r, w := io.Pipe()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, g.URL+"/v1/events"+query, r)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", typeNDJSON)
	out := make(chan *http.Response, 1)
	go func() {
		resp, err := g.Client().Do(req)
		if err != nil {
			t.Error(err)
		}
		out <- resp
	}()
	return w, out
}

// What a slow sender has sent is recorded while the request goes on.
func TestASlowSender(t *testing.T) {
	g := newRig(t, nil)
	body, answered := g.send(t, "")
	next, stop := iter.Pull2(g.store.Follow(t.Context(), 0))
	defer stop()
	for i := range 3 {
		id := fmt.Sprintf("e%d", i)
		fmt.Fprintln(body, registered(id, "C1", "K"+id))
		if rec, err, _ := next(); err != nil || !strings.Contains(string(rec.Data), `"id":"`+id+`"`) { // waits until it is recorded
			t.Fatalf("%v, %s", err, rec.Data)
		}
	}
	body.Close()
	resp := <-answered
	if resp == nil {
		return
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	want(t, "receipts", len(lines(string(text))), 3)
}

// Live receipts come one by one, before the sender ends.
func TestLiveReceipts(t *testing.T) {
	g := newRig(t, nil)
	body, answered := g.send(t, "?live=true")
	var receipts *bufio.Reader
	for i, event := range []string{registered("e0", "C1", "K0"), registered("e0", "C1", "K0"), `{"id":`, registered("e1", "C1", "K1")} {
		fmt.Fprintln(body, event)
		if receipts == nil {
			resp := <-answered
			if resp == nil {
				return
			}
			defer resp.Body.Close()
			want(t, "content type", resp.Header.Get("Content-Type"), typeNDJSON)
			receipts = bufio.NewReader(resp.Body)
		}
		line, err := receipts.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		want(t, "fate", into[ledger.Receipt](t, answer{body: line}).Status,
			[]ledger.Status{ledger.Recorded, ledger.Duplicate, ledger.Refused, ledger.Recorded}[i])
	}
	body.Close()
	if _, err := receipts.ReadString('\n'); err != io.EOF {
		t.Errorf("after the last receipt: %v", err)
	}
	problemOf(t, g.do(t, http.MethodPost, "/v1/events?live=true", typeJSON, registered("e9", "C1", "K9")), http.StatusBadRequest, "bad-parameter")
	problemOf(t, g.do(t, http.MethodPost, "/v1/events?live=maybe", typeNDJSON, registered("e9", "C1", "K9")), http.StatusBadRequest, "bad-parameter")
}

// A server that stops does not wait for a sender who keeps the request open.
func TestAStoppingServerAndASilentSender(t *testing.T) {
	g := newRig(t, nil)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	srv := httptest.NewUnstartedServer(g.Config.Handler)
	srv.Config.BaseContext = func(net.Listener) context.Context { return ctx }
	srv.Start()
	defer srv.Close() // waits for the request
	body, answered := (&rig{srv, g.store}).send(t, "?live=true")
	fmt.Fprintln(body, registered("e0", "C1", "K0"))
	resp := <-answered
	if resp == nil {
		return
	}
	defer resp.Body.Close()
	receipts := bufio.NewReader(resp.Body)
	if _, err := receipts.ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	stop()
	_, _ = io.ReadAll(receipts) // ends, somehow
	body.Close()
}

// A failure of the log comes as the last of live receipts.
func TestLiveReceiptsOfABrokenLog(t *testing.T) {
	g := newRig(t, func(c *Config) { c.Store = &broken{Store: eventstore.NewMemory(), appendsLeft: 1} })
	body, answered := g.send(t, "?live=true")
	fmt.Fprintln(body, registered("e0", "C1", "K0"))
	resp := <-answered
	if resp == nil {
		return
	}
	defer resp.Body.Close()
	receipts := json.NewDecoder(resp.Body)
	var fates []string
	for i := 0; ; i++ {
		var line struct {
			Status  string
			Problem *Problem
		}
		if err := receipts.Decode(&line); err != nil {
			t.Fatal(err)
		}
		if line.Status == "" {
			want(t, "problem", line.Problem.Type, "urn:amends:problem:log-unavailable")
			break
		}
		fates = append(fates, line.Status)
		if i < 2 { // the second one fails, and the third one finds nobody who takes it
			_, _ = fmt.Fprintln(body, registered(fmt.Sprintf("e%d", i+1), "C1", fmt.Sprintf("K%d", i+1)))
		}
	}
	want(t, "fates", fates, []string{"recorded", "unknown"})
	body.Close()
}

func TestByteOrderMark(t *testing.T) {
	g := newRig(t, nil)
	const mark = "\xef\xbb\xbf"
	want(t, "one", g.post(t, typeJSON, mark+registered("e1", "C1", "K1")).status, http.StatusCreated)
	want(t, "array", fatesOf(into[[]ledger.Receipt](t, g.post(t, typeJSON, mark+"["+registered("e2", "C1", "K2")+"]"))), []string{"recorded"})
	want(t, "lines", into[ledger.Receipt](t, g.post(t, typeNDJSON, mark+registered("e3", "C1", "K3"))).Status, ledger.Recorded)
	problemOf(t, g.post(t, typeJSON, mark), http.StatusBadRequest, "empty-body")
}

// FuzzElements: whatever a body is, reading it ends, and every part of it that looks like an event is in an element or, once, in
// the problem that ends them.
func FuzzElements(f *testing.F) {
	for _, body := range []string{"", "[]", "[{}]", "[{},{}]", "[{}", "[{},]", "[1 2]", "{}\n{}\r\n\n{", "[\"\xff\",{\"a\":1,\"a\":2}] x", "{}{}", "\x00", "[[[[", "\"\\ud800\""} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		count := 0
		for e := range lineElements(strings.NewReader(string(body))) {
			if count++; (e.problem == nil) == (len(e.raw) == 0) {
				t.Fatalf("a line is both or neither: %q, %v", e.raw, e.problem)
			}
		}
		if most := strings.Count(string(body), "\n") + 1; count > most {
			t.Fatalf("%d elements of %d lines", count, most)
		}
		ended := false
		for e := range arrayElements(strings.NewReader(string(body))) {
			if ended {
				t.Fatal("an element follows the problem")
			}
			if ended = e.problem != nil; !ended && len(e.raw) == 0 {
				t.Fatal("an empty element")
			}
		}
		whole := json.Valid(body)
		if array := strings.HasPrefix(strings.TrimLeft(string(body), " \t\r\n"), "["); whole && array && ended {
			t.Fatal("a well-formed array ends in a problem")
		}
		if one := oneElement(strings.NewReader(string(body))); whole && one.problem != nil {
			t.Fatalf("a well-formed value is refused: %v", one.problem)
		}
	})
}
