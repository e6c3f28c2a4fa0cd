package web

import (
	"io"
	"iter"
	"sync"
)

// arriving passes the elements of a request's body from the goroutine that reads them to the one that records them. The
// recorder takes everything that has arrived as soon as the reader has to wait for the sender, so that what a slow sender
// sent is recorded, and while it works the next chunk grows: a fast sender's chunks are full.
type arriving struct {
	body io.Reader

	mu      sync.Mutex
	changed sync.Cond
	chunk   *chunk // what has arrived and was not taken
	waiting bool   // the reader waits for the sender
	ended   bool   // nothing more arrives
	refused bool   // nothing more is taken
}

func newArriving(body io.Reader) *arriving {
	a := &arriving{body: body, chunk: &chunk{}}
	a.changed.L = &a.mu
	return a
}

// Read implements io.Reader: it reads the request's body, and tells the recorder that the reader waits meanwhile.
func (a *arriving) Read(p []byte) (int, error) {
	a.set(func() { a.waiting = true })
	n, err := a.body.Read(p)
	a.set(func() { a.waiting = false })
	return n, err
}

func (a *arriving) set(change func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	change()
	a.changed.Broadcast()
}

// readAll adds the elements until they end, or nothing more is taken.
func (a *arriving) readAll(elements iter.Seq[element]) {
	defer a.set(func() { a.ended = true })
	for e := range elements {
		if !a.add(e) {
			return
		}
	}
}

// add waits for room; false means that nothing more is taken.
func (a *arriving) add(e element) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	for a.chunk.full() && !a.refused {
		a.changed.Wait()
	}
	if a.refused {
		return false
	}
	a.chunk.add(e)
	a.changed.Broadcast()
	return true
}

// take returns what has arrived, once the reader waits or the chunk is full; false at the end.
func (a *arriving) take() (*chunk, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for {
		switch empty := len(a.chunk.answer) == 0; {
		case empty && a.ended:
			return nil, false
		case !empty && (a.waiting || a.ended || a.chunk.full()):
			taken := a.chunk
			a.chunk = &chunk{}
			a.changed.Broadcast()
			return taken, true
		}
		a.changed.Wait()
	}
}

// refuse makes the reader stop.
func (a *arriving) refuse() { a.set(func() { a.refused = true }) }
