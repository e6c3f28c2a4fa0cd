package ledger_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"amends/eventstore"
	"amends/ledger"
)

// bounded refuses an append above MaxAppendBytes, as some stores do.
type bounded struct{ eventstore.Store }

func (b bounded) Append(
	ctx context.Context, stream string, expect eventstore.Expect, events ...eventstore.Event,
) ([]eventstore.Position, error) {
	size := 0
	for _, e := range events {
		size += len(e.Data)
	}
	if size > eventstore.MaxAppendBytes {
		return nil, fmt.Errorf("%w: %d bytes in one append", eventstore.ErrTooLarge, size)
	}
	return b.Store.Append(ctx, stream, expect, events...)
}

// Many large records of one customer go in as several units, none above what every store takes.
func TestUnitsAreBounded(t *testing.T) {
	l := newLedger(t, bounded{eventstore.NewMemory()})
	raws := [][]byte{registered("C-1", "first", "K-1")}
	for i := range 400 {
		raws = append(raws, event("C-1", fmt.Sprint("e", i), "complaint.acknowledged",
			fmt.Sprintf(`{"complaint_id":"K-1","extra":{"note":%q}}`, strings.Repeat("x", 3_000))))
	}
	for i, r := range record(t, l, raws...) {
		if r.Status != ledger.Recorded || r.Revision != uint64(i)+1 {
			t.Fatalf("record %d: %+v", i, r)
		}
	}
}
