package vault

import (
	"context"
	"database/sql"
	"fmt"
)

// rewrapBatch is how many keys are rewrapped in one transaction; others can have the vault in between.
const rewrapBatch = 500

// Rotation is what a rotation did.
type Rotation struct {
	Epoch     int   `json:"epoch"`            // the new epoch
	Destroyed []int `json:"destroyed_epochs"` // whose key-encryption keys are gone
	Rewrapped int   `json:"rewrapped_keys"`
}

// Rotate begins a new epoch: a new key-encryption key, all surviving keys rewrapped under it, the old one destroyed. Backups
// of the vault from before open nothing then, unless the old key-encryption key was copied too. kms is the URI of the service
// that is to wrap the new key-encryption key; empty: it lies in its file as it is. A rotation that is interrupted is finished
// when the vault is opened again.
func (v *Vault) Rotate(ctx context.Context, kms string) (Rotation, error) {
	v.rotating.Lock()
	defer v.rotating.Unlock()
	epoch := v.keks.newest() + 1
	if err := v.step("new epoch"); err != nil {
		return Rotation{}, err
	}
	v.write.Lock()
	err := v.makeEpoch(epoch, kms)
	v.write.Unlock()
	if err != nil {
		return Rotation{}, fmt.Errorf("vault: rotate to epoch %d: %w", epoch, err)
	}
	return v.rewrapAll(ctx)
}

// finishRotation does what an interrupted rotation left undone.
func (v *Vault) finishRotation(ctx context.Context) error {
	if len(v.keks.epochs()) < 2 {
		return nil
	}
	_, err := v.rewrapAll(ctx)
	return err
}

func (v *Vault) rewrapAll(ctx context.Context) (Rotation, error) {
	done := Rotation{Epoch: v.keks.newest()}
	after := []byte{} // keys are taken in the order of their ids; those made meanwhile are of the new epoch
	for {
		if err := v.step("rewrap"); err != nil {
			return done, err
		}
		n, last, err := v.rewrapSome(ctx, after)
		if err != nil {
			return done, fmt.Errorf("vault: rewrap under epoch %d: %w", done.Epoch, err)
		}
		if n == 0 {
			break
		}
		done.Rewrapped += n
		after = last
	}
	if err := v.step("checkpoint"); err != nil {
		return done, err
	}
	if err := v.checkpoint(ctx); err != nil {
		return done, fmt.Errorf("vault: %w", err)
	}
	for _, old := range v.keks.epochs() {
		if old == done.Epoch {
			continue
		}
		if err := v.step("destroy epoch"); err != nil {
			return done, err
		}
		if err := shred(v.kekPath(old)); err != nil {
			return done, fmt.Errorf("vault: destroy the key-encryption key of epoch %d: %w", old, err)
		}
		v.keks.drop(old)
		done.Destroyed = append(done.Destroyed, old)
	}
	return done, nil
}

// wrappedKey is a row to be rewrapped.
type wrappedKey struct {
	ref     keyRef
	id      []byte // nil: one of the vault's own secrets, named by ref.class
	epoch   int
	wrapped []byte
}

func (k *wrappedKey) binding() []byte {
	if k.id == nil {
		return secretBinding(k.ref.class)
	}
	return wrapBinding(k.ref.customer, k.ref.class, KeyID(k.id))
}

// rewrapSome rewraps keys of older epochs, data keys whose ids come after the given one, and says how many and up to which.
func (v *Vault) rewrapSome(ctx context.Context, after []byte) (n int, last []byte, err error) {
	v.write.Lock()
	defer v.write.Unlock()
	err = v.transact(ctx, func(tx *sql.Tx) error {
		rows, err := v.outdated(ctx, tx, after)
		if err != nil {
			return err
		}
		n, last = len(rows), after
		for _, k := range rows {
			if k.id != nil {
				last = k.id
			}
			secret, err := v.keks.open(k.epoch, k.wrapped, k.binding())
			if err != nil {
				return fmt.Errorf("a key of customer %s: %w", k.ref.customer, err)
			}
			epoch, wrapped, err := v.keks.seal(secret, k.binding())
			if err != nil {
				return err
			}
			if k.id == nil {
				_, err = tx.ExecContext(ctx, "UPDATE secrets SET epoch = ?, wrapped = ? WHERE name = ?", epoch, wrapped, k.ref.class)
			} else {
				_, err = tx.ExecContext(ctx, "UPDATE data_keys SET epoch = ?, wrapped = ? WHERE key_id = ?", epoch, wrapped, k.id)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	return n, last, err
}

func (v *Vault) outdated(ctx context.Context, tx *sql.Tx, after []byte) (out []wrappedKey, err error) {
	rows, err := tx.QueryContext(ctx, `
		SELECT NULL, '', name, epoch, wrapped FROM secrets WHERE epoch < ?1
		UNION ALL SELECT * FROM (SELECT key_id, customer_id, class, epoch, wrapped FROM data_keys
			WHERE key_id > ?3 AND wrapped IS NOT NULL AND epoch < ?1 ORDER BY key_id LIMIT ?2)`, v.keks.newest(), rewrapBatch, after)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var k wrappedKey
		if err := rows.Scan(&k.id, &k.ref.customer, &k.ref.class, &k.epoch, &k.wrapped); err != nil {
			return nil, err
		}
		out = append(out, k)
	}
	return out, rows.Err()
}
