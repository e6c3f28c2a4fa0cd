package vault

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// GivenKey is a data key as it is given to an auditor. It opens whatever is sealed under it, for ever: what the customer says
// later under the same class, and what is erased.
type GivenKey struct {
	ID       string `json:"key_id"` // as it stands in the sealed values
	Customer string `json:"customer_id"`
	Class    string `json:"class"`
	Key      []byte `json:"key"` // the 32 bytes, in base64
}

// Give takes a key out of the vault. The caller has recorded who reads it and what for, or will before it is handed on.
// ErrErased: it was destroyed; ErrNoKey: the vault never had it.
func (v *Vault) Give(ctx context.Context, id KeyID) (GivenKey, error) {
	v.write.Lock()
	defer v.write.Unlock()
	secret, key, err := v.load(ctx, id)
	if err != nil {
		return GivenKey{}, err
	}
	return GivenKey{ID: id.String(), Customer: key.Customer, Class: key.Class, Key: secret}, nil
}

// Keyring opens sealed values with keys that were given out, without a vault.
type Keyring struct {
	given  map[KeyID]*DataKey
	erased map[KeyID]bool
}

// ParseKeys reads a JSON array of given keys. Each must be the one that its id commits to (ErrOtherKey), and be there once.
func ParseKeys(text []byte) (*Keyring, error) {
	var keys []GivenKey
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&keys); err != nil {
		return nil, errors.New("it is not a list of keys") // err would quote the file
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something follows the list of keys")
	}
	r := &Keyring{given: make(map[KeyID]*DataKey, len(keys)), erased: make(map[KeyID]bool)}
	for i, k := range keys {
		id, err := ParseKeyID(k.ID)
		if err != nil {
			return nil, fmt.Errorf("key %d: %w", i+1, err)
		}
		if len(k.Key) != 32 {
			return nil, fmt.Errorf("key %s has %d bytes, not 32", id, len(k.Key))
		}
		if r.given[id] != nil {
			return nil, fmt.Errorf("key %s is there twice", id)
		}
		if r.given[id], err = committedKey(keyRef{k.Customer, k.Class}, id, k.Key); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// Len is how many keys were given.
func (r *Keyring) Len() int { return len(r.given) }

// Erase notes that a key was destroyed, so that what is sealed under it counts as erased, not as without a key.
func (r *Keyring) Erase(id KeyID) { r.erased[id] = true }

// Open opens a sealed value as Vault.Open does. ErrNoKey: the key was not given.
func (r *Keyring) Open(place *Place, value []byte) (Opened, error) {
	return openValue(place, value, func(id KeyID) (*DataKey, error) {
		switch key := r.given[id]; {
		case key != nil:
			return key, nil
		case r.erased[id]:
			return nil, ErrErased
		}
		return nil, fmt.Errorf("%w: %s", ErrNoKey, id)
	})
}
