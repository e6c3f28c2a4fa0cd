package vault

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
)

// KeyID names a data key and commits to it: HKDF-Expand-SHA256(data key, "amends commit v1" || customer || class), where each
// of the two stands after its length.
type KeyID [32]byte

// String is the id in base64url without padding, as it stands in a sealed value.
func (id KeyID) String() string { return base64.RawURLEncoding.EncodeToString(id[:]) }

// ParseKeyID reads what String wrote.
func ParseKeyID(text string) (KeyID, error) {
	raw, err := encoding.DecodeString(text)
	if err != nil || len(raw) != len(KeyID{}) {
		return KeyID{}, errors.New("a key id is 43 characters of base64url")
	}
	return KeyID(raw), nil
}

// DataKey is an opened data key of one customer and retention class.
type DataKey struct {
	ID       KeyID
	Customer string
	Class    string
	sealKey
}

// sealKey is what is derived from 32 secret bytes.
type sealKey struct {
	aead  cipher.AEAD
	nonce []byte // key of the HMAC that makes nonces
}

// work is room for sealing one value, kept for the next. It holds nothing in clear.
type work struct{ binding, sealed []byte }

var works = sync.Pool{New: func() any { return new(work) }}

// The purposes for which bytes are derived from a data key. They are part of the format.
const (
	infoCommit = "amends commit v1"
	infoSeal   = "amends seal v1"
	infoNonce  = "amends nonce v1"
)

func newSecret() []byte {
	secret := make([]byte, 32)
	rand.Read(secret) // never fails: the runtime ends the process instead
	return secret
}

func newDataKey(customer, class string, secret []byte) (*DataKey, error) {
	prk, err := hkdf.Extract(sha256.New, secret, nil)
	if err != nil {
		return nil, fmt.Errorf("derive a data key: %w", err)
	}
	commit := appendText(appendText([]byte(infoCommit), customer), class)
	id, err := hkdf.Expand(sha256.New, prk, string(commit), sha256.Size)
	if err != nil {
		return nil, fmt.Errorf("derive a data key: %w", err)
	}
	key := &DataKey{ID: KeyID(id), Customer: customer, Class: class}
	return key, key.derive(prk)
}

func (k *sealKey) derive(prk []byte) error {
	key, err := hkdf.Expand(sha256.New, prk, infoSeal, 32)
	if err != nil {
		return fmt.Errorf("derive a data key: %w", err)
	}
	if k.nonce, err = hkdf.Expand(sha256.New, prk, infoNonce, 32); err != nil {
		return fmt.Errorf("derive a data key: %w", err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return fmt.Errorf("derive a data key: %w", err)
	}
	if k.aead, err = cipher.NewGCM(block); err != nil {
		return fmt.Errorf("derive a data key: %w", err)
	}
	return nil
}

// Place is where a sealed value stands: it opens nowhere else.
type Place struct {
	Customer string // whose stream the record is in
	Revision uint64 // of the record
	Type     string // of the record
	Schema   string // its dataschema
	Pointer  string // of the value in the record (RFC 6901), such as /data/description
}

// appendBinding writes the associated data: each part after its length, so that no two places give the same bytes.
func (p *Place) appendBinding(b []byte, class string) []byte {
	b = append(b, "amends sealed v1"...)
	b = appendText(b, p.Customer)
	b = binary.BigEndian.AppendUint64(b, p.Revision)
	b = appendText(b, p.Type)
	b = appendText(b, p.Schema)
	b = appendText(b, p.Pointer)
	return appendText(b, class)
}

func appendText(b []byte, s string) []byte {
	b = binary.BigEndian.AppendUint32(b, uint32(len(s)))
	return append(b, s...)
}

// seal makes w.sealed, nonce || ciphertext || tag, of the text at the place of w.binding. The nonce is made from the key, the place and the text, as in SIV modes: sealing
// the same text at the same place again gives the same bytes, and different texts or places get nonces that do not repeat
// (96 bits of a keyed hash; one key seals a few thousand values in its life).
func (k *sealKey) seal(w *work, plain []byte) {
	mac := hmac.New(sha256.New, k.nonce)
	mac.Write(w.binding)
	mac.Write(plain)
	w.sealed = mac.Sum(w.sealed[:0])[:k.aead.NonceSize()]
	w.sealed = k.aead.Seal(w.sealed, w.sealed, plain, w.binding)
}

func (k *sealKey) open(sealed, binding []byte) ([]byte, error) {
	n := k.aead.NonceSize()
	if len(sealed) < n+k.aead.Overhead() {
		return nil, ErrTampered
	}
	plain, err := k.aead.Open(nil, sealed[:n], sealed[n:], binding)
	if err != nil {
		return nil, ErrTampered
	}
	return plain, nil
}

// wrapBinding is the associated data under which a data key is wrapped.
func wrapBinding(customer, class string, id KeyID) []byte {
	b := appendText(appendText([]byte("amends wrap v1"), customer), class)
	return append(b, id[:]...)
}
