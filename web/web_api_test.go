package web

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/rs/zerolog"
)

func TestUnknownPathsAndMethods(t *testing.T) {
	g := newRig(t, nil)
	problemOf(t, g.get(t, "/v1/nothing"), http.StatusNotFound, "unknown-path")
	a := g.do(t, http.MethodDelete, "/v1/events", "", "")
	problemOf(t, a, http.StatusMethodNotAllowed, "unknown-method")
	want(t, "Allow", a.header.Get("Allow"), "GET, POST")
	problemOf(t, g.do(t, http.MethodPost, "/v1/events", typeJSON, registered("e1", "C1", "K1"), "Sec-Fetch-Site", "cross-site"),
		http.StatusForbidden, "cross-origin")
	want(t, "health", g.get(t, "/healthz").body, "ok\n")
}

func TestOpenAPI(t *testing.T) {
	g := newRig(t, nil)
	a := g.get(t, "/openapi.json")
	doc := into[struct {
		OpenAPI string `json:"openapi"`
		Paths   map[string]map[string]struct {
			OperationID string `json:"operationId"`
			Responses   map[string]any
		}
		Components struct{ Schemas map[string]any }
	}](t, a)
	want(t, "version", doc.OpenAPI, "3.1.0")
	for _, path := range []string{"/v1/events", "/v1/customers/{id}", "/v1/customers/{id}/history", "/v1/complaints", "/v1/complaints/{id}",
		"/v1/views", "/v1/views/{view}", "/v1/reports/satisfaction", "/v1/sql", "/v1/rebuild", "/v1/status", "/healthz"} {
		for method, op := range doc.Paths[path] {
			if op.OperationID == "" || op.Responses["200"] == nil {
				t.Errorf("%s %s is not described", method, path)
			}
		}
		if len(doc.Paths[path]) == 0 {
			t.Errorf("%s is missing", path)
		}
	}
	if doc.Components.Schemas["Problem"] == nil || doc.Components.Schemas["Receipt"] == nil {
		t.Error("schemas are missing")
	}
	want(t, "YAML", strings.Contains(g.get(t, "/openapi.yaml").body, "openapi: 3.1.0"), true)
	problemOf(t, g.get(t, "/docs"), http.StatusNotFound, "unknown-path")
}

func TestPanic(t *testing.T) {
	var log bytes.Buffer
	s := &server{cfg: Config{Logger: zerolog.New(&log)}, mux: http.NewServeMux()}
	s.mux.HandleFunc("POST /panic", func(_ http.ResponseWriter, r *http.Request) {
		var m []string
		m[len(r.URL.Path)] = "secret"
	})
	w := httptest.NewRecorder()
	s.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/panic", strings.NewReader("personal data")))
	problemOf(t, answer{w.Code, w.Header(), w.Body.String()}, http.StatusInternalServerError, "internal")
	if strings.Contains(w.Body.String(), "out of range") {
		t.Error("the problem tells details")
	}
	if !strings.Contains(log.String(), "out of range") || strings.Contains(log.String(), "personal") {
		t.Errorf("log: %s", log.String())
	}
	if !json.Valid(log.Bytes()) {
		t.Error("not one log line")
	}
}

func TestAccepted(t *testing.T) {
	for accept, chosen := range map[string]string{
		"":                                     typeJSON,
		"*/*":                                  typeJSON,
		"application/x-ndjson":                 typeNDJSON,
		"text/csv;q=0.5, application/ndjson":   typeNDJSON,
		"text/*":                               typeCSV,
		"application/json;q=0.1, */*;q=0.01":   typeJSON,
		"text/html, application/x-ndjson;q=.2": typeNDJSON,
		"application/json;q=0, text/csv":       typeCSV,
		"nonsense/":                            typeJSON,
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header.Set("Accept", accept)
		want(t, accept, accepted(r, typeJSON, typeNDJSON, typeCSV), chosen)
	}
}
