package web

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"amends/eventstore"
)

// rawPage is a page of the log with its records as they came.
type rawPage struct {
	Events []struct {
		Position uint64         `json:"position"`
		Event    jsontext.Value `json:"event"`
	} `json:"events"`
	Next uint64 `json:"next"`
	End  bool   `json:"end"`
}

// stored returns the log's records by position.
func (g *rig) stored(t *testing.T) map[uint64]string {
	t.Helper()
	end, err := g.store.End(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	out := map[uint64]string{}
	for rec, err := range g.store.Follow(t.Context(), 0) {
		if err != nil {
			t.Fatal(err)
		}
		if out[uint64(rec.Position)] = string(rec.Data); rec.Position == end {
			break
		}
	}
	return out
}

func TestPagesUnderConcurrentWrites(t *testing.T) {
	g := newRig(t, nil)
	const writers, each = 4, 60
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				g.post(t, typeJSON, registered(fmt.Sprintf("e%d", i), fmt.Sprintf("C%d", w), fmt.Sprintf("K%d", i)))
			}
		})
	}
	done := make(chan struct{})
	go func() { wg.Wait(); close(done) }()

	read := map[uint64]string{}
	next, last, quiet := uint64(0), uint64(0), false
	for {
		page := into[rawPage](t, g.get(t, fmt.Sprintf("/v1/events?after=%d&limit=7", next)))
		for _, e := range page.Events {
			if e.Position <= last {
				t.Fatalf("position %d after %d", e.Position, last)
			}
			last = e.Position
			read[e.Position] = string(e.Event)
		}
		next = page.Next
		if page.End && quiet {
			break
		}
		select {
		case <-done:
			quiet = true
		default:
		}
	}
	want(t, "the log as read in pages", read, g.stored(t))
	want(t, "records", len(read), writers*each)
}

func TestFiltersAndNext(t *testing.T) {
	g := newRig(t, nil)
	for i := range 5 {
		g.post(t, typeJSON, registered(fmt.Sprintf("r%d", i), fmt.Sprintf("C%d", i%2), fmt.Sprintf("K%d", i)))
		g.post(t, typeJSON, event(fmt.Sprintf("s%d", i), "survey.sent", "C9", fmt.Sprintf(`{"survey_id":"S%d","metric":"nps"}`, i)))
	}
	positions := func(query string) (out []uint64, page rawPage) {
		t.Helper()
		page = into[rawPage](t, g.get(t, "/v1/events?"+query))
		for _, e := range page.Events {
			out = append(out, e.Position)
		}
		return out, page
	}
	got, page := positions("type=complaint.*")
	want(t, "by a glob", got, []uint64{1, 3, 5, 7, 9})
	want(t, "next goes past what was filtered out", page.Next, 10)
	want(t, "end", page.End, true)
	got, page = positions("type=complaint.*&limit=2&after=1")
	want(t, "a page", got, []uint64{3, 5})
	want(t, "next", page.Next, 5)
	want(t, "end", page.End, false)
	got, _ = positions("type=survey.*,complaint.registered&customer=C1")
	want(t, "by customer and types", got, []uint64{3, 7})
	got, page = positions("customer=C0")
	want(t, "by customer", got, []uint64{1, 5, 9})
	want(t, "next goes past other customers' events", page.Next, 10)
	got, page = positions("after=10")
	want(t, "after the last", got, nil)
	want(t, "next after the last", page.Next, 10)

	all := g.stored(t)
	var exact []string
	for _, p := range []uint64{3, 7} {
		exact = append(exact, fmt.Sprintf(`{"position":%d,"event":%s}`, p, all[p]))
	}
	want(t, "NDJSON", lines(g.get(t, "/v1/events?customer=C1", "Accept", typeNDJSON).body), exact)

	for _, query := range []string{"after=-1", "after=x", "limit=0", "limit=1001", "customer=a@b", "type=[", "typ=x", "limit=1&limit=2", "follow=maybe"} {
		problemOf(t, g.get(t, "/v1/events?"+query), http.StatusBadRequest, "bad-parameter")
	}
}

// growing is a log that grows right after it told its end.
type growing struct{ eventstore.Store }

func (g growing) End(ctx context.Context) (eventstore.Position, error) {
	end, err := g.Store.End(ctx)
	return end - 1, err
}

func TestWrittenWhileReading(t *testing.T) {
	g := newRig(t, func(c *Config) { c.Store = growing{c.Store} })
	g.post(t, typeJSON, registered("e1", "C1", "K1"))
	g.post(t, typeJSON, registered("e2", "C2", "K1"))
	g.post(t, typeJSON, registered("e3", "C1", "K2")) // beyond the end that the log tells
	for query, events := range map[string]int{"": 2, "?customer=C1": 1} {
		page := into[rawPage](t, g.get(t, "/v1/events"+query))
		want(t, "events up to the end as it was", len(page.Events), events)
		want(t, "next", page.Next, 2)
	}
}

// message is one Server-Sent Event.
type message struct{ id, data string }

// listen opens the event stream and calls each for its messages until that returns false.
func (g *rig) listen(t *testing.T, path, lastID string, each func(message) bool) (comments int) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, g.URL+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept", typeSSE)
	if lastID != "" {
		req.Header.Set("Last-Event-ID", lastID)
	}
	resp, err := g.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	want(t, "content type", resp.Header.Get("Content-Type"), typeSSE)
	var m message
	scan := bufio.NewScanner(resp.Body)
	scan.Buffer(nil, 1<<20)
	for scan.Scan() {
		line := scan.Text()
		switch {
		case strings.HasPrefix(line, ":"):
			comments++
			if !each(message{}) {
				return comments
			}
		case strings.HasPrefix(line, "id: "):
			m.id = line[4:]
		case strings.HasPrefix(line, "data: "):
			m.data += line[6:]
		case line == "" && m.data != "":
			if !each(m) {
				return comments
			}
			m = message{}
		}
	}
	t.Fatal("the stream ended by itself")
	return comments
}

func TestMessagesResume(t *testing.T) {
	g := newRig(t, nil)
	for i := range 3 {
		g.post(t, typeJSON, registered(fmt.Sprintf("e%d", i), "C1", fmt.Sprintf("K%d", i)))
	}
	got := map[uint64]string{}
	last := ""
	collect := func(until int) func(message) bool {
		return func(m message) bool {
			if m.data == "" {
				return true
			}
			var p uint64
			fmt.Sscan(m.id, &p)
			if _, twice := got[p]; twice {
				t.Errorf("position %d twice", p)
			}
			got[p], last = m.data, m.id
			return len(got) < until
		}
	}
	g.listen(t, "/v1/events?after=0", "", collect(2))
	// The connection is gone. What was written meanwhile, and what is written while it is live, arrives after Last-Event-ID.
	g.post(t, typeJSON, registered("e3", "C1", "K3"))
	written := false
	g.listen(t, "/v1/events?after=0", last, func(m message) bool {
		if m.data == "" && !written { // a heartbeat: it has caught up
			written = true
			g.post(t, typeJSON, registered("e4", "C2", "K4"))
			return true
		}
		return collect(5)(m)
	})
	want(t, "messages", got, g.stored(t))
	want(t, "it stayed live", written, true)
}

func TestLiveFilter(t *testing.T) {
	g := newRig(t, nil)
	g.post(t, typeJSON, registered("e1", "C1", "K1"))
	g.post(t, typeJSON, event("e2", "complaint.acknowledged", "C1", `{"complaint_id":"K1"}`))
	var ids []string
	g.listen(t, "/v1/events?type=complaint.ack*", "", func(m message) bool { ids = append(ids, m.id); return m.data == "" })
	want(t, "messages", ids[len(ids)-1], "2")
	body := g.get(t, "/v1/events?follow=true&limit=2", "Accept", typeNDJSON).body
	want(t, "lines", len(lines(body)), 2)
	problemOf(t, g.get(t, "/v1/events", "Accept", typeSSE, "Last-Event-ID", "x"), http.StatusBadRequest, "bad-parameter")
}

func TestRecordsAreNotTouched(t *testing.T) {
	g := newRig(t, nil)
	// Bytes that an encoder would write in another way.
	odd := `{"specversion":"1.0","id":"o","source":"/t","type":"complaint.registered","subject":"C1","data":{"complaint_id":"K1","subject":"<b>&\u00e9 1.0E2"}}`
	if _, err := g.store.Append(t.Context(), "C1", eventstore.NoStream, eventstore.Event{ID: "o", Data: []byte(odd)}); err != nil {
		t.Fatal(err)
	}
	want(t, "page", g.get(t, "/v1/events").body, `{"events":[{"position":1,"event":`+odd+`}],"next":1,"end":true}`+"\n")
}
