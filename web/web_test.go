package web

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rs/zerolog"

	"amends/access"
	"amends/eventstore"
	"amends/ledger"
	"amends/schemas"
)

// rig is the API over a log in memory.
type rig struct {
	*httptest.Server
	store eventstore.Store
}

var testTime = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)

// newRig starts the API; change may alter the configuration first.
func newRig(t *testing.T, change func(*Config)) *rig {
	t.Helper()
	codec, err := schemas.New()
	if err != nil {
		t.Fatal(err)
	}
	cfg := Config{
		Store: eventstore.NewMemory(), Codec: codec, Clock: func() time.Time { return testTime },
		Logger: zerolog.Nop(), Version: "test", Heartbeat: 20 * time.Millisecond,
		Callers: access.Callers{Local: &access.Caller{ID: "local:test", Kind: access.KindLocal, Roles: []access.Role{access.Administrator}}},
	}
	if change != nil {
		change(&cfg)
	}
	cfg.Ledger = ledger.New(ledger.Config{Store: cfg.Store, Codec: codec, Vault: cfg.Vault, Clock: cfg.Clock})
	if cfg.Views == nil {
		cfg.Views = openViews(t, cfg)
	}
	srv := httptest.NewServer(New(cfg))
	t.Cleanup(srv.Close)
	return &rig{srv, cfg.Store}
}

// answer is a response read to its end.
type answer struct {
	status int
	header http.Header
	body   string
}

func (g *rig) do(t *testing.T, method, path, contentType, body string, headers ...string) answer {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, g.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := g.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{resp.StatusCode, resp.Header, string(text)}
}

func (g *rig) get(t *testing.T, path string, headers ...string) answer {
	t.Helper()
	return g.do(t, http.MethodGet, path, "", "", headers...)
}

func (g *rig) post(t *testing.T, contentType, body string) answer {
	t.Helper()
	return g.do(t, http.MethodPost, "/v1/events", contentType, body)
}

// into decodes the answer's body.
func into[T any](t *testing.T, a answer) T {
	t.Helper()
	var v T
	if err := json.Unmarshal([]byte(a.body), &v); err != nil {
		t.Fatalf("status %d, not JSON of the kind expected: %v\n%.500s", a.status, err, a.body)
	}
	return v
}

func want[T any](t *testing.T, what string, got, want T) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// registered is a complaint.registered event.
func registered(id, customer, complaint string) string {
	return fmt.Sprintf(`{"specversion":"1.0","id":%q,"source":"/test","type":"complaint.registered","subject":%q,`+
		`"time":"2026-03-01T10:00:00Z","data":{"complaint_id":%q,"channel":"email","product":"Card"}}`, id, customer, complaint)
}

func event(id, kind, customer, data string) string {
	return fmt.Sprintf(`{"specversion":"1.0","id":%q,"source":"/test","type":%q,"subject":%q,"time":"2026-03-01T11:00:00Z","data":%s}`,
		id, kind, customer, data)
}

// broken is a log that cannot be reached, from the given append on.
type broken struct {
	eventstore.Store
	appendsLeft int
}

var errBroken = errors.New("connection refused by 10.0.0.1")

func (b *broken) Append(ctx context.Context, stream string, expect eventstore.Expect, events ...eventstore.Event) ([]eventstore.Position, error) {
	if b.appendsLeft--; b.appendsLeft < 0 {
		return nil, errBroken
	}
	return b.Store.Append(ctx, stream, expect, events...)
}

func (b *broken) End(context.Context) (eventstore.Position, error) { return 0, errBroken }

func (b *broken) Read(ctx context.Context, stream string, from eventstore.Revision) iter.Seq2[eventstore.Recorded, error] {
	if b.appendsLeft < 0 {
		return func(yield func(eventstore.Recorded, error) bool) { yield(eventstore.Recorded{}, errBroken) }
	}
	return b.Store.Read(ctx, stream, from)
}

func lines(body string) []string {
	var out []string
	scan := bufio.NewScanner(strings.NewReader(body))
	scan.Buffer(nil, 1<<20)
	for scan.Scan() {
		out = append(out, scan.Text())
	}
	return out
}

func problemOf(t *testing.T, a answer, status int, slug string) Problem {
	t.Helper()
	if a.status != status || a.header.Get("Content-Type") != problemType {
		t.Fatalf("status %d %s, want %d and a problem document\n%.500s", a.status, a.header.Get("Content-Type"), status, a.body)
	}
	p := into[Problem](t, a)
	if p.Type != "urn:amends:problem:"+slug || p.Status != status {
		t.Fatalf("problem %s, status %d, want %s, %d: %s", p.Type, p.Status, slug, status, p.Detail)
	}
	return p
}
