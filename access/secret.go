package access

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"hash/crc32"
	"strings"
)

// A key is written amends_<id>_<secret><checksum>, all in the lower-case alphabet of base32 (a-z, 2-7):
//
//	id        10 characters; names the key, is no secret and finds its row
//	secret    52 characters, 260 random bits
//	checksum   7 characters, CRC-32 (IEEE) of everything before it
//
// The prefix lets secret scanners find a key that leaked (amends_[a-z2-7]{10}_[a-z2-7]{59}), and the checksum lets them, and
// us, tell a key from a text that looks like one without asking the ledger.
const (
	keyPrefix      = "amends_"
	keyIDLength    = 10
	secretLength   = 52
	checksumLength = 7
	keyLength      = len(keyPrefix) + keyIDLength + 1 + secretLength + checksumLength
)

// keyHash is what is stored of a key. A plain SHA-256 is right here and would be wrong for a password: a slow hash makes
// guessing expensive where there are few guesses, and 2^260 secrets leave nothing to guess; a slow hash at each request
// would only let strangers keep the server busy.
type keyHash = [sha256.Size]byte

// newSecret makes a key: its id, and the text that is shown once.
func newSecret() (id, text string) {
	id = strings.ToLower(rand.Text())[:keyIDLength]
	body := keyPrefix + id + "_" + strings.ToLower(rand.Text()+rand.Text())
	return id, body + checksum(body)
}

// parseSecret returns the id and the hash of a key that is well-formed.
func parseSecret(text string) (id string, hash keyHash, ok bool) {
	if len(text) != keyLength || !strings.HasPrefix(text, keyPrefix) {
		return "", hash, false
	}
	id = text[len(keyPrefix) : len(keyPrefix)+keyIDLength]
	body, sum := text[:keyLength-checksumLength], text[keyLength-checksumLength:]
	if text[len(keyPrefix)+keyIDLength] != '_' || !base32Text(id) ||
		!base32Text(body[len(keyPrefix)+keyIDLength+1:]) || checksum(body) != sum {
		return "", hash, false
	}
	return id, sha256.Sum256([]byte(text)), true
}

// looksLikeKey tells a key, however damaged, from a token.
func looksLikeKey(text string) bool { return strings.HasPrefix(text, keyPrefix) }

func base32Text(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < 'a' || c > 'z') && (c < '2' || c > '7') {
			return false
		}
	}
	return true
}

func checksum(body string) string {
	sum := binary.BigEndian.AppendUint32(nil, crc32.ChecksumIEEE([]byte(body)))
	return strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(sum))
}
