package audit

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"filippo.io/torchwood"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"amends/audit/verifier"
)

// Where a data directory keeps its keys, apart from everything that they sign or seal.
const (
	keysDir       = "keys"
	sealerKeyFile = "sealer.key" // the signer key of the ledger: PRIVATE+KEY+NAME+HASH+BASE64, as of c2sp.org/signed-note
)

// signers sign the checkpoints of the two logs of a ledger: one Ed25519 key under two names.
type signers struct {
	log, roots note.Signer
	public     verifier.Keys
}

// loadSigners reads the ledger's signing key. A directory that has neither a key nor anything sealed gets a new one, and with
// it the ledger its name, and the state of a log without records: from then on there is never a key without a sealed copy.
func loadSigners(dir string) (*signers, error) {
	path := filepath.Join(dir, keysDir, sealerKeyFile)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		if anySealed(filepath.Join(dir, auditDir, logDir)) {
			return nil, fmt.Errorf("%w: %s is missing, and the ledger is sealed under it; copy it back from where it was saved", ErrNoKey, path)
		}
		text, err = newKey(path, filepath.Join(dir, auditDir, logDir))
	}
	if err != nil {
		return nil, err
	}
	s, err := parseSigners(strings.TrimSpace(string(text)))
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrNoKey, path, err)
	}
	return s, nil
}

// anySealed reports whether a log has a state that is not the one of a log without records.
func anySealed(dir string) bool {
	text, err := os.ReadFile(filepath.Join(dir, stateFile))
	if errors.Is(err, fs.ErrNotExist) {
		return false
	}
	state, parsed := torchwood.ParseCheckpoint(string(text))
	return err != nil || parsed != nil || state.N > 0
}

// newKey makes the ledger's name and key, and keeps them for the owner alone. The state of the empty log is written first: a key
// whose state a crash took away would be taken for that of a ledger whose sealed copy is gone.
func newKey(path, log string) ([]byte, error) {
	random := make([]byte, 8)
	if _, err := rand.Read(random); err != nil {
		return nil, err
	}
	name := "amends.ledger/" + hex.EncodeToString(random)
	skey, _, err := note.GenerateKey(rand.Reader, name)
	if err != nil {
		return nil, err
	}
	if err := beginTree(log, name); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	text := []byte(skey + "\n")
	if err := replaceFile(path, text); err != nil {
		return nil, err
	}
	return text, syncFile(filepath.Dir(filepath.Dir(path)))
}

// beginTree writes the state of a log without records.
func beginTree(dir, name string) error {
	root, err := tlog.TreeHash(0, nil)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	state := torchwood.Checkpoint{Origin: name, Tree: tlog.Tree{Hash: root}}
	return replaceFile(filepath.Join(dir, stateFile), []byte(state.String()))
}

func parseSigners(skey string) (*signers, error) {
	s := &signers{}
	var err error
	if s.log, err = note.NewSigner(skey); err != nil {
		return nil, err
	}
	parts := strings.SplitN(skey, "+", 5)
	key, err := base64.StdEncoding.DecodeString(parts[len(parts)-1])
	if err != nil || len(key) != 1+ed25519.SeedSize {
		return nil, errors.New("it is not an Ed25519 key")
	}
	public := ed25519.NewKeyFromSeed(key[1:]).Public().(ed25519.PublicKey)
	vkey, err := note.NewEd25519VerifierKey(s.log.Name(), public)
	if err != nil {
		return nil, err
	}
	if s.public, err = verifier.ParseKey(vkey); err != nil {
		return nil, err
	}
	mapName := s.public.Map.Name()
	s.roots, err = note.NewSigner(fmt.Sprintf("PRIVATE+KEY+%s+%08x+%s", mapName, s.public.Map.KeyHash(), parts[len(parts)-1]))
	return s, err
}

// PublicKey reads the public key of the ledger in a data directory.
func PublicKey(dir string) (verifier.Keys, error) {
	text, err := os.ReadFile(filepath.Join(dir, keysDir, sealerKeyFile))
	if err != nil {
		return verifier.Keys{}, fmt.Errorf("%w: %w", ErrNoKey, err)
	}
	s, err := parseSigners(strings.TrimSpace(string(text)))
	if err != nil {
		return verifier.Keys{}, fmt.Errorf("%w: %s: %w", ErrNoKey, sealerKeyFile, err)
	}
	return s.public, nil
}
