package main

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// describe shows a payload as "name: value" lines, in its own order; nested values keep their JSON form. The complaint's id
// stands in the line above already.
func describe(data []byte) []string {
	dec := jsontext.NewDecoder(bytes.NewReader(data))
	if dec.PeekKind() != '{' {
		return nil
	}
	names, values, err := decodeRow(dec)
	if err != nil {
		return nil
	}
	var lines []string
	for i, name := range names {
		if name == "complaint_id" {
			continue
		}
		lines = append(lines, fmt.Sprintf("%s: %s", visible(strings.ReplaceAll(name, "_", " ")), shorten(fmt.Sprint(values[i]), 160)))
	}
	return lines
}

// shorten cuts a long text at a character's boundary.
func shorten(s string, limit int) string {
	runes := []rune(s)
	if len(runes) <= limit {
		return s
	}
	return string(runes[:limit-1]) + "…"
}
