package web

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"

	"amends/ledger"
)

// receipts are the answer to many events: held until the request ends, or sent as they come.
type receipts struct {
	held    spool
	live    http.ResponseWriter // not nil: nothing is held
	chunk   bytes.Buffer        // what is to be sent next
	array   bool
	count   int
	highest uint64
}

func (o *receipts) add(r *ledger.Receipt) error {
	o.highest = max(o.highest, r.Position)
	text, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("encode a receipt: %w", err)
	}
	switch {
	case !o.array:
		text = append(text, '\n')
	case o.count == 0:
		text = append([]byte{'['}, text...)
	default:
		text = append([]byte{',', '\n'}, text...)
	}
	o.count++
	if o.live != nil {
		_, err = o.chunk.Write(text)
	} else {
		_, err = o.held.Write(text)
	}
	return err
}

// deliver sends what was added, if the receipts are live.
func (o *receipts) deliver() error {
	if o.live == nil || o.chunk.Len() == 0 {
		return nil
	}
	if _, err := o.chunk.WriteTo(o.live); err != nil {
		return err
	}
	return http.NewResponseController(o.live).Flush()
}

// end closes the array.
func (o *receipts) end() {
	if !o.array {
		return
	}
	closing := "]\n"
	if o.count == 0 {
		closing = "[]\n"
	}
	_, _ = io.WriteString(&o.held, closing) // two bytes: into memory, or into a file that copyTo would fail to read
}

// inProblem puts the receipts into the problem that ended the request, so that nothing that is known gets lost.
func (o *receipts) inProblem(failure error) error {
	var p *Problem
	if !errors.As(failure, &p) {
		return failure
	}
	var all bytes.Buffer
	o.end()
	if err := o.held.copyTo(&all); err != nil {
		return errors.Join(failure, err)
	}
	p.Receipts = all.Bytes()
	if !o.array {
		lines := bytes.TrimSpace(p.Receipts)
		p.Receipts = append(append([]byte{'['}, bytes.ReplaceAll(lines, []byte{'\n'}, []byte{','})...), ']')
	}
	return p
}
