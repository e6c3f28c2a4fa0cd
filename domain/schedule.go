package domain

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// WeightsSchedule says which churn weights are in force when: those published last, from the time that their publication names.
// Before the first, and as far as none that was published can be used, they are those that it was made with.
type WeightsSchedule struct {
	base      *Weights
	published []publication // in the order in which they come into force
}

type publication struct {
	from, recorded time.Time
	position       uint64
	weights        *Weights
}

// NewWeightsSchedule starts with the weights that are in force before any publication.
func NewWeightsSchedule(base *Weights) *WeightsSchedule { return &WeightsSchedule{base: base} }

// Add takes a weights.published record. Weights that this program cannot use are not added: the error says why, and wraps
// ErrWeights. The same record again changes nothing.
func (s *WeightsSchedule) Add(e *Event) error {
	d, ok := e.Data.(*WeightsPublished)
	if !ok {
		return fmt.Errorf("%w: the record publishes none", ErrWeights)
	}
	w, err := LoadWeights(d.Weights)
	if err != nil {
		return err
	}
	switch {
	case w.Version != d.Version:
		return fmt.Errorf("%w: the record names version %s, the weights %s", ErrWeights, d.Version, w.Version)
	case w.SHA256 != d.SHA256:
		return fmt.Errorf("%w: sha256 is not that of the weights", ErrWeights)
	}
	p := publication{e.Time, e.Recorded, e.Position, w}
	at, found := slices.BinarySearchFunc(s.published, p, func(a, b publication) int {
		return cmp.Or(a.from.Compare(b.from), cmp.Compare(a.position, b.position))
	})
	if !found {
		s.published = slices.Insert(s.published, at, p)
	}
	return nil
}

// InForce are the weights in force as of an instant, as far as was known. The zero limits ask for the latest.
func (s *WeightsSchedule) InForce(limits Limits) *Weights {
	for _, p := range slices.Backward(s.published) {
		if (limits.AsOf.IsZero() || !p.from.After(limits.AsOf)) && (limits.KnownAt.IsZero() || !p.recorded.After(limits.KnownAt)) {
			return p.weights
		}
	}
	return s.base
}

// Version finds weights by their version, the latest published of several.
func (s *WeightsSchedule) Version(version string) (*Weights, bool) {
	for _, p := range slices.Backward(s.published) {
		if p.weights.Version == version {
			return p.weights, true
		}
	}
	return s.base, s.base.Version == version
}
