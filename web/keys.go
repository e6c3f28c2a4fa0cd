package web

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/go-json-experiment/json"

	"amends/access"
	"amends/domain"
	"amends/ledger"
)

// KeyRequest asks for an API key.
type KeyRequest struct {
	Name            string   `json:"name" doc:"What to call it, such as helpdesk-import; it is shown in lists and not recorded"`
	Roles           []string `json:"roles" doc:"What it may do: recorder, handler, analyst, subscriber, auditor, administrator"`
	Sources         []string `json:"sources,omitempty" doc:"The only sources it may record under; for these it may name other actors"`
	LifetimeSeconds int64    `json:"lifetime_seconds,omitempty" doc:"How long it lives. Default 90 days, at most 366 days"`
}

// KeyGranted is a new key.
type KeyGranted struct {
	access.APIKey
	Key string `json:"key" doc:"The key itself. It is shown here and never again"`
}

// RevokeRequest says why a key ends.
type RevokeRequest struct {
	Reason string `json:"reason,omitempty" doc:"Why, without personal data; it is recorded"`
}

func (s *server) keyRoutes() []*route {
	return []*route{
		{
			method: http.MethodPost, path: "/v1/access/keys", id: "grant-key", summary: "Make an API key", needs: access.Administer,
			description: "The grant is recorded in the ledger's own stream (access.granted) before the key works.",
			request:     []body{{mediaType: typeJSON, of: KeyRequest{}, description: "What the key is for"}},
			responses:   []body{{mediaType: typeJSON, of: KeyGranted{}, status: http.StatusCreated, description: "The key"}},
			problems:    []int{http.StatusNotFound, http.StatusUnprocessableEntity, http.StatusServiceUnavailable},
			serve:       s.grantKey,
		},
		{
			method: http.MethodGet, path: "/v1/access/keys", id: "list-keys", summary: "The API keys", needs: access.Administer,
			description: "Every key that was ever made, without its secret.",
			responses:   []body{{mediaType: typeJSON, of: []access.APIKey{}, description: "The keys, the newest first"}},
			problems:    []int{http.StatusNotFound},
			serve:       s.listKeys,
		},
		{
			method: http.MethodPost, path: "/v1/access/keys/{id}/revoke", id: "revoke-key", summary: "End an API key at once",
			needs: access.Administer,
			description: "Before this answers, the key is refused and what it was doing has ended, subscriptions too. It is recorded " +
				"(access.revoked); 503 says that the key has ended and the record is missing: send the same again.",
			request:   []body{{mediaType: typeJSON, of: RevokeRequest{}, description: "Why; an empty object will do"}},
			responses: []body{{mediaType: typeJSON, of: access.APIKey{}, description: "The key as it is now"}},
			problems:  []int{http.StatusNotFound, http.StatusUnprocessableEntity, http.StatusServiceUnavailable},
			serve:     s.revokeKey,
		},
	}
}

// keys are the server's API keys.
func (s *server) keys() (*access.Keys, error) {
	if s.cfg.Callers.Keys == nil {
		return nil, problemf(http.StatusNotFound, "no-keys", "No keys", "this server keeps no API keys")
	}
	return s.cfg.Callers.Keys, nil
}

// grantKey records the grant before the key is stored: a key that works is always on record. What fails in between leaves a
// record of a key that nobody has.
func (s *server) grantKey(w http.ResponseWriter, r *http.Request) error {
	keys, err := s.keys()
	if err != nil {
		return err
	}
	var request KeyRequest
	if err := readJSON(r, maxSQLBytes, &request); err != nil {
		return err
	}
	if request.LifetimeSeconds < 0 || request.LifetimeSeconds > int64(access.MaxLifetime/time.Second) {
		return badField("/lifetime_seconds", "a key lives from 1 second to 366 days")
	}
	ask := access.Request{
		Name: request.Name, Sources: request.Sources, Lifetime: time.Duration(request.LifetimeSeconds) * time.Second,
	}
	for i, name := range request.Roles {
		role, err := access.ParseRole(name)
		if err != nil {
			return badField(fmt.Sprintf("/roles/%d", i), "no such role; amends access roles lists them")
		}
		ask.Roles = append(ask.Roles, role)
	}
	key, secret, err := keys.Draft(ask)
	if errors.Is(err, access.ErrInvalidGrant) {
		return badField("", "%v", err)
	}
	if err != nil {
		return err
	}
	granted := &domain.AccessGranted{KeyID: key.ID, Sources: key.Sources, ExpiresAt: key.Expires}
	for _, role := range key.Roles {
		granted.Roles = append(granted.Roles, string(role))
	}
	position, err := s.recordOwn(r.Context(), callerOf(r), "access-granted:"+key.ID, "access.granted", granted)
	if err != nil {
		return err
	}
	if err := keys.Store(r.Context(), key, secret); err != nil {
		return err
	}
	setPosition(w, position)
	w.Header().Set("Cache-Control", "no-store")
	return answerJSON(w, http.StatusCreated, KeyGranted{APIKey: key, Key: secret})
}

func badField(pointer, format string, args ...any) *Problem {
	p := problemf(http.StatusUnprocessableEntity, "bad-request", "Bad request", format, args...)
	p.Pointer = pointer
	return p
}

func (s *server) listKeys(w http.ResponseWriter, r *http.Request) error {
	keys, err := s.keys()
	if err != nil {
		return err
	}
	all, err := keys.List(r.Context())
	if err != nil {
		return err
	}
	return answerJSON(w, http.StatusOK, all)
}

// revokeKey ends the key before it records that: a log that cannot be written must not keep a leaked key alive.
func (s *server) revokeKey(w http.ResponseWriter, r *http.Request) error {
	keys, err := s.keys()
	if err != nil {
		return err
	}
	var request RevokeRequest
	if err := readJSON(r, maxSQLBytes, &request); err != nil {
		return err
	}
	if len([]rune(request.Reason)) > 200 {
		return badField("/reason", "at most 200 characters")
	}
	caller := callerOf(r)
	key, err := keys.Revoke(r.Context(), r.PathValue("id"))
	if errors.Is(err, access.ErrUnknownKey) {
		return problemf(http.StatusNotFound, "unknown-key", "Unknown key", "there is no such key; amends access list shows the keys")
	}
	if err != nil {
		return err
	}
	// An administrator may end the very key that asks: the record is written all the same.
	position, err := s.recordOwn(context.WithoutCancel(r.Context()), caller, "access-revoked:"+key.ID, "access.revoked",
		&domain.AccessRevoked{KeyID: key.ID, Reason: request.Reason})
	if err != nil {
		return err
	}
	setPosition(w, position)
	return answerJSON(w, http.StatusOK, key)
}

// recordDenied records that a known caller asked for what only an administrator may do: once a day for each caller and
// operation, whatever they try, because a repeated id adds nothing. The answer does not wait on whether that worked.
func (s *server) recordDenied(ctx context.Context, rt *route, caller *access.Caller) {
	if rt.needs != access.Administer && rt.needs != access.ApproveErasure {
		return
	}
	day := s.cfg.Clock().UTC().Format(time.DateOnly)
	sum := sha256.Sum256([]byte(caller.ID + "\n" + rt.id + "\n" + day))
	_, err := s.recordOwn(ctx, caller, "access-denied:"+hex.EncodeToString(sum[:16]), "access.denied",
		&domain.AccessDenied{CallerID: caller.ID, Operation: rt.id})
	if err != nil {
		s.cfg.Logger.Error().Err(err).Str("caller", caller.ID).Str("operation", rt.id).Msg("a denied operation could not be recorded")
	}
}

// ownSource is the source of what the ledger records of itself.
const ownSource = "urn:amends:ledger"

// recordOwn records an event of the ledger's own stream on the caller's behalf and returns its position. The same id again
// adds nothing.
func (s *server) recordOwn(ctx context.Context, caller *access.Caller, id string, eventType domain.Type, data domain.Data) (uint64, error) {
	raw, err := json.Marshal(map[string]any{
		"specversion": "1.0", "id": id, "source": ownSource, "type": eventType, "subject": domain.LedgerStream,
		"actor": caller.ID, "data": data,
	})
	if err != nil {
		return 0, err
	}
	receipts, err := s.cfg.Ledger.Record(ctx, [][]byte{raw})
	if err != nil {
		return 0, unavailable(err)
	}
	if receipts[0].Status == ledger.Refused {
		return 0, fmt.Errorf("record %s: %w", eventType, receipts[0].Problem)
	}
	return receipts[0].Position, nil
}
