package main

import (
	"bytes"
	"database/sql"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"
	_ "modernc.org/sqlite"

	"amends/web"
)

// TestRevokedKeysStayRevoked: a file of keys from before a revocation does not bring the key back.
func TestRevokedKeysStayRevoked(t *testing.T) {
	dir := t.TempDir()
	var log lockedBuffer
	var e *engine
	opened := func() {
		t.Helper()
		var err error
		if e, err = openEngine(t.Context(), logPlace{data: dir}, zerolog.New(&log)); err != nil {
			t.Fatal(err)
		}
	}
	closed := func() {
		t.Helper()
		if err := e.Close(); err != nil {
			t.Fatal(err)
		}
	}
	post := func(path, body string) string {
		t.Helper()
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, path, strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		r.Host = "localhost"
		w := httptest.NewRecorder()
		e.handler.ServeHTTP(w, r)
		if w.Code/100 != 2 {
			t.Fatalf("%s: %d %s", path, w.Code, w.Body)
		}
		return w.Body.String()
	}
	opened()
	var granted, other web.KeyGranted
	for _, key := range []*web.KeyGranted{&granted, &other} {
		if err := json.Unmarshal([]byte(post("/v1/access/keys", `{"name":"crm","roles":["recorder"]}`)), key); err != nil {
			t.Fatal(err)
		}
	}
	closed()
	keys := filepath.Join(dir, "keys", "access.sqlite")
	before, err := os.ReadFile(keys)
	if err != nil {
		t.Fatal(err)
	}
	opened()
	post("/v1/access/keys/"+granted.ID+"/revoke", `{"reason":"leaked"}`)
	closed()
	if err := os.WriteFile(keys, before, 0o600); err != nil {
		t.Fatal(err)
	}
	opened()
	defer closed()
	all, err := e.keys.List(t.Context())
	if err != nil || len(all) != 2 {
		t.Fatal(all, err)
	}
	for _, key := range all {
		if revoked := key.Revoked != nil; revoked != (key.ID == granted.ID) {
			t.Errorf("key %s: revoked %v", key.ID, revoked)
		}
	}
	if !strings.Contains(log.String(), "it was revoked again") {
		t.Error("the operator was not told")
	}
}

// TestProjectorIsStartedAgain: what stops the projector, here somebody who writes into its file, does not stop it for good.
func TestProjectorIsStartedAgain(t *testing.T) {
	dir := t.TempDir()
	var log lockedBuffer
	e, err := openEngine(t.Context(), logPlace{data: dir}, zerolog.New(&log))
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	}()
	record := func(id, complaint string) {
		t.Helper()
		receipts, err := e.ledger.Record(t.Context(), [][]byte{[]byte(`{"specversion":"1.0","id":"` + id +
			`","source":"test","type":"complaint.registered","subject":"C-1","data":{"complaint_id":"` + complaint + `"}}`)})
		if err != nil || receipts[0].Status != "recorded" {
			t.Fatal(receipts, err)
		}
	}
	record("e1", "K-1")
	if err := e.views.WaitFor(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", filepath.Join(dir, "views.sqlite"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(t.Context(), "UPDATE checkpoint SET position = 0"); err != nil {
		t.Fatal(err)
	}
	record("e2", "K-2")
	for range time.Tick(10 * time.Millisecond) { // until then, waiting answers with what stopped it
		if e.views.WaitFor(t.Context(), 2) == nil {
			break
		}
		if err := t.Context().Err(); err != nil {
			t.Fatal(err)
		}
	}
	if !strings.Contains(log.String(), "another process writes this file") { // by the projector, or by the refresh that met it first
		t.Errorf("the operator was not told:\n%s", log.String())
	}
	var n int
	if err := db.QueryRowContext(t.Context(), "SELECT count(*) FROM complaints").Scan(&n); err != nil || n != 2 {
		t.Errorf("%d complaints in the views (%v), want 2", n, err)
	}
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
