package verifier

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"filippo.io/torchwood"
	"golang.org/x/mod/sumdb/note"
)

// MapSuffix makes the name of the log of map roots from the ledger's name. Both logs are signed by one key under two names.
const MapSuffix = "/map"

// MapHash is the hash function of the completeness map (filippo.io/torchwood/prefix).
func MapHash(b []byte) [sha256.Size]byte { return sha256.Sum256(b) }

// MapKey is where the completeness map keeps a customer: SHA-256 of a label of this purpose and the customer id.
func MapKey(stream string) [sha256.Size]byte {
	return sha256.Sum256([]byte("amends/v1 customer stream\x00" + stream))
}

// MapValue is what the completeness map says of a customer: SHA-256 of the number of records (eight bytes, big endian) and
// the hash of the last one.
func MapValue(h Head) [sha256.Size]byte {
	b := binary.BigEndian.AppendUint64(make([]byte, 0, 8+sha256.Size), h.Count)
	return sha256.Sum256(append(b, h.Hash[:]...))
}

// MapLeaf is an entry of the log of map roots: the root of the map that the records up to the signed checkpoint give, in
// hexadecimal on a line of its own, and that checkpoint.
func MapLeaf(root [sha256.Size]byte, signedCheckpoint []byte) []byte {
	return append(append(hex.AppendEncode(nil, root[:]), '\n'), signedCheckpoint...)
}

// ParseMapLeaf takes an entry of the log of map roots apart.
func ParseMapLeaf(leaf []byte) (root [sha256.Size]byte, signedCheckpoint []byte, err error) {
	line, checkpoint, ok := bytes.Cut(leaf, []byte{'\n'})
	if !ok || len(line) != 2*sha256.Size {
		return root, nil, errors.New("malformed map root")
	}
	if _, err := hex.Decode(root[:], line); err != nil {
		return root, nil, errors.New("malformed map root")
	}
	return root, checkpoint, nil
}

// Keys are what a ledger's public key verifies: the log of records, and the log of map roots.
type Keys struct {
	Log, Map note.Verifier
	LogText  string // the public key: the verifier key of the log of records
	MapText  string // the same key under the name of the log of map roots
}

// ParseKey reads a ledger's public key, as `amends status` prints it: a signed-note verifier key, name+hash+base64.
func ParseKey(text string) (Keys, error) {
	k := Keys{LogText: strings.TrimSpace(text)}
	var err error
	if k.Log, err = note.NewVerifier(k.LogText); err != nil {
		return Keys{}, fmt.Errorf("public key: %w; it looks like NAME+HASH+BASE64", err)
	}
	parts := strings.SplitN(k.LogText, "+", 3)
	key, err := base64.StdEncoding.DecodeString(parts[len(parts)-1])
	if err != nil || len(key) != 1+ed25519.PublicKeySize {
		return Keys{}, errors.New("public key: it is not an Ed25519 key")
	}
	if k.MapText, err = note.NewEd25519VerifierKey(k.Log.Name()+MapSuffix, ed25519.PublicKey(key[1:])); err != nil {
		return Keys{}, fmt.Errorf("public key: %w", err)
	}
	if k.Map, err = note.NewVerifier(k.MapText); err != nil {
		return Keys{}, fmt.Errorf("public key: %w", err)
	}
	return k, nil
}

// LogPolicy asks for the ledger's signature under its name on checkpoints of records.
func (k Keys) LogPolicy() torchwood.Policy { return signedBy(k.Log) }

// MapPolicy asks for the ledger's signature under its name on checkpoints of map roots.
func (k Keys) MapPolicy() torchwood.Policy { return signedBy(k.Map) }

// OpenLog verifies a signed checkpoint of records.
func (k Keys) OpenLog(signed []byte) (torchwood.Checkpoint, error) {
	c, _, err := torchwood.VerifyCheckpoint(signed, k.LogPolicy())
	return c, err
}

// OpenMap verifies a signed checkpoint of map roots.
func (k Keys) OpenMap(signed []byte) (torchwood.Checkpoint, error) {
	c, _, err := torchwood.VerifyCheckpoint(signed, k.MapPolicy())
	return c, err
}

func signedBy(v note.Verifier) torchwood.Policy {
	return torchwood.ThresholdPolicy(2, torchwood.OriginPolicy(v.Name()), torchwood.SingleVerifierPolicy(v))
}

// PolicyText is the policy that asks for one key's signature, in the format of c2sp.org/tlog-policy.
func PolicyText(key string) string { return "log " + key + "\nquorum none\n" }

// proofIndex is the index that a tlog-proof claims. Only after the proof was verified is it true.
func proofIndex(proof []byte) (int64, error) {
	for line := range strings.Lines(string(proof)) {
		if text, ok := strings.CutPrefix(line, "index "); ok {
			n, err := strconv.ParseInt(strings.TrimSuffix(text, "\n"), 10, 64)
			if err != nil || n < 0 {
				return 0, errors.New("malformed tlog proof: bad index")
			}
			return n, nil
		}
		if line == "\n" {
			break
		}
	}
	return 0, errors.New("malformed tlog proof: no index")
}

// proofCheckpoint is the signed checkpoint that a tlog-proof carries.
func proofCheckpoint(proof []byte) []byte {
	_, checkpoint, _ := bytes.Cut(proof, []byte("\n\n"))
	return checkpoint
}
