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

// loadSigners reads the ledger's signing key. A directory that has neither a key nor anything signed gets a new one, and with
// it the ledger its name. A key that has no tree beside it was brought from another directory: what it signed there is not known
// here, and it must not sign another history.
func loadSigners(dir string) (*signers, error) {
	path, log := filepath.Join(dir, keysDir, sealerKeyFile), filepath.Join(dir, auditDir, logDir)
	text, err := os.ReadFile(path)
	missing := errors.Is(err, fs.ErrNotExist)
	if err != nil && !missing {
		return nil, err
	}
	begun, err := signedBefore(log)
	switch {
	case err != nil:
		return nil, err
	case missing && begun:
		return nil, fmt.Errorf("%w: %s is missing, and the ledger is sealed under it; copy it back from where it was saved", ErrNoKey, path)
	case missing:
		if text, err = firstKey(dir); err != nil {
			return nil, err
		}
	case !begun:
		if _, err := os.Stat(filepath.Join(log, stateFile)); errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("%w: nothing is sealed here, so %s was made for another directory, and may have signed another history; "+
				"move it away, and the ledger takes a key of its own", ErrNoKey, path)
		}
	}
	s, err := parseSigners(strings.TrimSpace(string(text)))
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrNoKey, path, err)
	}
	return s, nil
}

// signedBefore reports whether something may have been signed in the directory of a log.
func signedBefore(log string) (bool, error) {
	if _, err := os.Stat(filepath.Join(log, checkpointFile)); !errors.Is(err, fs.ErrNotExist) {
		return err == nil, err
	}
	text, err := os.ReadFile(filepath.Join(log, stateFile))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	state, parseErr := torchwood.ParseCheckpoint(string(text))
	return parseErr != nil || state.N > 0, err
}

// firstKey makes the key of a directory in which nothing was signed. The empty tree comes first: it shows that the key was made
// here. One that an interrupted start left has signed nothing and is made anew.
func firstKey(dir string) ([]byte, error) {
	text, name, err := generateKey()
	if err != nil {
		return nil, err
	}
	log := filepath.Join(dir, auditDir, logDir)
	if err := os.Remove(filepath.Join(log, stateFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	t, err := openTree(log, name)
	if err != nil {
		return nil, err
	}
	if err := t.commit(); err != nil {
		return nil, err
	}
	return text, writeKey(filepath.Join(dir, keysDir, sealerKeyFile), text)
}

// generateKey makes a ledger's key and name.
func generateKey() (text []byte, name string, err error) {
	id := make([]byte, 8)
	if _, err := rand.Read(id); err != nil {
		return nil, "", err
	}
	name = "amends.ledger/" + hex.EncodeToString(id)
	skey, _, err := note.GenerateKey(rand.Reader, name)
	return []byte(skey + "\n"), name, err
}

// writeKey keeps the key for the owner alone.
func writeKey(path string, text []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	if err := replaceFile(path, text); err != nil {
		return err
	}
	return syncFile(filepath.Dir(filepath.Dir(path)))
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
