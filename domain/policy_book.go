package domain

import (
	"bytes"
	"cmp"
	"embed"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"
)

// PolicyBook is every version of every policy that a ledger knows, and says which version a clock is pinned to. It is
// immutable and may be shared.
type PolicyBook struct {
	versions map[string][]policyVersion // by id; in the order in which they take each other's place
	ids      []string                   // sorted
}

// policyVersion is a version, and since where in the log it is known; 0: it came with the program.
type policyVersion struct {
	*Policy
	position uint64
}

//go:embed policies/*.json
var policyFiles embed.FS

// alwaysInForce are the shipped policies that every ledger keeps without having published them: the company's own service
// levels, and the bureau's clocks, which take only complaints that came out of its database. The others bind only companies
// under their regulator, and are in force from when they are published.
var alwaysInForce = []string{"cfpb", "service"}

// ShippedPolicies are the policies that come with the program, by id. The policies are shared: do not change them.
func ShippedPolicies() []*Policy { return slices.Clone(shippedPolicies()) }

var shippedPolicies = sync.OnceValue(func() []*Policy {
	var out []*Policy
	files, err := policyFiles.ReadDir("policies")
	for _, f := range files {
		p, loadErr := LoadPolicy(mustRead(f.Name()))
		if loadErr != nil {
			err = errors.Join(err, fmt.Errorf("%s: %w", f.Name(), loadErr))
			continue
		}
		out = append(out, p)
	}
	if err != nil {
		panic(fmt.Sprintf("domain: the embedded policies are not valid: %v", err)) // a test loads them
	}
	slices.SortFunc(out, func(a, b *Policy) int { return cmp.Compare(a.ID, b.ID) })
	return out
})

func mustRead(name string) []byte {
	text, err := policyFiles.ReadFile("policies/" + name)
	if err != nil {
		panic(err) // unreachable: the directory listed it
	}
	return text
}

// ShippedPolicy is the shipped policy of the id, and its file.
func ShippedPolicy(id string) (*Policy, []byte, bool) {
	i, found := slices.BinarySearchFunc(shippedPolicies(), id, func(p *Policy, id string) int { return cmp.Compare(p.ID, id) })
	if !found {
		return nil, nil, false
	}
	return shippedPolicies()[i], bytes.Clone(mustRead(id + ".json")), true
}

// NewPolicyBook is the book of a ledger that has published nothing.
func NewPolicyBook() *PolicyBook {
	b := &PolicyBook{}
	for _, id := range alwaysInForce {
		if p, _, ok := ShippedPolicy(id); ok {
			b = b.with(p, 0)
		}
	}
	return b
}

// With is the book together with what the record publishes. A record that the book has already adds nothing. The error says
// why what was recorded is no policy; the book is then as it was.
func (b *PolicyBook) With(e Event) (*PolicyBook, error) {
	d, ok := e.Data.(*PolicyPublished)
	if !ok {
		return b, nil
	}
	p, err := d.Load()
	if err != nil {
		return b, err
	}
	if slices.ContainsFunc(b.versions[p.ID], func(v policyVersion) bool { return v.position == e.Position && v.Version == p.Version }) {
		return b, nil
	}
	return b.with(p, e.Position), nil
}

// Load reads and validates the policy that the record publishes. The error is a *Refusal whose pointer is relative to data.
func (d *PolicyPublished) Load() (*Policy, error) {
	p, err := LoadPolicy(d.Policy)
	var refusal *Refusal
	switch {
	case errors.As(err, &refusal):
		refusal.Pointer = "/policy" + refusal.Pointer
		return nil, refusal
	case err != nil:
		return nil, err
	case p.ID != d.PolicyID:
		return nil, refusePolicy("/policy_id", "is not the id within the policy")
	case p.Version != d.Version:
		return nil, refusePolicy("/version", "is not the version within the policy")
	}
	return p, nil
}

func (b *PolicyBook) with(p *Policy, position uint64) *PolicyBook {
	next := &PolicyBook{versions: maps.Clone(b.versions)}
	if next.versions == nil {
		next.versions = make(map[string][]policyVersion)
	}
	versions := append(slices.Clone(b.versions[p.ID]), policyVersion{p, position})
	slices.SortStableFunc(versions, func(a, b policyVersion) int {
		return cmp.Or(cmp.Compare(a.from, b.from), cmp.Compare(a.position, b.position))
	})
	next.versions[p.ID] = versions
	next.ids = slices.Sorted(maps.Keys(next.versions))
	return next
}

// Policies lists every version in the book: by id, then in the order in which they take each other's place.
func (b *PolicyBook) Policies() []*Policy {
	var out []*Policy
	for _, id := range b.ids {
		for _, v := range b.versions[id] {
			out = append(out, v.Policy)
		}
	}
	return out
}

// Version finds one version of a policy.
func (b *PolicyBook) Version(id, version string) (*Policy, bool) {
	for _, v := range b.versions[id] {
		if v.Version == version {
			return v.Policy, true
		}
	}
	return nil, false
}

// pinned is the version to which a clock is pinned that the fact starts: of those that were in the log before the fact's
// record, the one that was the last to take effect by the fact's day; nil if that one is no longer in force then, or there is
// none. What is published later never changes it, whatever its effective date.
func (b *PolicyBook) pinned(id string, start *fact) *Policy {
	versions := b.versions[id]
	for i := len(versions) - 1; i >= 0; i-- {
		v := &versions[i]
		if start.position != 0 && v.position >= start.position {
			continue
		}
		switch d := start.day(v.zone); {
		case d < v.from:
			continue
		case v.to != 0 && d >= v.to:
			return nil
		}
		return v.Policy
	}
	return nil
}

// Current is the version to which a clock is pinned that starts at the instant and is recorded after everything in the book;
// nil: none.
func (b *PolicyBook) Current(id string, at time.Time) *Policy { return b.pinned(id, &fact{at: at}) }

// Published reports whether the version stands in the log, and did not merely come with the program.
func (b *PolicyBook) Published(p *Policy) bool {
	return slices.ContainsFunc(b.versions[p.ID], func(v policyVersion) bool { return v.Policy == p && v.position != 0 })
}
