package web

import (
	"maps"
	"net/http"
	"slices"
	"strings"

	"amends/access"
	"amends/schemas"
)

// mayOpen reports whether the caller may read personal data, and whether there is any to open.
func (s *server) mayOpen(c *access.Caller) bool {
	return s.cfg.Vault != nil && c.May(access.OpenPersonal)
}

// Erased is a personal value that cannot be opened any more; in the record stands [erased], or [key missing].
type Erased struct {
	Pointer string `json:"pointer" doc:"Where it stands in the record (RFC 6901)"`
	Class   string `json:"class" doc:"The retention class that was erased"`
	Missing bool   `json:"missing,omitempty" doc:"The key was not destroyed by an erasure: this vault never had it"`
}

var openParameters = []parameter{
	{name: "open", boolean: true, description: "Open the personal values. Default: the records exactly as stored, with these values sealed"},
	{name: "purpose", description: "With open=true: what the data is read for, without personal data. It is recorded"},
}

const openDescription = "With open=true the personal values are in clear, and one access.recorded is written for each customer concerned " +
	"before anything is answered; records opened so are for reading: their hash is not that of the stored bytes."

// purposeNotStated is recorded as the purpose of an access for which none was given.
const purposeNotStated = "not stated"

// purposeOf reads ?purpose=.
func purposeOf(r *http.Request) (string, error) { return checkPurpose(value(r, "purpose")) }

func checkPurpose(purpose string) (string, error) {
	purpose = strings.TrimSpace(purpose)
	if len(purpose) > 200 {
		return "", badParameter("purpose", "must be at most 200 bytes")
	}
	if purpose == "" {
		return purposeNotStated, nil
	}
	return purpose, nil
}

// openRecords opens the records in place, by position, if the request asks for it, and records that the data was read. It
// returns what could not be opened any more.
func (s *server) openRecords(r *http.Request, scope string, stored map[uint64][]byte) (map[uint64][]Erased, error) {
	open, err := truthOf(r, "open")
	if err != nil || !open {
		return nil, err
	}
	purpose, err := purposeOf(r)
	if err != nil {
		return nil, err
	}
	return s.openAll(r, purpose, scope, stored)
}

func (s *server) openAll(r *http.Request, purpose, scope string, stored map[uint64][]byte) (map[uint64][]Erased, error) {
	if !s.mayOpen(callerOf(r)) {
		return nil, problemf(http.StatusForbidden, "not-permitted", "Not permitted", "the caller may not read personal data")
	}
	erased := make(map[uint64][]Erased)
	classes := make(map[string]map[string]bool) // that were opened, by customer
	for position, record := range stored {
		opened, fields, err := s.cfg.Codec.Open(r.Context(), s.cfg.Vault, record)
		if err != nil {
			return nil, err
		}
		stored[position] = opened
		for _, f := range fields {
			if f.Erased || f.Missing {
				erased[position] = append(erased[position], Erased{Pointer: f.Pointer, Class: f.Class, Missing: f.Missing})
				continue
			}
			customer := schemas.CustomerOf(record)
			if classes[customer] == nil {
				classes[customer] = make(map[string]bool)
			}
			classes[customer][f.Class] = true
		}
	}
	return erased, s.recordAccesses(r, purpose, scope, classes)
}

// recordAccesses records that the caller is about to be shown the classes of the customers' personal data.
func (s *server) recordAccesses(r *http.Request, purpose, scope string, classes map[string]map[string]bool) error {
	for _, customer := range slices.Sorted(maps.Keys(classes)) {
		what := scope + ": " + strings.Join(slices.Sorted(maps.Keys(classes[customer])), ", ")
		if err := s.cfg.Ledger.RecordAccess(r.Context(), customer, callerOf(r).ID, purpose, what); err != nil {
			return unavailable(err)
		}
	}
	return nil
}
