package projections

import (
	"slices"

	"amends/domain"
	"amends/projections/internal/sqlite"
)

// claim says that a customer was absorbed by another, and where the log says so.
type claim struct {
	absorbed, survivor string
	position           uint64 // 0 in a change: the claim no longer stands
}

// units knows who counts for whom: a customer and all whom it absorbed are folded together.
type units struct {
	// Should several customers have absorbed the same one, the latest claim counts.
	byAbsorbed map[string][]claim
	bySurvivor map[string][]string // absorbed customers, claimed by the key
}

// loadUnits reads the table of claims.
func loadUnits(conn *sqlite.Conn) (*units, error) {
	u := &units{byAbsorbed: make(map[string][]claim), bySurvivor: make(map[string][]string)}
	s, err := conn.Prepare("SELECT absorbed, survivor, position FROM survivors")
	if err != nil {
		return nil, err
	}
	defer s.Close()
	for {
		more, err := s.Step()
		if err != nil || !more {
			return u, err
		}
		u.set(claim{absorbed: s.Text(0), survivor: s.Text(1), position: uint64(s.Int(2))})
	}
}

// set makes or moves a claim, or takes it back.
func (u *units) set(c claim) {
	claims := slices.DeleteFunc(u.byAbsorbed[c.absorbed], func(o claim) bool { return o.survivor == c.survivor })
	absorbed := slices.DeleteFunc(u.bySurvivor[c.survivor], func(id string) bool { return id == c.absorbed })
	if c.position != 0 {
		claims, absorbed = append(claims, c), append(absorbed, c.absorbed)
		slices.Sort(absorbed)
	}
	store(u.byAbsorbed, c.absorbed, claims)
	store(u.bySurvivor, c.survivor, absorbed)
}

func store[T any](m map[string][]T, key string, list []T) {
	if len(list) == 0 {
		delete(m, key)
		return
	}
	m[key] = list
}

// changes compares the customer's own stream with the claims known, and returns what is different.
func (u *units) changes(e *entry) []claim {
	var out []claim
	standing := domain.Absorbed(e.events, domain.Limits{})
	for _, absorbed := range u.bySurvivor[e.id] {
		if !slices.Contains(standing, absorbed) {
			out = append(out, claim{absorbed: absorbed, survivor: e.id})
		}
	}
	for _, absorbed := range standing {
		c := claim{absorbed: absorbed, survivor: e.id}
		for i := range e.events {
			if d, ok := e.events[i].Data.(*domain.CustomerAbsorbed); ok && d.CustomerID == absorbed {
				c.position = e.events[i].Position
			}
		}
		if c.position == 0 { // known by a correction alone
			c.position = e.events[len(e.events)-1].Position
		}
		if !slices.Contains(u.byAbsorbed[absorbed], c) {
			out = append(out, c)
		}
	}
	return out
}

// survivor is who counts for the customer directly; empty: itself.
func (u *units) survivor(id string) string {
	best := claim{}
	for _, c := range u.byAbsorbed[id] {
		if c.position > best.position {
			best = c
		}
	}
	return best.survivor
}

// root is who counts for the customer in the end. Customers who absorbed each other in a circle count for the one whose id
// comes first.
func (u *units) root(id string) string {
	if len(u.byAbsorbed) == 0 {
		return id
	}
	path := []string{id}
	for {
		next := u.survivor(path[len(path)-1])
		if next == "" {
			return path[len(path)-1]
		}
		if i := slices.Index(path, next); i >= 0 {
			return slices.Min(path[i:])
		}
		path = append(path, next)
	}
}

// members are the customers that count for the given one, which is the first, directly or not.
func (u *units) members(id string) []string {
	out := []string{id}
	for i := 0; i < len(out) && len(u.bySurvivor) > 0; i++ {
		for _, absorbed := range u.bySurvivor[out[i]] {
			if u.survivor(absorbed) == out[i] && !slices.Contains(out, absorbed) {
				out = append(out, absorbed)
			}
		}
	}
	return out
}
