package audit

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"filippo.io/torchwood"
	"golang.org/x/mod/sumdb/tlog"

	"amends/audit/verifier"
)

// The identity of a ledger is its signing key and the origin of its checkpoints. Two ledgers that grow apart must not share
// one: they would sign two trees of one size, which is what nobody should be able to do unseen. What was restored may be older
// than what the original signed last, and the original may still be running; so a restored ledger takes an identity of its own.
// Its tree is the backup's to begin with, and what the backup was signed with is kept beside it:
//
//	audit/previous/KEYHASH/key             the public key of the earlier identity
//	audit/previous/KEYHASH/checkpoint      what it signed: a prefix of this log, and Verify holds the records against it
//	audit/previous/KEYHASH/map.checkpoint  the same of the log of map roots; absent when no root was signed
const (
	previousDir       = "previous"
	mapCheckpointFile = "map.checkpoint"
)

// ErrNewerSigned: the ledger signed something that the backup does not hold, or it is not shown that it did not.
var ErrNewerSigned = errors.New("the restored ledger cannot keep its signing key")

// nothingNewer checks that a backup ends where the ledger's last checkpoint does, map and all.
func nothingNewer(ctx context.Context, from Source, c torchwood.Checkpoint, newest []byte) error {
	last, err := from.Key.OpenLog(newest)
	switch {
	case err != nil:
		return fmt.Errorf("%w: the newest checkpoint is not one of this ledger: %w", ErrNewerSigned, err)
	case last.N > c.N:
		return fmt.Errorf("%w: it signed %d records, and the backup holds %d; use a newer backup, or let it take a new key", ErrNewerSigned, last.N, c.N)
	case last.N < c.N:
		return fmt.Errorf("%w: the given checkpoint covers %d records and the backup's own %d, so it was not the last", ErrNewerSigned, last.N, c.N)
	case last.Hash != c.Hash:
		return fmt.Errorf("%w: it signed %d records that are not those of the backup", ErrNewerSigned, last.N)
	case c.N == 0:
		return nil
	}
	covers, err := lastRootCovers(ctx, from)
	if err != nil {
		return err
	}
	if covers < c.N {
		return fmt.Errorf("%w: the backup's last map root covers %d of %d records, and later roots may have been signed; let it take a new key",
			ErrNewerSigned, covers, c.N)
	}
	return nil
}

// keyIsOf checks that a data directory has the private key of a public one, or none.
func keyIsOf(dir string, key verifier.Keys) error {
	held, err := PublicKey(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // it can be put there later; until then nothing is signed
	}
	if err == nil && held.LogText != key.LogText {
		err = fmt.Errorf("%w: %s is not the one that signed the backup, which is needed to keep its identity", ErrNoKey,
			filepath.Join(dir, keysDir, sealerKeyFile))
	}
	return err
}

// lastRootCovers is how many records the last map root of a source covers; 0 when no root was signed.
func lastRootCovers(ctx context.Context, from Source) (int64, error) {
	signed, err := from.Map.ReadEndpoint(ctx, checkpointFile)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	c, err := from.Key.OpenMap(signed)
	if err != nil || c.N == 0 {
		return 0, err
	}
	covers := int64(0)
	err = entries(ctx, from.Map, c.Tree, c.N-1, func(_ int64, leaf []byte) error {
		_, input, err := parseRoot(leaf, from.Key)
		covers = input.N
		return err
	})
	return covers, err
}

// keepIdentity puts the sealed copy of a backup into an audit directory under the checkpoints that it has.
func keepIdentity(ctx context.Context, from Source, audit string) error {
	if _, _, err := copyTree(ctx, from.Map, filepath.Join(audit, mapDir), from.Key.Map.Name(), from.Key.MapPolicy(), nil); err != nil &&
		!errors.Is(err, fs.ErrNotExist) {
		return err
	}
	_, _, err := copyTree(ctx, from.Log, filepath.Join(audit, logDir), from.Key.Log.Name(), from.Key.LogPolicy(), nil)
	return err
}

// newIdentity puts the tree of a backup, verified against its checkpoint, into a data directory under a new key, which it
// returns. The sealer signs it when it starts, and makes the map anew: the old roots name checkpoints of the old key.
func newIdentity(ctx context.Context, from Source, dir string) (string, error) {
	audit := filepath.Join(dir, auditDir)
	if err := keepPrevious(ctx, from, filepath.Join(audit, previousDir, fmt.Sprintf("%08x", from.Key.Log.KeyHash()))); err != nil {
		return "", err
	}
	if err := retireKey(dir); err != nil {
		return "", err
	}
	text, name, err := generateKey()
	if err != nil {
		return "", err
	}
	if err := writeKey(filepath.Join(dir, keysDir, sealerKeyFile), text); err != nil {
		return "", err
	}
	if _, _, _, err = copyEntries(ctx, from.Log, filepath.Join(audit, logDir), name, from.Key.LogPolicy(), nil); err != nil {
		return "", err
	}
	key, err := PublicKey(dir)
	return key.LogText, err
}

// keepPrevious keeps the public key and the checkpoints of a backup.
func keepPrevious(ctx context.Context, from Source, to string) error {
	if err := os.MkdirAll(to, 0o700); err != nil {
		return err
	}
	signed, err := from.Log.ReadEndpoint(ctx, checkpointFile)
	if err != nil {
		return err
	}
	kept := map[string][]byte{keyFile: []byte(from.Key.LogText + "\n"), checkpointFile: signed}
	roots, err := from.Map.ReadEndpoint(ctx, checkpointFile)
	switch {
	case err == nil:
		kept[mapCheckpointFile] = roots
	case !errors.Is(err, fs.ErrNotExist): // no root was signed
		return err
	}
	for name, text := range kept {
		if err := replaceFile(filepath.Join(to, name), text); err != nil {
			return err
		}
	}
	return nil
}

// retireKey puts a signing key that was brought along under another name, where it signs nothing. It may be the only copy, so
// it is not removed.
func retireKey(dir string) error {
	path := filepath.Join(dir, keysDir, sealerKeyFile)
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	key, err := PublicKey(dir)
	if err != nil {
		return err
	}
	if err := os.Rename(path, fmt.Sprintf("%s.%08x", path, key.Log.KeyHash())); err != nil {
		return err
	}
	return syncFile(filepath.Dir(path))
}

// previous is a tree that the ledger signed under an earlier identity.
type previous struct {
	tlog.Tree
	key string
}

// loadPrevious reads the trees of earlier identities, the smallest first. What cannot be used is a finding.
func (v *verification) loadPrevious() ([]previous, error) {
	dirs, err := os.ReadDir(filepath.Join(v.dir, previousDir))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var out []previous
	for _, d := range dirs {
		p, err := readPrevious(filepath.Join(v.dir, previousDir, d.Name()))
		if err != nil {
			v.found(Finding{Part: "checkpoint", What: fmt.Sprintf("that of the earlier identity %s: %v", d.Name(), err)})
			continue
		}
		if p.N > 0 {
			out = append(out, p)
		}
	}
	slices.SortFunc(out, func(a, b previous) int { return cmp.Compare(a.N, b.N) })
	return out, nil
}

func readPrevious(dir string) (previous, error) {
	text, err := os.ReadFile(filepath.Join(dir, keyFile))
	if err != nil {
		return previous{}, err
	}
	key, err := verifier.ParseKey(strings.TrimSpace(string(text)))
	if err != nil {
		return previous{}, err
	}
	signed, err := os.ReadFile(filepath.Join(dir, checkpointFile))
	if err != nil {
		return previous{}, err
	}
	c, err := key.OpenLog(signed)
	return previous{Tree: c.Tree, key: key.LogText}, err
}

// samePrevious compares the tree with those of earlier identities that it has reached, and returns the others.
func (v *verification) samePrevious(t *tree, all []previous) ([]previous, error) {
	for len(all) > 0 && all[0].N <= t.size {
		root, err := t.edgeRoot()
		if err != nil {
			return nil, err
		}
		if all[0].N == t.size && root != all[0].Hash {
			v.found(Finding{Part: "checkpoint", What: fmt.Sprintf(
				"the first %d records are not those that were signed under the earlier key %s", all[0].N, all[0].key)})
		}
		all = all[1:]
	}
	return all, nil
}
