package mapping

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// maxRow bounds one CSV row, in bytes. A quote that is never closed would otherwise swallow the rest of the file.
const maxRow = 1 << 20

// firstBuffer is the size of the first read; the buffer grows to maxRow (and a little) only for a row that needs it.
const firstBuffer = 64 << 10

var errUTF16 = errors.New("the file is UTF-16: save it as UTF-8 first")

// csvReader reads RFC 4180 rows, one at a time, in memory bounded by maxRow. It differs from encoding/csv where an import
// must account for every row: an empty line is a row, line breaks inside quotes are kept as they are, a malformed row costs
// exactly its own first line (what follows is read again as rows of its own), and no row is larger than maxRow.
type csvReader struct {
	src       io.Reader
	delimiter byte
	lazy      bool

	buf        []byte
	start, end int // the unread bytes are buf[start:end]
	eof        bool
	began      bool
	line       int   // of the next row, from 1
	offset     int64 // bytes consumed so far
}

// csvRow is one row as it stands in the file, before decoding.
type csvRow struct {
	line   int
	fields [][]byte // valid until the next call of next
	err    error    // why the row is malformed; fields then holds the whole first line as one field
}

// next returns the next row, or io.EOF after the last one. Another error is the source's own and final.
func (c *csvReader) next() (csvRow, error) {
	if err := c.begin(); err != nil {
		return csvRow{}, err
	}
	for {
		if c.start == c.end {
			if c.eof {
				return csvRow{}, io.EOF
			}
			if err := c.fill(); err != nil {
				return csvRow{}, err
			}
			continue
		}
		window := c.buf[c.start:c.end]
		fields, used, err := c.parse(window, c.eof)
		if errors.Is(err, io.ErrUnexpectedEOF) {
			if len(window) < maxRow {
				if err := c.fill(); err != nil {
					return csvRow{}, err
				}
				continue
			}
			err = fmt.Errorf("the row is longer than %d bytes (a quote that is not closed?)", maxRow)
		}
		row := csvRow{line: c.line, fields: fields, err: err} // an error costs the first line only
		if err != nil {
			used = lineLength(window)
			if window[used-1] != '\n' && !c.eof && len(window) < maxRow {
				if err := c.fill(); err != nil {
					return csvRow{}, err
				}
				continue
			}
			row.fields = [][]byte{trimBreak(window[:used])}
		}
		c.line += bytes.Count(window[:used], []byte{'\n'})
		c.start += used
		c.offset += int64(used)
		return row, nil
	}
}

// skipLine drops one physical line, whatever quotes it has; io.EOF when there is none.
func (c *csvReader) skipLine() error {
	if err := c.begin(); err != nil {
		return err
	}
	for {
		if c.start < c.end {
			if n := lineLength(c.buf[c.start:c.end]); c.buf[c.start+n-1] == '\n' || c.eof {
				c.start += n
				c.offset += int64(n)
				c.line++
				return nil
			}
			if c.end-c.start >= maxRow {
				return fmt.Errorf("a line to be skipped is longer than %d bytes", maxRow)
			}
		}
		if c.eof {
			return io.EOF
		}
		if err := c.fill(); err != nil {
			return err
		}
	}
}

// begin comes before the first row or line.
func (c *csvReader) begin() error {
	if c.began {
		return nil
	}
	c.began = true
	c.line = 1
	return c.skipMark()
}

// beginsWith looks ahead, before the first row or line, whether the file begins with one of the texts.
func (c *csvReader) beginsWith(texts ...string) (bool, error) {
	if err := c.begin(); err != nil {
		return false, err
	}
	for _, text := range texts {
		for c.end-c.start < len(text) && !c.eof && strings.HasPrefix(text, string(c.buf[c.start:c.end])) {
			if err := c.fill(); err != nil {
				return false, err
			}
		}
		if bytes.HasPrefix(c.buf[c.start:c.end], []byte(text)) {
			return true, nil
		}
	}
	return false, nil
}

// skipMark drops a UTF-8 byte order mark and refuses a UTF-16 one.
func (c *csvReader) skipMark() error {
	for c.end-c.start < 3 && !c.eof {
		if err := c.fill(); err != nil {
			return err
		}
	}
	head := c.buf[c.start:c.end]
	switch {
	case bytes.HasPrefix(head, []byte("\xef\xbb\xbf")):
		c.start += 3
		c.offset += 3
	case bytes.HasPrefix(head, []byte("\xff\xfe")), bytes.HasPrefix(head, []byte("\xfe\xff")):
		return errUTF16
	}
	return nil
}

// fill reads more behind the unread bytes, which move to the front of the buffer.
func (c *csvReader) fill() error {
	if c.buf == nil {
		c.buf = make([]byte, firstBuffer)
	}
	if c.start > 0 {
		copy(c.buf, c.buf[c.start:c.end])
		c.end -= c.start
		c.start = 0
	}
	if c.end == len(c.buf) {
		c.buf = append(c.buf, make([]byte, len(c.buf))...)
	}
	for range 100 {
		n, err := c.src.Read(c.buf[c.end:])
		c.end += n
		if errors.Is(err, io.EOF) {
			c.eof = true
			return nil
		}
		if err != nil {
			return fmt.Errorf("reading the file: %w", err)
		}
		if n > 0 {
			return nil
		}
	}
	return fmt.Errorf("reading the file: %w", io.ErrNoProgress)
}

var (
	errBareQuote  = errors.New("a quote stands inside a field that does not begin with one")
	errAfterQuote = errors.New("text follows a closing quote")
	errOpenQuote  = errors.New("a quote is not closed")
)

// parse splits the row at the beginning of b and says how many bytes it takes, line break included. It returns
// io.ErrUnexpectedEOF while the row may go on beyond b, unless last says that nothing follows.
func (c *csvReader) parse(b []byte, last bool) (fields [][]byte, used int, err error) {
	i := 0
	for {
		var field []byte
		if i < len(b) && b[i] == '"' {
			var n int
			if field, n, err = c.quoted(b[i:], last); err != nil {
				return nil, 0, err
			}
			i += n
		} else {
			n := bytes.IndexAny(b[i:], string([]byte{c.delimiter, '\n'}))
			if n < 0 {
				if !last {
					return nil, 0, io.ErrUnexpectedEOF
				}
				n = len(b) - i
			}
			field = b[i : i+n]
			i += n
			if i == len(b) || b[i] == '\n' {
				field = bytes.TrimSuffix(field, []byte{'\r'})
			}
			if !c.lazy && bytes.IndexByte(field, '"') >= 0 {
				return nil, 0, errBareQuote
			}
		}
		fields = append(fields, field)
		switch {
		case i < len(b) && b[i] == c.delimiter:
			i++
			if i == len(b) {
				if !last {
					return nil, 0, io.ErrUnexpectedEOF
				}
				return append(fields, nil), i, nil
			}
		case i < len(b): // a line break; quoted left i at its '\n'
			return fields, i + 1, nil
		default:
			return fields, i, nil
		}
	}
}

// quoted reads a quoted field at the beginning of b and leaves the index at what ends it: a delimiter, '\n' or the end.
func (c *csvReader) quoted(b []byte, last bool) (field []byte, used int, err error) {
	var parts []byte // what was read before a doubled quote
	from := 1
	i := 1
	for {
		n := bytes.IndexByte(b[i:], '"')
		if n < 0 {
			if !last {
				return nil, 0, io.ErrUnexpectedEOF
			}
			if !c.lazy {
				return nil, 0, errOpenQuote
			}
			return append(parts, b[from:]...), len(b), nil
		}
		i += n // at a quote
		rest := b[i+1:]
		if len(rest) == 0 || (len(rest) == 1 && rest[0] == '\r') {
			if !last {
				return nil, 0, io.ErrUnexpectedEOF
			}
			return joined(parts, b[from:i]), len(b), nil
		}
		switch {
		case rest[0] == '"':
			parts = append(parts, b[from:i+1]...)
			i += 2
			from = i
		case rest[0] == c.delimiter, rest[0] == '\n':
			return joined(parts, b[from:i]), i + 1, nil
		case rest[0] == '\r' && rest[1] == '\n':
			return joined(parts, b[from:i]), i + 2, nil
		case c.lazy:
			i++ // the quote belongs to the text
		default:
			return nil, 0, errAfterQuote
		}
	}
}

func joined(parts, tail []byte) []byte {
	if parts == nil {
		return tail
	}
	return append(parts, tail...)
}

func lineLength(b []byte) int {
	if n := bytes.IndexByte(b, '\n'); n >= 0 {
		return n + 1
	}
	return len(b)
}

func trimBreak(b []byte) []byte {
	return bytes.TrimSuffix(bytes.TrimSuffix(b, []byte{'\n'}), []byte{'\r'})
}

// isDelimiter reports whether s is one usable delimiter: a single ASCII byte that is neither quote nor line break.
func isDelimiter(s string) bool {
	return len(s) == 1 && s[0] < utf8.RuneSelf && s[0] != '"' && s[0] != '\n' && s[0] != '\r' && s[0] != 0
}
