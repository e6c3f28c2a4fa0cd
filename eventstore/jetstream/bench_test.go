package jetstream

import (
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"amends/eventstore"
)

// The benchmarks set what the store does beside the same work done with bare JetStream on the same kind of log: same
// bytes, same durability. Compare events/s within one run; absolute figures say little.

const benchBytes = 600 // a usual record

func benchStore(b *testing.B) *Store {
	b.Helper()
	s, err := Open(b.Context(), Config{Dir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := s.Close(); err != nil {
			b.Error(err)
		}
	})
	return s
}

func reportEvents(b *testing.B, n int) {
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "events/s")
}

// rawSingles publishes n durable messages, so many in flight at a time.
func rawSingles(b *testing.B, s *Store, n, inFlight int) {
	b.Helper()
	data := make([]byte, benchBytes)
	slots := make(chan *reply, inFlight)
	wait := func() {
		r := <-slots
		if _, err := r.ack(b.Context(), s.cfg.AckWait); err != nil {
			b.Fatal(err)
		}
		r.forget()
	}
	for i := range n {
		if len(slots) == cap(slots) {
			wait()
		}
		r := s.acks.expect(1)
		m := message("raw"+strconv.Itoa(i%10_000), 1, eventstore.Event{ID: benchID(i), Data: data})
		if err := s.publish(m, r.Subject); err != nil {
			b.Fatal(err)
		}
		slots <- r
	}
	for len(slots) > 0 {
		wait()
	}
}

// rawBatches publishes n messages in atomic batches, each when the one before is acknowledged.
func rawBatches(b *testing.B, s *Store, n, size int) {
	b.Helper()
	data := make([]byte, benchBytes)
	for i := 0; i < n; i += size {
		p := &pending{}
		for j := range size {
			p.msgs = append(p.msgs, message("raw"+strconv.Itoa((i+j)%10_000), 1, eventstore.Event{ID: benchID(j), Data: data}))
		}
		batch, err := s.sendBatch([]*pending{p})
		if err != nil {
			b.Fatal(err)
		}
		if _, err := batch.outcome(b.Context(), s.cfg.AckWait); err != nil {
			b.Fatal(err)
		}
	}
}

func benchID(i int) string { return fmt.Sprintf("0192f0c1-7b1a-7c3e-9d52-%012d", i) }

// appender appends from many callers, each to streams of its own.
type appender struct {
	s         *Store
	callers   int
	revisions []map[string]eventstore.Revision
}

func newAppender(s *Store, callers int) *appender {
	a := &appender{s: s, callers: callers, revisions: make([]map[string]eventstore.Revision, callers)}
	for c := range a.revisions {
		a.revisions[c] = make(map[string]eventstore.Revision)
	}
	return a
}

func (a *appender) append(b *testing.B, n int) {
	b.Helper()
	data := make([]byte, benchBytes)
	var next atomic.Int64
	var wg sync.WaitGroup
	for c := range a.callers {
		wg.Go(func() {
			for i := 0; next.Add(1) <= int64(n); i++ {
				stream := fmt.Sprintf("c%d-%d", c, i%16)
				r := a.revisions[c][stream]
				_, err := a.s.Append(b.Context(), stream, eventstore.At(r), eventstore.Event{ID: benchID(int(r)), Data: data})
				if err != nil {
					b.Error(err)
					return
				}
				a.revisions[c][stream]++
			}
		})
	}
	wg.Wait()
}

func BenchmarkRawSingle(b *testing.B) {
	for _, inFlight := range []int{1, 64} {
		b.Run(fmt.Sprint("inflight=", inFlight), func(b *testing.B) {
			s := benchStore(b)
			b.ResetTimer()
			rawSingles(b, s, b.N, inFlight)
			reportEvents(b, b.N)
		})
	}
}

func BenchmarkRawBatch(b *testing.B) {
	for _, size := range []int{10, 20, 30, 200, 1000} {
		b.Run(fmt.Sprint("size=", size), func(b *testing.B) {
			s := benchStore(b)
			b.ResetTimer()
			rawBatches(b, s, b.N, size)
			reportEvents(b, b.N)
		})
	}
}

func BenchmarkAppend(b *testing.B) {
	for _, callers := range []int{1, 8, 64, 256, 512, 2048} {
		b.Run(fmt.Sprint("callers=", callers), func(b *testing.B) {
			s := benchStore(b)
			a := newAppender(s, callers)
			b.ResetTimer()
			a.append(b, b.N)
			reportEvents(b, b.N)
		})
	}
}

// BenchmarkAppendAgainstRaw takes turns between bare JetStream and Append on one log, so that a busy disk slows both, and
// reports Append's rate as a share of the raw one: 1 is no cost at all.
func BenchmarkAppendAgainstRaw(b *testing.B) {
	for _, c := range []struct {
		name    string
		callers int
		turn    int
		raw     func(b *testing.B, s *Store, n int)
	}{
		{"callers=1/single", 1, 100, func(b *testing.B, s *Store, n int) { rawSingles(b, s, n, 1) }},
		{"callers=64/singles", 64, 1_000, func(b *testing.B, s *Store, n int) { rawSingles(b, s, n, 64) }},
		{"callers=512/batches=200", 512, 10_000, func(b *testing.B, s *Store, n int) { rawBatches(b, s, n, 200) }},
		{"callers=512/batches=500", 512, 10_000, func(b *testing.B, s *Store, n int) { rawBatches(b, s, n, 500) }},
		{"callers=2048/batches=1000", 2048, 10_000, func(b *testing.B, s *Store, n int) { rawBatches(b, s, n, 1_000) }},
	} {
		b.Run(c.name, func(b *testing.B) {
			s := benchStore(b)
			a := newAppender(s, c.callers)
			var raw, ours time.Duration
			for b.Loop() {
				began := time.Now()
				c.raw(b, s, c.turn)
				raw += time.Since(began)
				began = time.Now()
				a.append(b, c.turn)
				ours += time.Since(began)
			}
			b.ReportMetric(raw.Seconds()/ours.Seconds(), "of-raw")
			b.ReportMetric(float64(b.N*c.turn)/raw.Seconds(), "raw-events/s")
			b.ReportMetric(float64(b.N*c.turn)/ours.Seconds(), "events/s")
		})
	}
}

// benchLog is a log of n events: four streams of 10 and two of 1,000 spread evenly over it, the rest in streams of 20.
func benchLog(b *testing.B, n int) *Store {
	b.Helper()
	s := benchStore(b)
	data := make([]byte, benchBytes)
	revisions := make(map[string]eventstore.Revision)
	batch := make([]*pending, 0, 1000)
	for i := 0; i < n; {
		batch = batch[:0]
		for ; len(batch) < 1000 && i < n; i++ {
			stream := "other" + strconv.Itoa(i*7919%(n/20))
			switch {
			case i%(n/10) < 4:
				stream = "ten" + strconv.Itoa(i%(n/10))
			case i%(n/1000) < 2:
				stream = "thousand" + strconv.Itoa(i%(n/1000))
			}
			p := &pending{stream: stream, expect: revisions[stream], done: make(chan outcome, 1)}
			p.msgs = []*nats.Msg{message(stream, p.expect+1, eventstore.Event{ID: "id" + strconv.Itoa(i), Data: data})}
			revisions[stream]++
			batch = append(batch, p)
		}
		for waiting := batch; len(waiting) > 0; {
			var round []*pending
			round, waiting = nextRound(waiting)
			s.write(s.expected(round))
			for _, p := range round {
				if o := <-p.done; o.err != nil {
					b.Fatal(o.err)
				}
			}
		}
	}
	return s
}

func BenchmarkReplay(b *testing.B) {
	const n = 100_000
	s := benchLog(b, n)
	b.Run("raw", func(b *testing.B) {
		js, err := jetstream.New(s.writes)
		if err != nil {
			b.Fatal(err)
		}
		for range b.N {
			c, err := js.OrderedConsumer(b.Context(), logStream, jetstream.OrderedConsumerConfig{})
			if err != nil {
				b.Fatal(err)
			}
			it, err := c.Messages(jetstream.PullMaxMessages(5000))
			if err != nil {
				b.Fatal(err)
			}
			for range n {
				if _, err := it.Next(); err != nil {
					b.Fatal(err)
				}
			}
			it.Stop()
		}
		reportEvents(b, n*b.N)
	})
	b.Run("follow", func(b *testing.B) {
		for range b.N {
			for e, err := range s.Follow(b.Context(), 0) {
				if err != nil {
					b.Fatal(err)
				}
				if e.Position == n {
					break
				}
			}
		}
		reportEvents(b, n*b.N)
	})
}

func BenchmarkRead(b *testing.B) {
	s := benchLog(b, 100_000)
	for _, c := range []struct {
		stream string
		from   eventstore.Revision
		want   int
	}{{"ten1", 1, 10}, {"ten1", 10, 1}, {"thousand1", 1, 1000}, {"thousand1", 999, 0}, {"nobody", 1, 0}} {
		b.Run(fmt.Sprintf("%s/from=%d", c.stream, c.from), func(b *testing.B) {
			for range b.N {
				n := 0
				for _, err := range s.Read(b.Context(), c.stream, c.from) {
					if err != nil {
						b.Fatal(err)
					}
					n++
				}
				if c.want > 0 && (n < c.want-40 || n > c.want) {
					b.Fatalf("read %d events, want about %d", n, c.want)
				}
			}
		})
	}
}
