package main

import (
	"bytes"
	"database/sql"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"
	_ "modernc.org/sqlite"
)

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
