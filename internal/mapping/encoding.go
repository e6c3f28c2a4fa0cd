package mapping

import (
	"errors"
	"fmt"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
)

// encodings are the names that a mapping may use, with the table of a single-byte encoding; nil is UTF-8.
var encodings = map[string]*charmap.Charmap{
	"utf-8":        nil,
	"iso-8859-1":   charmap.ISO8859_1,
	"windows-1252": charmap.Windows1252,
}

var errInvalidBytes = errors.New("bytes that are not valid in the file's encoding")

// decode turns a field into text. ISO 8859-1 leaves 0x80 to 0x9F to control characters that no text has: a file that uses
// them is really Windows-1252, so they are refused rather than turned into something unreadable.
func decode(field []byte, table *charmap.Charmap) (string, error) {
	if table == nil {
		if !utf8.Valid(field) {
			return "", errInvalidBytes
		}
		return string(field), nil
	}
	high := 0
	for _, b := range field {
		if b >= utf8.RuneSelf {
			high++
		}
	}
	if high == 0 {
		return string(field), nil
	}
	out := make([]byte, 0, len(field)+2*high)
	for _, b := range field {
		r := table.DecodeByte(b)
		if r == utf8.RuneError || (r >= 0x80 && r <= 0x9f) {
			return "", errInvalidBytes
		}
		out = utf8.AppendRune(out, r)
	}
	return string(out), nil
}

// readable is a field that could not be decoded, with the bytes that are not text written as \xNN, so that a rejects file
// is always valid UTF-8 and loses nothing.
func readable(field []byte) string {
	if utf8.Valid(field) {
		return string(field)
	}
	var out []byte
	for len(field) > 0 {
		r, n := utf8.DecodeRune(field)
		if r == utf8.RuneError && n == 1 {
			out = fmt.Appendf(out, `\x%02x`, field[0])
		} else {
			out = append(out, field[:n]...)
		}
		field = field[n:]
	}
	return string(out)
}
