package web

import (
	"errors"
	"net/http"
	"time"

	"amends/access"
	"amends/domain"
	"amends/ledger"
	"amends/schemas"
)

// ErasureRequest asks that a customer's personal data be erased.
type ErasureRequest struct {
	ID      string   `json:"erasure_id,omitempty" doc:"An id of one's own, so that the request can be sent again; absent: a new one"`
	Classes []string `json:"classes" doc:"Retention classes: complaint_record, interaction, marketing; or all"`
	Reason  string   `json:"reason" doc:"Why, without personal data: it stays readable"`
}

// Erasures is a list of erasures.
type Erasures struct {
	Erasures []ledger.ErasureStatus `json:"erasures"`
}

func (s *server) erasureRoutes() []*route {
	problems := []int{http.StatusForbidden, http.StatusNotFound, http.StatusUnprocessableEntity, http.StatusServiceUnavailable}
	one := []body{{mediaType: typeJSON, of: ledger.ErasureStatus{}, description: "Where the erasure stands"}}
	return []*route{
		{
			method: http.MethodPost, path: "/v1/customers/{id}/erasures", id: "request-erasure", summary: "Ask that personal data be erased",
			needs: access.RequestErasure,
			description: "Records the request. Another person must approve it; then the keys of these classes are destroyed, at once or on the " +
				"first day on which no legal hold and no retention rule forbids it. Obstacles and that day are in the answer.",
			request:   []body{{mediaType: typeJSON, of: ErasureRequest{}, description: "What to erase, and why"}},
			responses: one, problems: problems, serve: s.requestErasure,
		},
		{
			method: http.MethodGet, path: "/v1/customers/{id}/erasures", id: "read-customer-erasures", summary: "A customer's erasures",
			needs:     access.ReadRecords,
			responses: []body{{mediaType: typeJSON, of: Erasures{}, description: "Where each stands"}},
			problems:  problems, serve: s.getErasures,
		},
		{
			method: http.MethodPost, path: "/v1/customers/{id}/erasures/{erasure}/approve", id: "approve-erasure", summary: "Approve an erasure",
			needs: access.ApproveErasure,
			description: "By another person than the one who asked, and not with an API key that they made, unless the ledger has a single user; " +
				"the record says so then. Carries the erasure out if nothing forbids it. It cannot be undone.",
			responses: one, problems: problems, serve: s.approveErasure,
		},
		{
			method: http.MethodGet, path: "/v1/erasures", id: "read-open-erasures", summary: "All erasures that are not completed",
			needs:     access.ReadRecords,
			responses: []body{{mediaType: typeJSON, of: Erasures{}, description: "Where each stands"}},
			problems:  problems, serve: s.getOpenErasures,
		},
	}
}

func (s *server) requestErasure(w http.ResponseWriter, r *http.Request) error {
	var request ErasureRequest
	if err := readJSON(r, maxSQLBytes, &request); err != nil {
		return err
	}
	if len(request.Classes) == 1 && request.Classes[0] == "all" {
		request.Classes = nil
		for _, class := range domain.RetentionClasses() {
			request.Classes = append(request.Classes, string(class))
		}
	}
	status, err := s.cfg.Ledger.RequestErasure(r.Context(), ledger.ErasureRequest{
		Customer: r.PathValue("id"), ID: request.ID, Classes: request.Classes, Reason: request.Reason, Actor: callerOf(r).ID,
	})
	if err != nil {
		return erasureProblem(err)
	}
	return answerJSON(w, http.StatusOK, status)
}

func (s *server) approveErasure(w http.ResponseWriter, r *http.Request) error {
	who := callerOf(r)
	status, err := s.cfg.Ledger.ApproveErasure(r.Context(), r.PathValue("id"), r.PathValue("erasure"), who.ID, who.Kind == access.KindLocal)
	if err != nil {
		return erasureProblem(err)
	}
	return answerJSON(w, http.StatusOK, status)
}

func (s *server) getErasures(w http.ResponseWriter, r *http.Request) error {
	list, err := s.cfg.Ledger.Erasures(r.Context(), r.PathValue("id"))
	if err != nil {
		return erasureProblem(err)
	}
	return answerJSON(w, http.StatusOK, Erasures{list})
}

func (s *server) getOpenErasures(w http.ResponseWriter, r *http.Request) error {
	list, err := s.cfg.Ledger.OpenErasures(r.Context())
	if err != nil {
		return unavailable(err)
	}
	return answerJSON(w, http.StatusOK, Erasures{list})
}

// erasureProblem gives the refusals of erasures their status.
func erasureProblem(err error) error {
	var refused *schemas.Problem
	if !errors.As(err, &refused) {
		return err
	}
	p := asProblem(refused)
	switch refused.Type {
	case "urn:amends:problem:unknown-customer", "urn:amends:problem:unknown-erasure":
		p.Status = http.StatusNotFound
	case "urn:amends:problem:four-eyes":
		p.Status = http.StatusForbidden
	}
	return p
}

// KeyRotation asks for a new epoch of the key-encryption key.
type KeyRotation struct {
	KMS string `json:"kms,omitempty" doc:"URI of the service's key that is to wrap the new key-encryption key; absent: it lies in its own file"`
}

// KeyRotated is what a rotation did.
type KeyRotated struct {
	Epoch     int       `json:"epoch" doc:"The new epoch"`
	Rewrapped int       `json:"rewrapped_keys"`
	Destroyed []int     `json:"destroyed_epochs" doc:"Epochs whose key-encryption keys are gone"`
	At        time.Time `json:"at"`
}

func (s *server) rotationRoutes() []*route {
	return []*route{{
		method: http.MethodPost, path: "/v1/keys/rotate", id: "rotate-keys", summary: "Begin a new epoch of the key-encryption key",
		needs: access.Administer,
		description: "All surviving data keys are wrapped anew and the old key-encryption key is destroyed. Backups of the key store from " +
			"before open nothing any more, unless the old key-encryption key was copied with them. A rotation that is interrupted is finished " +
			"at the next start.",
		request:   []body{{mediaType: typeJSON, of: KeyRotation{}, description: "How to keep the new key; an empty object means in a file"}},
		responses: []body{{mediaType: typeJSON, of: KeyRotated{}, description: "What was done"}},
		problems:  []int{http.StatusForbidden, http.StatusUnprocessableEntity}, serve: s.rotateKeys,
	}}
}

func (s *server) rotateKeys(w http.ResponseWriter, r *http.Request) error {
	var request KeyRotation
	if err := readJSON(r, maxSQLBytes, &request); err != nil {
		return err
	}
	if s.cfg.Vault == nil {
		return noVault()
	}
	done, err := s.cfg.Vault.Rotate(r.Context(), request.KMS)
	if err != nil {
		if request.KMS == "" {
			return err
		}
		p := problemf(http.StatusUnprocessableEntity, "keys-not-rotated", "Keys not rotated", "%v", err)
		p.Pointer = "/kms"
		return p
	}
	return answerJSON(w, http.StatusOK, KeyRotated{done.Epoch, done.Rewrapped, done.Destroyed, s.cfg.Clock().UTC()})
}

func noVault() error {
	return problemf(http.StatusUnprocessableEntity, "nothing-sealed", "Nothing is sealed", "this ledger has no vault")
}
