package domain

import "time"

// Churn is the risk, at an instant, that a customer leaves within the horizon of the weights. It is a sum of points: each
// driver's are those of the bin that its value falls in, 0 for the reference customer, and 20 points double the odds. The
// drivers' points add up to Points exactly. All is integer arithmetic, so a score is the same on every machine.
//
// A customer who has left is at no risk of leaving, and one who was merged into another is judged there: Band says departed
// or merged, Points and ProbabilityPPM are 0 and mean nothing, and there are no drivers. Scored tells these apart.
type Churn struct {
	At             time.Time
	Scored         bool
	Points         int
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
	Bin      string // the label of the bin that the value falls in
	Points   int
	Evidence []string // ids of the events that tell of it, the latest first, at most MaxEvidence
}

// MaxEvidence bounds how many events a driver names.
const MaxEvidence = 5

// Churn scores the customer at an instant with the weights. The state must be folded as of the instant, or from a history
// that ends before it; what the state knows to lie after the instant is left out where it has a time of its own.
func (c *Customer) Churn(at time.Time, w *Weights) Churn {
	out := Churn{At: at, HorizonDays: w.HorizonDays, WeightsVersion: w.Version, WeightsSHA256: w.SHA256}
	switch {
	case c.MergedInto != "":
		out.Band = BandMerged
		return out
	case !c.DepartedAt.IsZero() && !c.DepartedAt.After(at):
		out.Band = BandDeparted
		return out
	}
	out.Scored = true
	out.Drivers = make([]Driver, 0, len(w.Drivers))
	best := 0
	for i := range w.Drivers {
		points := &w.Drivers[i]
		kind, ok := driverOf(points.Code)
		if !ok {
			continue // LoadWeights lets no such driver in
		}
		value, evidence, known := kind.value(c, at, w)
		if !known {
			continue
		}
		bin := points.bin(value)
		out.Drivers = append(out.Drivers, Driver{Code: kind.code, Label: kind.label, Value: value, Unit: kind.unit,
			Bin: bin.Label, Points: bin.Points, Evidence: evidence.latest()})
		out.Points += bin.Points
		if bin.Points > best {
			best, out.TopDriver = bin.Points, kind.code
		}
	}
	out.ProbabilityPPM = logistic(w.ReferenceLogOdds + logOddsOf(out.Points))
	for _, b := range w.Bands {
		if out.ProbabilityPPM >= b.From {
			out.Band = b.Band
		}
	}
	return out
}

// logOddsOf is points·ln2/20 in millionths, rounded toward zero.
func logOddsOf(points int) int64 { return int64(points) * ln2 / (20 * 1000) }
