package vault

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/tink-crypto/tink-go/v2/aead/subtle"
	"github.com/tink-crypto/tink-go/v2/tink"
)

// kekRing holds the key-encryption keys by epoch. In ordinary times there is one; during a rotation there are two.
type kekRing struct {
	mu      sync.RWMutex
	keys    map[int]tink.AEAD
	kms     map[int]string // URI of the service that wraps it, or empty
	present int            // the highest epoch: new keys are wrapped under it
}

func (r *kekRing) add(epoch int, kek tink.AEAD, kms string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.keys == nil {
		r.keys, r.kms = make(map[int]tink.AEAD), make(map[int]string)
	}
	r.keys[epoch], r.kms[epoch] = kek, kms
	r.present = max(r.present, epoch)
}

func (r *kekRing) drop(epoch int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.keys, epoch)
	delete(r.kms, epoch)
}

func (r *kekRing) newest() int {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.present
}

func (r *kekRing) epochs() []int {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return slices.Sorted(maps.Keys(r.keys))
}

func (r *kekRing) seal(secret, binding []byte) (epoch int, wrapped []byte, err error) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	wrapped, err = r.keys[r.present].Encrypt(secret, binding)
	return r.present, wrapped, err
}

func (r *kekRing) open(epoch int, wrapped, binding []byte) ([]byte, error) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	kek := r.keys[epoch]
	if kek == nil {
		return nil, fmt.Errorf("the key-encryption key of epoch %d is not there: restore kek-%d.key", epoch, epoch)
	}
	secret, err := kek.Decrypt(wrapped, binding)
	if err != nil {
		return nil, fmt.Errorf("it does not open under the key-encryption key of epoch %d", epoch)
	}
	return secret, nil
}

// kekFile is a key-encryption key at rest: as it is, or wrapped by a key management service, which then is asked once at
// start-up and never while records are taken.
type kekFile struct {
	Epoch   int    `json:"epoch"`
	Key     []byte `json:"key,omitempty"`
	KMS     string `json:"kms,omitempty"` // URI of the service's key
	Wrapped []byte `json:"wrapped,omitempty"`
}

func (v *Vault) kekPath(epoch int) string {
	return filepath.Join(v.cfg.Dir, "kek-"+strconv.Itoa(epoch)+".key")
}

// openEpochs loads the key-encryption keys, and makes the first one for a vault that has no keys yet.
func (v *Vault) openEpochs(ctx context.Context) error {
	names, err := filepath.Glob(filepath.Join(v.cfg.Dir, "kek-*.key"))
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := v.loadEpoch(name); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	if v.keks.newest() > 0 {
		return nil
	}
	var wrapped int
	if err := v.db.QueryRowContext(ctx, "SELECT (SELECT count(*) FROM data_keys WHERE wrapped IS NOT NULL) + (SELECT count(*) FROM secrets)").
		Scan(&wrapped); err != nil {
		return err
	}
	if wrapped > 0 {
		return fmt.Errorf("%s holds %d keys, but there is no kek-*.key to open them: restore it", v.cfg.Dir, wrapped)
	}
	v.made = true
	return v.makeEpoch(1, "")
}

func (v *Vault) loadEpoch(name string) error {
	text, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	var f kekFile
	if err := json.Unmarshal(text, &f); err != nil {
		return errors.New("it is not a key-encryption key, or is damaged") // err would quote the file
	}
	if filepath.Base(name) != filepath.Base(v.kekPath(f.Epoch)) {
		return fmt.Errorf("it holds the key of epoch %d", f.Epoch)
	}
	key := f.Key
	if f.KMS != "" {
		service, err := v.kms(f.KMS)
		if err != nil {
			return err
		}
		if key, err = service.Decrypt(f.Wrapped, kekBinding(f.Epoch)); err != nil {
			return fmt.Errorf("%s does not unwrap it: %w", f.KMS, err)
		}
	}
	kek, err := subtle.NewAESGCM(key)
	if err != nil || len(key) != 32 {
		return errors.New("it is not a key of 32 bytes")
	}
	v.keks.add(f.Epoch, kek, f.KMS)
	return nil
}

// makeEpoch makes the key-encryption key of an epoch and stores it durably before it is used.
func (v *Vault) makeEpoch(epoch int, kms string) error {
	key := newSecret()
	kek, err := subtle.NewAESGCM(key)
	if err != nil {
		return err
	}
	f := kekFile{Epoch: epoch, Key: key}
	if kms != "" {
		service, err := v.kms(kms)
		if err != nil {
			return err
		}
		f = kekFile{Epoch: epoch, KMS: kms}
		if f.Wrapped, err = service.Encrypt(key, kekBinding(epoch)); err != nil {
			return fmt.Errorf("%s does not wrap a key: %w", kms, err)
		}
	}
	text, err := json.Marshal(f)
	if err != nil {
		return err
	}
	if err := writeDurably(v.kekPath(epoch), append(text, '\n')); err != nil {
		return err
	}
	v.keks.add(epoch, kek, kms)
	return nil
}

func kekBinding(epoch int) []byte { return []byte("amends kek v1 epoch " + strconv.Itoa(epoch)) }

// kms is the service's key that a URI names.
func (v *Vault) kms(uri string) (tink.AEAD, error) {
	for _, client := range v.cfg.KMS {
		if client.Supported(uri) {
			return client.GetAEAD(uri)
		}
	}
	scheme, _, _ := strings.Cut(uri, ":")
	return nil, fmt.Errorf("no key management service for URIs that begin with %s: is built in", scheme)
}

// writeDurably makes the file whole or not at all.
func writeDurably(path string, text []byte) (err error) {
	temporary := path + ".new"
	f, err := os.OpenFile(temporary, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return errors.Join(err, os.Remove(temporary))
	}
	if err := os.Rename(temporary, path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

// shred overwrites the file before it is removed. Copies that the file system or a backup made are beyond its reach.
func shred(path string) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	info, err := f.Stat()
	if err == nil {
		_, err = f.Write(make([]byte, info.Size()))
	}
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Remove(path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
