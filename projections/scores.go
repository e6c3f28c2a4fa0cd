package projections

import (
	"cmp"
	"encoding/json"
	"slices"
	"time"

	"amends/domain"
)

// scores are what depends on the present instant, of one unit.
type scores struct {
	made         bool
	satisfaction domain.Satisfaction
	churn        domain.Churn
	drivers      []driverRow
}

// scoreRow is a row of a scored view.
type scoreRow struct {
	*scores
	customer *domain.Customer
	at       time.Time
}

// driverRow is one driver that has points.
type driverRow struct {
	*domain.Driver
	customer *domain.Customer
	rank     int
	at       time.Time
}

// score makes the unit's scores at its instant, once. It returns nil for a customer who was merged into another, and is judged
// there.
func (u *unit) score() *scores {
	if u.state.MergedInto != "" {
		return nil
	}
	s := &u.scores
	if s.made {
		return s
	}
	s.made = true
	s.satisfaction = u.state.SatisfactionWith(u.at, priors)
	s.churn = u.state.Churn(u.at, u.weights)
	s.drivers = s.drivers[:0]
	for i := range s.churn.Drivers {
		if d := &s.churn.Drivers[i]; d.Points != 0 {
			s.drivers = append(s.drivers, driverRow{Driver: d, customer: u.state, at: u.at})
		}
	}
	slices.SortStableFunc(s.drivers, func(a, b driverRow) int { return cmp.Compare(b.Points, a.Points) })
	for i := range s.drivers {
		s.drivers[i].rank = i + 1
	}
	return s
}

// priors are those of the tiers; made once, as they are the same for everybody.
var priors = domain.ExpertPriors()

// scoreRows yields the unit's one row.
func scoreRows(u *unit, _ uint64, yield func(*scoreRow)) {
	if s := u.score(); s != nil {
		yield(&scoreRow{scores: s, customer: u.state, at: u.at})
	}
}

// appendJSON appends the texts as a JSON array.
func appendJSON(b []byte, texts []string) []byte {
	b = append(b, '[')
	for i, s := range texts {
		if i > 0 {
			b = append(b, ',')
		}
		q, err := json.Marshal(s)
		if err != nil {
			panic(err) // unreachable: a string always has a JSON form
		}
		b = append(b, q...)
	}
	return append(b, ']')
}
