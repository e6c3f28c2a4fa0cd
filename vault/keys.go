package vault

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// keyRef is whose key, of which class.
type keyRef struct{ customer, class string }

// request waits for the key of ref, to be found or made.
type request struct {
	ref  keyRef
	key  *DataKey
	err  error
	done chan struct{}
}

// DataKey returns the customer's present key of the class, and makes one if there is none. When it returns, the key is
// durable. Requests that wait at the same time share one transaction.
func (v *Vault) DataKey(ctx context.Context, customer, class string) (*DataKey, error) {
	ref := keyRef{customer, class}
	if key, ok := v.byRef.Get(ref); ok {
		return key, nil
	}
	r := &request{ref: ref, done: make(chan struct{})}
	v.ask(ctx, r)
	return r.key, r.err
}

// Owner is a customer and the classes of personal data that there are of them.
type Owner struct {
	Customer string
	Classes  []string
}

// Prepare makes the keys that will be needed soon, all of them at the cost of one transaction. It is never necessary.
func (v *Vault) Prepare(ctx context.Context, owners []Owner) error {
	var requests []*request
	for _, o := range owners {
		for _, class := range o.Classes {
			if ref := (keyRef{o.Customer, class}); !v.byRef.Contains(ref) {
				requests = append(requests, &request{ref: ref, done: make(chan struct{})})
			}
		}
	}
	v.ask(ctx, requests...)
	for _, r := range requests {
		if r.err != nil {
			return r.err
		}
	}
	return nil
}

// ask waits until the requests are answered.
func (v *Vault) ask(ctx context.Context, requests ...*request) {
	if len(requests) == 0 {
		return
	}
	v.queue.Lock()
	v.queue.waiting = append(v.queue.waiting, requests...)
	lead := !v.queue.busy
	v.queue.busy = true
	v.queue.Unlock()
	if lead {
		go v.answer(context.WithoutCancel(ctx)) // others wait for it too, so it does not end with this request
	}
	for _, r := range requests {
		<-r.done // whoever leads answers all, and always
	}
}

// answer works through the queue until it is empty.
func (v *Vault) answer(ctx context.Context) {
	for {
		v.queue.Lock()
		batch := v.queue.waiting
		v.queue.waiting = nil
		if len(batch) == 0 {
			v.queue.busy = false
			v.queue.Unlock()
			return
		}
		v.queue.Unlock()
		if err := v.findOrMake(ctx, batch); err != nil {
			for _, r := range batch {
				r.key, r.err = nil, fmt.Errorf("vault: make a data key: %w", err)
			}
		}
		for _, r := range batch {
			close(r.done)
		}
	}
}

func (v *Vault) findOrMake(ctx context.Context, batch []*request) error {
	v.write.Lock()
	defer v.write.Unlock()
	keys := make(map[keyRef]*DataKey, len(batch))
	err := v.transact(ctx, func(tx *sql.Tx) error {
		find, err := tx.PrepareContext(ctx, findLive)
		if err != nil {
			return err
		}
		defer find.Close()
		insert, err := tx.PrepareContext(ctx,
			"INSERT INTO data_keys (key_id, customer_id, class, epoch, wrapped, created_at) VALUES (?, ?, ?, ?, ?, ?)")
		if err != nil {
			return err
		}
		defer insert.Close()
		for _, r := range batch {
			if keys[r.ref] != nil {
				continue
			}
			key, err := v.scanLive(find.QueryRowContext(ctx, r.ref.customer, r.ref.class), r.ref)
			if errors.Is(err, sql.ErrNoRows) {
				key, err = v.makeKey(ctx, insert, r.ref)
			}
			if err != nil {
				return err
			}
			keys[r.ref] = key
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, r := range batch {
		r.key = keys[r.ref]
		v.keep(r.key)
	}
	return nil
}

const findLive = "SELECT key_id, epoch, wrapped FROM data_keys WHERE customer_id = ? AND class = ? AND wrapped IS NOT NULL"

func (v *Vault) scanLive(row *sql.Row, ref keyRef) (*DataKey, error) {
	var id, wrapped []byte
	var epoch int
	if err := row.Scan(&id, &epoch, &wrapped); err != nil {
		return nil, err
	}
	if len(id) != len(KeyID{}) {
		return nil, fmt.Errorf("a key id has %d bytes", len(id))
	}
	_, key, err := v.unwrap(ref, KeyID(id), epoch, wrapped)
	return key, err
}

// unwrap opens a wrapped data key and makes sure that it is the one its id commits to.
func (v *Vault) unwrap(ref keyRef, id KeyID, epoch int, wrapped []byte) (secret []byte, key *DataKey, err error) {
	if secret, err = v.keks.open(epoch, wrapped, wrapBinding(ref.customer, ref.class, id)); err != nil {
		return nil, nil, fmt.Errorf("key %s of customer %s: %w", id, ref.customer, err)
	}
	key, err = committedKey(ref, id, secret)
	return secret, key, err
}

// committedKey is the data key of the 32 bytes, which must be those that its id commits to.
func committedKey(ref keyRef, id KeyID, secret []byte) (*DataKey, error) {
	key, err := newDataKey(ref.customer, ref.class, secret)
	if err != nil {
		return nil, err
	}
	if key.ID != id {
		return nil, fmt.Errorf("key %s of customer %s: %w", id, ref.customer, ErrOtherKey)
	}
	return key, nil
}

func (v *Vault) makeKey(ctx context.Context, insert *sql.Stmt, ref keyRef) (*DataKey, error) {
	secret := newSecret()
	key, err := newDataKey(ref.customer, ref.class, secret)
	if err != nil {
		return nil, err
	}
	epoch, wrapped, err := v.keks.seal(secret, wrapBinding(ref.customer, ref.class, key.ID))
	if err != nil {
		return nil, err
	}
	_, err = insert.ExecContext(ctx, key.ID[:], ref.customer, ref.class, epoch, wrapped, v.now())
	return key, err
}

// keep caches an opened key. The caller holds write, so that no destruction comes in between.
func (v *Vault) keep(key *DataKey) {
	v.byID.Add(key.ID, key)
	v.byRef.Add(keyRef{key.Customer, key.Class}, key)
}

// Live returns the customer's present key of the class, or nil if there is none: none was needed yet, or it was destroyed.
func (v *Vault) Live(ctx context.Context, customer, class string) (*DataKey, error) {
	ref := keyRef{customer, class}
	if key, ok := v.byRef.Get(ref); ok {
		return key, nil
	}
	v.write.Lock()
	defer v.write.Unlock()
	key, err := v.scanLive(v.db.QueryRowContext(ctx, findLive, customer, class), ref)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("vault: %w", err)
	}
	v.keep(key)
	return key, nil
}

// keyByID finds the key that a value was sealed under. With ErrErased it still says whose it was.
func (v *Vault) keyByID(ctx context.Context, id KeyID) (*DataKey, error) {
	if key, ok := v.byID.Get(id); ok {
		return key, nil
	}
	v.write.Lock()
	defer v.write.Unlock()
	_, key, err := v.load(ctx, id)
	if err == nil {
		v.keep(key)
	}
	return key, err
}

// load reads a key from the file. With ErrErased it still says whose it was.
func (v *Vault) load(ctx context.Context, id KeyID) (secret []byte, key *DataKey, err error) {
	var ref keyRef
	var epoch int
	var wrapped []byte
	err = v.db.QueryRowContext(ctx, "SELECT customer_id, class, epoch, wrapped FROM data_keys WHERE key_id = ?", id[:]).
		Scan(&ref.customer, &ref.class, &epoch, &wrapped)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil, nil, fmt.Errorf("%w: %s", ErrNoKey, id)
	case err != nil:
		return nil, nil, fmt.Errorf("vault: %w", err)
	case wrapped == nil:
		return nil, &DataKey{ID: id, Customer: ref.customer, Class: ref.class}, ErrErased
	}
	if secret, key, err = v.unwrap(ref, id, epoch, wrapped); err != nil {
		return nil, nil, fmt.Errorf("vault: %w", err)
	}
	return secret, key, nil
}

// Erased reports whether the vault does not hold the key any more, or never did.
func (v *Vault) Erased(ctx context.Context, id KeyID) (bool, error) {
	_, err := v.keyByID(ctx, id)
	if errors.Is(err, ErrErased) || errors.Is(err, ErrNoKey) {
		return true, nil
	}
	return false, err
}
