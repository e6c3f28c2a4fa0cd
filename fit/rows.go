package fit

import (
	"context"
	"slices"
	"time"

	"amends/domain"
)

// Histories are the records of a ledger, by customer. Fill it with Add, in the order of the log.
type Histories struct {
	streams  map[string][]domain.Event
	end      time.Time // the latest recording
	happened time.Time // the latest time of anything recorded as past
	position uint64
}

// Add takes one record.
func (h *Histories) Add(e domain.Event) {
	if h.streams == nil {
		h.streams = make(map[string][]domain.Event)
	}
	h.position = max(h.position, e.Position)
	if e.Customer == domain.LedgerStream {
		return
	}
	h.streams[e.Customer] = append(h.streams[e.Customer], e)
	if e.Recorded.After(h.end) {
		h.end = e.Recorded
	}
	if e.Time.After(h.happened) && !e.Time.After(e.Recorded) {
		h.happened = e.Time
	}
}

// customers lists whose histories there are, in order.
func (h *Histories) customers() []string {
	ids := make([]string, 0, len(h.streams))
	for id := range h.streams {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}

// gather is all that counts for a customer: the own records and those of the customers absorbed.
func (h *Histories) gather(id string) []domain.Event {
	all := slices.Clone(h.streams[id])
	read := []string{id}
	for i := 0; i < len(read); i++ {
		for _, absorbed := range domain.Absorbed(h.streams[read[i]], domain.Limits{}) {
			if !slices.Contains(read, absorbed) {
				read = append(read, absorbed)
				all = append(all, h.streams[absorbed]...)
			}
		}
	}
	return all
}

// row is one customer at one month's end: what was known then, and what came of it.
type row struct {
	customer int // a number of the customer
	at       time.Time
	values   []domain.DriverValue
	base     int64 // log-odds by the base weights, in millionths
	recency  int64 // days since the last contact or purchase; −1: there was none
	left     bool
}

// sampling says how rows are made.
type sampling struct {
	histories *Histories
	base      *domain.Weights
	settings  *domain.Weights // what values depend on
	// asHappened takes each record as known when it happened; otherwise a row knows only what was recorded by then.
	asHappened bool
	horizons   map[string]int // days, by form
	progress   func(done, total int)
}

// limits are what a row of the instant may know.
func (s *sampling) limits(at time.Time) domain.Limits {
	if s.asHappened {
		return domain.Limits{AsOf: at}
	}
	return domain.Limits{AsOf: at, KnownAt: at}
}

// end is until when the histories are complete.
func (s *sampling) end() time.Time {
	if s.asHappened {
		return s.histories.happened
	}
	return s.histories.end
}

// dates are the ends of the months (UTC) for which the shortest horizon is over.
func (s *sampling) dates() []time.Time {
	var first time.Time
	for _, events := range s.histories.streams {
		for i := range events {
			t := events[i].Recorded
			if s.asHappened {
				t = events[i].Time
			}
			if first.IsZero() || t.Before(first) {
				first = t
			}
		}
	}
	if first.IsZero() {
		return nil
	}
	shortest := min(s.horizons[domain.FormContractual], s.horizons[domain.FormNonContractual])
	var out []time.Time
	for month := 1; ; month++ {
		at := time.Date(first.Year(), first.Month()+time.Month(month), 1, 0, 0, 0, 0, time.UTC).Add(-time.Second)
		if at.AddDate(0, 0, shortest).After(s.end()) {
			return out
		}
		out = append(out, at)
	}
}

// rows makes the rows of all customers, by form, in the order of (customer, date).
func (s *sampling) rows(ctx context.Context) (map[string][]row, error) {
	out := make(map[string][]row)
	dates := s.dates()
	ids := s.histories.customers()
	for n, id := range ids {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if s.progress != nil {
			s.progress(n, len(ids))
		}
		history := s.histories.gather(id)
		if domain.Fold(id, history, domain.Limits{}).MergedInto != "" {
			continue // counts with the customer who it was found to be
		}
		for _, at := range dates {
			c := domain.Fold(id, history, s.limits(at))
			form := c.Form(at)
			horizon := s.horizons[form]
			until := at.AddDate(0, 0, horizon)
			if until.After(s.end()) || !atRisk(c, at, horizon) {
				continue
			}
			then := domain.Fold(id, history, domain.Limits{AsOf: until})
			values := c.DriverValues(at, s.settings)
			out[form] = append(out[form], row{customer: n, at: at, values: values, base: s.base.FormOf(form).LogOdds(c.DriverValues(at, s.base)),
				recency: recency(c, at), left: hasLeft(then, form, at, until)})
		}
	}
	return out, nil
}

// atRisk reports whether the customer can still leave: is here, and has a contract that runs or, being somebody who buys, has
// bought within the horizon.
func atRisk(c *domain.Customer, at time.Time, horizon int) bool {
	if c.Events == 0 || c.MergedInto != "" || !c.DepartedAt.IsZero() {
		return false
	}
	if c.Form(at) == domain.FormContractual {
		return runs(c, at)
	}
	return len(c.Purchases) == 0 || c.Purchases[len(c.Purchases)-1].At.After(at.AddDate(0, 0, -horizon))
}

// runs reports whether a contract runs at the instant.
func runs(c *domain.Customer, at time.Time) bool {
	return slices.ContainsFunc(c.Contracts, func(k *domain.Contract) bool {
		return !k.StartedAt.IsZero() && !k.StartedAt.After(at) && (k.EndedAt.IsZero() || k.EndedAt.After(at))
	})
}

// hasLeft reports whether the customer, as of the end of the horizon, has left: has departed; or had a contract and has none; or
// used to buy, without a contract, and bought nothing in all that time.
func hasLeft(then *domain.Customer, form string, at, until time.Time) bool {
	switch {
	case !then.DepartedAt.IsZero():
		return true
	case form == domain.FormContractual:
		return !runs(then, until)
	case len(then.Purchases) == 0:
		return false
	}
	return !then.Purchases[len(then.Purchases)-1].At.After(at)
}

// recency is how many days ago the last contact or purchase was.
func recency(c *domain.Customer, at time.Time) int64 {
	last := c.LastContactAt
	if n := len(c.Purchases); n > 0 && c.Purchases[n-1].At.After(last) {
		last = c.Purchases[n-1].At
	}
	if last.IsZero() {
		return -1
	}
	return int64(at.Sub(last) / (24 * time.Hour))
}

// purchaseHorizon is the horizon for customers without a contract: three times the median of the days between two purchases, in
// whole months of 30 days, 3 to 12 of them.
func purchaseHorizon(h *Histories) int {
	var gaps []int
	for _, id := range h.customers() {
		var last time.Time
		for _, e := range h.streams[id] {
			if _, ok := e.Data.(*domain.PurchaseRecorded); !ok {
				continue
			}
			if !last.IsZero() && e.Time.After(last) {
				gaps = append(gaps, int(e.Time.Sub(last)/(24*time.Hour)))
			}
			last = e.Time
		}
	}
	if len(gaps) == 0 {
		return 90
	}
	slices.Sort(gaps)
	return min(max(30*((3*gaps[len(gaps)/2]+29)/30), 90), 360)
}
