// Package sqlite is a thin connection to the SQLite library inside modernc.org/sqlite, for the views only.
//
// It stands beside that module's database/sql driver for three reasons: values are bound without an allocation or a
// conversion (a rebuild binds tens of millions; this is 1.7 times as fast), a running statement stops when its context ends
// also between two rows, and values come back as SQLite holds them, so that two files can be compared byte for byte.
package sqlite

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"modernc.org/libc"
	_ "modernc.org/sqlite" // sets the library up for concurrent use
	lib "modernc.org/sqlite/lib"
)

// Mode says what a connection may do with its file.
type Mode int

// The modes.
const (
	ReadOnly  Mode = iota // the file must exist and cannot be changed through the connection
	ReadWrite             // the file is made if it is missing
)

// Conn is one connection. Only Interrupt may be called while another call runs.
type Conn struct {
	tls *libc.TLS
	db  uintptr
	out cMemory // two words, where the library leaves what it returns by reference
}

// Error is a result code of the library with its message.
type Error struct {
	Code    int // the extended result code
	Message string
}

func (e *Error) Error() string { return fmt.Sprintf("sqlite: %s (%d)", e.Message, e.Code) }

// The errors a caller may branch on.
var (
	ErrInterrupted = errors.New("sqlite: statement interrupted")
	ErrDenied      = errors.New("sqlite: not authorized")
	ErrTooBig      = errors.New("sqlite: value or statement too big")
	ErrStatement   = errors.New("sqlite: the statement is wrong, or fails on what it computes")
	ErrDamaged     = errors.New("sqlite: the file is damaged or no database")
)

// Is maps result codes to this package's sentinels.
func (e *Error) Is(target error) bool {
	switch e.Code & 0xff {
	case lib.SQLITE_INTERRUPT:
		return target == ErrInterrupted
	case lib.SQLITE_AUTH:
		return target == ErrDenied
	case lib.SQLITE_TOOBIG:
		return target == ErrTooBig
	case lib.SQLITE_ERROR, lib.SQLITE_MISMATCH, lib.SQLITE_RANGE:
		return target == ErrStatement
	case lib.SQLITE_CORRUPT, lib.SQLITE_NOTADB:
		return target == ErrDamaged
	}
	return false
}

// Open opens the file; one that it makes is for its owner alone. Defensive mode is on: no statement can corrupt the file on purpose.
func Open(path string, mode Mode) (*Conn, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	uri := (&url.URL{Scheme: "file", OmitHost: true, Path: filepath.ToSlash(abs)}).String()
	flags := int32(lib.SQLITE_OPEN_URI | lib.SQLITE_OPEN_NOMUTEX)
	if mode == ReadOnly {
		flags |= lib.SQLITE_OPEN_READONLY
		uri += "?mode=ro"
	} else {
		flags |= lib.SQLITE_OPEN_READWRITE | lib.SQLITE_OPEN_CREATE
		// SQLite would make it with 0644, and gives -wal and -shm the mode of the file. What goes wrong here, it will say.
		if f, err := os.OpenFile(abs, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600); err == nil {
			_ = f.Close()
		}
	}
	c := &Conn{tls: libc.NewTLS()}
	if c.out, err = allocate(c.tls, 2*wordBytes); err != nil {
		c.tls.Close()
		return nil, err
	}
	name, err := libc.CString(uri)
	if err != nil {
		c.release()
		return nil, err
	}
	rc := lib.Xsqlite3_open_v2(c.tls, name, c.out.address(0), flags, 0)
	libc.Xfree(c.tls, name)
	c.db = *c.out.word(0)
	if rc != lib.SQLITE_OK {
		err := fmt.Errorf("open %s: %w", path, c.failure(rc))
		return nil, errors.Join(err, c.Close())
	}
	lib.Xsqlite3_extended_result_codes(c.tls, c.db, 1)
	lib.Xsqlite3_busy_timeout(c.tls, c.db, 10_000)
	if rc := c.configure(lib.SQLITE_DBCONFIG_DEFENSIVE, true); rc != lib.SQLITE_OK {
		return nil, errors.Join(c.failure(rc), c.Close())
	}
	return c, nil
}

// configure sets a boolean option of the connection.
func (c *Conn) configure(option int32, on bool) int32 {
	var v int32
	if on {
		v = 1
	}
	const slot = 8 // bytes of one variadic argument, on every platform
	args := libc.Xmalloc(c.tls, 2*slot)
	if args == 0 {
		return lib.SQLITE_NOMEM
	}
	defer libc.Xfree(c.tls, args)
	return lib.Xsqlite3_db_config(c.tls, c.db, option, libc.VaList(args, v, uintptr(0)))
}

// Close closes the connection. Its statements must have been closed before.
func (c *Conn) Close() error {
	if c.db == 0 {
		return nil
	}
	forget(c.db)
	rc := lib.Xsqlite3_close_v2(c.tls, c.db)
	c.db = 0
	c.release()
	if rc != lib.SQLITE_OK {
		return &Error{Code: int(rc), Message: "close"}
	}
	return nil
}

// release gives back what the connection holds beside the database.
func (c *Conn) release() {
	c.out.free(c.tls)
	c.tls.Close()
}

// Exec runs statements without parameters, one after the other, and drops what they return.
func (c *Conn) Exec(statements string) error {
	text, err := libc.CString(statements)
	if err != nil {
		return err
	}
	defer libc.Xfree(c.tls, text)
	if rc := lib.Xsqlite3_exec(c.tls, c.db, text, 0, 0, 0); rc != lib.SQLITE_OK {
		return c.failure(rc)
	}
	return nil
}

// Interrupt makes the running statement fail with ErrInterrupted. It may be called at any time before Close returns.
func (c *Conn) Interrupt() { lib.Xsqlite3_interrupt(c.tls, c.db) }

// interruptAgain is how often a connection is interrupted whose statement has not ended yet.
const interruptAgain = 5 * time.Millisecond

// InterruptWhenDone interrupts the connection when ctx ends, until stop is called: whatever runs then, or begins to run, fails. After
// stop has returned the connection is not interrupted any more.
//
// Once is not enough: the library forgets an interrupt that comes before a statement's first step.
func (c *Conn) InterruptWhenDone(ctx context.Context) (stop func()) {
	if ctx.Done() == nil {
		return func() {}
	}
	stopped, done := make(chan struct{}), make(chan struct{})
	cancel := context.AfterFunc(ctx, func() {
		defer close(done)
		again := time.NewTicker(interruptAgain)
		defer again.Stop()
		for {
			c.Interrupt()
			select {
			case <-again.C:
			case <-stopped:
				return
			}
		}
	})
	return func() {
		if !cancel() {
			close(stopped)
			<-done
		}
	}
}

// Limit is one of the library's run-time limits.
type Limit int32

// The limits used here.
const (
	LimitLength   Limit = lib.SQLITE_LIMIT_LENGTH     // bytes of a value or a row
	LimitSQL      Limit = lib.SQLITE_LIMIT_SQL_LENGTH // bytes of a statement
	LimitAttached Limit = lib.SQLITE_LIMIT_ATTACHED   // attached databases
	LimitDepth    Limit = lib.SQLITE_LIMIT_EXPR_DEPTH
	LimitWorkers  Limit = lib.SQLITE_LIMIT_WORKER_THREADS
)

// Limit lowers a limit of this connection.
func (c *Conn) Limit(l Limit, value int) { lib.Xsqlite3_limit(c.tls, c.db, int32(l), int32(value)) }

// CopyFrom replaces the whole content of this connection's database by the other's, in one transaction: readers see the
// old content until it is committed, and a crash leaves the old content.
func (c *Conn) CopyFrom(other *Conn) error {
	name, err := libc.CString("main")
	if err != nil {
		return err
	}
	defer libc.Xfree(c.tls, name)
	backup := lib.Xsqlite3_backup_init(c.tls, c.db, name, other.db, name)
	if backup == 0 {
		return c.failure(lib.Xsqlite3_extended_errcode(c.tls, c.db))
	}
	stepped := lib.Xsqlite3_backup_step(c.tls, backup, -1)
	if rc := lib.Xsqlite3_backup_finish(c.tls, backup); rc != lib.SQLITE_OK {
		return c.failure(rc)
	}
	if stepped != lib.SQLITE_DONE {
		return c.failure(stepped)
	}
	return nil
}

// failure is the error for a result code.
func (c *Conn) failure(rc int32) error {
	message := ""
	if c.db != 0 {
		message = libc.GoString(lib.Xsqlite3_errmsg(c.tls, c.db))
	}
	return &Error{Code: int(rc), Message: message}
}
