package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"

	"github.com/go-json-experiment/json/jsontext"
)

// maxSpread is how large the first event may be when it is spread over several lines. The record's own limit is far below.
const maxSpread = 16 << 20

const (
	typeEvents = "application/cloudevents-batch+json" // an array
	typeLines  = "application/x-ndjson"
)

// sniff tells an array from events one a line, and makes the latter of events spread over several lines, as jq prints them. A
// byte order mark is skipped. The error is the reader's own, or says that there is nothing.
func sniff(in io.Reader) (body io.Reader, contentType string, err error) {
	r := bufio.NewReaderSize(in, 64<<10)
	if mark, _ := r.Peek(3); string(mark) == "\xef\xbb\xbf" {
		if _, err := r.Discard(3); err != nil {
			return nil, "", err
		}
	}
	for {
		b, err := r.ReadByte()
		if errors.Is(err, io.EOF) {
			return nil, "", usage(errors.New("no events: the input is empty"))
		}
		if err != nil {
			return nil, "", err
		}
		if b == ' ' || b == '\t' || b == '\r' || b == '\n' {
			continue
		}
		if err := r.UnreadByte(); err != nil {
			return nil, "", err
		}
		if b == '[' {
			return r, typeEvents, nil
		}
		break
	}
	// The first line is read, and no more of it waited for than there is: the sender may be slow.
	first, err := r.ReadSlice('\n')
	switch {
	case errors.Is(err, bufio.ErrBufferFull), errors.Is(err, io.EOF):
		return io.MultiReader(bytes.NewReader(bytes.Clone(first)), r), typeLines, nil // one line, or one that is long
	case err != nil:
		return nil, "", err
	}
	var read bytes.Buffer // all that was read ahead
	read.Write(first)
	if !json.Valid(first) {
		// Valid as a whole, when its first line alone is not: then all that follows is read in this way.
		ahead := io.TeeReader(io.LimitReader(r, maxSpread), &read)
		d := jsontext.NewDecoder(io.MultiReader(bytes.NewReader(bytes.Clone(first)), ahead), lenient...)
		if _, err := d.ReadValue(); err == nil {
			return newSpread(io.MultiReader(&read, r)), typeLines, nil
		}
	}
	return io.MultiReader(&read, r), typeLines, nil
}

// lenient leaves it to the ledger to refuse what is well-formed and yet wrong.
var lenient = []jsontext.Options{jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)}

// spread is a reader that puts JSON values, however they are laid out, on a line each. From where they are not well-formed on
// it gives the rest as it is: the ledger refuses it, and nothing is left out.
type spread struct {
	in   io.Reader
	d    *jsontext.Decoder
	line bytes.Buffer // not yet read by the caller
	rest io.Reader    // not nil: what follows the last good value
}

func newSpread(in io.Reader) *spread { return &spread{in: in, d: jsontext.NewDecoder(in, lenient...)} }

// Read implements io.Reader.
func (s *spread) Read(p []byte) (int, error) {
	for s.line.Len() == 0 {
		if s.rest != nil {
			return s.rest.Read(p)
		}
		value, err := s.d.ReadValue()
		switch syntax := (*jsontext.SyntacticError)(nil); {
		case errors.Is(err, io.EOF):
			return 0, io.EOF
		case errors.As(err, &syntax), errors.Is(err, io.ErrUnexpectedEOF):
			s.rest = io.MultiReader(bytes.NewReader(bytes.Clone(s.d.UnreadBuffer())), s.in)
			continue
		case err != nil:
			return 0, err
		}
		if err := json.Compact(&s.line, value); err != nil {
			return 0, err
		}
		s.line.WriteByte('\n')
	}
	return s.line.Read(p)
}
