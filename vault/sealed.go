package vault

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
)

// The two forms of a sealed JSON value. A string stays a string, so that whoever reads records by their schema still can;
// any other value becomes an object with one member.
const (
	stringPrefix = `"sealed:v1:`
	stringSuffix = `"`
	objectPrefix = `{"sealed":"v1:`
	objectSuffix = `"}`
)

var encoding = base64.RawURLEncoding.Strict()

var keyIDText = encoding.EncodedLen(len(KeyID{}))

// Seal appends the sealed form of value, one JSON value in compact form, to dst:
//
//	"sealed:v1:<key id>:<nonce, ciphertext and tag>"             of a string
//	{"sealed":"v1:<key id>:<nonce, ciphertext and tag>"}         of anything else
//
// both parts in base64url without padding. What is sealed are the value's exact bytes, quotes included. The same value at the
// same place gives the same bytes.
func (k *DataKey) Seal(dst []byte, place *Place, value []byte) []byte {
	prefix, suffix := objectPrefix, objectSuffix
	if value[0] == '"' {
		prefix, suffix = stringPrefix, stringSuffix
	}
	w := works.Get().(*work)
	defer works.Put(w)
	w.binding = place.appendBinding(w.binding[:0], k.Class)
	k.seal(w, value)
	dst = append(dst, prefix...)
	dst = encoding.AppendEncode(dst, k.ID[:])
	dst = append(dst, ':')
	dst = encoding.AppendEncode(dst, w.sealed)
	return append(dst, suffix...)
}

// split takes a sealed value apart. ok is false for a value that is not in either form.
func split(value []byte) (id KeyID, sealed []byte, isString, ok bool) {
	var body []byte
	switch {
	case bytes.HasPrefix(value, []byte(stringPrefix)) && bytes.HasSuffix(value, []byte(stringSuffix)):
		body, isString = value[len(stringPrefix):len(value)-len(stringSuffix)], true
	case bytes.HasPrefix(value, []byte(objectPrefix)) && bytes.HasSuffix(value, []byte(objectSuffix)):
		body = value[len(objectPrefix) : len(value)-len(objectSuffix)]
	default:
		return id, nil, false, false
	}
	if len(body) <= keyIDText || body[keyIDText] != ':' {
		return id, nil, false, false
	}
	if n, err := encoding.Decode(id[:], body[:keyIDText]); err != nil || n != len(id) {
		return id, nil, false, false
	}
	sealed, err := encoding.AppendDecode(nil, body[keyIDText+1:])
	return id, sealed, isString, err == nil
}

// KeyOf is the id of the key that a value is sealed under; false if the value is not sealed.
func KeyOf(value []byte) (KeyID, bool) {
	id, _, _, ok := split(value)
	return id, ok
}

// Opened is what became of a sealed value.
type Opened struct {
	Value []byte // the JSON value; nil if it was erased
	Key   KeyID
	Class string // the retention class of its key
}

// Open opens a sealed value that stands at place. ErrErased comes with the class; ErrNoKey, ErrTampered and a value that is
// not sealed at all are errors too.
func (v *Vault) Open(ctx context.Context, place *Place, value []byte) (Opened, error) {
	return openValue(place, value, func(id KeyID) (*DataKey, error) { return v.keyByID(ctx, id) })
}

// openValue opens a sealed value under the key that find knows by its id. An error of find may come with a key that says the class.
func openValue(place *Place, value []byte, find func(KeyID) (*DataKey, error)) (Opened, error) {
	id, sealed, isString, ok := split(value)
	if !ok {
		return Opened{}, fmt.Errorf("%w: it is not in the sealed form", ErrTampered)
	}
	key, err := find(id)
	if err != nil {
		opened := Opened{Key: id}
		if key != nil {
			opened.Class = key.Class
		}
		return opened, err
	}
	// The key is its customer's own. Its class is bound as well, so a value cannot move to another field's class.
	plain, err := key.open(sealed, place.appendBinding(nil, key.Class))
	if err != nil {
		return Opened{Key: id, Class: key.Class}, err
	}
	if len(plain) == 0 || (plain[0] == '"') != isString {
		return Opened{Key: id, Class: key.Class}, ErrTampered
	}
	return Opened{Value: plain, Key: id, Class: key.Class}, nil
}
