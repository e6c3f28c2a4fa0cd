package projections

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"amends/domain"
	"amends/eventstore"
	"amends/schemas"
)

// noon is the present instant of the tests.
var noon = time.Date(2026, time.March, 10, 12, 0, 0, 0, time.UTC)

var testCodec = sync.OnceValue(func() *schemas.Codec {
	c, err := schemas.New()
	if err != nil {
		panic(err)
	}
	return c
})

// rig is a log with views on it.
type rig struct {
	testing.TB
	store *eventstore.Memory
	path  string
	nanos atomic.Int64 // the present instant
	heads map[string]uint64
	clock int // seconds since noon of the last record
	views *Views
	stop  func() error
}

func newRig(t testing.TB) *rig {
	t.Helper()
	r := &rig{TB: t, store: eventstore.NewMemory(), path: filepath.Join(t.TempDir(), "views.db"), heads: make(map[string]uint64)}
	r.nanos.Store(noon.UnixNano())
	t.Cleanup(r.close)
	return r
}

// now is the present instant, which only moves by pass.
func (r *rig) now() time.Time { return time.Unix(0, r.nanos.Load()).UTC() }

func (r *rig) pass(d time.Duration) { r.nanos.Add(int64(d)) }

func (r *rig) config() Config {
	return Config{Path: r.path, Store: r.store, Codec: testCodec(), Clock: r.now}
}

// open opens the views, following nothing.
func (r *rig) open(change ...func(*Config)) *Views {
	r.Helper()
	c := r.config()
	for _, f := range change {
		f(&c)
	}
	v, err := Open(r.Context(), c)
	if err != nil {
		r.Fatal(err)
	}
	r.views = v
	return v
}

// follow opens the views and follows the log until close.
func (r *rig) follow(change ...func(*Config)) *Views {
	r.Helper()
	v := r.open(change...)
	r.run()
	return v
}

func (r *rig) run() {
	ctx, cancel := context.WithCancel(r.Context())
	ended := make(chan error, 1)
	go func() { ended <- r.views.Run(ctx) }()
	r.stop = func() error {
		cancel()
		return <-ended
	}
}

// close ends what runs and closes the views.
func (r *rig) close() {
	r.Helper()
	if r.stop != nil {
		if err := r.stop(); !errors.Is(err, context.Canceled) {
			r.Errorf("Run ended with %v", err)
		}
		r.stop = nil
	}
	if r.views != nil {
		if err := r.views.Close(); err != nil {
			r.Error(err)
		}
		r.views = nil
	}
}

// caughtUp waits until the views have everything that is in the log.
func (r *rig) caughtUp() {
	r.Helper()
	end, err := r.store.End(r.Context())
	if err != nil {
		r.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(r.Context(), 30*time.Second)
	defer cancel()
	if err := r.views.WaitFor(ctx, end); err != nil {
		r.Fatal(err)
	}
}

// say is an event of a customer, a second after the one before.
func (r *rig) say(customer string, typ domain.Type, data domain.Data) domain.Event {
	r.clock++
	return domain.Event{ID: fmt.Sprintf("e-%d", r.clock), Source: "urn:test", Type: typ, Customer: customer,
		Time: noon.Add(time.Duration(r.clock-1_000_000) * time.Second), Data: data}
}

// record appends the events to the log and returns them as recorded.
func (r *rig) record(events ...domain.Event) []domain.Event {
	r.Helper()
	for i := range events {
		e := &events[i]
		e.Revision = r.heads[e.Customer] + 1
		if e.Recorded.IsZero() {
			e.Recorded = e.Time
		}
		e.Position = r.put(e.Customer, eventstore.Event{ID: e.ID, Data: encode(r, *e)})
	}
	return events
}

// put appends bytes.
func (r *rig) put(stream string, e eventstore.Event) uint64 {
	r.Helper()
	at, err := r.store.Append(r.Context(), stream, eventstore.At(eventstore.Revision(r.heads[stream])), e)
	if err != nil {
		r.Fatal(err)
	}
	r.heads[stream]++
	return uint64(at[0])
}

func schemaOf(t domain.Type) string { return "urn:amends:schema:" + string(t) + ":1" }

func encode(t testing.TB, e domain.Event) []byte {
	t.Helper()
	payload, err := json.Marshal(e.Data)
	if err != nil {
		t.Fatal(err)
	}
	data, err := testCodec().Encode(schemas.Input{Event: e, DataJSON: payload, Schema: schemaOf(e.Type)}, e.Recorded, e.Revision,
		[32]byte{})
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// correction is a correction of the event.
func (r *rig) correction(of domain.Event, data domain.Data) domain.Event {
	r.Helper()
	raw, err := json.Marshal(data)
	if err != nil {
		r.Fatal(err)
	}
	return r.say(of.Customer, "record.corrected",
		&domain.RecordCorrected{EventID: of.ID, EventSchema: schemaOf(of.Type), Data: raw, Decoded: data})
}

// registered opens a complaint.
func (r *rig) registered(customer, complaint string) domain.Event {
	return r.say(customer, "complaint.registered", &domain.ComplaintRegistered{
		ComplaintRef: domain.ComplaintRef{ComplaintID: complaint}, Channel: "phone", Product: "loan", Subject: "s", Description: "d",
		Category: "fees", Severity: "S3"})
}

func (r *rig) called(customer string) domain.Event {
	return r.say(customer, "interaction.call", &domain.Interaction{Direction: "inbound", Summary: "about it"})
}

// table reads a result as one line of text for each row.
func (r *rig) table(statement string) []string {
	r.Helper()
	rows, err := r.views.SQL(r.Context(), statement)
	if err != nil {
		r.Fatal(err)
	}
	var out []string
	for values := range rows.All() {
		line := ""
		for i, v := range values {
			if i > 0 {
				line += " "
			}
			line += fmt.Sprint(v)
		}
		out = append(out, line)
	}
	if rows.Err() != nil {
		r.Fatal(rows.Err())
	}
	return out
}

// sound fails the test unless the live views are what the log gives.
func (r *rig) sound() {
	r.Helper()
	report, err := r.views.Check(r.Context(), nil)
	if err != nil {
		r.Fatalf("%v: %+v", err, report)
	}
}
