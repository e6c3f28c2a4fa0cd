package web

import (
	"encoding/json"
	"net/http"
	"time"

	"amends/access"
	"amends/domain"
)

// PolicyInfo is one version of a policy.
type PolicyInfo struct {
	PolicyID      string        `json:"policy_id"`
	Version       string        `json:"version"`
	Title         domain.Label  `json:"title"`
	Family        domain.Family `json:"family" doc:"regulatory or service"`
	EffectiveFrom string        `json:"effective_from" doc:"The first day in force"`
	EffectiveTo   string        `json:"effective_to,omitempty" doc:"The first day no longer in force"`
	TimeZone      string        `json:"time_zone"`
	Source        string        `json:"source" doc:"The rule that it states"`
	Clocks        int           `json:"clocks"`
	InForce       bool          `json:"in_force" doc:"Clocks that start now are pinned to it, where it applies"`
	Published     bool          `json:"published" doc:"It is in the ledger; else it comes with the program, to be published"`
}

// PolicyDocument is one version of a policy, whole.
type PolicyDocument struct {
	PolicyInfo
	Policy json.RawMessage `json:"policy"`
}

func (s *server) policyRoutes() []*route {
	trial := []parameter{{name: "at", description: "The instant for the states: RFC 3339 or a date. Default: now"}, policyVersion}
	for _, f := range domain.TrialFacts() {
		trial = append(trial, parameter{name: f.Name, repeats: true, description: f.Description + ": RFC 3339, or a date, of which only the day is known"})
	}
	for _, name := range domain.TrialFields() {
		trial = append(trial, parameter{name: name, description: "The complaint's " + name})
	}
	return []*route{
		{
			method: http.MethodGet, path: "/v1/policies", id: "list-policies", summary: "The deadline policies",
			needs:       access.ReadViews,
			description: "Every version that the ledger knows, and the policies that come with the program and may be published.",
			responses:   []body{{mediaType: typeJSON, of: []PolicyInfo{}, description: "The policies"}},
			problems:    []int{http.StatusServiceUnavailable}, serve: s.listPolicies,
		},
		{
			method: http.MethodGet, path: "/v1/policies/{policy}", id: "read-policy", summary: "One policy",
			needs:     access.ReadViews,
			query:     []parameter{policyVersion},
			responses: []body{{mediaType: typeJSON, of: PolicyDocument{}, description: "The policy"}},
			problems:  []int{http.StatusNotFound, http.StatusServiceUnavailable}, serve: s.getPolicy,
		},
		{
			method: http.MethodGet, path: "/v1/policies/{policy}/test", id: "test-policy", summary: "A policy's clocks on a supposed complaint",
			needs:       access.ReadViews,
			description: "What each clock would do. Nothing is recorded. Whether the policy applies to such a complaint is not asked.",
			query:       trial,
			responses:   []body{{mediaType: typeJSON, of: []domain.DeadlineStatus{}, description: "The clocks"}},
			problems:    []int{http.StatusNotFound, http.StatusServiceUnavailable}, serve: s.testPolicy,
		},
	}
}

var policyVersion = parameter{name: "version", description: "Which version. Default: the one in force now, else the last"}

// policiesOf lists the book and what may still be published.
func policiesOf(book *domain.PolicyBook, now time.Time) []PolicyInfo {
	out := []PolicyInfo{}
	add := func(p *domain.Policy, published bool) {
		current := book.Current(p.ID, now)
		out = append(out, PolicyInfo{PolicyID: p.ID, Version: p.Version, Title: p.Title, Family: p.Family, EffectiveFrom: p.EffectiveFrom,
			EffectiveTo: p.EffectiveTo, TimeZone: p.TimeZone, Source: p.Source, Clocks: len(p.Clocks), InForce: p == current, Published: published})
	}
	for _, p := range book.Policies() {
		add(p, book.Published(p))
	}
	for _, p := range domain.ShippedPolicies() {
		if _, known := book.Version(p.ID, p.Version); !known {
			add(p, false)
		}
	}
	return out
}

func (s *server) listPolicies(w http.ResponseWriter, r *http.Request) error {
	book, err := s.cfg.Ledger.Policies(r.Context())
	if err != nil {
		return unavailable(err)
	}
	return answerJSON(w, http.StatusOK, policiesOf(book, s.cfg.Clock()))
}

// policyOf finds the policy that the path and ?version= name.
func (s *server) policyOf(r *http.Request) (*domain.Policy, *domain.PolicyBook, error) {
	book, err := s.cfg.Ledger.Policies(r.Context())
	if err != nil {
		return nil, nil, unavailable(err)
	}
	id, version := r.PathValue("policy"), value(r, "version")
	if version == "" {
		if p := book.Current(id, s.cfg.Clock()); p != nil {
			return p, book, nil
		}
	}
	var found *domain.Policy
	for _, p := range append(domain.ShippedPolicies(), book.Policies()...) {
		if p.ID == id && (version == "" || p.Version == version) {
			found = p
		}
	}
	if found == nil {
		return nil, nil, problemf(http.StatusNotFound, "unknown-policy", "Unknown policy", "there is no such policy or version; /v1/policies lists them")
	}
	return found, book, nil
}

func (s *server) getPolicy(w http.ResponseWriter, r *http.Request) error {
	p, book, err := s.policyOf(r)
	if err != nil {
		return err
	}
	text, err := json.Marshal(p)
	if err != nil {
		return err
	}
	for _, info := range policiesOf(book, s.cfg.Clock()) {
		if info.PolicyID == p.ID && info.Version == p.Version {
			return answerJSON(w, http.StatusOK, PolicyDocument{info, text})
		}
	}
	return answerJSON(w, http.StatusOK, PolicyDocument{Policy: text})
}

func (s *server) testPolicy(w http.ResponseWriter, r *http.Request) error {
	at, err := instantOf(r, "at")
	if err != nil {
		return err
	}
	if at.IsZero() {
		at = s.cfg.Clock()
	}
	p, _, err := s.policyOf(r)
	if err != nil {
		return err
	}
	var trial domain.Trial
	for name, given := range r.URL.Query() {
		if name == "at" || name == "version" {
			continue
		}
		for _, v := range given {
			if err := trial.Suppose(name, v); err != nil {
				return badParameter(name, "%s", err)
			}
		}
	}
	clocks, err := trial.Run(p, at)
	if err != nil {
		return badParameter("received", "%s", err)
	}
	return answerJSON(w, http.StatusOK, clocks)
}
