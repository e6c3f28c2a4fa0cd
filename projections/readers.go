package projections

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"amends/projections/internal/sqlite"
)

// readers are connections that can only read, whatever is typed: the file is opened read-only, the authorizer lets a statement
// do nothing but read, and nothing can be attached.
type readers struct {
	path  string
	slots chan struct{}

	mu         sync.Mutex
	idle       []*reader
	generation int // of the file: connections to one that was moved aside are not used again
	closed     bool
}

// reader is a connection that can only read.
type reader struct {
	*sqlite.Conn
	generation int
}

func newReaders(path string, n int) *readers {
	return &readers{path: path, slots: make(chan struct{}, n)}
}

var errClosed = errors.New("the views are closed")

// get takes a connection; give must be called with it.
func (r *readers) get(ctx context.Context) (*reader, error) {
	select {
	case r.slots <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		<-r.slots
		return nil, errClosed
	}
	if n := len(r.idle); n > 0 {
		c := r.idle[n-1]
		r.idle = r.idle[:n-1]
		return c, nil
	}
	c, err := openReader(r.path)
	if err != nil {
		<-r.slots
		return nil, err
	}
	return &reader{c, r.generation}, nil
}

// current reports whether the connection is to the file that is there now.
func (r *readers) current(c *reader) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return c.generation == r.generation
}

// give takes a connection back; no statement of it may be open.
func (r *readers) give(c *reader) {
	r.mu.Lock()
	defer r.mu.Unlock()
	<-r.slots
	if r.closed || c.generation != r.generation {
		_ = c.Close()
		return
	}
	r.idle = append(r.idle, c)
}

// renew sees to it that from now on connections are to the file that is there now.
func (r *readers) renew() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.generation++
	return r.closeIdle()
}

func (r *readers) close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	return r.closeIdle()
}

// closeIdle closes what nobody uses. mu is held.
func (r *readers) closeIdle() error {
	var err error
	for _, c := range r.idle {
		err = errors.Join(err, c.Close())
	}
	r.idle = nil
	return err
}

// Limits of a reading connection: no value above 16 MB, no statement above 256 KB, nothing attached, no threads.
func openReader(path string) (*sqlite.Conn, error) {
	c, err := sqlite.Open(path, sqlite.ReadOnly)
	if err != nil {
		return nil, err
	}
	c.Limit(sqlite.LimitLength, 16<<20)
	c.Limit(sqlite.LimitSQL, 256<<10)
	c.Limit(sqlite.LimitAttached, 0)
	c.Limit(sqlite.LimitWorkers, 0)
	err = errors.Join(c.Exec("PRAGMA query_only=1; PRAGMA trusted_schema=0"), c.Authorize(mayRead))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open reader: %w", err), c.Close())
	}
	return c, nil
}

// mayRead agrees to what only reads.
func mayRead(action sqlite.Action, arg1, arg2 string) bool {
	switch action {
	case sqlite.ActionSelect, sqlite.ActionRead, sqlite.ActionRecursive:
		return true
	case sqlite.ActionFunction:
		switch strings.ToLower(arg2) {
		case "load_extension", "fts3_tokenizer", "writefile", "edit", "readfile", "fts5", "sqlite_dbpage":
			return false
		}
		return true
	case sqlite.ActionPragma:
		switch strings.ToLower(arg1) { // they describe tables
		case "table_info", "table_xinfo", "table_list", "index_list", "index_info", "index_xinfo":
			return true
		}
	}
	return false
}
