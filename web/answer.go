package web

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
)

// writeJSON writes one JSON value and a line feed, without escaping what HTML would need escaped.
func writeJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return fmt.Errorf("write the answer: %w", err)
	}
	return nil
}

// answerJSON answers with one JSON value.
func answerJSON(w http.ResponseWriter, status int, v any) error {
	w.Header().Set("Content-Type", typeJSON)
	w.WriteHeader(status)
	return writeJSON(w, v)
}
