package audit

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"filippo.io/torchwood"
	"golang.org/x/mod/sumdb/note"
)

// The policy names the witnesses, below audit/: lines "witness NAME VKEY URL" of c2sp.org/tlog-policy. A witness that is named
// there is asked to cosign; without the file nobody is.
const (
	policyFile   = "policy"
	cosignedFile = "checkpoint.cosigned" // the last checkpoint with the cosignatures that witnesses gave
)

// Witness cosigns checkpoints that are consistent with all that it saw before (c2sp.org/tlog-witness).
type Witness struct {
	URL string // the submission prefix, without /add-checkpoint
	Key note.Verifier
}

// readWitnesses reads the policy file of a data directory.
func readWitnesses(path string) ([]Witness, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var out []Witness
	n := 0
	for line := range strings.Lines(string(text)) {
		n++
		line, _, _ = strings.Cut(line, "#")
		fields := strings.Fields(line)
		if len(fields) == 0 || fields[0] != "witness" {
			continue
		}
		if len(fields) != 4 {
			return nil, fmt.Errorf("%s, line %d: a witness has a name, a key and a URL", path, n)
		}
		key, err := torchwood.NewCosignatureVerifier(fields[2])
		if err != nil {
			return nil, fmt.Errorf("%s, line %d: %w", path, n, err)
		}
		u, err := url.Parse(fields[3])
		if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
			return nil, fmt.Errorf("%s, line %d: %q is no URL", path, n, fields[3])
		}
		out = append(out, Witness{URL: strings.TrimSuffix(fields[3], "/"), Key: key})
	}
	return out, nil
}

// witnessWithin is how long one witness may take for one answer.
const witnessWithin = 10 * time.Second

// witness asks the witnesses for cosignatures of both logs, again and again. A witness that fails holds nothing up.
func (s *Sealer) witness(ctx context.Context) error {
	tick := time.NewTicker(s.cfg.WitnessInterval)
	defer tick.Stop()
	for {
		s.mu.Lock()
		heads := map[string]*published{logDir: s.log, mapDir: s.roots}
		s.mu.Unlock()
		for dir, head := range heads {
			if head == nil {
				continue
			}
			if _, err := s.cosigned(ctx, dir, head); err != nil && ctx.Err() == nil {
				s.cfg.Logger.Warn().Err(err).Str("of", dir).Msg("a checkpoint was not cosigned by every witness; the next try comes by itself")
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// cosigned returns the checkpoint with the cosignatures of all witnesses that gave one, and asks those that have not. The error
// says which did not.
func (s *Sealer) cosigned(ctx context.Context, dir string, head *published) ([]byte, error) {
	s.cosigning.Lock()
	defer s.cosigning.Unlock()
	path := filepath.Join(s.dir, dir, cosignedFile)
	signed := head.checkpoint
	if kept, err := os.ReadFile(path); err == nil && sameText(kept, signed) {
		signed = kept
	}
	var errs []error
	added := false
	for _, w := range s.cfg.Witnesses {
		if _, err := note.Open(signed, note.VerifierList(w.Key)); err == nil {
			continue // it has cosigned this one
		}
		lines, err := s.ask(ctx, w, OpenTiles(filepath.Join(s.dir, dir)), head)
		if err != nil {
			errs = append(errs, fmt.Errorf("witness %s: %w", w.Key.Name(), err))
			continue
		}
		signed, added = append(bytes.Clone(signed), lines...), true
	}
	if added {
		errs = append(errs, replaceFile(path, signed))
	}
	return signed, errors.Join(errs...)
}

// sameText reports whether two notes sign the same.
func sameText(a, b []byte) bool {
	x, _, _ := bytes.Cut(a, []byte("\n\n"))
	y, _, _ := bytes.Cut(b, []byte("\n\n"))
	return bytes.Equal(x, y)
}

// ask asks one witness and returns its signature lines. The witness says what it saw last when it was something else.
func (s *Sealer) ask(ctx context.Context, w Witness, tiles *Tiles, head *published) ([]byte, error) {
	name := w.Key.Name() + " " + tiles.dir
	for attempt := 0; ; attempt++ {
		old := min(s.witnessed[name], head.tree.N)
		answer, status, err := s.submit(ctx, w, tiles, head, old)
		if err != nil {
			return nil, err
		}
		switch {
		case status == http.StatusConflict && attempt == 0:
			size, err := strconv.ParseInt(strings.TrimSpace(string(answer)), 10, 64)
			if err != nil || size < 0 {
				return nil, errors.New("it answered 409 without a size")
			}
			if size > head.tree.N {
				return nil, fmt.Errorf("it has seen a checkpoint of %d entries, and this one has %d: another copy of this ledger signs", size, head.tree.N)
			}
			s.witnessed[name] = size
			continue
		case status != http.StatusOK:
			return nil, fmt.Errorf("it answered %d", status)
		}
		signed := append(bytes.Clone(head.checkpoint), answer...)
		n, err := note.Open(signed, note.VerifierList(w.Key))
		if err != nil {
			return nil, fmt.Errorf("its cosignature is not good: %w", err)
		}
		s.witnessed[name] = head.tree.N
		return fmt.Appendf(nil, "— %s %s\n", n.Sigs[0].Name, n.Sigs[0].Base64), nil
	}
}

// submit sends add-checkpoint.
func (s *Sealer) submit(ctx context.Context, w Witness, tiles *Tiles, head *published, old int64) ([]byte, int, error) {
	ctx, cancel := context.WithTimeout(ctx, witnessWithin)
	defer cancel()
	proof, err := tiles.consistency(ctx, old, head.tree)
	if err != nil {
		return nil, 0, err
	}
	var body bytes.Buffer
	fmt.Fprintf(&body, "old %d\n", old)
	for _, h := range proof {
		fmt.Fprintln(&body, base64.StdEncoding.EncodeToString(h[:]))
	}
	body.WriteByte('\n')
	body.Write(head.checkpoint)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, w.URL+"/add-checkpoint", &body)
	if err != nil {
		return nil, 0, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, 0, err
	}
	answer, err := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	return answer, resp.StatusCode, errors.Join(err, resp.Body.Close())
}
