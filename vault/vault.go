// Package vault keeps the keys under which personal data is sealed, and destroys them.
//
// Each customer has one data key for each retention class (complaint record, interaction, marketing). A personal value is
// sealed under the key of its class before the record is hashed; the log holds ciphertext only. To erase is to destroy the
// key: the record stays, its hash stays true, and nobody can read the value again.
//
// # Keys
//
// A data key is 32 random bytes. Three things are derived from it with HKDF-SHA256 (RFC 5869): the AES-256-GCM key, the key
// that makes nonces, and the key's id, which also takes in the customer and the class. The id is thereby a commitment: to
// find a second key that has the same id, and opens the same ciphertext to another text, one would have to break SHA-256.
//
// Data keys are wrapped by the key-encryption key of the present epoch (epoch.go) and lie in one SQLite file, outside the log
// and outside its backups. A backup of the vault is a copy of the keys: what is erased can be opened with it for as long as
// it exists, or until the key-encryption key of its epoch is destroyed by a rotation.
//
// Memory is not covered: a destroyed key is dropped from the caches, and the garbage collector reuses its bytes in its own
// time.
package vault

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"github.com/tink-crypto/tink-go/v2/core/registry"
	_ "modernc.org/sqlite" // the driver "sqlite"
)

// Errors to branch on.
var (
	// ErrErased: the key was destroyed, the value is gone.
	ErrErased = errors.New("erased")
	// ErrNoKey: the vault never had the key; it is not the vault that the record was sealed with, or an older copy of it.
	ErrNoKey = errors.New("the vault has no such key")
	// ErrTampered: the value does not open under its key at the place where it stands.
	ErrTampered = errors.New("the sealed value does not belong where it stands, or was changed")
	// ErrOtherKey: a key is not the one that its id commits to.
	ErrOtherKey = errors.New("it is not the key that its id commits to")
)

// Config says where a vault is.
type Config struct {
	// Dir holds the wrapped keys (vault.sqlite) and the key-encryption keys (kek-<epoch>.key). It is created with mode 0700.
	Dir string
	// KMS are the clients of key management services that may be named by URI. None is needed for key-encryption keys in
	// files.
	KMS []registry.KMSClient
	// CacheKeys bounds how many opened data keys are held in memory, near 1.2 KB each. Default 16,384.
	CacheKeys int
	// Clock tells when a key was made or destroyed. Default: time.Now.
	Clock func() time.Time
}

// Vault is safe for concurrent use. One process at a time may have it open; whoever opens a ledger holds its lock already.
type Vault struct {
	cfg Config
	db  *sql.DB // one connection: nothing reads behind the back of a destruction

	keks     kekRing
	byID     *lru.Cache[KeyID, *DataKey]
	byRef    *lru.Cache[keyRef, *DataKey]
	indexKey []byte // of the blind index

	made bool // by Open: the directory held no vault

	// write is held by whatever changes keys: creation, destruction, rotation.
	write sync.Mutex
	// rotating is held by the one rotation there can be.
	rotating sync.Mutex

	queue struct {
		sync.Mutex
		waiting []*request
		busy    bool
	}

	// fault, when set by a test, is asked at each step of a rotation or a destruction and may stop it there.
	fault func(step string) error
}

// tables is the vault's whole schema. A key without wrapped bytes was destroyed; its row stays to tell erased from unknown.
const tables = `
CREATE TABLE IF NOT EXISTS data_keys (
	key_id BLOB NOT NULL PRIMARY KEY, customer_id TEXT NOT NULL, class TEXT NOT NULL, epoch INTEGER NOT NULL, wrapped BLOB,
	created_at TEXT NOT NULL, destroyed_at TEXT, erasure_id TEXT) WITHOUT ROWID;
CREATE UNIQUE INDEX IF NOT EXISTS data_keys_live ON data_keys (customer_id, class) WHERE wrapped IS NOT NULL;
CREATE TABLE IF NOT EXISTS secrets (name TEXT NOT NULL PRIMARY KEY, epoch INTEGER NOT NULL, wrapped BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS destructions (customer_id TEXT NOT NULL, erasure_id TEXT NOT NULL, destroyed_at TEXT NOT NULL,
	PRIMARY KEY (customer_id, erasure_id)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS identities (kind TEXT NOT NULL, token BLOB NOT NULL, customer_id TEXT NOT NULL, event_id TEXT NOT NULL,
	key_id BLOB NOT NULL, PRIMARY KEY (kind, token, customer_id, event_id)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS identities_by_event ON identities (customer_id, event_id);
CREATE INDEX IF NOT EXISTS identities_by_key ON identities (key_id);
CREATE TABLE IF NOT EXISTS open_erasures (customer_id TEXT NOT NULL, erasure_id TEXT NOT NULL, approved INTEGER NOT NULL,
	PRIMARY KEY (customer_id, erasure_id)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS cursors (name TEXT NOT NULL PRIMARY KEY, position INTEGER NOT NULL) WITHOUT ROWID;
PRAGMA user_version = 1`

// Open opens the vault in cfg.Dir, or makes one. A rotation that was interrupted is finished first.
func Open(ctx context.Context, cfg Config) (_ *Vault, err error) {
	if cfg.CacheKeys <= 0 {
		cfg.CacheKeys = 16_384
	}
	if cfg.Clock == nil {
		cfg.Clock = time.Now
	}
	if err := os.MkdirAll(cfg.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("vault: %w", err)
	}
	if err := os.Chmod(cfg.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("vault: %w", err)
	}
	v := &Vault{cfg: cfg}
	if v.byID, err = lru.New[KeyID, *DataKey](cfg.CacheKeys); err != nil {
		return nil, fmt.Errorf("vault: %w", err)
	}
	if v.byRef, err = lru.New[keyRef, *DataKey](cfg.CacheKeys); err != nil {
		return nil, fmt.Errorf("vault: %w", err)
	}
	if err := v.openDatabase(ctx); err != nil {
		return nil, fmt.Errorf("vault: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("vault: %w", err), v.db.Close())
		}
	}()
	if err := v.openEpochs(ctx); err != nil {
		return nil, err
	}
	// Whatever a crash left in the write-ahead log goes now, the bytes of destroyed keys with it.
	if err := v.checkpoint(ctx); err != nil {
		return nil, err
	}
	if err := v.finishRotation(ctx); err != nil {
		return nil, err
	}
	return v, v.openIndexKey(ctx)
}

// openDatabase opens the file, which only its owner may read.
func (v *Vault) openDatabase(ctx context.Context) error {
	path := filepath.Join(v.cfg.Dir, "vault.sqlite")
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	if err := errors.Join(f.Chmod(0o600), f.Close()); err != nil {
		return err
	}
	absolute, err := filepath.Abs(path)
	if err != nil {
		return err
	}
	// secure_delete overwrites what is deleted; FULL makes a key durable before a record is sealed with it.
	source := url.URL{Scheme: "file", Path: filepath.ToSlash(absolute), RawQuery: url.Values{"_pragma": {
		"journal_mode(WAL)", "synchronous(FULL)", "secure_delete(ON)", "temp_store(MEMORY)", "busy_timeout(5000)",
	}}.Encode()}
	if v.db, err = sql.Open("sqlite", source.String()); err != nil {
		return err
	}
	v.db.SetMaxOpenConns(1)
	if err := v.openTables(ctx); err != nil {
		return errors.Join(err, v.db.Close())
	}
	return nil
}

func (v *Vault) openTables(ctx context.Context) error {
	var version int
	if err := v.db.QueryRowContext(ctx, "PRAGMA user_version").Scan(&version); err != nil {
		return err
	}
	if version > 1 {
		return fmt.Errorf("%s was written by a newer version", filepath.Join(v.cfg.Dir, "vault.sqlite"))
	}
	_, err := v.db.ExecContext(ctx, tables)
	return err
}

// checkpoint moves the write-ahead log into the file and cuts it to nothing.
func (v *Vault) checkpoint(ctx context.Context) error {
	var busy, pages, moved int
	if err := v.db.QueryRowContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)").Scan(&busy, &pages, &moved); err != nil {
		return fmt.Errorf("checkpoint: %w", err)
	}
	if busy != 0 {
		return errors.New("checkpoint: another process reads the vault's file")
	}
	return nil
}

// step is asked before each step that must survive a crash on either side of it.
func (v *Vault) step(name string) error {
	if v.fault == nil {
		return nil
	}
	return v.fault(name)
}

// transact runs f in one transaction.
func (v *Vault) transact(ctx context.Context, f func(tx *sql.Tx) error) error {
	tx, err := v.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if err := f(tx); err != nil {
		return errors.Join(err, tx.Rollback())
	}
	return tx.Commit()
}

func (v *Vault) now() string { return v.cfg.Clock().UTC().Format(time.RFC3339Nano) }

// Made reports whether the vault was made by Open, because the directory held none.
func (v *Vault) Made() bool { return v.made }

// Close closes the vault. What was acknowledged is durable at any moment.
func (v *Vault) Close() error {
	v.byID.Purge()
	v.byRef.Purge()
	return v.db.Close()
}
