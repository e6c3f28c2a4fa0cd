package projections

import (
	"encoding/binary"
	"hash/maphash"

	"amends/projections/internal/sqlite"
)

// chunk is a piece of a transaction, on its way to the writer.
type chunk struct {
	clear      []clearing // done first
	rows       []cells    // by table number
	superseded []supersession
	claims     []claim
	commit     *commit // ends the transaction; done last
}

// clearing takes a customer's rows out of a table.
type clearing struct {
	table    *table
	customer string
}

// supersession notes on a record's row which correction stands for it; an empty id: none.
type supersession struct {
	position uint64
	by       string
}

// commit ends a transaction: rows and cursor together.
type commit struct {
	from, to uint64 // the cursor before and after
	done     chan error
}

func newChunk() *chunk { return &chunk{rows: make([]cells, len(tables))} }

// size is about how many values the chunk holds.
func (c *chunk) size() int {
	n := 0
	for i := range c.rows {
		n += len(c.rows[i].list)
	}
	return n
}

func (c *chunk) reset() {
	c.clear, c.superseded, c.claims, c.commit = c.clear[:0], c.superseded[:0], c.claims[:0], nil
	for i := range c.rows {
		c.rows[i].reset()
	}
}

// rowSink takes the rows of one unit and lets through those that differ from what is written.
type rowSink struct {
	chunk *chunk
	// known is what is written; nil: every row goes through and none is remembered.
	known *written
	seen  []int // rows of known that were met again, by table number

	cells      *cells // of the row that is being put
	table      *table
	list, text int // where the row begins
}

func (s *rowSink) begin(t *table) {
	s.table, s.cells = t, &s.chunk.rows[t.number]
	s.list, s.text = len(s.cells.list), len(s.cells.text)
}

// end ends the row: if the table holds it already, it is dropped.
func (s *rowSink) end() {
	if s.known == nil {
		return
	}
	key, row := s.keyPrint(), s.cells.fingerprint(s.list, s.text)
	old, ok := s.known.rows[key]
	s.seen[s.table.number]++
	switch {
	case !ok:
		s.known.counts[s.table.number]++
	case old == row:
		s.drop()
		return
	}
	s.known.rows[key] = row
}

// drop takes back the rows put since begin.
func (s *rowSink) drop() {
	s.cells.list, s.cells.text = s.cells.list[:s.list], s.cells.text[:s.text]
}

// keyPrint is the fingerprint of the row's key; its lowest bits are the table's number.
func (s *rowSink) keyPrint() uint64 {
	var h maphash.Hash
	h.SetSeed(seed)
	at := s.text
	for i, c := range s.cells.list[s.list : s.list+s.table.keyEnd] {
		if c.kind != sqlite.Text {
			if s.table.Columns[i].Key {
				var n [8]byte
				binary.LittleEndian.PutUint64(n[:], c.n)
				h.Write(n[:])
			}
			continue
		}
		if s.table.Columns[i].Key {
			h.Write(s.cells.text[at : at+int(c.n)])
			h.WriteByte(byte(i))
		}
		at += int(c.n)
	}
	return h.Sum64()&^tableBits | uint64(s.table.number)
}

// tableBits is where a key's fingerprint holds the number of its table.
const tableBits = 31

// forget drops what is known of a table, to write it anew.
func (w *written) forget(t *table) {
	for key := range w.rows {
		if key&tableBits == uint64(t.number) {
			delete(w.rows, key)
		}
	}
	w.counts[t.number] = 0
}
