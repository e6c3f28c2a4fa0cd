// Package demo makes up the histories of a few hundred customers of an invented company, Larkfield Energy, for `amends demo`
// and for tests that want believable data: complaints handled well and badly, promises kept and broken, and what customers
// do about it. Every name, address and text is invented. Scores and departures follow from what happened: the same
// generator is what a churn model can be tried on.
package demo

import (
	"fmt"
	"iter"
	"math/rand/v2"
	"slices"
	"time"
)

// Config says which histories to make. The zero value makes 300 customers over the two years before 1 July 2026.
type Config struct {
	Seed      int64     // the same seed gives the same bytes
	Customers int       // how many; 0: 300. A few of them turn out to be the same person twice, and are merged
	From, To  time.Time // nothing happens outside; zero To: 2026-07-01; zero From: two years before To
}

// defaultEnd is fixed, because a demonstration that moves with the clock could not be the same twice.
var defaultEnd = time.Date(2026, time.July, 1, 0, 0, 0, 0, time.UTC)

// Generate yields CloudEvents in JSON, ready to be recorded: customer by customer, each customer's events in the order in
// which they may be recorded. It is a pure function of cfg.
func Generate(cfg Config) iter.Seq[[]byte] {
	if cfg.Customers == 0 {
		cfg.Customers = 300
	}
	if cfg.To.IsZero() {
		cfg.To = defaultEnd
	}
	if cfg.From.IsZero() {
		cfg.From = cfg.To.AddDate(-2, 0, 0)
	}
	cfg.From, cfg.To = cfg.From.UTC(), cfg.To.UTC()
	return func(yield func([]byte) bool) {
		w := newWorld(cfg)
		for i := range cfg.Customers {
			for _, raw := range w.customer(i) {
				if !yield(raw) {
					return
				}
			}
		}
	}
}

// world is what all customers share: the span of time and the company's own mishaps.
type world struct {
	cfg       Config
	incidents []*incident
}

// incident is a systemic cause: while it lasts, many customers complain of the same thing.
type incident struct {
	id, cause, product, category, unit, what string
	from, fixed                              time.Time
	// The first complaint of it that the company saw, to which later ones are linked.
	complaint, customer string
}

func newWorld(cfg Config) *world {
	w := &world{cfg: cfg}
	span := cfg.To.Sub(cfg.From)
	at := func(share float64) time.Time {
		return cfg.From.Add(time.Duration(share * float64(span))).Truncate(time.Hour)
	}
	w.incidents = []*incident{
		{id: "billing-migration", cause: "process.billing", product: "Electricity", category: "Bill", unit: "Billing",
			what: "Check every migrated account against its last paper bill", from: at(0.22), fixed: at(0.34)},
		{id: "app-outage", cause: "technology.outage", product: "App", category: "Login", unit: "Digital",
			what: "Second data centre for the login service", from: at(0.52), fixed: at(0.56)},
		{id: "installer-strike", cause: "third_party.supplier", product: "Heat pump", category: "Installation", unit: "Field service",
			what: "Contract with a second installer in each region", from: at(0.70), fixed: at(0.85)},
	}
	return w
}

// during returns the incident that hits a customer at an instant, if one does.
func (w *world) during(at time.Time) *incident {
	for _, i := range w.incidents {
		if !at.Before(i.from) && at.Before(i.fixed) {
			return i
		}
	}
	return nil
}

// customer makes one customer's history, and that of a duplicate if there is one.
func (w *world) customer(i int) [][]byte {
	rng := rand.New(rand.NewPCG(uint64(w.cfg.Seed), uint64(i)+1))
	l := newLife(w, rng, i)
	l.live()
	streams := []*stream{l.stream}
	if twin := l.mergers(i); twin != nil {
		streams = append(streams, twin)
	}
	var out [][]byte
	for _, s := range streams {
		out = append(out, s.records(w.cfg.To)...)
	}
	return out
}

// stream collects the events of one customer.
type stream struct {
	customer string
	events   []entry
	last     int // number of the last id given
}

// entry is one event before it is written.
type entry struct {
	at  time.Time
	raw []byte
}

// records are the events up to end, in the order of their time; of two at the same time the one told first comes first.
func (s *stream) records(end time.Time) [][]byte {
	slices.SortStableFunc(s.events, func(a, b entry) int { return a.at.Compare(b.at) })
	var out [][]byte
	for _, e := range s.events {
		if e.at.Before(end) {
			out = append(out, e.raw)
		}
	}
	return out
}

func (s *stream) nextID() string {
	s.last++
	return fmt.Sprintf("demo:%s:%03d", s.customer, s.last)
}
