package audit

import (
	"crypto/ed25519"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"filippo.io/torchwood"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"amends/audit/verifier"
	"amends/eventstore"
)

// litewitness is a witness as c2sp.org/tlog-witness says it must behave.
type litewitness struct {
	key    verifier.Keys
	signer *torchwood.CosignatureSigner
	mu     sync.Mutex
	seen   map[string]tlog.Tree
}

func (l *litewitness) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(err)
	}
	head, signed, ok := strings.Cut(string(body), "\n\n")
	lines := strings.Split(head, "\n")
	old, err := strconv.ParseInt(strings.TrimPrefix(lines[0], "old "), 10, 64)
	if r.URL.Path != "/add-checkpoint" || !ok || err != nil {
		http.Error(w, "malformed", http.StatusBadRequest)
		return
	}
	c, err := l.key.OpenLog([]byte(signed))
	if err != nil {
		c, err = l.key.OpenMap([]byte(signed))
	}
	if err != nil {
		http.Error(w, "unknown log", http.StatusForbidden)
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if seen := l.seen[c.Origin]; seen.N != old {
		w.Header().Set("Content-Type", "text/x.tlog.size")
		w.WriteHeader(http.StatusConflict)
		fmt.Fprintln(w, seen.N)
		return
	}
	var proof tlog.TreeProof
	for _, line := range lines[1:] {
		h, err := tlog.ParseHash(line)
		if err != nil {
			http.Error(w, "malformed", http.StatusBadRequest)
			return
		}
		proof = append(proof, h)
	}
	if old > 0 && (old != c.N || l.seen[c.Origin].Hash != c.Hash) {
		if err := tlog.CheckTree(proof, c.N, c.Hash, old, l.seen[c.Origin].Hash); err != nil {
			http.Error(w, "inconsistent", http.StatusUnprocessableEntity)
			return
		}
	}
	l.seen[c.Origin] = c.Tree
	cosigned, err := note.Sign(&note.Note{Text: c.String()}, l.signer)
	if err != nil {
		panic(err)
	}
	_, lineOnly, _ := strings.Cut(string(cosigned), "\n\n")
	io.WriteString(w, lineOnly)
}

// A witness that the policy names cosigns what it can check, and its cosignature is in the evidence. It learns nothing but
// hashes. Where it remembers another size than the sealer does, the two agree again.
func TestWitness(t *testing.T) {
	dir := t.TempDir()
	w := newWriter(t, eventstore.NewMemory())
	cfg := quick(dir, w.store)
	_, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := torchwood.NewCosignatureSigner("witness.example", private)
	if err != nil {
		t.Fatal(err)
	}
	lite := &litewitness{signer: signer, seen: map[string]tlog.Tree{}}
	server := httptest.NewServer(lite)
	defer server.Close()
	policy := fmt.Sprintf("# who watches\nwitness w1 %s %s/\nquorum w1\n", signer.Verifier(), server.URL)
	if err := os.MkdirAll(filepath.Join(dir, auditDir), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, auditDir, policyFile), []byte(policy), 0o600); err != nil {
		t.Fatal(err)
	}
	stranger, err := torchwood.NewCosignatureSigner("stranger.example", private)
	if err != nil {
		t.Fatal(err)
	}
	for round := range 3 {
		w.write("C-1", 40)
		s, err := Open(cfg)
		if err != nil {
			t.Fatal(err)
		}
		lite.key = s.Key()
		stop := run(t, s) // each round a new sealer: it remembers no size, the witness does
		if err := s.WaitForMap(t.Context(), w.last); err != nil {
			t.Fatal(err)
		}
		b := evidence(t, s, "C-1", nil)
		report, err := check(b, verifier.Options{Key: s.Key(), Witnesses: []note.Verifier{signer.Verifier()}})
		if err != nil || len(report.Signers) != 2 {
			t.Fatalf("round %d: %+v, %v", round, report, err)
		}
		if _, err := check(b, verifier.Options{Key: s.Key(), Witnesses: []note.Verifier{stranger.Verifier()}}); err == nil {
			t.Fatal("a cosignature that is not there was accepted")
		}
		_ = stop()
	}
}
