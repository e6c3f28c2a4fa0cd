package sqlite

import (
	"fmt"
	"strings"

	"modernc.org/libc"
	lib "modernc.org/sqlite/lib"
)

// blockBytes is how much text a statement can bind before it needs a second block.
const blockBytes = 16 << 10

// Stmt is a prepared statement. Parameters and columns count from 0.
type Stmt struct {
	c    *Conn
	p    uintptr
	cols int
	// Bound texts live in these blocks until Reset: the library reads them where they lie.
	block cMemory
	used  int
	full  []cMemory
}

// Prepare compiles one statement; anything but blanks and comments after it is an error.
func (c *Conn) Prepare(statement string) (*Stmt, error) {
	if strings.IndexByte(statement, 0) >= 0 {
		return nil, &Error{Code: lib.SQLITE_ERROR, Message: "statement holds a zero byte"}
	}
	text, err := libc.CString(statement)
	if err != nil {
		return nil, err
	}
	defer libc.Xfree(c.tls, text)
	pp, tail := c.out.address(0), c.out.address(1)
	*c.out.word(0), *c.out.word(1) = 0, 0
	if rc := lib.Xsqlite3_prepare_v2(c.tls, c.db, text, -1, pp, tail); rc != lib.SQLITE_OK {
		return nil, c.failure(rc)
	}
	p := *c.out.word(0)
	if p == 0 {
		return nil, &Error{Code: lib.SQLITE_ERROR, Message: "empty statement"}
	}
	s := &Stmt{c: c, p: p, cols: int(lib.Xsqlite3_column_count(c.tls, p))}
	if rest := int(*c.out.word(1) - text); rest < len(statement) {
		// What follows must compile to nothing.
		*c.out.word(0) = 0
		rc := lib.Xsqlite3_prepare_v2(c.tls, c.db, text+uintptr(rest), -1, pp, 0)
		second := *c.out.word(0)
		if second != 0 {
			lib.Xsqlite3_finalize(c.tls, second)
		}
		if rc != lib.SQLITE_OK || second != 0 {
			err := &Error{Code: lib.SQLITE_ERROR, Message: "more than one statement"}
			_ = s.Close()
			return nil, err
		}
	}
	return s, nil
}

// ReadOnly reports whether the statement, by SQLite's own judgement, changes no database file.
func (s *Stmt) ReadOnly() bool { return lib.Xsqlite3_stmt_readonly(s.c.tls, s.p) != 0 }

// Parameters is how many parameters the statement has.
func (s *Stmt) Parameters() int { return int(lib.Xsqlite3_bind_parameter_count(s.c.tls, s.p)) }

// Close frees the statement.
func (s *Stmt) Close() error {
	if s.p == 0 {
		return nil
	}
	lib.Xsqlite3_finalize(s.c.tls, s.p) // repeats the error of the last step, which its caller has seen
	s.p = 0
	s.freeFull()
	s.block.free(s.c.tls)
	return nil
}

func (s *Stmt) freeFull() {
	for _, b := range s.full {
		b.free(s.c.tls)
	}
	s.full = s.full[:0]
}

// BindNull binds NULL.
func (s *Stmt) BindNull(i int) error {
	return s.bound(i, lib.Xsqlite3_bind_null(s.c.tls, s.p, int32(i+1)))
}

// BindInt binds an integer.
func (s *Stmt) BindInt(i int, v int64) error {
	return s.bound(i, lib.Xsqlite3_bind_int64(s.c.tls, s.p, int32(i+1), v))
}

// BindFloat binds a float.
func (s *Stmt) BindFloat(i int, v float64) error {
	return s.bound(i, lib.Xsqlite3_bind_double(s.c.tls, s.p, int32(i+1), v))
}

// BindText binds text; its bytes are copied.
func (s *Stmt) BindText(i int, v string) error {
	at, err := s.room(len(v))
	if err != nil {
		return err
	}
	copy(s.block.bytes[at:], v)
	return s.bindText(i, at, len(v))
}

// BindTextBytes binds text; its bytes are copied.
func (s *Stmt) BindTextBytes(i int, v []byte) error {
	at, err := s.room(len(v))
	if err != nil {
		return err
	}
	copy(s.block.bytes[at:], v)
	return s.bindText(i, at, len(v))
}

// room takes n bytes of the current block, or of a new one.
func (s *Stmt) room(n int) (at int, err error) {
	if n >= len(s.block.bytes)-s.used {
		next, err := allocate(s.c.tls, max(blockBytes, n+1))
		if err != nil {
			return 0, err
		}
		if s.block.at != 0 {
			s.full = append(s.full, s.block)
		}
		s.block, s.used = next, 0
	}
	at = s.used
	s.used += n
	return at, nil
}

func (s *Stmt) bindText(i, at, n int) error {
	rc := lib.Xsqlite3_bind_text(s.c.tls, s.p, int32(i+1), s.block.at+uintptr(at), int32(n), lib.SQLITE_STATIC)
	return s.bound(i, rc)
}

func (s *Stmt) bound(i int, rc int32) error {
	if rc == lib.SQLITE_OK {
		return nil
	}
	return fmt.Errorf("parameter %d: %w", i, s.c.failure(rc))
}

// Step runs the statement up to its next row. It returns false when the statement is done.
func (s *Stmt) Step() (bool, error) {
	rc := lib.Xsqlite3_step(s.c.tls, s.p)
	switch rc {
	case lib.SQLITE_ROW:
		return true, nil
	case lib.SQLITE_DONE:
		return false, nil
	}
	return false, s.c.failure(rc)
}

// Reset makes the statement ready to run again; what was bound stays bound only in number and name, so bind everything anew.
func (s *Stmt) Reset() {
	lib.Xsqlite3_reset(s.c.tls, s.p) // repeats the error of the last step, which its caller has seen
	s.used = 0
	s.freeFull()
}

// Run steps the statement to its end and resets it.
func (s *Stmt) Run() error {
	defer s.Reset()
	for {
		if more, err := s.Step(); err != nil || !more {
			return err
		}
	}
}

// Kind is the storage class of a value.
type Kind int32

// The storage classes.
const (
	Int   Kind = lib.SQLITE_INTEGER
	Float Kind = lib.SQLITE_FLOAT
	Text  Kind = lib.SQLITE_TEXT
	Blob  Kind = lib.SQLITE_BLOB
	Null  Kind = lib.SQLITE_NULL
)

// Columns is how many columns a row has.
func (s *Stmt) Columns() int { return s.cols }

// Name is a column's name.
func (s *Stmt) Name(i int) string {
	return libc.GoString(lib.Xsqlite3_column_name(s.c.tls, s.p, int32(i)))
}

// Declared is the type with which the column was declared; empty for an expression.
func (s *Stmt) Declared(i int) string {
	p := lib.Xsqlite3_column_decltype(s.c.tls, s.p, int32(i))
	if p == 0 {
		return ""
	}
	return libc.GoString(p)
}

// Kind is the storage class of a value of the current row.
func (s *Stmt) Kind(i int) Kind { return Kind(lib.Xsqlite3_column_type(s.c.tls, s.p, int32(i))) }

// Int is a value of the current row as an integer.
func (s *Stmt) Int(i int) int64 { return lib.Xsqlite3_column_int64(s.c.tls, s.p, int32(i)) }

// Float is a value of the current row as a float.
func (s *Stmt) Float(i int) float64 { return lib.Xsqlite3_column_double(s.c.tls, s.p, int32(i)) }

// Text is a copy of a value of the current row as text, or of a blob's bytes.
func (s *Stmt) Text(i int) string {
	p := lib.Xsqlite3_column_text(s.c.tls, s.p, int32(i))
	n := int(lib.Xsqlite3_column_bytes(s.c.tls, s.p, int32(i)))
	if p == 0 || n == 0 {
		return ""
	}
	return string(libc.GoBytes(p, n)) // the bytes are the library's, until the next step
}

// SameText reports whether a value of the current row has the same bytes as the other statement's, both being text or blobs.
func (s *Stmt) SameText(other *Stmt, i int) bool {
	n := lib.Xsqlite3_column_bytes(s.c.tls, s.p, int32(i))
	if n != lib.Xsqlite3_column_bytes(other.c.tls, other.p, int32(i)) {
		return false
	}
	a, b := lib.Xsqlite3_column_blob(s.c.tls, s.p, int32(i)), lib.Xsqlite3_column_blob(other.c.tls, other.p, int32(i))
	return n == 0 || libc.Xmemcmp(s.c.tls, a, b, libc.Tsize_t(n)) == 0
}
