package domain

import (
	"slices"
	"time"
)

// Churn is the risk, at an instant, that a customer leaves within the horizon of the weights. It is a sum: each driver adds the
// points of the bin that its value falls in, and 20 points double the odds. What is added is log-odds in millionths, LogOdds of
// each driver to the reference of the form; both the drivers' LogOdds and their Points add up exactly. All is integer
// arithmetic, so a score is the same on every machine. While nothing happens it changes only at midnight UTC.
//
// A customer who has left is at no risk of leaving, and one who was merged into another is judged there: Band says departed
// or merged, Points and ProbabilityPPM are 0 and mean nothing, and there are no drivers. Scored tells these apart.
type Churn struct {
	At             time.Time
	Scored         bool
	Form           string // which of the forms the customer has
	Points         int
	LogOdds        int64  // millionths: the form's reference and the drivers'
	ProbabilityPPM int64  // millionths
	Band           string // low, medium, high, critical; or departed, merged
	IsCalibrated   bool   // false: the probability is a judgement, of use only for comparing customers
	TopDriver      string // the code of the driver with the most points above 0; empty: none
	Drivers        []Driver
	HorizonDays    int
	WeightsVersion string
	WeightsSHA256  string
}

// Probability is ProbabilityPPM as a share, 0 to 1.
func (c *Churn) Probability() float64 { return float64(c.ProbabilityPPM) / million }

// The bands.
const (
	BandLow      = "low"
	BandMedium   = "medium"
	BandHigh     = "high"
	BandCritical = "critical"
	BandDeparted = "departed"
	BandMerged   = "merged"
)

var bandNames = []string{BandLow, BandMedium, BandHigh, BandCritical}

// Driver is one reason for a score.
type Driver struct {
	Code     string
	Label    string // in English
	Value    int64
	Unit     string
	Bin      string // the label of the bin that the value falls in, or unknown
	Points   int
	LogOdds  int64    // millionths
	Evidence []string // ids of the events that tell of it, the latest first, at most MaxEvidence
	// ChangesAt is when the value falls in another bin if nothing more happens; zero: not within ten years.
	ChangesAt time.Time
}

// MaxEvidence bounds how many events a driver names.
const MaxEvidence = 5

// binUnknown is the bin of a driver of which nothing is known.
const binUnknown = "unknown"

// Churn scores the customer at an instant with the weights. The state must be folded as of the instant, or from a history
// that ends before it; what the state knows to lie after the instant is left out where it has a time of its own.
func (c *Customer) Churn(at time.Time, w *Weights) Churn {
	out := Churn{At: at, WeightsVersion: w.Version, WeightsSHA256: w.SHA256, Form: c.Form(at)}
	form := w.FormOf(out.Form)
	out.HorizonDays = form.HorizonDays
	switch {
	case c.MergedInto != "":
		out.Band = BandMerged
		return out
	case !c.DepartedAt.IsZero() && !c.DepartedAt.After(at):
		out.Band = BandDeparted
		return out
	}
	out.Scored = true
	out.IsCalibrated = form.Kind == KindFitted
	out.LogOdds = form.ReferenceLogOdds
	out.Drivers = make([]Driver, 0, len(form.Drivers))
	s := newScoring(c, at, w)
	best := 0
	for i := range form.Drivers {
		points := &form.Drivers[i]
		kind, ok := driverOf(points.Code)
		if !ok {
			continue // LoadWeights lets no such driver in
		}
		r := kind.read(s)
		d := Driver{Code: kind.Code, Label: kind.Label, Unit: kind.Unit, Bin: binUnknown, Points: points.Unknown}
		switch {
		case r.known:
			bin := points.bin(r.value)
			d.Value, d.Bin, d.Points, d.Evidence = r.value, points.Bins[bin].Label, points.Bins[bin].Points, r.evidence.ids()
			d.ChangesAt = s.changesAt(&r, points, bin)
		case points.Unknown == 0:
			continue
		}
		d.LogOdds = logOddsOf(d.Points)
		out.Drivers = append(out.Drivers, d)
		out.Points += d.Points
		out.LogOdds += d.LogOdds
		if d.Points > best {
			best, out.TopDriver = d.Points, d.Code
		}
	}
	out.ProbabilityPPM = logistic(out.LogOdds)
	for _, b := range w.Bands {
		if out.ProbabilityPPM >= b.From {
			out.Band = b.Band
		}
	}
	return out
}

// DriverValue is one driver's value, before any weight.
type DriverValue struct {
	Known bool // false: nothing is known, and Value is 0
	Value int64
}

// DriverValues reads the values of all drivers, in the order of DriverKinds, as Churn reads them: what a fit learns from. Of the
// weights only those that values depend on count: rhythms, half-lives, severities and relief.
func (c *Customer) DriverValues(at time.Time, w *Weights) []DriverValue {
	s := newScoring(c, at, w)
	out := make([]DriverValue, len(driverKinds))
	for i := range driverKinds {
		if r := driverKinds[i].read(s); r.known {
			out[i] = DriverValue{true, r.value}
		}
	}
	return out
}

// LogOdds are what the form makes of values as DriverValues gives them, in millionths: the LogOdds of Churn.
func (f *Form) LogOdds(values []DriverValue) int64 {
	sum := f.ReferenceLogOdds
	for i := range f.Drivers {
		d := &f.Drivers[i]
		points := d.Unknown
		if at := slices.IndexFunc(driverKinds, func(k DriverKind) bool { return k.Code == d.Code }); values[at].Known {
			points = d.Bins[d.bin(values[at].Value)].Points
		}
		sum += logOddsOf(points)
	}
	return sum
}

// Form is how the customer can leave at an instant, FormContractual or FormNonContractual: a contract that runs or ended within
// a year makes it contractual.
func (c *Customer) Form(at time.Time) string {
	for _, k := range c.Contracts {
		if !k.StartedAt.IsZero() && !k.StartedAt.After(at) && (k.EndedAt.IsZero() || utcDay(at) < utcDay(k.EndedAt)+forgotten) {
			return FormContractual
		}
	}
	return FormNonContractual
}

// Visits is when a customer came: what a Rhythm is fitted to. All zero: never.
type Visits struct {
	Days int64 // on how many days (UTC)
	Last int64 // how many days after the first of them the last was
	Now  int64 // how many days ago the first was
}

// Visits are the days of contact (purchases and the registration included), and those of purchases alone, up to an instant.
func (c *Customer) Visits(at time.Time) (contact, purchase Visits) {
	s := newScoring(c, at, nil)
	of := func(a activity) Visits {
		if a.days == 0 {
			return Visits{}
		}
		return Visits{a.days, a.last - a.first, s.today - a.first}
	}
	return of(s.contacts()), of(s.purchases())
}
