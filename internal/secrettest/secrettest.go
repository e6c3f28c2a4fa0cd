// Package secrettest makes events whose every personal field holds a secret, so that tests can look for it where it must not
// be.
package secrettest

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"amends/schemas"
)

// Event is a sender's event with secrets.
type Event struct {
	Name   string // of the sample
	Schema string
	Raw    []byte
	Fields int // how many values hold a secret
}

// Events reads the golden samples in dir (schemas/testdata) and puts a text that contains secret into every field that is
// personal by the sample's schema, whether or not the sample has the field. The customer is the given one, except in the
// ledger's own stream.
func Events(t testing.TB, codec *schemas.Codec, dir, customer, secret string) []Event {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, "*.input.json"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no samples in %s: %v", dir, err)
	}
	var out []Event
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var event map[string]any
		if err := json.Unmarshal(text, &event); err != nil {
			t.Fatal(err)
		}
		delete(event, "time") // it might lie in the future of a machine whose clock is behind
		delete(event, "timeaccuracy")
		name := strings.TrimSuffix(filepath.Base(path), ".input.json")
		if event["subject"] != "_ledger" {
			event["subject"] = customer
		}
		delete(event, "expectedrevision")
		if strings.HasSuffix(name, ".v1") {
			event["id"] = "evt-" + name // not that of the latest version's sample
		}
		schema := schemaOf(t, name)
		if named, ok := event["dataschema"].(string); ok {
			schema = named
		}
		data := event["data"].(map[string]any)
		fields := plant(codec, data, schema, secret)
		if inner, ok := data["event_schema"].(string); ok {
			fields += plant(codec, data["data"].(map[string]any), inner, secret)
		}
		raw, err := json.Marshal(event)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, Event{Name: name, Schema: schema, Raw: raw, Fields: fields})
	}
	return out
}

// schemaOf is the schema of the sample's stored form.
func schemaOf(t testing.TB, name string) string {
	t.Helper()
	version := "1"
	if base, ok := strings.CutSuffix(name, ".v1"); ok {
		name = base
	} else if name == "complaint.paused" {
		version = "2"
	}
	return "urn:amends:schema:" + name + ":" + version
}

func plant(codec *schemas.Codec, data map[string]any, schema, secret string) int {
	n := 0
	for _, field := range codec.Personal(schema) {
		n += put(data, field.Path, secret)
	}
	return n
}

// items are what an array needs beside the personal value, by the array's name.
var items = map[string]map[string]any{
	"identities": {"kind": "email"},
	"documents":  {"sha256": strings.Repeat("ab", 32), "size": 7},
	"remedies":   {"kind": "refund"},
}

func put(at map[string]any, path []string, secret string) int {
	name := path[0]
	switch {
	case len(path) == 1 && name == "extra":
		at[name] = map[string]any{"note": secret, "nested": []any{secret}}
		return 1
	case len(path) == 1 && name == "uri":
		at[name] = "https://example.org/" + secret
		return 1
	case len(path) == 1:
		at[name] = "It is " + secret
		return 1
	case path[1] == "*":
		list, _ := at[name].([]any)
		if len(list) == 0 {
			list = []any{maps.Clone(items[name])}
		}
		n := 0
		for _, item := range list {
			n += put(item.(map[string]any), path[2:], secret)
		}
		at[name] = list
		return n
	}
	panic(fmt.Sprintf("secrettest: no way to %v", slices.Clone(path)))
}
