package mapping

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"
)

// caseView is what expressions see as "case": what came before this row in the same case.
type caseView struct {
	First bool                            `expr:"first"` // this is the case's first row
	Row   int                             `expr:"row"`   // this row's place in the case, from 1
	Start map[string]string               `expr:"start"` // the case's first row (this one, if it is)
	Last  map[string]string               `expr:"last"`  // the row before in the case; blank on the first
	Seen  func(column, value string) bool `expr:"seen"`  // an earlier row of the case has the value in the column
	Count func(column, value string) int  `expr:"count"` // how many earlier rows have it
}

// caseMemory is what is kept of one case: only the columns that the mapping asks about.
type caseMemory struct {
	rows    int
	blocked int // the number of the case's first row, if that was rejected; then the case's later rows are, too
	start   map[string]string
	last    map[string]string
	counts  map[columnValue]int
	twins   map[[16]byte]int // occurrences of identical rows
}

type columnValue struct{ column, value string }

// memories holds the cases of one import. With together, only the present one: rows of a case stand together in the file,
// and of a finished case nothing but a 16-byte mark remains, to notice when that is not so.
type memories struct {
	uses     uses
	together bool
	cases    map[string]*caseMemory
	key      string // of the present case, with together
	finished map[[16]byte]bool
	noCase   caseMemory // for mappings without cases: identical rows of the whole file
}

// enter returns the memory of the case with this key; false when the case was already finished.
func (m *memories) enter(key string) (*caseMemory, bool) {
	if c := m.cases[key]; c != nil {
		return c, true
	}
	if m.together {
		if m.finished[mark(key)] {
			return nil, false
		}
		if len(m.cases) > 0 {
			m.finished[mark(m.key)] = true
			clear(m.cases)
		}
		m.key = key
	}
	c := &caseMemory{}
	m.cases[key] = c
	return c, true
}

func mark(key string) [16]byte {
	sum := sha256.Sum256([]byte(key))
	return [16]byte(sum[:16])
}

// remember adds a recorded row to its case.
func (m *memories) remember(c *caseMemory, row map[string]string) {
	c.rows++
	if c.rows == 1 && len(m.uses.start) > 0 {
		c.start = pick(nil, row, m.uses.start)
	}
	if len(m.uses.last) > 0 {
		c.last = pick(c.last, row, m.uses.last)
	}
	for _, column := range m.uses.seen {
		if c.counts == nil {
			c.counts = map[columnValue]int{}
		}
		c.counts[columnValue{column, row[column]}]++
	}
}

func pick(into, row map[string]string, columns []string) map[string]string {
	if into == nil {
		into = make(map[string]string, len(columns))
	}
	for _, column := range columns {
		into[column] = row[column]
	}
	return into
}

// rowID is stable for a row: a hash of its case, of the values that identify it, and of how many identical rows came before.
func (c *caseMemory) rowID(key string, values []string) string {
	h := sha256.New()
	var buf []byte
	buf = append(strconv.AppendInt(buf, int64(len(key)), 10), ':')
	buf = append(buf, key...)
	for _, v := range values {
		buf = append(strconv.AppendInt(buf, int64(len(v)), 10), ':')
		buf = append(buf, v...)
	}
	h.Write(buf)
	var sum [32]byte
	h.Sum(sum[:0])
	if c.twins == nil {
		c.twins = map[[16]byte]int{}
	}
	id := [16]byte(sum[:16])
	c.twins[id]++
	if n := c.twins[id]; n > 1 {
		h.Write([]byte("#" + strconv.Itoa(n)))
		h.Sum(sum[:0])
	}
	return hex.EncodeToString(sum[:12])
}
