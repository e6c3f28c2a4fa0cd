package web

import (
	"bytes"
	"context"

	"amends/eventstore"
	"amends/ledger"
	"amends/schemas"
)

// chunk is what is recorded at once.
type chunk struct {
	raws   [][]byte
	answer []ledger.Receipt // one for each element; of an element in raws it is still empty
	bytes  int
}

func (c *chunk) add(e element) {
	if e.problem != nil {
		c.answer = append(c.answer, ledger.Receipt{Status: ledger.Refused, Problem: e.problem})
		return
	}
	c.raws = append(c.raws, bytes.Clone(e.raw))
	c.answer = append(c.answer, ledger.Receipt{})
	c.bytes += len(e.raw)
}

func (c *chunk) full() bool {
	return len(c.answer) >= eventstore.MaxAppendEvents || c.bytes >= maxChunkBytes
}

// recordChunk records the chunk and writes the receipts. A failure of the log comes after the receipts.
func (s *server) recordChunk(ctx context.Context, from *ledger.Author, c *chunk, out *receipts) error {
	var failure error
	if len(c.raws) > 0 {
		var recorded []ledger.Receipt
		recorded, failure = s.cfg.Ledger.RecordAs(ctx, from, c.raws)
		for i := range c.answer {
			if c.answer[i].Status != "" {
				continue
			}
			sent := len(c.raws) - len(recorded)
			c.answer[i], recorded = recorded[0], recorded[1:]
			if c.answer[i].Status == "" {
				c.answer[i].Status = statusUnknown
			}
			identify(&c.answer[i], c.raws[sent])
		}
	}
	for i := range c.answer {
		if err := out.add(&c.answer[i]); err != nil {
			return err
		}
	}
	if err := out.deliver(); err != nil {
		return err
	}
	if failure != nil {
		return unavailable(failure)
	}
	return nil
}

// identify names the event of a refused receipt, so that the sender finds it again, as far as it could be read. What the
// problem is about, and what has not the form of an id, is not repeated: it might be an email address.
func identify(r *ledger.Receipt, raw []byte) {
	if r.Status != ledger.Refused || r.ID != "" && r.Customer != "" {
		return
	}
	id, customer := schemas.Identify(raw)
	pointer := ""
	if r.Problem != nil {
		pointer = r.Problem.Pointer
	}
	if r.ID == "" && pointer != "/id" {
		r.ID = id
	}
	if r.Customer == "" && pointer != "/subject" {
		r.Customer = customer
	}
}
