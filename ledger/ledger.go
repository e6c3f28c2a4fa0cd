// Package ledger is the only way in: it takes what senders say happened, refuses what is malformed or points at nothing,
// gives each record its place in its customer's chain, and appends it to the log.
package ledger

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"amends/domain"
	"amends/eventstore"
	"amends/schemas"
	"amends/vault"
)

// Config says what a ledger is made of. Store and Codec must be set.
type Config struct {
	Store eventstore.Store
	Codec *schemas.Codec
	// Vault holds the keys under which personal values are sealed. nil: they are stored as they are sent, which is for tests
	// and measurements only.
	Vault *vault.Vault
	// Retention says how long records must be kept; erasures wait for it. Default: domain.DefaultRetention.
	Retention domain.Retention
	// Clock tells the recording time. Default: time.Now.
	Clock func() time.Time
	// Logger gets what an operator must know; never data of a record. Default: nothing is logged.
	Logger zerolog.Logger
	// CacheRecords bounds the memory of what is known about customers, in records (each costs near 150 bytes).
	// A customer that is not cached costs one read of the stream at the next write. Default 500,000.
	CacheRecords int
	// Concurrency is how many customers one Record call works on at a time. More let the store commit more at once.
	// Default 1,024.
	Concurrency int
}

// Ledger records events. Its methods may be called concurrently.
type Ledger struct {
	cfg      Config
	cache    *cache
	policies policies
	indexed  progress // how far Index is

	// fault, when set by a test, is asked between the steps of an erasure and may stop it there.
	fault func(step string) error
}

// step is where an erasure may be interrupted.
func (l *Ledger) step(name string) error {
	if l.fault == nil {
		return nil
	}
	return l.fault(name)
}

// New returns a ledger over the store.
func New(cfg Config) *Ledger {
	if cfg.Clock == nil {
		cfg.Clock = time.Now
	}
	if cfg.Retention == nil {
		cfg.Retention = domain.DefaultRetention()
	}
	if cfg.CacheRecords <= 0 {
		cfg.CacheRecords = 500_000
	}
	if cfg.Concurrency <= 0 {
		cfg.Concurrency = 1_024
	}
	return &Ledger{cfg: cfg, cache: newCache(cfg.CacheRecords)}
}

// Status says what became of an event.
type Status string

// The fates of an event.
const (
	Recorded  Status = "recorded"  // it is durable, at the receipt's revision and position
	Duplicate Status = "duplicate" // its id was recorded before; the receipt is the first one's
	Refused   Status = "refused"   // nothing was stored; the problem says why
)

// Problems of refused events that a caller may have to tell from the others: the event itself is as it must be.
const (
	// ProblemRevisionConflict: the customer is not at the event's expectedrevision.
	ProblemRevisionConflict = "urn:amends:problem:revision-conflict"
	// ProblemLogDamaged: what the log holds of the customer cannot be read.
	ProblemLogDamaged = "urn:amends:problem:log-damaged"
)

// Receipt answers for one event.
type Receipt struct {
	ID       string           `json:"id"`
	Status   Status           `json:"status"`
	Customer string           `json:"customer,omitempty"`
	Revision uint64           `json:"revision,omitempty"`
	Position uint64           `json:"position,omitempty"`
	Problem  *schemas.Problem `json:"problem,omitempty"`
}

// Record takes events as their senders wrote them (CloudEvents in JSON) and answers for each, in order. Within a customer
// the order of the call is the order of the stream. Each event stands for itself: a refused one does not hold up the others.
//
// The error is not nil when the log could not be reached for some of them: their fate is unknown, and sending the same
// events (with the same ids) again is safe. Then only receipts with a Status are answers.
//
// The events are this process's own, and may say anything of their actor; RecordAs is for those of others. What only the
// ledger itself records (domain.Type.MadeByLedger) is refused.
func (l *Ledger) Record(ctx context.Context, raws [][]byte) ([]Receipt, error) {
	return l.RecordAs(ctx, &Author{Unbound: true}, raws)
}

// RecordAs records events that the author sent. What the author may not say is refused.
func (l *Ledger) RecordAs(ctx context.Context, author *Author, raws [][]byte) ([]Receipt, error) {
	return l.record(ctx, author, raws, false)
}

// record is RecordAs; the ledger's own events may be of any type.
func (l *Ledger) record(ctx context.Context, author *Author, raws [][]byte, own bool) ([]Receipt, error) {
	receipts := make([]Receipt, len(raws))
	items := l.parse(author, raws, receipts, own)

	byCustomer := make(map[string][]*item)
	var order []string
	for _, it := range items {
		if it == nil {
			continue
		}
		customer := it.in.Event.Customer
		if _, ok := byCustomer[customer]; !ok {
			order = append(order, customer)
		}
		byCustomer[customer] = append(byCustomer[customer], it)
	}
	if l.cfg.Vault != nil && len(order) > 1 {
		if err := l.prepareKeys(ctx, items); err != nil {
			return receipts, err
		}
	}

	var mu sync.Mutex
	var failures []error
	for some := range slices.Chunk(order, l.cfg.Concurrency) {
		// A failure for one customer must not cut off the others.
		var group, deciding sync.WaitGroup
		deciding.Add(len(some))
		for _, customer := range some {
			group.Go(func() {
				if err := l.recordCustomer(ctx, customer, byCustomer[customer], &deciding); err != nil {
					mu.Lock()
					failures = append(failures, err)
					mu.Unlock()
				}
			})
		}
		group.Wait()
	}
	if len(failures) > 0 {
		return receipts, fmt.Errorf("%d of %d customers could not be written, the first: %w", len(failures), len(order), failures[0])
	}
	return receipts, nil
}

// prepareKeys has the data keys of many customers made at once, rather than by each of them on its own.
func (l *Ledger) prepareKeys(ctx context.Context, items []*item) error {
	owners := make([]vault.Owner, 0, len(items))
	for _, it := range items {
		if it != nil {
			owners = append(owners, vault.Owner{Customer: it.in.Event.Customer, Classes: l.cfg.Codec.SealedClasses(&it.in)})
		}
	}
	return l.cfg.Vault.Prepare(ctx, owners)
}

// item is one event on its way in.
type item struct {
	in      schemas.Input
	author  *Author
	receipt *Receipt
	stored  bool // the receipt is final
}

// parse validates the events on all cores. The items are in the order of raws; a refused one is nil and its receipt written.
func (l *Ledger) parse(author *Author, raws [][]byte, receipts []Receipt, own bool) []*item {
	items := make([]*item, len(raws))
	now := l.cfg.Clock().UTC()
	one := func(i int) {
		in, err := l.cfg.Codec.ParseInput(raws[i], now)
		receipts[i].ID, receipts[i].Customer = in.Event.ID, in.Event.Customer
		if err != nil {
			receipts[i].refuse(err)
			return
		}
		problem := author.sign(&in.Event)
		if problem == nil && !own {
			problem = reserved(in.Event.Type)
		}
		if problem != nil {
			receipts[i].refuse(problem)
			return
		}
		items[i] = &item{in: in, author: author, receipt: &receipts[i]}
	}
	const share = 32 // fewer are not worth another goroutine
	if len(raws) < 2*share {
		for i := range raws {
			one(i)
		}
		return items
	}
	var wg sync.WaitGroup
	workers := min(runtime.GOMAXPROCS(0), len(raws)/share)
	for w := range workers {
		wg.Go(func() {
			for i := w * len(raws) / workers; i < (w+1)*len(raws)/workers; i++ {
				one(i)
			}
		})
	}
	wg.Wait()
	return items
}

// refuse writes the problem into the receipt. Every error of the codec and the domain is, or becomes, a problem document.
func (r *Receipt) refuse(err error) {
	r.Status = Refused
	r.Problem = problemOf(err)
}

func problemOf(err error) *schemas.Problem {
	var problem *schemas.Problem
	if errors.As(err, &problem) {
		return problem
	}
	var refusal *domain.Refusal
	if errors.As(err, &refusal) {
		return &schemas.Problem{
			Type: "urn:amends:problem:" + refusal.Slug, Title: titleOf(refusal.Slug), Detail: refusal.Reason, Pointer: refusal.Pointer,
		}
	}
	return &schemas.Problem{Type: "urn:amends:problem:refused", Title: "Refused", Detail: err.Error()}
}

// titleOf turns a slug such as "unknown-complaint" into "Unknown complaint".
func titleOf(slug string) string {
	title := []byte(slug)
	for i, c := range title {
		switch {
		case c == '-':
			title[i] = ' '
		case i == 0 && c >= 'a' && c <= 'z':
			title[i] = c - 'a' + 'A'
		}
	}
	return string(title)
}
