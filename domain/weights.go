package domain

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"
)

// Weights are a scorecard for churn: how many points each driver's value is worth. 20 points double the odds of leaving.
// They are published as records, versioned, and never edited.
type Weights struct {
	Version        string `json:"version"`
	FeatureVersion int    `json:"feature_version"` // of the rules by which values are read from the state: FeatureVersion
	Kind           string `json:"kind"`            // expert: judged by people; fitted: learnt from a ledger
	HorizonDays    int    `json:"horizon_days"`    // the probability is that of leaving within so many days
	// ReferenceLogOdds are those of the reference customer, who has 0 points, in millionths.
	ReferenceLogOdds int64 `json:"reference_log_odds_micro"`

	CadenceDays     map[string]int64 `json:"cadence_days"`      // usual days between contacts, by tier; "regular" serves the unknown
	RhythmPriorGaps int64            `json:"rhythm_prior_gaps"` // how many of a customer's own gaps the cadence counts for
	HalfLifeDays    HalfLives        `json:"half_life_days"`
	SeverityPercent map[string]int64 `json:"severity_percent"` // by how much a complaint of the severity counts; not listed: 100
	RecoveryRelief  int64            `json:"recovery_relief_percent"`

	Bands   []BandFrom     `json:"bands"`
	Drivers []DriverPoints `json:"drivers"`

	SHA256 string `json:"-"` // of the file, lower-case hex
}

// HalfLives are after how many days what happened counts half.
type HalfLives struct {
	Complaint       int64 `json:"complaint"`
	Repeat          int64 `json:"repeat"`
	Promise         int64 `json:"promise"`
	Dissatisfaction int64 `json:"dissatisfaction"`
	Redress         int64 `json:"redress"`
	Contact         int64 `json:"contact"`
}

// BandFrom begins a band of risk at a probability in millionths.
type BandFrom struct {
	Band string `json:"band"`
	From int64  `json:"from_ppm"`
}

// DriverPoints are the bins of one driver.
type DriverPoints struct {
	Code string `json:"code"`
	Bins []Bin  `json:"bins"`
}

// Bin is worth its points for values below Below that no earlier bin took; the last bin has no Below and takes the rest.
type Bin struct {
	Label  string `json:"label"`
	Below  *int64 `json:"below,omitempty"`
	Points int    `json:"points"`
}

// FeatureVersion is the version of the rules in churn_values.go. Weights for other rules cannot be used.
const FeatureVersion = 1

//go:embed weights/expert-1.json
var expert1 []byte

// ExpertWeights are the weights that come with the program: the judgement of people, not calibrated on any data.
func ExpertWeights() *Weights { return expertWeights() }

var expertWeights = sync.OnceValue(func() *Weights {
	w, err := LoadWeights(expert1)
	if err != nil {
		panic(fmt.Sprintf("domain: the embedded weights are not valid: %v", err)) // a test loads them
	}
	return w
})

// ErrWeights is what every refusal of a weights file wraps.
var ErrWeights = errors.New("not usable as churn weights")

// LoadWeights reads and validates a weights file. The error wraps ErrWeights and names the member and the rule.
func LoadWeights(file []byte) (*Weights, error) {
	var w Weights
	d := json.NewDecoder(bytes.NewReader(file))
	d.DisallowUnknownFields()
	if err := d.Decode(&w); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrWeights, err)
	}
	if d.More() {
		return nil, fmt.Errorf("%w: more than one JSON value", ErrWeights)
	}
	if err := w.validate(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrWeights, err)
	}
	sum := sha256.Sum256(file)
	w.SHA256 = hex.EncodeToString(sum[:])
	return &w, nil
}

func (w *Weights) validate() error {
	switch {
	case w.Version == "":
		return errors.New("version is missing")
	case w.FeatureVersion != FeatureVersion:
		return fmt.Errorf("feature_version is %d, this program reads values by %d", w.FeatureVersion, FeatureVersion)
	case w.Kind != "expert" && w.Kind != "fitted":
		return errors.New("kind must be expert or fitted")
	case w.HorizonDays < 1 || w.HorizonDays > 3650:
		return errors.New("horizon_days must be 1 to 3650")
	case w.ReferenceLogOdds < -20*million || w.ReferenceLogOdds > 20*million:
		return errors.New("reference_log_odds_micro must be within 20 million of 0")
	case w.RhythmPriorGaps < 1 || w.RhythmPriorGaps > 1000:
		return errors.New("rhythm_prior_gaps must be 1 to 1000")
	case w.RecoveryRelief < 0 || w.RecoveryRelief > 100:
		return errors.New("recovery_relief_percent must be 0 to 100: a recovered complaint is never a bonus")
	}
	for _, tier := range []string{"key", "major", "regular", "small"} {
		if days := w.CadenceDays[tier]; days < 1 || days > 36_500 {
			return fmt.Errorf("cadence_days.%s must be 1 to 36500", tier)
		}
	}
	h := w.HalfLifeDays
	for _, days := range []int64{h.Complaint, h.Repeat, h.Promise, h.Dissatisfaction, h.Redress, h.Contact} {
		if days < 1 || days > 36_500 {
			return errors.New("half_life_days must each be 1 to 36500")
		}
	}
	for severity, percent := range w.SeverityPercent {
		if percent < 0 || percent > 10_000 {
			return fmt.Errorf("severity_percent.%s must be 0 to 10000", severity)
		}
	}
	if err := w.validateBands(); err != nil {
		return err
	}
	return w.validateDrivers()
}

func (w *Weights) validateBands() error {
	before := int64(-1)
	for i, b := range w.Bands {
		switch {
		case !slices.Contains(bandNames, b.Band):
			return fmt.Errorf("bands[%d]: no such band", i)
		case i == 0 && b.From != 0:
			return errors.New("bands[0] must begin at 0")
		case b.From <= before || b.From >= million:
			return fmt.Errorf("bands[%d]: from_ppm must rise, and be below 1000000", i)
		}
		before = b.From
	}
	if len(w.Bands) == 0 {
		return errors.New("bands is empty")
	}
	return nil
}

func (w *Weights) validateDrivers() error {
	if len(w.Drivers) != len(driverKinds) {
		return fmt.Errorf("drivers: there must be one entry for each of the %d drivers", len(driverKinds))
	}
	seen := make(map[string]bool)
	for i, d := range w.Drivers {
		if _, ok := driverOf(d.Code); !ok || seen[d.Code] {
			return fmt.Errorf("drivers[%d]: no such driver, or listed before", i)
		}
		seen[d.Code] = true
		before := int64(math.MinInt64)
		for j, b := range d.Bins {
			last := j == len(d.Bins)-1
			switch {
			case b.Label == "":
				return fmt.Errorf("drivers[%d].bins[%d]: label is missing", i, j)
			case last != (b.Below == nil):
				return fmt.Errorf("drivers[%d].bins[%d]: every bin but the last, and only those, has below", i, j)
			case !last && *b.Below <= before:
				return fmt.Errorf("drivers[%d].bins[%d]: below must rise", i, j)
			case b.Points < -200 || b.Points > 200:
				return fmt.Errorf("drivers[%d].bins[%d]: points must be within 200 of 0", i, j)
			}
			if !last {
				before = *b.Below
			}
		}
		if len(d.Bins) == 0 {
			return fmt.Errorf("drivers[%d]: bins is empty", i)
		}
	}
	return nil
}

// bin is where the value falls.
func (d *DriverPoints) bin(value int64) *Bin {
	for i := range d.Bins {
		if b := &d.Bins[i]; b.Below == nil || value < *b.Below {
			return b
		}
	}
	return &d.Bins[len(d.Bins)-1]
}
