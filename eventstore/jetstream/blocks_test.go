package jetstream_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"amends/eventstore"
	"amends/eventstore/jetstream"
)

// A flipped bit in the sequence of a record ends Open with ErrDamaged and the position, whatever the server's index says; the
// server itself would take it for a gap of up to 2^62 deleted messages, and note each.
func TestFlippedSequence(t *testing.T) {
	for byteOfSequence := range 8 {
		for _, indexed := range []bool{true, false} {
			t.Run(fmt.Sprintf("byte %d, indexed %v", byteOfSequence, indexed), func(t *testing.T) {
				dir := t.TempDir()
				s, err := jetstream.Open(t.Context(), jetstream.Config{Dir: dir})
				if err != nil {
					t.Fatal(err)
				}
				for i := range 30 {
					e := eventstore.Event{ID: fmt.Sprint("e", i), Data: make([]byte, 300)}
					if _, err := s.Append(t.Context(), "customer", eventstore.At(eventstore.Revision(i)), e); err != nil {
						t.Fatal(err)
					}
				}
				if err := s.Close(); err != nil {
					t.Fatal(err)
				}
				msgs := filepath.Join(dir, "jetstream", "$G", "streams", "LOG", "msgs")
				if !indexed {
					if err := os.Remove(filepath.Join(msgs, "index.db")); err != nil {
						t.Fatal(err)
					}
				}
				path := filepath.Join(msgs, "1.blk")
				data, err := os.ReadFile(path)
				if err != nil {
					t.Fatal(err)
				}
				at := 0 // of the record at position 20
				for range 19 {
					at += int(binary.LittleEndian.Uint32(data[at:]) &^ (1 << 31))
				}
				data[at+4+byteOfSequence] ^= 4
				if err := os.WriteFile(path, data, 0o600); err != nil {
					t.Fatal(err)
				}
				_, err = jetstream.Open(t.Context(), jetstream.Config{Dir: dir})
				var damage *eventstore.DamageError
				if !errors.As(err, &damage) || damage.Position != 20 {
					t.Fatalf("got %v, want a *DamageError at position 20", err)
				}
				if kept, err := os.ReadFile(path); err != nil || string(kept) != string(data) {
					t.Errorf("the log was changed (%v)", err)
				}
			})
		}
	}
}
