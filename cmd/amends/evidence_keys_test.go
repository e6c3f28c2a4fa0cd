package main

import (
	"archive/zip"
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"amends/audit/verifier"
	"amends/vault"
)

// TestForgedBundleKey: a bundle whose key is another one than its id commits to, or belongs to another class, is not accepted,
// though all that is signed in it is as it was.
func TestForgedBundleKey(t *testing.T) {
	e, err := openEngine(t.Context(), logPlace{data: t.TempDir()}, zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	ask := func(method, path, body string) []byte {
		t.Helper()
		r := httptest.NewRequest(method, "http://localhost"+path, strings.NewReader(body)).WithContext(t.Context())
		r.Header.Set("Content-Type", "application/cloudevents+json")
		w := httptest.NewRecorder()
		e.handler.ServeHTTP(w, r)
		if w.Code >= 400 {
			t.Fatalf("%s: %d %s", path, w.Code, w.Body)
		}
		return w.Body.Bytes()
	}
	ask(http.MethodPost, "/v1/events", `{"specversion":"1.0","id":"e1","source":"t","type":"interaction.call","subject":"C-1",`+
		`"time":"2026-01-01T00:00:00Z","data":{"direction":"inbound","summary":"about the kettle"}}`)
	bundle := ask(http.MethodGet, "/v1/customers/C-1/evidence?keys=true&purpose=test", "")
	public := e.sealer.Key().LogText
	dir := t.TempDir()
	for name, change := range map[string]func(string) string{
		"whole":         func(s string) string { return s },
		"another key":   otherKey,
		"another class": func(s string) string { return strings.Replace(s, "interaction", "marketing", 1) },
		"nothing":       func(string) string { return "" },
	} {
		path := filepath.Join(dir, "bundle.zip")
		if err := os.WriteFile(path, withKeys(t, bundle, change), 0o600); err != nil {
			t.Fatal(err)
		}
		_, _, err := checkBundle(path, public, "", nil)
		var exit *exitError
		switch {
		case name == "whole":
			if err != nil {
				t.Error(err)
			}
		case !errors.As(err, &exit) || exit.code != exitDiffers || !strings.Contains(err.Error(), verifier.FileKeys):
			t.Errorf("%s: %v", name, err)
		case strings.HasPrefix(name, "another") && !errors.Is(err, vault.ErrOtherKey):
			t.Errorf("%s: %v", name, err)
		}
	}
}

// otherKey changes the first byte of the first key.
func otherKey(keys string) string {
	const before = `"key": "`
	b := []byte(keys)
	at := strings.Index(keys, before) + len(before)
	if b[at] == 'A' {
		b[at] = 'B'
	} else {
		b[at] = 'A'
	}
	return string(b)
}

// withKeys is the bundle with its keys changed.
func withKeys(t *testing.T, bundle []byte, change func(string) string) []byte {
	t.Helper()
	in, err := zip.NewReader(bytes.NewReader(bundle), int64(len(bundle)))
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	for _, f := range in.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		if f.Name == verifier.FileKeys {
			text = []byte(change(string(text)))
		}
		w, err := z.Create(f.Name)
		if err == nil {
			_, err = w.Write(text)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}
