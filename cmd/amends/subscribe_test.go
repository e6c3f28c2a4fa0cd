package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
)

// TestSubscribeEndsWithADamagedLog: what does not pass by itself is not tried for ever.
func TestSubscribeEndsWithADamagedLog(t *testing.T) {
	var asked atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch asked.Add(1) {
		case 1: // a passing outage first
			w.WriteHeader(http.StatusServiceUnavailable)
		default:
			w.Header().Set("Content-Type", "application/problem+json")
			w.WriteHeader(http.StatusInternalServerError)
			fmt.Fprint(w, `{"type":"urn:amends:problem:log-damaged","status":500,"detail":"log is damaged: position 3 is missing"}`)
		}
	}))
	defer server.Close()
	if code := run([]string{"subscribe", "--server", server.URL}); code != exitFailed || asked.Load() != 2 {
		t.Errorf("exit code %d after %d requests", code, asked.Load())
	}
}
