package bench

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"amends/eventstore"
)

// ingestBatch is how many events a sender hands over at a time, as `amends import` does.
const ingestBatch = 1_000

// ingestWays are the ways in which events come in.
var ingestWays = []struct {
	name    string
	senders int
	whole   bool // customer by customer, ten events each, instead of one event each of many customers
	what    string
}{
	{"ingest", 1, false, "one sender, events of many customers mixed"},
	{"ingest_4_senders", 4, false, "four senders at once, events of many customers mixed"},
	{"ingest_histories", 1, true, "one sender, customer by customer, ten events each"},
}

// measureIngest takes turns between recording events and publishing the bytes that were thereby stored to plain servers,
// so that whatever else the disk does slows all of them alike.
func measureIngest(ctx context.Context, r *run) (err error) {
	g, err := openRig(ctx, r.path("ingest"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, g.close()) }()
	rawSizes := []int{1_000, 200}
	plain := make([]*raw, len(rawSizes))
	for i, size := range rawSizes {
		if plain[i], err = newRaw(ctx, r.path(fmt.Sprint("ingest-raw-", size))); err != nil {
			return err
		}
		defer plain[i].close()
	}

	turns, turn, customers := pick(r, 1, 3), pick(r, 4_000, 10_000), pick(r, 4_000, 20_000)
	source := newHistories(r.Seed)
	ours, theirs := make([]time.Duration, len(ingestWays)), make([]time.Duration, len(rawSizes))
	var bytes, recorded int
	var position eventstore.Position
	for range turns {
		for w, way := range ingestWays {
			batches := make([][][]byte, turn/ingestBatch)
			for i := range turn {
				customer := among(customers, recorded+i)
				if way.whole {
					customer = fmt.Sprintf("H-%07d", (recorded+i)/10)
				}
				batches[i/ingestBatch] = append(batches[i/ingestBatch], source.event(customer))
			}
			began := time.Now()
			if err := g.send(ctx, batches, way.senders); err != nil {
				return err
			}
			ours[w] += time.Since(began)

			records, err := g.after(ctx, position)
			if err != nil {
				return err
			}
			if recorded += turn; len(records) != turn {
				return fmt.Errorf("%d events were stored instead of %d", len(records), turn)
			}
			position = records[turn-1].Position
			for _, rec := range records {
				bytes += len(rec.Data)
			}
			for i, size := range rawSizes {
				began := time.Now()
				if err := plain[i].batches(ctx, records, size); err != nil {
					return err
				}
				theirs[i] += time.Since(began)
			}
		}
	}

	raw1000, raw200 := float64(recorded)/theirs[0].Seconds(), float64(recorded)/theirs[1].Seconds()
	for w, way := range ingestWays {
		rate := float64(turns*turn) / ours[w].Seconds()
		r.add(Figure{
			Name: way.name, Unit: "events/s", Value: rate, Goal: "ratio >= 0.6",
			Detail: fmt.Sprintf("%s, %d handed over at a time, %d bytes each when stored; raw: atomic batches of 1000 of the same bytes "+
				"(of 200: %.0f events/s, ratio %.2f)", way.what, ingestBatch, bytes/recorded, raw200, rate/raw200),
		}.against(raw1000))
	}
	return nil
}

// send records the batches, by so many senders at once.
func (g *rig) send(ctx context.Context, batches [][][]byte, senders int) error {
	group, ctx := errgroup.WithContext(ctx)
	for s := range senders {
		group.Go(func() error {
			for b := s; b < len(batches); b += senders {
				if _, err := g.record(ctx, batches[b]...); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return group.Wait()
}
