package access

import (
	"context"
	"crypto/subtle"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	_ "modernc.org/sqlite" // the database/sql driver "sqlite"
)

// DefaultLifetime is how long a key lives unless told otherwise.
const DefaultLifetime = 90 * 24 * time.Hour

// usedEvery is how exactly the last use of a key is known; a write at each request would cost more than the request.
const usedEvery = time.Hour

// APIKey is what is kept of a key. Its secret is not.
type APIKey struct {
	ID      string     `json:"key_id" doc:"Names the key; the caller's id is key: and this"`
	Name    string     `json:"name" doc:"What the administrator calls it"`
	Roles   []Role     `json:"roles"`
	Sources []string   `json:"sources" doc:"The only sources it records under, naming others as actors; none: it speaks for itself only"`
	Created time.Time  `json:"created_at"`
	Expires time.Time  `json:"expires_at"`
	Revoked *time.Time `json:"revoked_at,omitempty"`
	Used    *time.Time `json:"used_at,omitempty" doc:"The last use, to the hour"`
}

// Request asks for a key.
type Request struct {
	Name    string
	Roles   []Role
	Sources []string
	// Lifetime is how long the key will live. Default: DefaultLifetime. At most MaxLifetime.
	Lifetime time.Duration
}

// MaxLifetime is how long a key can live.
const MaxLifetime = 366 * 24 * time.Hour

// Keys are the API keys, in a SQLite file that holds their hashes. Its methods may be called concurrently.
type Keys struct {
	db  *sql.DB
	now func() time.Time

	mu       sync.Mutex
	sessions map[string]map[*Session]struct{} // by key id: what to end when the key is revoked
}

const keysSchema = `create table if not exists keys (
	key_id     text primary key,
	name       text not null,
	hash       blob not null,
	roles      text not null,
	sources    text not null,
	created_at integer not null,
	expires_at integer not null,
	revoked_at integer,
	used_at    integer
) strict`

// OpenKeys opens the file, which it creates if need be, readable by its owner only. Close must be called. now tells the
// present instant; nil: time.Now.
func OpenKeys(ctx context.Context, path string, now func() time.Time) (*Keys, error) {
	if now == nil {
		now = time.Now
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("open keys: %w", err)
	}
	// SQLite gives the files beside it the mode of the database, so the mode is set before SQLite sees it.
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open keys: %w", err)
	}
	if err := f.Close(); err != nil {
		return nil, fmt.Errorf("open keys: %w", err)
	}
	name := (&url.URL{Scheme: "file", OmitHost: true, Path: filepath.ToSlash(path), RawQuery: url.Values{
		// A revocation that was answered must survive a power cut.
		"_pragma": {"busy_timeout(10000)", "journal_mode(wal)", "synchronous(full)"},
		"_txlock": {"immediate"},
	}.Encode()}).String()
	db, err := sql.Open("sqlite", name)
	if err != nil {
		return nil, fmt.Errorf("open keys: %w", err)
	}
	if _, err := db.ExecContext(ctx, keysSchema); err != nil {
		return nil, errors.Join(fmt.Errorf("open keys %s: %w", path, err), db.Close())
	}
	return &Keys{db: db, now: now, sessions: make(map[string]map[*Session]struct{})}, nil
}

// Close closes the file.
func (k *Keys) Close() error { return k.db.Close() }

// Draft checks the request and makes the key and its secret, which is to be shown once. Nothing is stored: Store does that,
// once the grant is on record.
func (k *Keys) Draft(r Request) (APIKey, string, error) {
	if r.Lifetime == 0 {
		r.Lifetime = DefaultLifetime
	}
	switch {
	case r.Name == "" || len(r.Name) > 100:
		return APIKey{}, "", fmt.Errorf("%w: its name must be 1 to 100 characters, such as helpdesk-import", ErrInvalidGrant)
	case len(r.Roles) == 0:
		return APIKey{}, "", fmt.Errorf("%w: it needs a role", ErrInvalidGrant)
	case r.Lifetime < time.Second || r.Lifetime > MaxLifetime:
		return APIKey{}, "", fmt.Errorf("%w: it must expire within 1 second to 366 days", ErrInvalidGrant)
	}
	for _, role := range r.Roles {
		if _, err := ParseRole(string(role)); err != nil {
			return APIKey{}, "", err
		}
	}
	for _, source := range r.Sources {
		if source == "" || len(source) > 512 {
			return APIKey{}, "", fmt.Errorf("%w: a source is a URI reference of 1 to 512 characters", ErrInvalidGrant)
		}
	}
	created := k.now().UTC().Truncate(time.Second)
	id, secret := newSecret()
	return APIKey{
		ID: id, Name: r.Name, Roles: compact(r.Roles), Sources: compact(r.Sources),
		Created: created, Expires: created.Add(r.Lifetime).Truncate(time.Second),
	}, secret, nil
}

func compact[T ~string](list []T) []T {
	out := slices.Sorted(slices.Values(list))
	if out = slices.Compact(out); out == nil {
		return []T{}
	}
	return out
}

// Store keeps a drafted key; from here on its secret is accepted.
func (k *Keys) Store(ctx context.Context, key APIKey, secret string) error {
	id, hash, ok := parseSecret(secret)
	if !ok || id != key.ID {
		return fmt.Errorf("%w: the secret is not the key's", ErrInvalidGrant)
	}
	roles, err := json.Marshal(key.Roles)
	if err != nil {
		return err
	}
	sources, err := json.Marshal(key.Sources)
	if err != nil {
		return err
	}
	if _, err := k.db.ExecContext(ctx, `insert into keys (key_id, name, hash, roles, sources, created_at, expires_at)
		values (?, ?, ?, ?, ?, ?, ?)`,
		key.ID, key.Name, hash[:], string(roles), string(sources), key.Created.Unix(), key.Expires.Unix()); err != nil {
		return fmt.Errorf("store key %s: %w", key.ID, err)
	}
	return nil
}

const keyColumns = `key_id, name, roles, sources, created_at, expires_at, revoked_at, used_at`

// scanKey reads a row of keyColumns; more is for columns after them.
func scanKey(scan func(...any) error, more ...any) (key APIKey, err error) {
	var roles, sources string
	var created, expires int64
	var revoked, used sql.NullInt64
	if err := scan(append([]any{&key.ID, &key.Name, &roles, &sources, &created, &expires, &revoked, &used}, more...)...); err != nil {
		return key, err
	}
	if err := json.Unmarshal([]byte(roles), &key.Roles); err != nil {
		return key, fmt.Errorf("key %s: roles: %w", key.ID, err)
	}
	if err := json.Unmarshal([]byte(sources), &key.Sources); err != nil {
		return key, fmt.Errorf("key %s: sources: %w", key.ID, err)
	}
	key.Created, key.Expires = time.Unix(created, 0).UTC(), time.Unix(expires, 0).UTC()
	key.Revoked, key.Used = instant(revoked), instant(used)
	return key, nil
}

func instant(seconds sql.NullInt64) *time.Time {
	if !seconds.Valid {
		return nil
	}
	t := time.Unix(seconds.Int64, 0).UTC()
	return &t
}

// List returns every key that was ever made, the newest first.
func (k *Keys) List(ctx context.Context) ([]APIKey, error) {
	rows, err := k.db.QueryContext(ctx, `select `+keyColumns+` from keys order by created_at desc, key_id`)
	if err != nil {
		return nil, fmt.Errorf("list keys: %w", err)
	}
	defer rows.Close()
	out := []APIKey{}
	for rows.Next() {
		key, err := scanKey(rows.Scan)
		if err != nil {
			return nil, fmt.Errorf("list keys: %w", err)
		}
		out = append(out, key)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("list keys: %w", err)
	}
	return out, nil
}

// Usable reports whether any key could be used now.
func (k *Keys) Usable(ctx context.Context) (bool, error) {
	var found bool
	err := k.db.QueryRowContext(ctx, `select exists (select 1 from keys where revoked_at is null and expires_at > ?)`,
		k.now().Unix()).Scan(&found)
	if err != nil {
		return false, fmt.Errorf("look for keys: %w", err)
	}
	return found, nil
}

// Revoke ends the key, and every session that it opened, before it returns. Revoking twice changes nothing and returns the
// first time. ErrUnknownKey: there is none.
func (k *Keys) Revoke(ctx context.Context, id string) (APIKey, error) {
	key, err := scanKey(k.db.QueryRowContext(ctx, `update keys set revoked_at = coalesce(revoked_at, ?) where key_id = ?
		returning `+keyColumns, k.now().Unix(), id).Scan)
	if errors.Is(err, sql.ErrNoRows) {
		return APIKey{}, ErrUnknownKey
	}
	if err != nil {
		return APIKey{}, fmt.Errorf("revoke key %s: %w", clipped(id), err)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	for s := range k.sessions[id] {
		s.cancel(ErrRevoked)
	}
	return key, nil
}

// clipped keeps what may be a pasted secret out of an error.
func clipped(id string) string { return id[:min(len(id), keyIDLength)] }

// authenticate finds the key's caller. The session is known to Revoke before the row is read: a revocation either shows in
// the row or ends the session.
func (k *Keys) authenticate(s *Session, text string) error {
	id, hash, ok := parseSecret(text)
	if !ok {
		return ErrInvalid
	}
	k.hold(id, s)
	s.release = func() { k.letGo(id, s) }
	var stored []byte
	row := k.db.QueryRowContext(s.Context, `select `+keyColumns+`, hash from keys where key_id = ?`, id)
	key, err := scanKey(row.Scan, &stored)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return ErrInvalid
	case err != nil:
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	case subtle.ConstantTimeCompare(stored, hash[:]) != 1:
		return ErrInvalid
	case key.Revoked != nil:
		return ErrRevoked
	case !k.now().Before(key.Expires):
		return ErrExpired
	}
	s.Caller = Caller{ID: string(KindKey) + ":" + key.ID, Kind: KindKey, Roles: key.Roles, Sources: key.Sources, Expires: key.Expires}
	if now := k.now(); key.Used == nil || now.Sub(*key.Used) >= usedEvery {
		// A full disk must not lock callers out; the time of the last use is a hint for people, not a rule.
		_, _ = k.db.ExecContext(s.Context, `update keys set used_at = ? where key_id = ?`, now.Truncate(usedEvery).Unix(), key.ID)
	}
	return nil
}

func (k *Keys) hold(id string, s *Session) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.sessions[id] == nil {
		k.sessions[id] = make(map[*Session]struct{})
	}
	k.sessions[id][s] = struct{}{}
}

func (k *Keys) letGo(id string, s *Session) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.sessions[id], s)
	if len(k.sessions[id]) == 0 {
		delete(k.sessions, id)
	}
}
