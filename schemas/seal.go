package schemas

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"

	"amends/vault"
)

// Seal fills in.Sealed: the payload with each personal value sealed under the customer's key of its class, bound to the place
// it takes at the revision. A key that does not exist yet is made. The same input at the same revision, under the same keys,
// gives the same bytes. A correction must have been completed (see Correction).
func (c *Codec) Seal(ctx context.Context, v *vault.Vault, in *Input, revision uint64) error {
	return c.seal(in, revision, func(class string) (*vault.DataKey, error) { return v.DataKey(ctx, in.Event.Customer, class) })
}

// Reseal is Seal for an event that was perhaps recorded before: it makes no keys. It reports false when a key that it would
// need is not there, so that the stored record cannot be made again.
func (c *Codec) Reseal(ctx context.Context, v *vault.Vault, in *Input, revision uint64) (bool, error) {
	err := c.seal(in, revision, func(class string) (*vault.DataKey, error) {
		key, err := v.Live(ctx, in.Event.Customer, class)
		if key == nil && err == nil {
			err = errNoLiveKey
		}
		return key, err
	})
	if errors.Is(err, errNoLiveKey) {
		return false, nil
	}
	return err == nil, err
}

// SealedClasses lists the retention classes of the payload's personal values, each once. Of a correction those of the
// corrected payload are left out.
func (c *Codec) SealedClasses(in *Input) []string {
	s := c.schemas[in.Schema]
	if s == nil || !s.node.hidesAny || s.node.hidesCorrection {
		return nil
	}
	var classes []string
	w := rewriter{codec: c, payload: in.DataJSON, each: func(dst []byte, class, _ string, _ []byte) ([]byte, error) {
		if !slices.Contains(classes, class) {
			classes = append(classes, class)
		}
		return dst, nil
	}}
	_, _ = w.rewrite(make([]byte, 0, len(in.DataJSON)), s.node, "/data") // a payload that was checked has no error
	return classes
}

var errNoLiveKey = errors.New("the customer has no key of the class at present")

func (c *Codec) seal(in *Input, revision uint64, keyOf func(class string) (*vault.DataKey, error)) error {
	s := c.schemas[in.Schema]
	if s == nil || !s.node.hidesAny {
		in.Sealed = in.DataJSON
		return nil
	}
	place := vault.Place{Customer: in.Event.Customer, Revision: revision, Type: string(in.Event.Type), Schema: in.Schema}
	var last *vault.DataKey // most payloads have values of one class only
	w := rewriter{codec: c, payload: in.DataJSON, each: func(dst []byte, class, pointer string, value []byte) ([]byte, error) {
		if last == nil || last.Class != class {
			key, err := keyOf(class)
			if err != nil {
				return nil, err
			}
			last = key
		}
		place.Pointer = pointer
		return last.Seal(dst, &place, value), nil
	}}
	out, err := w.rewrite(make([]byte, 0, len(in.DataJSON)*3/2+256), s.node, "/data")
	if err != nil {
		return fmt.Errorf("seal: %w", err)
	}
	in.Sealed = out
	return nil
}

// Erased is how an opened record shows a value whose key was destroyed, and Unopenable one whose key the vault never had.
const (
	Erased     = `"[erased]"`
	Unopenable = `"[key missing]"`
)

// SealedField is a personal value of a record, where it stands and what became of it.
type SealedField struct {
	Pointer string
	Class   string // as the schema says
	Key     vault.KeyID
	Value   []byte // the JSON value in clear; nil if it cannot be opened
	Erased  bool   // the key was destroyed
	Missing bool   // the vault never had the key
}

// Open opens a stored record for a reader who may see personal data: the record with each personal value in clear, or Erased,
// or Unopenable. What it returns is for reading: its hash is not the record's. fields lists the sealed values, in order; a
// record without any comes back as it is. Values that are in clear in the stored record stay as they are.
func (c *Codec) Open(ctx context.Context, v *vault.Vault, record []byte) (opened []byte, fields []SealedField, err error) {
	return c.open(record, func(place *vault.Place, value []byte) (vault.Opened, error) { return v.Open(ctx, place, value) })
}

// OpenWith is Open for a reader who has no vault but keys that were given out.
func (c *Codec) OpenWith(keys *vault.Keyring, record []byte) (opened []byte, fields []SealedField, err error) {
	return c.open(record, keys.Open)
}

func (c *Codec) open(record []byte, with func(*vault.Place, []byte) (vault.Opened, error)) (opened []byte, fields []SealedField, err error) {
	e, s, payload, err := c.decodeEnvelope(record)
	if err != nil {
		return nil, nil, err
	}
	place := vault.Place{Customer: e.Customer, Revision: e.Revision, Type: string(e.Type), Schema: s.id}
	out := append(make([]byte, 0, len(record)), record[:len(record)-1-len(payload)]...)
	out, err = c.rewriteStored(out, s, payload, func(dst []byte, class, pointer string, value []byte) ([]byte, error) {
		if _, sealed := vault.KeyOf(value); !sealed {
			return append(dst, value...), nil
		}
		place.Pointer = pointer
		o, err := with(&place, value)
		field := SealedField{Pointer: pointer, Class: class, Key: o.Key}
		switch {
		case errors.Is(err, vault.ErrErased):
			field.Erased = true
			dst = append(dst, Erased...)
		case errors.Is(err, vault.ErrNoKey):
			field.Missing = true
			dst = append(dst, Unopenable...)
		case err != nil:
			return nil, fmt.Errorf("customer %s, revision %d, %s: %w", e.Customer, e.Revision, pointer, err)
		}
		field.Value = o.Value
		fields = append(fields, field)
		return append(dst, o.Value...), nil
	})
	if err != nil {
		return nil, nil, err
	}
	if len(fields) == 0 {
		return record, nil, nil
	}
	return append(out, '}'), fields, nil
}

// SealedKeys lists the keys that a stored record's personal values are sealed under, each once, and by pointer.
func (c *Codec) SealedKeys(record []byte) (map[string]vault.KeyID, error) {
	_, s, payload, err := c.decodeEnvelope(record)
	if err != nil {
		return nil, err
	}
	keys := make(map[string]vault.KeyID)
	_, err = c.rewriteStored(nil, s, payload, func(dst []byte, _, pointer string, value []byte) ([]byte, error) {
		if id, ok := vault.KeyOf(value); ok {
			keys[pointer] = id
		}
		return dst, nil
	})
	return keys, err
}

func (c *Codec) rewriteStored(dst []byte, s *schema, payload []byte, each eachPersonal) ([]byte, error) {
	if !s.node.hidesAny {
		return append(dst, payload...), nil
	}
	// The walk needs what Encode writes; the bytes come from a disk.
	if !jsontext.Value(payload).IsValid() || len(appendCompact(nil, payload)) != len(payload) {
		return nil, fmt.Errorf("%w: payload of %s", ErrNotRecord, s.id)
	}
	w := rewriter{codec: c, payload: payload, each: each}
	return w.rewrite(dst, s.node, "/data")
}

// eachPersonal appends what is to stand in the place of a personal value.
type eachPersonal func(dst []byte, class, pointer string, value []byte) ([]byte, error)

// rewriter walks a payload, which is compact and obeys its schema, and lets each replace the personal values.
type rewriter struct {
	codec   *Codec
	payload []byte
	each    eachPersonal
}

func (w *rewriter) rewrite(dst []byte, n *node, pointer string) ([]byte, error) {
	dst, rest, err := w.value(dst, w.payload, n, pointer)
	if err == nil && len(rest) > 0 {
		err = ErrNotRecord
	}
	return dst, err
}

// value copies or replaces the first value of b.
func (w *rewriter) value(dst, b []byte, n *node, pointer string) (out, rest []byte, err error) {
	rest = skip(b)
	value := b[:len(b)-len(rest)]
	switch {
	case n.personal != "":
		out, err = w.each(dst, n.personal, pointer, value)
		return out, rest, err
	case n.corrects:
		// The corrected payload obeys the schema that the correction names, beside it.
		target := w.codec.schemas[memberText(w.payload, "event_schema")]
		if target == nil || value[0] != '{' {
			return nil, nil, fmt.Errorf("%w: it corrects a record of an unknown schema", ErrNotRecord)
		}
		if target.node.corrects || target.node.hidesCorrection {
			return nil, nil, fmt.Errorf("%w: a correction of a correction", ErrNotRecord)
		}
		n = target.node
	}
	switch {
	case !n.hidesAny:
		return append(dst, value...), rest, nil
	case value[0] == '{':
		out, err = w.object(dst, value, n, pointer)
	case value[0] == '[' && n.items != nil:
		out, err = w.array(dst, value, n, pointer)
	default:
		out = append(dst, value...)
	}
	return out, rest, err
}

func (w *rewriter) object(dst, b []byte, n *node, pointer string) (_ []byte, err error) {
	dst = append(dst, '{')
	for b = b[1:]; b[0] != '}'; {
		if b[0] == ',' {
			dst = append(dst, ',')
			b = b[1:]
		}
		end, escaped := stringEnd(b)
		name := b[1 : end-1]
		if escaped {
			if name, err = jsontext.AppendUnquote(nil, b[:end]); err != nil {
				return nil, ErrNotRecord
			}
		}
		dst = append(dst, b[:end+1]...) // the name and the colon
		b = b[end+1:]
		i, known := n.index[string(name)]
		if !known || !n.props[i].hides() {
			rest := skip(b)
			dst = append(dst, b[:len(b)-len(rest)]...)
			b = rest
			continue
		}
		// Names in schemas need no escape in a pointer.
		if dst, b, err = w.value(dst, b, n.props[i], pointer+"/"+n.names[i]); err != nil {
			return nil, err
		}
	}
	return append(dst, '}'), nil
}

func (w *rewriter) array(dst, b []byte, n *node, pointer string) (_ []byte, err error) {
	dst = append(dst, '[')
	b = b[1:]
	for i := 0; b[0] != ']'; i++ {
		if b[0] == ',' {
			dst = append(dst, ',')
			b = b[1:]
		}
		if dst, b, err = w.value(dst, b, n.items, pointer+"/"+strconv.Itoa(i)); err != nil {
			return nil, err
		}
	}
	return append(dst, ']'), nil
}

// memberText is a string member of an object in compact JSON; empty if there is none.
func memberText(object []byte, want string) string {
	for b := object[1:]; b[0] != '}'; {
		if b[0] == ',' {
			b = b[1:]
		}
		end, _ := stringEnd(b)
		name, err := jsontext.AppendUnquote(nil, b[:end])
		value := b[end+1:]
		b = skip(value)
		if err == nil && string(name) == want {
			text, err := jsontext.AppendUnquote(nil, bytes.TrimSpace(value[:len(value)-len(b)]))
			if err != nil {
				return ""
			}
			return string(text)
		}
	}
	return ""
}

// hides reports whether the value, or something in it, is personal.
func (n *node) hides() bool { return n.personal != "" || n.corrects || n.hidesAny }

// markHidden notes in each node whether something below it is personal.
func (n *node) markHidden() {
	children := n.props
	if n.items != nil {
		children = append(children[:len(children):len(children)], n.items)
	}
	for _, child := range children {
		child.markHidden()
		n.hidesAny = n.hidesAny || child.hides()
		n.hidesCorrection = n.hidesCorrection || child.corrects
	}
}
