package projections

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/sync/errgroup"

	"amends/domain"
	"amends/eventstore"
	"amends/eventstore/jetstream"
)

// The benchmarks make the views of a log of usual records (about 600 bytes; 12 records a customer, the customers mixed) and set
// that beside a bare ordered replay of the same log in the same run. Compare the ratio; absolute figures say little.

const (
	benchEvents    = 60_000
	benchCustomers = benchEvents / 12
)

// benchLog is a JetStream log filled with the records of customers whose complaints go their usual way.
func benchLog(b *testing.B) eventstore.Store {
	b.Helper()
	s, err := jetstream.Open(b.Context(), jetstream.Config{Dir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := s.Close(); err != nil {
			b.Error(err)
		}
	})
	var size atomic.Int64
	for round := range uint64(4) { // a few records of one customer at a time, as work comes
		var group errgroup.Group
		group.SetLimit(256)
		for customer := range benchCustomers {
			group.Go(func() error {
				var batch []eventstore.Event
				for n := 3 * round; n < 3*round+3; n++ {
					e := usual(customer, n)
					e.Revision = n + 1
					data := encode(b, e)
					size.Add(int64(len(data)))
					batch = append(batch, eventstore.Event{ID: e.ID, Data: data})
				}
				_, err := s.Append(b.Context(), usual(customer, 0).Customer, eventstore.At(eventstore.Revision(3*round)), batch...)
				return err
			})
		}
		if err := group.Wait(); err != nil {
			b.Fatal(err)
		}
	}
	b.Logf("%d records of %d bytes on average", benchEvents, size.Load()/benchEvents)
	return s
}

// usual is the n-th record of a customer.
func usual(customer int, n uint64) domain.Event {
	ref := domain.ComplaintRef{ComplaintID: fmt.Sprintf("k-%d-%d", customer, n/8)}
	text := "The instalment of last month was taken twice, and nobody could tell when the money comes back to the account."
	e := domain.Event{ID: fmt.Sprintf("0192f3a4-5b6c-7d8e-9f00-%06d%06d", customer, n), Source: "urn:crm:desk-2", Actor: "agent-17",
		Customer: fmt.Sprintf("c-%06d", customer), Time: noon.Add(time.Duration(n-1000)*time.Hour + time.Duration(customer)*time.Second)}
	e.Recorded = e.Time.Add(time.Second)
	step := func(t domain.Type, d domain.Data) { e.Type, e.Data = t, d }
	switch n % 8 {
	case 0:
		step("complaint.registered", &domain.ComplaintRegistered{ComplaintRef: ref, Channel: "phone", Subject: "Instalment taken twice",
			Description: text, Product: "consumer loan", Category: "payments", Severity: "S3"})
	case 1:
		step("complaint.acknowledged", &domain.ComplaintAcknowledged{ComplaintRef: ref, Channel: "email"})
	case 2, 6:
		step("interaction.call", &domain.Interaction{Direction: "inbound", Purpose: "inquiry", Summary: text + text, ComplaintID: ref.ComplaintID})
	case 3:
		step("complaint.assigned", &domain.ComplaintAssigned{ComplaintRef: ref, Owner: "agent-17", Team: "payments"})
	case 4:
		step("commitment.made", &domain.CommitmentMade{ComplaintID: ref.ComplaintID, What: text, DueAt: noon, Medium: "phone"})
	case 5:
		step("interaction.email", &domain.Interaction{Direction: "outbound", Purpose: "inquiry", Summary: text + text, ComplaintID: ref.ComplaintID})
	case 7:
		step("survey.answered", &domain.SurveyAnswered{Metric: "csat", Score: 2 + customer%4, Verbatim: text})
	}
	return e
}

// replay is how long a bare replay takes.
func replay(b *testing.B, s eventstore.Store) time.Duration {
	b.Helper()
	end, err := s.End(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	start := time.Now()
	for r, err := range s.Follow(b.Context(), 0) {
		if err != nil {
			b.Fatal(err)
		}
		if r.Position == end {
			break
		}
	}
	return time.Since(start)
}

func BenchmarkRebuild(b *testing.B) {
	s := benchLog(b)
	for b.Loop() {
		raw := replay(b, s)
		v, err := Open(b.Context(), Config{Path: b.TempDir() + "/views.db", Store: s, Codec: testCodec(), Logger: zerolog.Nop()})
		if err != nil {
			b.Fatal(err)
		}
		start := time.Now()
		if err := v.Rebuild(b.Context(), nil, nil); err != nil {
			b.Fatal(err)
		}
		took := time.Since(start)
		if err := v.Close(); err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(benchEvents/raw.Seconds(), "replayed/s")
		b.ReportMetric(benchEvents/took.Seconds(), "rebuilt/s")
		b.ReportMetric(raw.Seconds()/took.Seconds(), "ratio")
	}
}

// BenchmarkLive makes the views record by record: each is waited for before the next is written.
func BenchmarkLive(b *testing.B) {
	s := eventstore.NewMemory()
	v, err := Open(b.Context(), Config{Path: b.TempDir() + "/views.db", Store: s, Codec: testCodec()})
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(b.Context())
	ended := make(chan error, 1)
	go func() { ended <- v.Run(ctx) }()
	heads := make([]uint64, 1000)
	i := 0
	for b.Loop() {
		customer := i % len(heads)
		e := usual(customer, heads[customer])
		e.Revision = heads[customer] + 1
		at, err := s.Append(b.Context(), e.Customer, eventstore.At(eventstore.Revision(heads[customer])),
			eventstore.Event{ID: e.ID, Data: encode(b, e)})
		if err != nil {
			b.Fatal(err)
		}
		heads[customer]++
		i++
		if err := v.WaitFor(b.Context(), at[0]); err != nil {
			b.Fatal(err)
		}
	}
	cancel()
	<-ended
	if err := v.Close(); err != nil {
		b.Fatal(err)
	}
}
