package verifier

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
)

// Record is what a proof needs to know of a stored record: its place in its customer's stream, which the record itself says.
type Record struct {
	ID       string
	Type     string
	Stream   string // the subject: the customer
	Revision uint64 // gapless from 1
	Prev     [sha256.Size]byte
	Hash     [sha256.Size]byte // SHA-256 of the record's bytes: the next record's Prev, and the head of a stream that ends here
	Absorbed string            // of a customer.absorbed: the other customer; empty for every other type
}

// ErrNotRecord: bytes that are not a record of a ledger.
var ErrNotRecord = errors.New("not a record")

// absorbedType is the event that makes another customer's stream part of this one's history.
const absorbedType = "customer.absorbed"

// ParseRecord reads the attributes that the ledger sets in clear. Everything else in the record stays opaque.
func ParseRecord(data []byte) (Record, error) {
	r := Record{Hash: sha256.Sum256(data)}
	if err := r.scan(data); err != nil {
		return Record{}, err
	}
	if r.Type != absorbedType {
		return r, nil
	}
	var absorbed struct {
		Data struct {
			CustomerID string `json:"customer_id"`
		} `json:"data"`
	}
	if err := json.Unmarshal(data, &absorbed); err != nil || absorbed.Data.CustomerID == "" {
		return Record{}, fmt.Errorf("%w: a %s that does not name the other customer", ErrNotRecord, absorbedType)
	}
	r.Absorbed = absorbed.Data.CustomerID
	return r, nil
}

// scan reads the stored form from left to right: attributes come in one order, hold no character that JSON escapes, and have no
// white space between them (schemas.Encode). It is strict, so that no two readers can see two different customers or
// revisions in the same bytes, and it costs a tenth of what parsing JSON costs.
func (r *Record) scan(data []byte) error {
	rest, read := data, true
	until := func(separator string) string {
		end := bytes.IndexByte(rest, separator[0])
		if !read || end < 0 || !bytes.HasPrefix(rest[end:], []byte(separator)) || bytes.IndexByte(rest[:end], '\\') >= 0 {
			read = false
			return ""
		}
		value := rest[:end]
		rest = rest[end+len(separator):]
		return string(value)
	}
	optional := func(text string) bool {
		found := read && bytes.HasPrefix(rest, []byte(text))
		if found {
			rest = rest[len(text):]
		}
		return found
	}
	read = optional(`{"specversion":"1.0","id":"`)
	r.ID = until(`","source":"`)
	until(`","type":"`)
	r.Type = until(`","dataschema":"`)
	until(`","subject":"`)
	r.Stream = until(`","time":"`)
	until(`"`)
	if optional(`,"timeaccuracy":"`) {
		until(`"`)
	}
	if !optional(`,"recordedtime":"`) {
		read = false
	}
	until(`","revision":`)
	revision, err := strconv.ParseUint(until(`,"prevhash":"`), 10, 63)
	r.Revision = revision
	prev := until(`"`)
	if !read || err != nil || revision == 0 || len(prev) != 2*sha256.Size || !bytes.HasSuffix(rest, []byte{'}'}) {
		return fmt.Errorf("%w: it is not in the stored form near byte %d of %d", ErrNotRecord, len(data)-len(rest), len(data))
	}
	if _, err := hex.Decode(r.Prev[:], []byte(prev)); err != nil {
		return fmt.Errorf("%w: prevhash is not hexadecimal", ErrNotRecord)
	}
	return nil
}

// Head is the end of a stream: how many records it has, and the SHA-256 of the last one's bytes. The zero Head is that of a
// stream without records.
type Head struct {
	Count uint64
	Hash  [sha256.Size]byte
}

// ErrChain: a record does not continue its customer's chain.
var ErrChain = errors.New("the customer's chain is broken")

// Next is the head after the record, which must continue the stream: the next revision, and the hash of the record before.
func (h Head) Next(r Record) (Head, error) {
	switch {
	case r.Revision != h.Count+1:
		return h, fmt.Errorf("%w: customer %s has revision %d where %d belongs", ErrChain, r.Stream, r.Revision, h.Count+1)
	case r.Prev != h.Hash:
		return h, fmt.Errorf("%w: revision %d of customer %s does not carry the hash of the record before it",
			ErrChain, r.Revision, r.Stream)
	}
	return Head{Count: r.Revision, Hash: r.Hash}, nil
}
