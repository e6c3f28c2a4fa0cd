package bench

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"amends/audit"
	"amends/eventstore"
)

// sealing is a sealer at work on a rig's log.
type sealing struct {
	*audit.Sealer
	stop    context.CancelFunc
	stopped chan error
}

func seal(ctx context.Context, dir string, g *rig) (*sealing, error) {
	sealer, err := audit.Open(audit.Config{Dir: dir, Store: g.store})
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	s := &sealing{Sealer: sealer, stop: cancel, stopped: make(chan error, 1)}
	go func() { s.stopped <- sealer.Run(ctx) }()
	return s, nil
}

func (s *sealing) close() error {
	s.stop()
	if err := <-s.stopped; !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

// measureSeal measures what sealing costs an ingest, how fast a whole log is sealed and verified, and how long an event takes
// until it can be proved.
func measureSeal(ctx context.Context, r *run) (err error) {
	plain, err := openRig(ctx, r.path("seal-without"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, plain.close()) }()
	sealed, err := openRig(ctx, r.path("seal-with"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, sealed.close()) }()
	s, err := seal(ctx, r.path("seal-with"), sealed)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close()) }()

	turns, turn := pick(r, 1, 4), pick(r, 4_000, 20_000)
	var without, with, lag time.Duration
	source := newHistories(r.Seed)
	for t := range turns {
		batches := make([][][]byte, turn/ingestBatch)
		for i := range turn {
			batches[i/ingestBatch] = append(batches[i/ingestBatch], source.event(among(5_000, t*turn+i)))
		}
		began := time.Now()
		if err := plain.send(ctx, batches, 1); err != nil {
			return err
		}
		without += time.Since(began)
		began = time.Now()
		if err := sealed.send(ctx, batches, 1); err != nil {
			return err
		}
		with += time.Since(began)
		end, err := sealed.store.End(ctx)
		if err == nil {
			began = time.Now()
			err = s.WaitFor(ctx, end)
		}
		if err != nil {
			return err
		}
		lag = max(lag, time.Since(began))
		if err := s.WaitForMap(ctx, end); err != nil { // the next turn without it begins at rest
			return err
		}
	}
	n := float64(turns * turn)
	r.add(Figure{
		Name: "ingest_log_sealed", Unit: "events/s", Value: n / with.Seconds(), Goal: "ratio >= 0.7",
		Detail: fmt.Sprintf("ingest while the sealer and the map follow; raw: without them. Afterwards the last event was sealed within %.0f ms",
			float64(lag)/float64(time.Millisecond)),
	}.against(n / without.Seconds()))
	if err := measureVerify(ctx, r, plain); err != nil {
		return err
	}
	return measureProofs(ctx, r, sealed, s)
}

// measureVerify seals a log from its beginning and verifies it, beside hashing its bytes.
func measureVerify(ctx context.Context, r *run, g *rig) (err error) {
	records, err := g.after(ctx, 0)
	if err != nil {
		return err
	}
	end := records[len(records)-1].Position
	n := float64(len(records))
	began := time.Now()
	s, err := seal(ctx, g.dir, g)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	if err := s.WaitFor(ctx, end); err != nil {
		return err
	}
	took := time.Since(began)
	if err := s.WaitForMap(ctx, end); err != nil {
		return err
	}
	r.add(Figure{Name: "seal", Unit: "events/s", Value: n / took.Seconds(), Detail: fmt.Sprintf(
		"a log of %.0f events sealed from its beginning; the completeness map was there after %.0f ms in all", n,
		float64(time.Since(began))/float64(time.Millisecond))})

	began = time.Now()
	var sum [sha256.Size]byte
	for _, rec := range records {
		sum = sha256.Sum256(rec.Data)
	}
	hashing := time.Since(began)
	began = time.Now()
	found, err := s.Verify(ctx, s.Key(), nil, nil)
	if err != nil {
		return err
	}
	if found.Differing > 0 {
		return fmt.Errorf("the verification found a difference: %s", found.First[0])
	}
	r.add(Figure{
		Name: "verify", Unit: "events/s", Value: n / time.Since(began).Seconds(),
		Detail: fmt.Sprintf("the whole log read and verified: chains, bundles, tiles, roots, map, on all cores; raw: SHA-256 of the same bytes "+
			"in memory on one core (%x…)", sum[:2]),
	}.against(n / hashing.Seconds()))
	return nil
}

// proofRate is the load, in events a second, under which the delay until an event can be proved is measured.
const proofRate = 2_000

// measureProofs records events at a steady rate and measures how long each takes from its acknowledgement to its inclusion proof.
func measureProofs(ctx context.Context, r *run, g *rig, s *sealing) error {
	n := int(pick(r, 500*time.Millisecond, 6*time.Second).Seconds() * proofRate)
	source := newHistories(r.Seed + 1)
	events := make([][]byte, n)
	for i := range events {
		events[i] = source.event(fmt.Sprint("P-", i*7919%2_000))
	}
	var mu sync.Mutex
	var took []time.Duration
	group, working := errgroup.WithContext(ctx)
	began := time.Now()
	for i, e := range events {
		if wait(working, time.Until(began.Add(time.Duration(i)*time.Second/proofRate))) != nil {
			break
		}
		group.Go(func() error {
			receipts, err := g.record(working, e)
			if err != nil {
				return err
			}
			acknowledged, at := time.Now(), eventstore.Position(receipts[0].Position)
			if err := s.WaitFor(working, at); err != nil {
				return err
			}
			if _, err := s.Proof(working, at); err != nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			took = append(took, time.Since(acknowledged))
			return nil
		})
	}
	if err := errors.Join(group.Wait(), ctx.Err()); err != nil {
		return err
	}
	detail := fmt.Sprintf("from the acknowledgement to the inclusion proof in hand, at %.0f events/s (%d asked for), every event proved",
		float64(n)/time.Since(began).Seconds(), proofRate)
	r.add(
		Figure{Name: "proof_p50", Unit: "ms", Value: milliseconds(took, 0.5), Detail: detail},
		Figure{Name: "proof_p99", Unit: "ms", Value: milliseconds(took, 0.99), Goal: "value <= 1000", Detail: detail},
	)
	return nil
}
