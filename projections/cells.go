package projections

import (
	"encoding/binary"
	"hash/maphash"
	"math"
	"time"

	"amends/projections/internal/sqlite"
)

// cells are the values of rows, one row after the other, without an allocation for each value.
type cells struct {
	list []cell
	text []byte
}

// cell is one value: kind says how n is to be read. A text's n is its length; texts lie in order in cells.text.
type cell struct {
	kind sqlite.Kind
	n    uint64
}

func (c *cells) reset() { c.list, c.text = c.list[:0], c.text[:0] }

func (c *cells) null() { c.list = append(c.list, cell{kind: sqlite.Null}) }

func (c *cells) integer(n int64) { c.list = append(c.list, cell{sqlite.Int, uint64(n)}) }

func (c *cells) float(f float64) { c.list = append(c.list, cell{sqlite.Float, math.Float64bits(f)}) }

// string puts a text; the empty one, which everywhere in the domain means "not told", becomes NULL.
func (c *cells) string(s string) {
	if s == "" {
		c.null()
		return
	}
	c.text = append(c.text, s...)
	c.list = append(c.list, cell{sqlite.Text, uint64(len(s))})
}

// endText puts what was appended to c.text from the given place on.
func (c *cells) endText(from int) {
	c.list = append(c.list, cell{sqlite.Text, uint64(len(c.text) - from)})
}

func (c *cells) bool(b bool) {
	if b {
		c.integer(1)
	} else {
		c.integer(0)
	}
}

func (c *cells) optionalBool(b *bool) {
	if b == nil {
		c.null()
		return
	}
	c.bool(*b)
}

func (c *cells) optionalInt(n *int) {
	if n == nil {
		c.null()
		return
	}
	c.integer(int64(*n))
}

func (c *cells) optionalInt64(n *int64) {
	if n == nil {
		c.null()
		return
	}
	c.integer(*n)
}

// time puts an instant; the zero time, which means "not so far", becomes NULL.
func (c *cells) time(t time.Time) {
	if t.IsZero() {
		c.null()
		return
	}
	at := len(c.text)
	c.text = appendTime(c.text, t)
	c.endText(at)
}

// appendTime appends the instant as views show it. It is time.AppendFormat of the layout, several times as fast.
func appendTime(b []byte, t time.Time) []byte {
	t = t.UTC()
	year, month, day := t.Date()
	if year < 0 || year > 9999 {
		return t.AppendFormat(b, timeLayout)
	}
	hour, minute, second := t.Clock()
	millis := t.Nanosecond() / 1e6
	b = append(b,
		digit(year/1000), digit(year/100), digit(year/10), digit(year), '-',
		digit(int(month)/10), digit(int(month)), '-', digit(day/10), digit(day), 'T',
		digit(hour/10), digit(hour), ':', digit(minute/10), digit(minute), ':', digit(second/10), digit(second), '.',
		digit(millis/100), digit(millis/10), digit(millis), 'Z')
	return b
}

func digit(n int) byte { return '0' + byte(n%10) }

const timeLayout = "2006-01-02T15:04:05.000Z"

// cursor walks over rows.
type cursor struct {
	cells *cells
	next  int // in list
	at    int // in text
}

// bind binds the next row's values to the statement's parameters, from the given one on.
func (c *cursor) bind(s *sqlite.Stmt, first, width int) error {
	for i := range width {
		v := c.cells.list[c.next+i]
		var err error
		switch v.kind {
		case sqlite.Int:
			err = s.BindInt(first+i, int64(v.n))
		case sqlite.Float:
			err = s.BindFloat(first+i, math.Float64frombits(v.n))
		case sqlite.Text:
			err = s.BindTextBytes(first+i, c.cells.text[c.at:c.at+int(v.n)])
			c.at += int(v.n)
		default:
			err = s.BindNull(first + i)
		}
		if err != nil {
			return err
		}
	}
	c.next += width
	return nil
}

// seed makes fingerprints of this process only; they are never stored.
var seed = maphash.MakeSeed()

// fingerprint is a hash of the values from the given places on: equal values have equal ones.
func (c *cells) fingerprint(list, text int) uint64 {
	var buf [640]byte
	b := buf[:0]
	for _, v := range c.list[list:] {
		b = append(b, byte(v.kind))
		b = binary.LittleEndian.AppendUint64(b, v.n)
	}
	return maphash.Bytes(seed, b) ^ (maphash.Bytes(seed, c.text[text:]) * 0x9e3779b97f4a7c15)
}
