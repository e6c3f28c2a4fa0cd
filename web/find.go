package web

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"amends/access"
)

// FindRequest is how a customer is known. It is a body, not a query: URLs end up in logs.
type FindRequest struct {
	Kind  string `json:"kind" doc:"The sort of identity, such as email, phone or account: a code of identity_kind"`
	Value string `json:"value" doc:"The identity. Emails are compared without case, phone numbers by their digits"`
}

// Found are the customers who are known by the identity.
type Found struct {
	Customers []string `json:"customers"`
}

func (s *server) findRoutes() []*route {
	return []*route{{
		method: http.MethodPost, path: "/v1/find", id: "find-customers", summary: "Find customers by an identity",
		needs: access.OpenPersonal,
		description: "Looks the identity up in an index of keyed hashes; nothing of it is stored or logged. Erasing a customer's class " +
			"takes its entries away. For each customer found an access.recorded is written.",
		query:     openParameters[1:],
		request:   []body{{mediaType: typeJSON, of: FindRequest{}, description: "The identity"}},
		responses: []body{{mediaType: typeJSON, of: Found{}, description: "The customers, none if nobody is known by it"}},
		problems:  []int{http.StatusForbidden, http.StatusUnprocessableEntity, http.StatusServiceUnavailable},
		serve:     s.find,
	}}
}

func (s *server) find(w http.ResponseWriter, r *http.Request) error {
	var request FindRequest
	if err := readJSON(r, maxSQLBytes, &request); err != nil {
		return err
	}
	purpose, err := purposeOf(r)
	if err != nil {
		return err
	}
	who := callerOf(r)
	if !s.mayOpen(who) {
		return noVault()
	}
	kinds := s.cfg.Codec.Codes("identity_kind")
	if !slices.Contains(kinds, request.Kind) {
		p := problemf(http.StatusUnprocessableEntity, "unknown-code", "Unknown code", "kind must be one of: %s", strings.Join(kinds, ", "))
		p.Pointer = "/kind"
		return p
	}
	if strings.TrimSpace(request.Value) == "" {
		p := problemf(http.StatusUnprocessableEntity, "missing-field", "Missing field", "value must be the identity to look up")
		p.Pointer = "/value"
		return p
	}
	ctx, cancel := context.WithTimeout(r.Context(), s.cfg.WaitForViews)
	defer cancel()
	customers, err := s.cfg.Ledger.Find(ctx, request.Kind, request.Value)
	if err != nil {
		if ctx.Err() != nil && r.Context().Err() == nil {
			p := problemf(http.StatusServiceUnavailable, "index-behind", "The index is catching up", "ask again: the index of identities is behind the log")
			p.retryAfter = retryAfterSeconds
			return p
		}
		return err
	}
	for _, customer := range customers {
		if err := s.cfg.Ledger.RecordAccess(r.Context(), customer, who.ID, purpose, "find: by "+request.Kind); err != nil {
			return unavailable(err)
		}
	}
	if customers == nil {
		customers = []string{}
	}
	return answerJSON(w, http.StatusOK, Found{customers})
}
