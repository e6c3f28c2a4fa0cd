package web

import (
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

func itoa(n int) string { return strconv.Itoa(n) }

func parseQuery(r *http.Request) (url.Values, error) {
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, problemf(http.StatusBadRequest, "bad-query", "Bad query string", "the query string is not well formed")
	}
	return values, nil
}

// parameter values; checkParameters has seen to it that the query string is well formed.
func value(r *http.Request, name string) string { return r.URL.Query().Get(name) }

// positionOf reads a position: a whole number from 0. Absent is 0.
func positionOf(r *http.Request, name string) (uint64, error) {
	return parsePosition(name, value(r, name))
}

func parsePosition(name, text string) (uint64, error) {
	if text == "" {
		return 0, nil
	}
	// A log counts to 2^63-1 at most, whatever keeps it.
	n, err := strconv.ParseUint(text, 10, 63)
	if err != nil {
		return 0, badParameter(name, "a position is a whole number from 0")
	}
	return n, nil
}

// countOf reads a whole number from 1 to most. Absent is other.
func countOf(r *http.Request, name string, other, most int) (int, error) {
	text := value(r, name)
	if text == "" {
		return other, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > most {
		return 0, badParameter(name, "must be a whole number from 1 to %d", most)
	}
	return n, nil
}

// truthOf reads true or false. Absent is false.
func truthOf(r *http.Request, name string) (bool, error) {
	switch value(r, name) {
	case "", "false":
		return false, nil
	case "true":
		return true, nil
	}
	return false, badParameter(name, "must be true or false")
}

// instantOf reads an RFC 3339 date-time, or a date, which means the last nanosecond of that day in UTC. Absent is the zero
// time.
func instantOf(r *http.Request, name string) (time.Time, error) {
	text := value(r, name)
	if text == "" {
		return time.Time{}, nil
	}
	if day, err := time.Parse(time.DateOnly, text); err == nil {
		return day.AddDate(0, 0, 1).Add(-time.Nanosecond), nil
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return time.Time{}, badParameter(name, "must be a date (2026-03-31) or an RFC 3339 date-time (2026-03-31T12:00:00Z)")
	}
	return t.UTC(), nil
}

// list reads a parameter that may be repeated and whose values may be comma-separated.
func list(r *http.Request, name string) []string {
	var out []string
	for _, given := range r.URL.Query()[name] {
		for part := range strings.SplitSeq(given, ",") {
			if part = strings.TrimSpace(part); part != "" {
				out = append(out, part)
			}
		}
	}
	return out
}

// The media types that answers come in.
const (
	typeJSON   = "application/json"
	typeNDJSON = "application/x-ndjson"
	typeCSV    = "text/csv"
	typeSSE    = "text/event-stream"
)

// accepted chooses the answer's media type: the offered one that the caller likes best, the first one if there is none.
func accepted(r *http.Request, offered ...string) string {
	best, bestQuality, bestPrecision := offered[0], 0.0, 0
	for part := range strings.SplitSeq(strings.Join(r.Header.Values("Accept"), ","), ",") {
		mediaType, params, err := mime.ParseMediaType(part)
		if err != nil {
			continue
		}
		quality := 1.0
		if q, ok := params["q"]; ok {
			if quality, err = strconv.ParseFloat(q, 64); err != nil {
				continue
			}
		}
		for _, offer := range offered {
			precision := 0
			family, _, _ := strings.Cut(offer, "/")
			switch mediaType {
			case offer:
				precision = 3
			case "application/ndjson", "application/jsonl":
				if offer == typeNDJSON {
					precision = 3
				}
			case family + "/*":
				precision = 2
			case "*/*":
				precision = 1
			}
			if precision > 0 && (quality > bestQuality || quality == bestQuality && precision > bestPrecision) {
				best, bestQuality, bestPrecision = offer, quality, precision
			}
		}
	}
	return best
}

// lengthOf reads a length of time such as 3d, 36h or 90m. Absent is other.
func lengthOf(r *http.Request, name string, other time.Duration) (time.Duration, error) {
	text := value(r, name)
	if text == "" {
		return other, nil
	}
	if days, ok := strings.CutSuffix(text, "d"); ok {
		if n, err := strconv.Atoi(days); err == nil && n >= 0 && n <= 36_500 {
			return time.Duration(n) * 24 * time.Hour, nil
		}
	} else if d, err := time.ParseDuration(text); err == nil && d >= 0 {
		return d, nil
	}
	return 0, badParameter(name, "must be a length of time such as 3d, 36h or 90m")
}
