// Package simulation makes histories of customers whose chance of leaving is known on every day: complaints, above all those left
// open, broken promises, and silence against the customer's own rhythm drive it, and nothing else does. What a fit learns from
// these histories can be held against the truth.
package simulation

import (
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"amends/domain"
)

// Config says what to simulate. A seed gives the same histories for ever.
type Config struct {
	Seed      uint64
	Customers int
	From, To  time.Time // midnights, UTC
}

// Customer is one customer's history and the truth about it.
type Customer struct {
	ID         string
	Events     []domain.Event // recorded when they happened
	DepartedAt time.Time      // zero: stayed to the end
	// Truth is the log-odds of leaving on the day, at the end (one second before midnight) of each month at whose end the customer
	// was still there.
	Truth map[time.Time]float64
}

// The truth: log-odds of leaving on a day, and what they depend on.
const (
	never           = -8.6   // of somebody to whom nothing happens
	perComplaint    = 1.3    // for each complaint, fading by half in 120 days
	longOpen        = 1.5    // while one is open for more than four weeks
	perBroken       = 1.5    // for each promise broken, fading by half in 180 days
	quiet           = 1.4    // silent for twice the own rhythm
	veryQuiet       = 2.8    // silent for four times the own rhythm
	driftsAway      = 0.0012 // chance a day of coming much more rarely from then on
	comesBack       = 0.008  // chance a day of ending that
	fadingComplaint = 120.0
	fadingBroken    = 180.0
)

// Run simulates.
func Run(c Config) []Customer {
	out := make([]Customer, c.Customers)
	for i := range out {
		l := life{rng: rand.New(rand.NewPCG(c.Seed, uint64(i)+1)), at: c.From}
		l.ID = fmt.Sprintf("s-%05d", i+1)
		l.Truth = make(map[time.Time]float64)
		l.live(c.To)
		out[i] = l.Customer
	}
	position := uint64(0)
	for i := range out {
		for j := range out[i].Events {
			position++
			out[i].Events[j].Position = position
		}
	}
	return out
}

// life is a customer being simulated.
type life struct {
	Customer
	rng *rand.Rand
	at  time.Time // the day

	gap        float64 // mean days between contacts: the own rhythm
	trouble    float64 // complaints a day
	drifting   bool    // comes much more rarely for the time being
	last       time.Time
	complaints []time.Time
	open       time.Time // since when the open complaint is; zero: none is
	closes     time.Time
	broken     []time.Time
}

func (l *life) live(to time.Time) {
	l.at = l.at.AddDate(0, 0, l.rng.IntN(60))
	l.gap = math.Exp(math.Log(12) + 0.8*l.rng.NormFloat64())
	l.trouble = 0.001 * math.Exp(0.9*l.rng.NormFloat64())
	l.drifting = l.chance(driftsAway / (driftsAway + comesBack)) // as after a long time
	l.last = l.at
	l.emit(0, "customer.registered", &domain.CustomerRegistered{Tier: "regular"})
	l.emit(1, "contract.started", &domain.ContractStarted{ContractID: "contract"})
	for l.at = l.at.AddDate(0, 0, 1); l.at.Before(to); l.at = l.at.AddDate(0, 0, 1) {
		l.day()
		if z := l.hazard(); l.chance(1 / (1 + math.Exp(-z))) {
			l.emit(20*60, "customer.departed", &domain.CustomerDeparted{Reason: "weak_service"})
			l.DepartedAt = l.Events[len(l.Events)-1].Time
			return
		}
		if next := l.at.AddDate(0, 0, 1); next.Day() == 1 {
			l.Truth[next.Add(-time.Second)] = l.hazard()
		}
	}
}

// day is what happens on a day before the customer may leave.
func (l *life) day() {
	switch {
	case !l.drifting && l.chance(driftsAway), l.drifting && l.chance(comesBack):
		l.drifting = !l.drifting
	}
	rate := 1 / l.gap
	if l.drifting {
		rate /= 10
	}
	if l.chance(rate) {
		l.last = l.at
		l.emit(9*60, "interaction.call", &domain.Interaction{Direction: "inbound"})
	}
	about := domain.ComplaintRef{ComplaintID: fmt.Sprintf("c-%d", len(l.complaints))}
	switch {
	case l.open.IsZero() && l.chance(l.trouble):
		l.complaints = append(l.complaints, l.at)
		about.ComplaintID = fmt.Sprintf("c-%d", len(l.complaints))
		l.open, l.closes, l.last = l.at, l.at.AddDate(0, 0, 3+l.rng.IntN(25)), l.at
		if l.chance(0.3) {
			l.closes = l.at.AddDate(0, 0, 40+l.rng.IntN(80))
		}
		l.emit(10*60, "complaint.registered", &domain.ComplaintRegistered{ComplaintRef: about, Severity: "S3"})
		l.emit(10*60+1, "interaction.call", &domain.Interaction{Direction: "inbound", ComplaintID: about.ComplaintID})
		if l.chance(0.5) {
			promise := fmt.Sprintf("p-%d", len(l.complaints))
			due := l.at.AddDate(0, 0, 5)
			l.emit(10*60+2, "commitment.made", &domain.CommitmentMade{CommitmentID: promise, DueAt: due, Medium: "phone"})
			if l.chance(0.5) {
				l.broken = append(l.broken, l.at)
				l.emit(10*60+3, "commitment.broken", &domain.CommitmentBroken{CommitmentID: promise})
			} else {
				l.emit(10*60+3, "commitment.kept", &domain.CommitmentKept{CommitmentID: promise})
			}
		}
	case !l.open.IsZero() && !l.at.Before(l.closes):
		l.emit(11*60, "complaint.closed", &domain.ComplaintClosed{ComplaintRef: about})
		l.open = time.Time{}
	}
}

// hazard is the truth: the log-odds of leaving today.
func (l *life) hazard() float64 {
	z := never
	for _, t := range l.complaints {
		z += perComplaint * math.Exp2(-days(l.at, t)/fadingComplaint)
	}
	for _, t := range l.broken {
		z += perBroken * math.Exp2(-days(l.at, t)/fadingBroken)
	}
	if !l.open.IsZero() && days(l.at, l.open) > 28 {
		z += longOpen
	}
	switch silent := days(l.at, l.last) / l.gap; {
	case silent > 4:
		z += veryQuiet
	case silent > 2:
		z += quiet
	}
	return z
}

func days(at, then time.Time) float64 { return at.Sub(then).Hours() / 24 }

func (l *life) chance(p float64) bool { return l.rng.Float64() < p }

// emit records what happened at a minute of the day.
func (l *life) emit(minute int, typ domain.Type, data domain.Data) {
	n := len(l.Events) + 1
	at := l.at.Add(time.Duration(minute) * time.Minute)
	l.Events = append(l.Events, domain.Event{ID: fmt.Sprintf("%s-%d", l.ID, n), Source: "urn:amends:simulation", Type: typ,
		Customer: l.ID, Time: at, Recorded: at, Revision: uint64(n), Data: data})
}
