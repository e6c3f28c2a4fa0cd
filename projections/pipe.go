package projections

import "errors"

// pipe carries chunks to a writer that works in a goroutine of its own, so that folding and writing overlap.
type pipe struct {
	writer *writer
	chunks chan *chunk
	free   chan *chunk
	failed chan struct{} // closed after the first failure
	err    error         // the first failure; read it once failed is closed
	ended  chan struct{}
}

const pipeChunks = 3

func newPipe(w *writer) *pipe {
	p := &pipe{writer: w, chunks: make(chan *chunk, pipeChunks), free: make(chan *chunk, pipeChunks+1),
		failed: make(chan struct{}), ended: make(chan struct{})}
	for range pipeChunks {
		p.free <- newChunk()
	}
	go p.run()
	return p
}

func (p *pipe) run() {
	defer close(p.ended)
	for c := range p.chunks {
		if p.err == nil {
			if err := p.writer.write(c); err != nil {
				p.err = err
				close(p.failed)
			}
		}
		if c.commit != nil {
			c.commit.done <- p.err
		}
		c.reset()
		p.free <- c
	}
}

var errPipeFailed = errors.New("projections: writing failed before")

// send hands a chunk over and returns an empty one. After a failure it returns that failure, and nothing is written any more.
func (p *pipe) send(c *chunk) (*chunk, error) {
	select {
	case <-p.failed:
		c.reset()
		return c, errors.Join(errPipeFailed, p.err)
	default:
	}
	p.chunks <- c
	return <-p.free, nil
}

// restart waits until everything sent is written, or has failed, takes back the transaction that is open, and returns a pipe
// that works anew with the same writer.
func (p *pipe) restart() (*pipe, error) {
	close(p.chunks)
	<-p.ended
	err := p.writer.rollback()
	return newPipe(p.writer), err
}

// close stops the goroutine, rolls back what is not committed and frees the writer.
func (p *pipe) close() {
	close(p.chunks)
	<-p.ended
	p.writer.close()
}
