package web

import (
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strings"

	"amends/schemas"
	"amends/vault"
)

// evidenceKeys gives the keys that go with a customer's evidence, and records that they were given.
type evidenceKeys struct {
	server  *server
	request *http.Request
	purpose string
	classes map[string]map[string]bool // of the keys that were given, by customer
}

// keysWanted reads ?keys= and ?purpose=. It returns nil when no keys are wanted.
func (s *server) keysWanted(r *http.Request) (*evidenceKeys, error) {
	wanted, err := truthOf(r, "keys")
	if err != nil || !wanted {
		return nil, err
	}
	if strings.TrimSpace(value(r, "purpose")) == "" {
		return nil, badParameter("purpose", "with keys=true, say what they are for")
	}
	purpose, err := purposeOf(r)
	if err != nil {
		return nil, err
	}
	if !s.mayOpen(callerOf(r)) {
		return nil, problemf(http.StatusForbidden, "not-permitted", "Not permitted", "the caller may not read personal data")
	}
	return &evidenceKeys{server: s, request: r, purpose: purpose, classes: make(map[string]map[string]bool)}, nil
}

// of is the content of keys.json for the records: each key that opens one of their values, as far as it was not destroyed.
func (k *evidenceKeys) of(records [][]byte) ([]byte, error) {
	given := []vault.GivenKey{}
	seen := make(map[vault.KeyID]bool)
	for _, record := range records {
		ids, err := k.server.cfg.Codec.SealedKeys(record)
		if err != nil {
			return nil, err
		}
		for _, pointer := range slices.Sorted(maps.Keys(ids)) {
			id := ids[pointer]
			if seen[id] {
				continue
			}
			seen[id] = true
			key, err := k.server.cfg.Vault.Give(k.request.Context(), id)
			if errors.Is(err, vault.ErrErased) || errors.Is(err, vault.ErrNoKey) {
				continue
			}
			if err != nil {
				return nil, err
			}
			given = append(given, key)
			customer := schemas.CustomerOf(record)
			if k.classes[customer] == nil {
				k.classes[customer] = make(map[string]bool)
			}
			k.classes[customer][key.Class] = true
		}
	}
	text, err := json.MarshalIndent(given, "", "  ")
	return append(text, '\n'), err
}
