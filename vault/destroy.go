package vault

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"
)

// DestroyedKey is a key that is gone.
type DestroyedKey struct {
	ID          KeyID
	Customer    string
	Class       string
	Epoch       int // of the key-encryption key that wrapped it: copies of the vault open it as long as that one exists
	CreatedAt   time.Time
	DestroyedAt time.Time
}

// Destroy destroys the customer's keys of the classes for an erasure, and with them what the blind index holds under these
// keys. It happens once: called again for the same customer and erasure it destroys nothing more and returns the same keys,
// however many were made in the meantime. When it returns, neither the file nor its write-ahead log holds the keys.
func (v *Vault) Destroy(ctx context.Context, customer, erasure string, classes []string) ([]DestroyedKey, error) {
	v.write.Lock()
	defer v.write.Unlock()
	if err := v.step("destroy"); err != nil {
		return nil, err
	}
	var destroyed []DestroyedKey
	err := v.transact(ctx, func(tx *sql.Tx) error {
		first, err := v.destroyOnce(ctx, tx, customer, erasure, classes)
		if err != nil {
			return err
		}
		destroyed = first
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("vault: destroy keys of customer %s: %w", customer, err)
	}
	for _, key := range destroyed {
		v.forget(key.ID, keyRef{key.Customer, key.Class})
	}
	if err := v.step("checkpoint"); err != nil {
		return nil, err
	}
	if err := v.checkpoint(ctx); err != nil {
		return nil, fmt.Errorf("vault: %w", err)
	}
	return destroyed, nil
}

// forget takes a key that is gone out of the caches.
func (v *Vault) forget(id KeyID, ref keyRef) {
	v.byID.Remove(id)
	if cached, ok := v.byRef.Peek(ref); ok && cached.ID == id {
		v.byRef.Remove(ref)
	}
}

// DestroyAgain destroys those of the named keys that the vault still has, and what the blind index holds under them, and
// returns which these were: a vault that was restored from a copy has keys that an erasure destroyed since. In the usual case
// it has none of them, and nothing is written.
func (v *Vault) DestroyAgain(ctx context.Context, erasure string, ids []KeyID) ([]KeyID, error) {
	v.write.Lock()
	defer v.write.Unlock()
	var live []KeyID
	var refs []keyRef
	for _, id := range ids {
		var ref keyRef
		err := v.db.QueryRowContext(ctx, "SELECT customer_id, class FROM data_keys WHERE key_id = ? AND wrapped IS NOT NULL", id[:]).
			Scan(&ref.customer, &ref.class)
		switch {
		case errors.Is(err, sql.ErrNoRows):
		case err != nil:
			return nil, fmt.Errorf("vault: %w", err)
		default:
			live, refs = append(live, id), append(refs, ref)
		}
	}
	if len(live) == 0 {
		return nil, nil
	}
	err := v.transact(ctx, func(tx *sql.Tx) error {
		at := v.now()
		for i, id := range live {
			if _, err := tx.ExecContext(ctx, "DELETE FROM identities WHERE key_id = ?", id[:]); err != nil {
				return err
			}
			if _, err := tx.ExecContext(ctx, "UPDATE data_keys SET wrapped = NULL, destroyed_at = ?, erasure_id = ? WHERE key_id = ?",
				at, erasure, id[:]); err != nil {
				return err
			}
			if _, err := tx.ExecContext(ctx, "INSERT OR IGNORE INTO destructions (customer_id, erasure_id, destroyed_at) VALUES (?, ?, ?)",
				refs[i].customer, erasure, at); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("vault: destroy keys again: %w", err)
	}
	for i, id := range live {
		v.forget(id, refs[i])
	}
	if err := v.checkpoint(ctx); err != nil {
		return nil, fmt.Errorf("vault: %w", err)
	}
	return live, nil
}

func (v *Vault) destroyOnce(ctx context.Context, tx *sql.Tx, customer, erasure string, classes []string) ([]DestroyedKey, error) {
	var at string
	err := tx.QueryRowContext(ctx, "SELECT destroyed_at FROM destructions WHERE customer_id = ? AND erasure_id = ?", customer, erasure).Scan(&at)
	if errors.Is(err, sql.ErrNoRows) {
		at = v.now()
		if err := destroyLive(ctx, tx, keyRef{customer: customer}, erasure, at, classes); err != nil {
			return nil, err
		}
	} else if err != nil {
		return nil, err
	}
	rows, err := tx.QueryContext(ctx, "SELECT key_id, class, epoch, created_at, destroyed_at FROM data_keys "+
		"WHERE customer_id = ? AND erasure_id = ? ORDER BY class, key_id", customer, erasure)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []DestroyedKey
	for rows.Next() {
		k := DestroyedKey{Customer: customer}
		var id []byte
		var created, gone string
		if err := rows.Scan(&id, &k.Class, &k.Epoch, &created, &gone); err != nil {
			return nil, err
		}
		if len(id) != len(k.ID) {
			return nil, fmt.Errorf("a key id has %d bytes", len(id))
		}
		k.ID = KeyID(id)
		if k.CreatedAt, err = time.Parse(time.RFC3339Nano, created); err != nil {
			return nil, err
		}
		if k.DestroyedAt, err = time.Parse(time.RFC3339Nano, gone); err != nil {
			return nil, err
		}
		out = append(out, k)
	}
	return out, rows.Err()
}

func destroyLive(ctx context.Context, tx *sql.Tx, whose keyRef, erasure, at string, classes []string) error {
	if _, err := tx.ExecContext(ctx, "INSERT INTO destructions (customer_id, erasure_id, destroyed_at) VALUES (?, ?, ?)",
		whose.customer, erasure, at); err != nil {
		return err
	}
	for _, class := range slices.Compact(slices.Sorted(slices.Values(classes))) {
		if _, err := tx.ExecContext(ctx, "DELETE FROM identities WHERE key_id IN "+
			"(SELECT key_id FROM data_keys WHERE customer_id = ? AND class = ? AND wrapped IS NOT NULL)", whose.customer, class); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, "UPDATE data_keys SET wrapped = NULL, destroyed_at = ?, erasure_id = ? "+
			"WHERE customer_id = ? AND class = ? AND wrapped IS NOT NULL", at, erasure, whose.customer, class); err != nil {
			return err
		}
	}
	return nil
}
