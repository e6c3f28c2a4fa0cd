package web

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"

	"github.com/go-json-experiment/json/jsontext"

	"amends/schemas"
)

// maxElementBytes is the largest single event that is read into memory. It is far above what a record may be, so that the
// refusal of a record that is too large can name it; beyond it nothing is kept.
const maxElementBytes = 16 << 20

// element is one event of a request's body, or the place where one should be.
type element struct {
	raw     []byte           // valid until the next element
	problem *schemas.Problem // instead of raw
}

// lenient reads over what the codec refuses by itself, with a pointer to the place, so that it is refused alone.
var lenient = []jsontext.Options{jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)}

var errElementTooLarge = errors.New("element is too large")

// budgeted reads at most so many bytes for each element.
type budgeted struct {
	r    io.Reader
	left int
}

func (b *budgeted) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errElementTooLarge
	}
	n, err := b.r.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}

// arrayElements yields the elements of a JSON array. What is malformed ends it: where the next element would begin cannot be
// known. The last element then is a problem with the offset; so is one that is above maxElementBytes.
func arrayElements(r io.Reader) iter.Seq[element] {
	return func(yield func(element) bool) {
		source := &budgeted{r: r, left: maxElementBytes}
		d := jsontext.NewDecoder(source, lenient...)
		if _, err := d.ReadToken(); err != nil { // the opening bracket
			yield(element{problem: malformed(d, err)})
			return
		}
		for {
			source.left = maxElementBytes
			if d.PeekKind() == ']' {
				break
			}
			raw, err := d.ReadValue()
			if err != nil {
				yield(element{problem: malformed(d, err)})
				return
			}
			if !yield(element{raw: raw}) {
				return
			}
		}
		if _, err := d.ReadToken(); err != nil {
			yield(element{problem: malformed(d, err)})
			return
		}
		if err := atEnd(d); err != nil {
			yield(element{problem: malformed(d, err)})
		}
	}
}

// oneElement reads a body that is one JSON value and nothing else.
func oneElement(r io.Reader) element {
	d := jsontext.NewDecoder(&budgeted{r: r, left: maxElementBytes}, lenient...)
	raw, err := d.ReadValue()
	if err != nil {
		return element{problem: malformed(d, err)}
	}
	raw = bytes.Clone(raw)
	if err := atEnd(d); err != nil {
		return element{problem: malformed(d, err)}
	}
	return element{raw: raw}
}

var errTrailing = errors.New("more after the end")

func atEnd(d *jsontext.Decoder) error {
	if _, err := d.ReadToken(); !errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errTrailing
	}
	return nil
}

// malformed says where a body stops being JSON. The decoder's own text is not repeated: it may quote the body.
func malformed(d *jsontext.Decoder, err error) *schemas.Problem {
	offset := d.InputOffset()
	var syntax *jsontext.SyntacticError
	if errors.As(err, &syntax) {
		offset = syntax.ByteOffset
	}
	what := "is not well-formed JSON"
	switch {
	case errors.Is(err, errElementTooLarge):
		return tooLarge(fmt.Sprintf("the event that begins near byte %d", d.InputOffset()))
	case errors.Is(err, errTrailing):
		what = "goes on after the end of the JSON value; for several events send an array, or application/x-ndjson"
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		what = "ends in the middle of a JSON value"
	}
	return &schemas.Problem{
		Type: "urn:amends:problem:malformed-json", Title: "Malformed JSON",
		Detail: fmt.Sprintf("the body %s, at byte %d; nothing from there on was recorded", what, offset),
	}
}

func tooLarge(which string) *schemas.Problem {
	return &schemas.Problem{
		Type: "urn:amends:problem:record-too-large", Title: "Record too large",
		Detail: which + fmt.Sprintf(" is larger than %d bytes; keep scans and recordings elsewhere and name them by URI, "+
			"SHA-256 and size", maxElementBytes),
	}
}

// lineElements yields the lines of an NDJSON body. Lines stand for themselves: one that is bad, or too large, does not hold
// up the next. Empty lines are not events and get no answer.
func lineElements(r io.Reader) iter.Seq[element] {
	return func(yield func(element) bool) {
		lines := bufio.NewReaderSize(r, 64<<10)
		var line []byte
		for number := 1; ; number++ {
			line = line[:0]
			oversize := false
			var err error
			for {
				var part []byte
				part, err = lines.ReadSlice('\n')
				if oversize = oversize || len(line)+len(part) > maxElementBytes; !oversize {
					line = append(line, part...)
				}
				if !errors.Is(err, bufio.ErrBufferFull) {
					break
				}
			}
			e := element{raw: bytes.TrimSpace(line)}
			switch {
			case oversize:
				e = element{problem: tooLarge(fmt.Sprintf("line %d", number))}
			case err != nil && !errors.Is(err, io.EOF):
				// The connection broke: what is there of the line may be a shorter, other event.
				e = element{problem: &schemas.Problem{
					Type: "urn:amends:problem:malformed-json", Title: "Malformed JSON",
					Detail: fmt.Sprintf("the body broke off in line %d", number),
				}}
			}
			if (e.problem != nil || len(e.raw) > 0) && !yield(e) {
				return
			}
			if err != nil {
				return
			}
		}
	}
}
