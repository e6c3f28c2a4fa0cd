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

	Rhythms         Rhythms          `json:"rhythms"`
	HalfLifeDays    HalfLives        `json:"half_life_days"`
	SeverityPercent map[string]int64 `json:"severity_percent"` // by how much a complaint of the severity counts; not listed: 100
	RecoveryRelief  int64            `json:"recovery_relief_percent"`

	Bands []BandFrom `json:"bands"`
	Forms []Form     `json:"forms"` // one for each of FormContractual and FormNonContractual

	// Fit is what a fit says of itself: what it learnt from and how good it is. No score depends on it.
	Fit json.RawMessage `json:"fit,omitempty"`

	SHA256 string `json:"-"` // of the file without insignificant space (json.Compact), lower-case hex

	fade map[int64][]int64 // decayOfDays by half-life, for the first days
	logs []int64           // logOf, for the first numbers
}

// Form is the scorecard for customers of one kind, with a horizon of their own.
type Form struct {
	Form        string `json:"form"`
	Kind        string `json:"kind"`         // expert: judged by people; fitted: learnt from a ledger, and so calibrated
	HorizonDays int    `json:"horizon_days"` // the probability is that of leaving within so many days
	// ReferenceLogOdds are those of a customer with 0 points, in millionths.
	ReferenceLogOdds int64          `json:"reference_log_odds_micro"`
	Drivers          []DriverPoints `json:"drivers"` // a driver that is not listed is worth nothing
}

// The forms. A customer who has a contract, or had one within a year, can leave by ending it; everybody else leaves by
// not coming back.
const (
	FormContractual    = "contractual"
	FormNonContractual = "non_contractual"
)

var formNames = []string{FormContractual, FormNonContractual}

// The kinds of a form.
const (
	KindExpert = "expert"
	KindFitted = "fitted"
)

// Rhythm holds the parameters of a MBG/NBD model (Batislam, Denizel and Filiztekin 2007): how customers come, and stop coming.
// While alive a customer comes at a rate that differs between customers by a gamma distribution of shape r and scale 1/alpha;
// after each time, the first included, the customer stops for good with a chance that differs by a beta distribution of a and b.
type Rhythm struct {
	R     int64 `json:"r_milli"` // thousandths
	Alpha int64 `json:"alpha_days"`
	A     int64 `json:"a_milli"` // thousandths
	B     int64 `json:"b_milli"` // thousandths
}

// Rhythms are those of contacts (purchases included) and of purchases alone.
type Rhythms struct {
	Contact  Rhythm `json:"contact"`
	Purchase Rhythm `json:"purchase"`
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

func (h *HalfLives) all() []int64 {
	return []int64{h.Complaint, h.Repeat, h.Promise, h.Dissatisfaction, h.Redress, h.Contact}
}

// BandFrom begins a band of risk at a probability in millionths.
type BandFrom struct {
	Band string `json:"band"`
	From int64  `json:"from_ppm"`
}

// DriverPoints are the bins of one driver.
type DriverPoints struct {
	Code    string `json:"code"`
	Unknown int    `json:"unknown_points,omitempty"` // points where the value is not known
	Bins    []Bin  `json:"bins"`
}

// Bin is worth its points for values below Below that no earlier bin took; the last bin has no Below and takes the rest.
type Bin struct {
	Label  string `json:"label"`
	Below  *int64 `json:"below,omitempty"`
	Points int    `json:"points"`
}

// FeatureVersion is the version of the rules in churn_values.go. Weights for other rules cannot be used.
const FeatureVersion = 2

//go:embed weights/expert-2.json
var expert2 []byte

// ExpertWeights are the weights that come with the program: the judgement of people, not calibrated on any data.
func ExpertWeights() *Weights { return expertWeights() }

var expertWeights = sync.OnceValue(func() *Weights {
	w, err := LoadWeights(expert2)
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
	var compact bytes.Buffer
	if err := json.Compact(&compact, file); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrWeights, err)
	}
	sum := sha256.Sum256(compact.Bytes())
	w.SHA256 = hex.EncodeToString(sum[:])
	w.tabulate()
	return &w, nil
}

// tabulate makes the tables: scores ask for the same few thousand numbers over and over.
func (w *Weights) tabulate() {
	w.logs = make([]int64, tabulated)
	for n := 1; n < len(w.logs); n++ {
		w.logs[n] = logOf(int64(n))
	}
	w.fade = make(map[int64][]int64)
	for _, halfLife := range w.HalfLifeDays.all() {
		if w.fade[halfLife] != nil {
			continue
		}
		table := make([]int64, tabulated)
		for day := range table {
			table[day] = decayOfDays(int64(day), halfLife)
		}
		w.fade[halfLife] = table
	}
}

// tabulated is how far the tables reach.
const tabulated = 4096

func (w *Weights) logOf(n int64) int64 {
	if n < int64(len(w.logs)) {
		return w.logs[n]
	}
	return logOf(n)
}

// FormOf is the scorecard of a form.
func (w *Weights) FormOf(name string) *Form {
	for i := range w.Forms {
		if w.Forms[i].Form == name {
			return &w.Forms[i]
		}
	}
	return nil // LoadWeights lets no such weights in
}

func (w *Weights) validate() error {
	switch {
	case w.Version == "":
		return errors.New("version is missing")
	case w.FeatureVersion != FeatureVersion:
		return fmt.Errorf("feature_version is %d, this program reads values by %d", w.FeatureVersion, FeatureVersion)
	case w.RecoveryRelief < 0 || w.RecoveryRelief > 100:
		return errors.New("recovery_relief_percent must be 0 to 100: a recovered complaint is never a bonus")
	}
	for name, r := range map[string]Rhythm{"contact": w.Rhythms.Contact, "purchase": w.Rhythms.Purchase} {
		for _, n := range []int64{r.R, r.Alpha, r.A, r.B} {
			if n < 1 || n > million {
				return fmt.Errorf("rhythms.%s: each member must be 1 to 1000000", name)
			}
		}
	}
	for _, days := range w.HalfLifeDays.all() {
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
	if len(w.Forms) != len(formNames) {
		return fmt.Errorf("forms: there must be one entry for each of %v", formNames)
	}
	for i := range w.Forms {
		f := &w.Forms[i]
		if w.FormOf(f.Form) != f || !slices.Contains(formNames, f.Form) {
			return fmt.Errorf("forms[%d]: no such form, or listed before", i)
		}
		if err := f.validate(); err != nil {
			return fmt.Errorf("forms[%d].%w", i, err)
		}
	}
	return nil
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

func (f *Form) validate() error {
	switch {
	case f.Kind != KindExpert && f.Kind != KindFitted:
		return errors.New("kind must be expert or fitted")
	case f.HorizonDays < 1 || f.HorizonDays > 3650:
		return errors.New("horizon_days must be 1 to 3650")
	case f.ReferenceLogOdds < -20*million || f.ReferenceLogOdds > 20*million:
		return errors.New("reference_log_odds_micro must be within 20 million of 0")
	}
	seen := make(map[string]bool)
	for i := range f.Drivers {
		d := &f.Drivers[i]
		if _, ok := driverOf(d.Code); !ok || seen[d.Code] {
			return fmt.Errorf("drivers[%d]: no such driver, or listed before", i)
		}
		seen[d.Code] = true
		if err := d.validate(); err != nil {
			return fmt.Errorf("drivers[%d].%w", i, err)
		}
	}
	return nil
}

func (d *DriverPoints) validate() error {
	if d.Unknown < -maxPoints || d.Unknown > maxPoints {
		return fmt.Errorf("unknown_points must be within %d of 0", maxPoints)
	}
	before := int64(math.MinInt64)
	for j, b := range d.Bins {
		last := j == len(d.Bins)-1
		switch {
		case b.Label == "":
			return fmt.Errorf("bins[%d]: label is missing", j)
		case last != (b.Below == nil):
			return fmt.Errorf("bins[%d]: every bin but the last, and only those, has below", j)
		case !last && *b.Below <= before:
			return fmt.Errorf("bins[%d]: below must rise", j)
		case b.Points < -maxPoints || b.Points > maxPoints:
			return fmt.Errorf("bins[%d]: points must be within %d of 0", j, maxPoints)
		}
		if !last {
			before = *b.Below
		}
	}
	if len(d.Bins) == 0 {
		return errors.New("bins is empty")
	}
	return nil
}

// maxPoints is how much a bin may be worth, 2^10 times the odds.
const maxPoints = 200

// bin is the place of the bin that the value falls in.
func (d *DriverPoints) bin(value int64) int {
	for i := range d.Bins {
		if b := &d.Bins[i]; b.Below == nil || value < *b.Below {
			return i
		}
	}
	return len(d.Bins) - 1
}
