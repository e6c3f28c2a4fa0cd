package projections

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"amends/domain"
	"amends/eventstore"
	"amends/schemas"
)

// item is one record of the log, decoded, or with the reason why it could not be.
type item struct {
	event    domain.Event // with at least ID, Customer, Revision and Position
	unusable error
}

// feed reads the log ahead of the projector, within bounds, and decodes.
type feed struct {
	mu      sync.Mutex
	changed sync.Cond
	waiting []item
	ended   error // why the reading ended; errDrained at the last wanted position
}

const (
	feedAhead = 8192 // records read ahead
	feedTake  = 4096 // records taken at once, at most
)

// errDrained: everything up to the wanted position was taken.
var errDrained = errors.New("drained")

// startFeed reads what comes after the position, up to and including the last one wanted (0: for ever), until ctx ends.
// With owns, only records of streams that it agrees to are read.
func startFeed(ctx context.Context, store eventstore.Store, codec *schemas.Codec, after, until eventstore.Position,
	owns func(string) bool) *feed {
	f := new(feed)
	f.changed.L = &f.mu
	go func() {
		stop := context.AfterFunc(ctx, f.wake)
		defer stop()
		err := f.read(ctx, store, codec, after, until, owns)
		f.mu.Lock()
		f.ended = err
		f.mu.Unlock()
		f.wake()
	}()
	return f
}

func (f *feed) wake() {
	f.mu.Lock()
	f.changed.Broadcast()
	f.mu.Unlock()
}

func (f *feed) read(ctx context.Context, store eventstore.Store, codec *schemas.Codec, after, until eventstore.Position,
	owns func(string) bool) error {
	if until != 0 && after >= until {
		return errDrained
	}
	for r, err := range store.Follow(ctx, after) {
		if err != nil {
			return err
		}
		if until != 0 && r.Position > until {
			return errDrained
		}
		if owns == nil || owns(r.Stream) {
			if err := f.put(ctx, decode(codec, r)); err != nil {
				return err
			}
		}
		if r.Position == until {
			return errDrained
		}
	}
	return errors.Join(ctx.Err(), errors.New("projections: the log ended"))
}

// decode makes an item of a record. The places that the log gives count, whatever the record says.
func decode(codec *schemas.Codec, r eventstore.Recorded) item {
	event, err := decodeSafely(codec, r.Data)
	if err == nil && event.Customer != r.Stream {
		err = errors.New("the record names another customer than its stream")
	}
	if err != nil {
		return item{event: domain.Event{ID: r.ID, Type: event.Type, Customer: r.Stream,
			Revision: uint64(r.Revision), Position: uint64(r.Position)}, unusable: err}
	}
	event.Revision, event.Position = uint64(r.Revision), uint64(r.Position)
	return item{event: event}
}

func decodeSafely(codec *schemas.Codec, data []byte) (e domain.Event, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = panicError("decode", r)
		}
	}()
	return codec.Decode(data)
}

// put hands an item over; it waits while too many are waiting.
func (f *feed) put(ctx context.Context, i item) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	for len(f.waiting) >= feedAhead {
		if err := ctx.Err(); err != nil {
			return err
		}
		f.changed.Wait()
	}
	f.waiting = append(f.waiting, i)
	if len(f.waiting) == 1 {
		f.changed.Broadcast()
	}
	return nil
}

// take appends what is waiting to into, at least one item. Once nothing more comes it returns why.
func (f *feed) take(into []item) ([]item, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for len(f.waiting) == 0 {
		if f.ended != nil {
			return into, f.ended
		}
		f.changed.Wait()
	}
	n := min(len(f.waiting), feedTake)
	full := len(f.waiting) >= feedAhead
	into = append(into, f.waiting[:n]...)
	rest := copy(f.waiting, f.waiting[n:])
	clear(f.waiting[rest:])
	f.waiting = f.waiting[:rest]
	if full {
		f.changed.Broadcast()
	}
	return into, nil
}

// panicError is an error for a recovered panic. Only the runtime's own panics are quoted: others may hold anything.
func panicError(doing string, r any) error {
	if err, ok := r.(interface {
		error
		RuntimeError()
	}); ok {
		return fmt.Errorf("%s: %w", doing, err)
	}
	return fmt.Errorf("%s: panic", doing)
}
