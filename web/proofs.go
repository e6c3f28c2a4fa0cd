package web

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"

	"amends/access"
	"amends/audit"
	"amends/audit/verifier"
	"amends/eventstore"
)

// SealStatus says how far the log is sealed.
type SealStatus struct {
	Key        string `json:"key" doc:"The ledger's public key: a signed-note verifier key"`
	Position   uint64 `json:"position" doc:"The last position under a signed checkpoint"`
	LagEvents  uint64 `json:"lag_events" doc:"How many positions the checkpoint is behind the log"`
	Size       int64  `json:"size" doc:"Records under the checkpoint"`
	MapSize    int64  `json:"map_size" doc:"Records under the last root of the completeness map"`
	Checkpoint string `json:"checkpoint" doc:"The last signed checkpoint (c2sp.org/tlog-checkpoint)"`
	Stopped    string `json:"stopped,omitempty" doc:"Why nothing is sealed at present"`
}

// VerifyRequest says what to verify with.
type VerifyRequest struct {
	Key   string `json:"key,omitempty" doc:"The public key to verify with; default: the one that the ledger holds"`
	Known string `json:"known,omitempty" doc:"A signed checkpoint, as text, that the ledger must extend"`
}

// VerifyLine is one line of the answer to a verification: progress, then one result or one problem.
type VerifyLine struct {
	Done    *uint64             `json:"done,omitempty"`
	Total   *uint64             `json:"total,omitempty"`
	Result  *audit.Verification `json:"result,omitempty"`
	Problem *Problem            `json:"problem,omitempty"`
}

const (
	typeProof = "text/plain; charset=utf-8" // a tlog-proof, a checkpoint
	typeZip   = "application/zip"
	typeBytes = "application/octet-stream"
)

func (s *server) proofRoutes() []*route {
	customer := parameter{name: "customer", description: "Whose event it is; may be left out when no other customer has an event of this id"}
	return []*route{
		{
			method: http.MethodGet, path: "/v1/proofs/{event_id}", id: "prove-event", summary: "Prove that an event is in the signed log",
			needs: access.Prove,
			description: "Waits until the event is under a signed checkpoint, for a few seconds at most, and answers with the inclusion proof in " +
				"the format of c2sp.org/tlog-proof.",
			query:     []parameter{customer},
			responses: []body{{mediaType: "text/plain", of: "", description: "The proof"}},
			problems:  []int{http.StatusNotFound, http.StatusConflict, http.StatusServiceUnavailable},
			serve:     s.getProof,
		},
		{
			method: http.MethodGet, path: "/v1/customers/{id}/evidence", id: "read-evidence", summary: "Prove a customer's whole history",
			needs: access.Prove,
			description: "A bundle (zip) that proves, offline and to whoever holds the ledger's public key, that it has all records of the " +
				"customer and of all whom it absorbed; or that there are none. The Go package amends/audit/verifier documents and checks it. " +
				"With keys=true, which needs open_personal besides, it has the keys that open what is sealed in the records, for ever: one " +
				"access.recorded is written for each customer concerned before anything is answered.",
			query: []parameter{
				{name: "known", description: "A signed checkpoint, as text, that the bundle is to be shown to extend"},
				{name: "keys", boolean: true, description: "Put the keys that open the personal values into the bundle. Default: they stay sealed"},
				{name: "purpose", description: "With keys=true, and needed: what the data is read for, without personal data. It is recorded"},
			},
			responses: []body{{mediaType: typeZip, description: "The bundle"}},
			problems:  []int{http.StatusServiceUnavailable},
			serve:     s.getEvidence,
		},
		{
			method: http.MethodPost, path: "/v1/verify", id: "verify-ledger", summary: "Verify the whole ledger",
			needs: access.Prove,
			description: "Reads the whole log and compares everything that was sealed with it. Answers with progress, one line at a time, and ends " +
				"with a line that holds the result. The views are verified by /v1/verify/views.",
			request:   []body{{mediaType: typeJSON, of: VerifyRequest{}, description: "What to verify with; an empty object means the ledger's own key"}},
			responses: []body{{mediaType: typeNDJSON, of: VerifyLine{}, description: "Lines of progress, then the result"}},
			problems:  []int{http.StatusServiceUnavailable},
			serve:     s.verify,
		},
		s.tilesRoute("log", "the log of records", false),
		s.tilesRoute("map", "the log of the completeness map's roots", true),
	}
}

// tilesRoute serves a log to any client of C2SP tlog-tiles. What is complete never changes.
func (s *server) tilesRoute(name, what string, mapRoots bool) *route {
	return &route{
		method: http.MethodGet, path: "/audit/" + name + "/{path...}", id: "read-" + name + "-tiles", summary: "Read " + what,
		needs:       access.Prove,
		description: "The checkpoint, the tiles and the entry bundles of " + what + ", as of c2sp.org/tlog-tiles, below this prefix.",
		responses:   []body{{mediaType: typeBytes, description: "A tile, an entry bundle, or the checkpoint"}},
		problems:    []int{http.StatusNotFound, http.StatusServiceUnavailable},
		serve: func(w http.ResponseWriter, r *http.Request) error {
			if s.cfg.Sealer == nil {
				return notSealed(errNoSealer)
			}
			path := r.PathValue("path")
			data, err := s.cfg.Sealer.Tiles(mapRoots).ReadEndpoint(r.Context(), path)
			if errors.Is(err, os.ErrNotExist) || errors.Is(err, os.ErrInvalid) {
				return problemf(http.StatusNotFound, "unknown-tile", "Unknown tile", "there is no such tile under the checkpoint")
			}
			if err != nil {
				return err
			}
			h := w.Header()
			h.Set("Content-Type", typeBytes)
			h.Set("Cache-Control", "max-age=31536000, immutable")
			if path == "checkpoint" {
				h.Set("Content-Type", typeProof)
				h.Set("Cache-Control", "no-cache")
			}
			_, err = w.Write(data)
			return err
		},
	}
}

var errNoSealer = errors.New("this server does not seal")

// notSealed says that a proof cannot be had yet.
func notSealed(cause error) error {
	p := problemf(http.StatusServiceUnavailable, "not-sealed", "Not sealed yet",
		"no signed checkpoint covers it yet; try again, and if it stays so, /v1/status says why the sealer stopped")
	p.cause, p.retryAfter = cause, retryAfterSeconds
	return p
}

// fromAudit turns an error of the proofs into its problem; nil if it is none of theirs.
func fromAudit(err error) *Problem {
	switch {
	case errors.Is(err, audit.ErrInvalid):
		return badParameter("known", "it is not a checkpoint that this ledger signed")
	case errors.Is(err, audit.ErrNotFound):
		return problemf(http.StatusNotFound, "unknown-event", "Unknown event", "the ledger has no such record")
	case errors.Is(err, audit.ErrNotSealed), errors.Is(err, context.DeadlineExceeded):
		return asProblem(notSealed(err))
	}
	return nil
}

// statusWithin is how long a status waits for a sealer that has just been started.
const statusWithin = time.Second

// sealedWithin is how long a request waits for its checkpoint.
const sealedWithin = 15 * time.Second

// awaitSealed waits until the position is under a signed checkpoint and, if asked, under a root of the completeness map.
func (s *server) awaitSealed(ctx context.Context, at eventstore.Position, mapped bool) error {
	if s.cfg.Sealer == nil {
		return notSealed(errNoSealer)
	}
	wait, cancel := context.WithTimeout(ctx, sealedWithin)
	defer cancel()
	var err error
	if mapped {
		err = s.cfg.Sealer.WaitForMap(wait, at)
	} else {
		err = s.cfg.Sealer.WaitFor(wait, at)
	}
	if err != nil && ctx.Err() == nil {
		return notSealed(err)
	}
	return err
}

// proof waits for the proof of the record at a position.
func (s *server) proof(ctx context.Context, at uint64) ([]byte, error) {
	if err := s.awaitSealed(ctx, eventstore.Position(at), false); err != nil {
		return nil, err
	}
	proof, err := s.cfg.Sealer.Proof(ctx, eventstore.Position(at))
	if p := fromAudit(err); err != nil && p != nil {
		return nil, p
	}
	return proof, err
}

func (s *server) getProof(w http.ResponseWriter, r *http.Request) error {
	customer := value(r, "customer")
	if customer == "" {
		var err error
		if customer, err = s.customerOf(r, r.PathValue("event_id")); err != nil {
			return err
		}
	}
	for rec, err := range s.cfg.Store.Read(r.Context(), customer, 1) {
		if err != nil {
			return err
		}
		if rec.ID != r.PathValue("event_id") {
			continue
		}
		proof, err := s.proof(r.Context(), uint64(rec.Position))
		if err != nil {
			return err
		}
		setPosition(w, uint64(rec.Position))
		w.Header().Set("Content-Type", typeProof)
		_, err = w.Write(proof)
		return err
	}
	return fromAudit(audit.ErrNotFound)
}

// customerOf finds whose event it is, in the views as they stand once they have seen the log.
func (s *server) customerOf(r *http.Request, event string) (string, error) {
	end, err := s.cfg.Store.End(r.Context())
	if err != nil {
		return "", unavailable(err)
	}
	wait, cancel := context.WithTimeout(r.Context(), s.cfg.WaitForViews)
	defer cancel()
	if err := s.cfg.Views.WaitFor(wait, end); err != nil {
		return "", badParameter("customer", "the views are behind the log; name the customer")
	}
	rows, _, err := s.rowObjects(r.Context(), viewQuery{
		view: "events", where: []condition{{column: "event_id", operator: "=", value: event}}, limit: 2,
	})
	if err != nil {
		return "", err
	}
	switch len(rows) {
	case 0:
		return "", fromAudit(audit.ErrNotFound)
	case 1:
		customer, _ := rows[0].member("customer_id").(string)
		return customer, nil
	}
	return "", problemf(http.StatusConflict, "ambiguous-event", "Several customers have an event of this id", "name the customer")
}

func (s *server) getEvidence(w http.ResponseWriter, r *http.Request) error {
	customer := r.PathValue("id")
	if err := eventstore.ValidateStream(customer); err != nil {
		return err
	}
	keys, err := s.keysWanted(r)
	if err != nil {
		return err
	}
	end, err := s.cfg.Store.End(r.Context())
	if err != nil {
		return unavailable(err)
	}
	if err := s.awaitSealed(r.Context(), end, true); err != nil {
		return err
	}
	var known []byte
	if text := value(r, "known"); text != "" {
		known = []byte(text)
	}
	var opening func([][]byte) ([]byte, error)
	if keys != nil {
		opening = keys.of
	}
	var out bytes.Buffer // whole or not at all: a bundle that breaks off proves nothing
	if err := s.cfg.Sealer.Evidence(r.Context(), customer, known, opening, &out); err != nil {
		if p := fromAudit(err); p != nil {
			return p
		}
		return err
	}
	if keys != nil {
		if err := s.recordAccesses(r, keys.purpose, "evidence with keys", keys.classes); err != nil {
			return err
		}
		w.Header().Set("Cache-Control", "no-store")
	}
	w.Header().Set("Content-Type", typeZip)
	w.Header().Set("Content-Disposition", fmt.Sprintf(`attachment; filename="evidence-%s.zip"`, customer))
	_, err = w.Write(out.Bytes())
	return err
}

func (s *server) verify(w http.ResponseWriter, r *http.Request) error {
	var request VerifyRequest
	if err := readJSON(r, maxSQLBytes, &request); err != nil {
		return err
	}
	if s.cfg.Sealer == nil {
		return notSealed(errNoSealer)
	}
	key := s.cfg.Sealer.Key()
	if text := strings.TrimSpace(request.Key); text != "" {
		var err error
		if key, err = verifier.ParseKey(text); err != nil {
			return problemf(http.StatusBadRequest, "bad-key", "Bad public key", "%s", err)
		}
	}
	if key.Log == nil {
		return problemf(http.StatusBadRequest, "no-key", "No public key", "the ledger's signing key is missing; say which public key to verify with")
	}
	// What was acknowledged before the question is to be under the seal; a sealer that has stopped is a finding of its own.
	end, err := s.cfg.Store.End(r.Context())
	if err != nil {
		return unavailable(err)
	}
	stopped := s.awaitSealed(r.Context(), end, true)
	if r.Context().Err() != nil {
		return r.Context().Err()
	}
	out := &lineWriter{w: w}
	result, err := s.cfg.Sealer.Verify(r.Context(), key, []byte(request.Known), out.progress)
	if errors.Is(err, audit.ErrInvalid) { // of the known checkpoint, before any progress
		return fromAudit(err)
	}
	if err != nil {
		return out.fail(s, r, err)
	}
	if stopped != nil {
		if st := s.cfg.Sealer.Status(r.Context()); st.Stopped != nil && !errors.Is(st.Stopped, audit.ErrNoKey) {
			result.Add(audit.Finding{Part: "sealer", What: "it stopped: " + st.Stopped.Error()})
		}
	}
	return out.line(VerifyLine{Result: result})
}

func (s *server) sealStatus(ctx context.Context, end uint64) *SealStatus {
	if s.cfg.Sealer == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, statusWithin)
	defer cancel()
	st := s.cfg.Sealer.Status(ctx)
	out := &SealStatus{
		Key: st.Key, Position: uint64(st.Position), LagEvents: end - min(end, uint64(st.Position)), Size: st.Size, MapSize: st.MapSize,
		Checkpoint: st.Checkpoint,
	}
	if st.Stopped != nil {
		out.Stopped = st.Stopped.Error()
	}
	return out
}
