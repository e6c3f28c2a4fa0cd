// Package keycopy copies the directory of a ledger's keys, also while a ledger has it open.
package keycopy

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	_ "modernc.org/sqlite" // the driver "sqlite"
)

// ErrChanging: key files came and went while they were copied, as in a rotation.
var ErrChanging = errors.New("the keys were changed while they were copied; copy them again")

// attempts is how often a copy begins anew because key files changed. A rotation changes them twice.
const attempts = 5

// Copy copies the files of a directory of keys to another one, for the owner alone, and names them. A database is copied as
// it is at one instant, whoever writes to it meanwhile; no database is copied without the key files that were there at that
// instant. Each file is replaced whole. Key-encryption keys that the source has no more are removed from the copy, so that a
// rotation ends what an earlier copy in the same place could open.
//
// Whoever has the copy can read what is sealed, and sign as the ledger. What is erased later can be had from it for as long
// as it exists.
func Copy(ctx context.Context, from, to string) ([]string, error) {
	if err := os.MkdirAll(to, 0o700); err != nil {
		return nil, err
	}
	if err := os.Chmod(to, 0o700); err != nil {
		return nil, err
	}
	for range attempts {
		names, err := copyOnce(ctx, from, to)
		if !errors.Is(err, ErrChanging) {
			return names, err
		}
	}
	return nil, fmt.Errorf("%s: %w", from, ErrChanging)
}

// copyOnce copies everything under other names first: nothing is replaced by what does not belong together.
func copyOnce(ctx context.Context, from, to string) (names []string, err error) {
	files, databases, err := list(from)
	if err != nil {
		return nil, err
	}
	var made []string
	defer func() {
		for _, path := range made {
			if e := os.Remove(path); !errors.Is(e, fs.ErrNotExist) {
				err = errors.Join(err, e)
			}
		}
	}()
	for _, name := range databases {
		path := filepath.Join(to, name) + ".new"
		made = append(made, path)
		if err := snapshot(ctx, filepath.Join(from, name), path); err != nil {
			return nil, fmt.Errorf("copy %s: %w", filepath.Join(from, name), err)
		}
	}
	// A rotation stores its new key before a database names it, and removes the old one after none does.
	after, _, err := list(from)
	if err != nil {
		return nil, err
	}
	if !maps.EqualFunc(files, after, bytes.Equal) {
		return nil, ErrChanging
	}
	for name, data := range files {
		path := filepath.Join(to, name) + ".new"
		made = append(made, path)
		if err := write(path, data); err != nil {
			return nil, err
		}
	}
	names = slices.Concat(slices.Sorted(maps.Keys(files)), databases) // key files first: a crash leaves no database without its keys
	for _, name := range names {
		if err := replace(filepath.Join(to, name)); err != nil {
			return nil, err
		}
	}
	if err := removeEnded(to, files); err != nil {
		return nil, err
	}
	return names, syncFile(to)
}

// list reads the plain files of a directory of keys, and names its databases.
func list(dir string) (files map[string][]byte, databases []string, err error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, nil, fmt.Errorf("there are no keys: %w", err)
	}
	files = make(map[string][]byte)
	for _, e := range entries {
		name := e.Name()
		switch {
		case !e.Type().IsRegular(), unfinished(name), sidecar(name):
		case strings.HasSuffix(name, databaseSuffix):
			databases = append(databases, name)
		default:
			data, err := os.ReadFile(filepath.Join(dir, name))
			if errors.Is(err, fs.ErrNotExist) {
				return nil, nil, ErrChanging
			}
			if err != nil {
				return nil, nil, err
			}
			files[name] = data
		}
	}
	return files, databases, nil
}

const databaseSuffix = ".sqlite"

// sidecars are what SQLite keeps beside a database. They belong to the file that they were made for and to no other.
var sidecars = []string{"-wal", "-shm", "-journal"}

func sidecar(name string) bool {
	for _, s := range sidecars {
		if strings.HasSuffix(name, databaseSuffix+s) {
			return true
		}
	}
	return false
}

// unfinished is what a write that was interrupted left behind.
func unfinished(name string) bool {
	return strings.HasSuffix(name, ".new") || strings.Contains(name, ".new-")
}

// snapshot copies a database as it is at one instant. What was deleted in it is not in the copy.
func snapshot(ctx context.Context, from, to string) (err error) {
	if err := write(to, nil); err != nil { // SQLite keeps the mode of an empty file
		return err
	}
	absolute, err := filepath.Abs(from)
	if err != nil {
		return err
	}
	// mode=rw makes no database where there is none, and reads one that may not be written.
	source := url.URL{Scheme: "file", Path: filepath.ToSlash(absolute), RawQuery: url.Values{
		"mode": {"rw"}, "_pragma": {"busy_timeout(10000)", "temp_store(MEMORY)"},
	}.Encode()}
	db, err := sql.Open("sqlite", source.String())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if _, err := db.ExecContext(ctx, "VACUUM INTO ?", to); err != nil {
		return err
	}
	return syncFile(to)
}

// replace gives the new file its name.
func replace(path string) error {
	for _, s := range sidecars {
		if err := os.Remove(path + s); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return os.Rename(path+".new", path)
}

// removeEnded removes the key-encryption keys of epochs that have ended.
func removeEnded(dir string, files map[string][]byte) error {
	held, err := filepath.Glob(filepath.Join(dir, "kek-*.key"))
	if err != nil {
		return err
	}
	for _, path := range held {
		if _, ok := files[filepath.Base(path)]; !ok {
			if err := os.Remove(path); err != nil {
				return err
			}
		}
	}
	return nil
}

func write(path string, data []byte) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Chmod(0o600), f.Sync(), f.Close())
}

// syncFile makes a file, or the names in a directory, durable.
func syncFile(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
