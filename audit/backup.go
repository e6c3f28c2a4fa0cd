package audit

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"filippo.io/torchwood"
	"golang.org/x/mod/sumdb/tlog"

	"amends/audit/verifier"
)

// A backup is a directory with a copy of both logs, as C2SP tlog-tiles, and the public key that they are signed under:
//
//	key          the public key
//	log/…, map/… as in a data directory's audit directory, without the positions
//	retention.json, policy, previous/…
//	             the settings that belong to the ledger, see settings.go; not from a server
//
// The entry bundles are the records, so the log can be made anew from it, byte for byte. It holds nothing but what is proved by
// its checkpoints, and no private key.
const keyFile = "key"

// Source is where a backup reads from: the tiles of a data directory, or those that a server serves.
type Source struct {
	Log, Map torchwood.TileReader
	Key      verifier.Keys
	Settings string // the data directory whose settings are copied as well; empty: none are, as a server does not tell them
}

// LocalSource reads the sealed copy in a data directory, also while a server has it open.
func LocalSource(dir string) (Source, error) {
	key, err := PublicKey(dir)
	if err != nil {
		return Source{}, err
	}
	return Source{
		Log: OpenTiles(filepath.Join(dir, auditDir, logDir)), Map: OpenTiles(filepath.Join(dir, auditDir, mapDir)), Key: key,
		Settings: dir,
	}, nil
}

// Copied says what a backup or a restore did.
type Copied struct {
	Records int64  `json:"records"` // in the copy
	New     int64  `json:"new"`     // of them, what this run added
	Key     string `json:"key"`     // the public key that signs the copy
	// Previous is the public key that signed the backup, of a restored ledger that has taken an identity of its own.
	Previous string `json:"previous_key,omitempty"`
}

// ErrOtherLedger: a backup is of another ledger, or of one that went another way.
var ErrOtherLedger = errors.New("the backup is of another ledger")

// Backup copies what is sealed to a directory, and goes on from there when it is run again, also after it was interrupted. It
// hashes all that it copies, and only takes what the signed checkpoint covers. progress may be nil.
func Backup(ctx context.Context, from Source, to string, progress func(done, total int64)) (Copied, error) {
	if err := os.MkdirAll(to, 0o700); err != nil {
		return Copied{}, err
	}
	path := filepath.Join(to, keyFile)
	text, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if err := replaceFile(path, []byte(from.Key.LogText+"\n")); err != nil {
			return Copied{}, err
		}
	case err != nil:
		return Copied{}, err
	case strings.TrimSpace(string(text)) != from.Key.LogText:
		return Copied{}, fmt.Errorf("%w: %s holds another public key", ErrOtherLedger, to)
	}
	done := Copied{Key: from.Key.LogText}
	// The map's log first: its roots then cover no more records than the copy will hold.
	if _, _, err := copyTree(ctx, from.Map, filepath.Join(to, mapDir), from.Key.Map.Name(), from.Key.MapPolicy(), nil); err != nil &&
		!errors.Is(err, fs.ErrNotExist) { // no root was signed yet
		return done, err
	}
	done.Records, done.New, err = copyTree(ctx, from.Log, filepath.Join(to, logDir), from.Key.Log.Name(), from.Key.LogPolicy(), progress)
	if err != nil || from.Settings == "" {
		return done, err
	}
	return done, backUpSettings(from.Settings, to)
}

// copyChunk is how many entries are made durable at once: what an interrupted copy has to do again at most.
const copyChunk = 16_384

// copyTree brings a copy of a log up to the source's checkpoint. The checkpoint is copied last: a copy whose state is ahead of
// it, or that has none, is unfinished and resumes.
func copyTree(
	ctx context.Context, from torchwood.TileReader, dir, name string, policy torchwood.Policy, progress func(done, total int64),
) (size, added int64, err error) {
	t, signed, c, err := copyEntries(ctx, from, dir, name, policy, progress)
	if t == nil {
		return 0, 0, err
	}
	if err == nil {
		err = t.publish(signed, c)
	}
	return t.committed, t.committed - t.resumed, err
}

// copyEntries brings the entries of a copy up to the source's checkpoint, which verifies them, and leaves the copy unsigned. The
// name is the origin that the copy has. The tree is nil when there was nothing to be copied.
func copyEntries(
	ctx context.Context, from torchwood.TileReader, dir, name string, policy torchwood.Policy, progress func(done, total int64),
) (*tree, []byte, torchwood.Checkpoint, error) {
	signed, err := from.ReadEndpoint(ctx, checkpointFile)
	if err != nil {
		return nil, nil, torchwood.Checkpoint{}, fmt.Errorf("read the checkpoint of %s: %w", name, err)
	}
	c, _, err := torchwood.VerifyCheckpoint(signed, policy)
	if err != nil {
		return nil, nil, c, fmt.Errorf("the checkpoint of %s: %w", name, err)
	}
	t, err := openTree(dir, name)
	if err != nil {
		return nil, nil, c, err
	}
	if _, err := t.resume(policy); err != nil {
		return nil, nil, c, err
	}
	if err := sameLog(ctx, from, c, t); err != nil {
		return nil, nil, c, err
	}
	t.resumed = t.size
	err = entries(ctx, from, c.Tree, t.size, func(i int64, e []byte) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := t.append(e); err != nil {
			return err
		}
		if t.size%copyChunk != 0 {
			return nil
		}
		if progress != nil {
			progress(t.size, c.N)
		}
		return t.commit()
	})
	if err != nil {
		return t, signed, c, err
	}
	if err := t.commit(); err != nil {
		return t, signed, c, err
	}
	if t.root != c.Hash {
		return t, signed, c, fmt.Errorf("%w: the copy in %s does not give the signed root", ErrDamaged, dir)
	}
	if progress != nil {
		progress(t.size, c.N)
	}
	return t, signed, c, nil
}

// sameLog checks that the source's checkpoint extends what the copy holds.
func sameLog(ctx context.Context, from torchwood.TileReader, c torchwood.Checkpoint, t *tree) error {
	switch {
	case t.size > c.N:
		return fmt.Errorf("%w: it holds %d records, and the checkpoint covers %d", ErrOtherLedger, t.size, c.N)
	case t.size == c.N && t.root != c.Hash:
		return fmt.Errorf("%w: %d records give another root there", ErrOtherLedger, c.N)
	case t.size == 0 || t.size == c.N:
		return nil
	}
	proof, err := tlog.ProveTree(c.N, t.size, torchwood.TileHashReaderWithContext(ctx, c.Tree, from))
	if err != nil {
		return err
	}
	if err := tlog.CheckTree(proof, c.N, c.Hash, t.size, t.root); err != nil {
		return fmt.Errorf("%w: it does not begin with the records of the copy: %w", ErrOtherLedger, err)
	}
	return nil
}

// KeysDir is where a data directory keeps its keys.
func KeysDir(dir string) string { return filepath.Join(dir, keysDir) }
