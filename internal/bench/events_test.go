package bench

import (
	"bytes"
	"testing"
	"time"

	"amends/schemas"
)

// TestEventsAreValid: every invented event is what the schemas ask for, has the size that is claimed, and depends on the seed.
func TestEventsAreValid(t *testing.T) {
	codec, err := schemas.New()
	if err != nil {
		t.Fatal(err)
	}
	size, ids := 0, map[string]bool{}
	const n = 500
	for k := range n {
		e := event(1, "C-1", k)
		if !bytes.Equal(e, event(1, "C-1", k)) || bytes.Equal(e, event(2, "C-1", k)) {
			t.Errorf("event %d does not depend on the seed alone", k)
		}
		in, err := codec.ParseInput(e, time.Now())
		if err != nil {
			t.Fatalf("event %d: %v\n%s", k, err, e)
		}
		ids[in.Event.ID] = true
		stored, err := codec.Encode(in, time.Now(), uint64(k+1), [32]byte{})
		if err != nil {
			t.Fatal(err)
		}
		size += len(stored)
	}
	if len(ids) != n {
		t.Errorf("%d events have %d ids", n, len(ids))
	}
	if mean := size / n; mean < 500 || mean > 750 {
		t.Errorf("a stored event has %d bytes on average, want about 600", mean)
	}
}
