package vault

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"strings"
)

// Identity is one way by which a customer is known, as a record told it.
type Identity struct {
	Kind  string // such as email, phone, account
	Value string // in clear; it does not leave this call
	Key   KeyID  // that it is sealed under in the record: with the key the entry goes
}

// indexSecret names the key of the blind index among the vault's own secrets.
const indexSecret = "identity index"

func secretBinding(name string) []byte { return appendText([]byte("amends secret v1"), name) }

// openIndexKey opens the key of the blind index, or makes it.
func (v *Vault) openIndexKey(ctx context.Context) error {
	var epoch int
	var wrapped []byte
	err := v.db.QueryRowContext(ctx, "SELECT epoch, wrapped FROM secrets WHERE name = ?", indexSecret).Scan(&epoch, &wrapped)
	var secret []byte
	switch {
	case errors.Is(err, sql.ErrNoRows):
		secret = newSecret()
		if epoch, wrapped, err = v.keks.seal(secret, secretBinding(indexSecret)); err != nil {
			return err
		}
		if _, err := v.db.ExecContext(ctx, "INSERT INTO secrets (name, epoch, wrapped) VALUES (?, ?, ?)", indexSecret, epoch, wrapped); err != nil {
			return err
		}
	case err != nil:
		return err
	default:
		if secret, err = v.keks.open(epoch, wrapped, secretBinding(indexSecret)); err != nil {
			return fmt.Errorf("the key of the identity index: %w", err)
		}
	}
	v.indexKey = secret
	return nil
}

// token is what the index holds of an identity: HMAC-SHA256 under the index key. Equal identities have equal tokens, and
// without the key nothing can be told or guessed from one.
func (v *Vault) token(kind, value string) []byte {
	mac := hmac.New(sha256.New, v.indexKey)
	mac.Write(appendText(appendText(nil, kind), normalise(kind, value)))
	return mac.Sum(nil)
}

// normalise writes an identity as everybody would who means the same: an email address without case and outer space, a
// telephone number as digits with a plus for the international form (00 means the same), anything else without outer space.
func normalise(kind, value string) string {
	value = strings.TrimSpace(value)
	switch kind {
	case "email":
		return strings.ToLower(value)
	case "phone":
		var digits strings.Builder
		for i, c := range value {
			if c >= '0' && c <= '9' || c == '+' && i == 0 {
				digits.WriteRune(c)
			}
		}
		if rest, ok := strings.CutPrefix(digits.String(), "00"); ok {
			return "+" + rest
		}
		return digits.String()
	}
	return value
}

// Indexing is a stretch of the log worked into the vault: identities to look up by, and erasures that were asked for,
// approved or completed. It commits together with the position up to which the log was read.
type Indexing struct {
	v  *Vault
	tx *sql.Tx
}

// Index runs f and commits what it did together with the cursor, or does nothing.
func (v *Vault) Index(ctx context.Context, position uint64, f func(*Indexing) error) error {
	v.write.Lock()
	defer v.write.Unlock()
	err := v.transact(ctx, func(tx *sql.Tx) error {
		if err := f(&Indexing{v, tx}); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, "INSERT INTO cursors (name, position) VALUES ('log', ?) "+
			"ON CONFLICT (name) DO UPDATE SET position = excluded.position", position)
		return err
	})
	if err != nil {
		return fmt.Errorf("vault: index up to position %d: %w", position, err)
	}
	return nil
}

// Identities replaces what the event said about how the customer is known. An identity whose key is gone is left out.
func (x *Indexing) Identities(ctx context.Context, customer, event string, identities []Identity) error {
	if _, err := x.tx.ExecContext(ctx, "DELETE FROM identities WHERE customer_id = ? AND event_id = ?", customer, event); err != nil {
		return err
	}
	for _, id := range identities {
		if _, err := x.tx.ExecContext(ctx, "INSERT OR REPLACE INTO identities (kind, token, customer_id, event_id, key_id) "+
			"SELECT ?, ?, customer_id, ?, key_id FROM data_keys WHERE key_id = ? AND customer_id = ? AND wrapped IS NOT NULL",
			id.Kind, x.v.token(id.Kind, id.Value), event, id.Key[:], customer); err != nil {
			return err
		}
	}
	return nil
}

// Requested notes an erasure that was asked for.
func (x *Indexing) Requested(ctx context.Context, customer, erasure string) error {
	_, err := x.tx.ExecContext(ctx, "INSERT OR IGNORE INTO open_erasures (customer_id, erasure_id, approved) VALUES (?, ?, 0)", customer, erasure)
	return err
}

// Approved notes an erasure that is to be carried out.
func (x *Indexing) Approved(ctx context.Context, customer, erasure string) error {
	_, err := x.tx.ExecContext(ctx, "INSERT OR REPLACE INTO open_erasures (customer_id, erasure_id, approved) VALUES (?, ?, 1)", customer, erasure)
	return err
}

// Completed notes that an erasure has been carried out.
func (x *Indexing) Completed(ctx context.Context, customer, erasure string) error {
	_, err := x.tx.ExecContext(ctx, "DELETE FROM open_erasures WHERE customer_id = ? AND erasure_id = ?", customer, erasure)
	return err
}

// Cursor is the position up to which the log was indexed.
func (v *Vault) Cursor(ctx context.Context) (position uint64, err error) {
	err = v.db.QueryRowContext(ctx, "SELECT position FROM cursors WHERE name = 'log'").Scan(&position)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("vault: %w", err)
	}
	return position, nil
}

// Reindex forgets the index and the cursor, so that the log is read again from its beginning.
func (v *Vault) Reindex(ctx context.Context) error {
	v.write.Lock()
	defer v.write.Unlock()
	err := v.transact(ctx, func(tx *sql.Tx) error {
		for _, table := range []string{"identities", "open_erasures", "cursors"} {
			if _, err := tx.ExecContext(ctx, "DELETE FROM "+table); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("vault: %w", err)
	}
	return v.checkpoint(ctx)
}

// Find lists the customers who are known by the identity, in the order of their ids.
func (v *Vault) Find(ctx context.Context, kind, value string) ([]string, error) {
	rows, err := v.db.QueryContext(ctx, "SELECT DISTINCT customer_id FROM identities WHERE kind = ? AND token = ? ORDER BY customer_id",
		kind, v.token(kind, value))
	if err != nil {
		return nil, fmt.Errorf("vault: %w", err)
	}
	defer rows.Close()
	var out []string
	for rows.Next() {
		var customer string
		if err := rows.Scan(&customer); err != nil {
			return nil, fmt.Errorf("vault: %w", err)
		}
		out = append(out, customer)
	}
	return out, rows.Err()
}

// OpenErasure is an erasure that was asked for and is not completed.
type OpenErasure struct {
	Customer, Erasure string
	Approved          bool
}

// OpenErasures lists the erasures that are not completed, as far as the log was indexed.
func (v *Vault) OpenErasures(ctx context.Context) ([]OpenErasure, error) {
	rows, err := v.db.QueryContext(ctx, "SELECT customer_id, erasure_id, approved FROM open_erasures ORDER BY customer_id, erasure_id")
	if err != nil {
		return nil, fmt.Errorf("vault: %w", err)
	}
	defer rows.Close()
	var out []OpenErasure
	for rows.Next() {
		var e OpenErasure
		if err := rows.Scan(&e.Customer, &e.Erasure, &e.Approved); err != nil {
			return nil, fmt.Errorf("vault: %w", err)
		}
		out = append(out, e)
	}
	return out, rows.Err()
}
