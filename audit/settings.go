package audit

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// RetentionFile is where a data directory keeps its retention rules.
const RetentionFile = "retention.json"

// The settings of a ledger are small files that no checkpoint covers, and that its log does not hold: without them a restored
// ledger would go by the default retention rules and ask no witness. By name: in a backup, and in a data directory.
var settings = map[string]string{
	RetentionFile: RetentionFile,
	policyFile:    filepath.Join(auditDir, policyFile),
}

// backUpSettings makes the settings of a backup those of the data directory.
func backUpSettings(dir, to string) error {
	for name, path := range settings {
		copied, err := copySetting(filepath.Join(dir, path), filepath.Join(to, name))
		if err != nil {
			return err
		}
		if copied {
			continue
		}
		if err := os.Remove(filepath.Join(to, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return copyPrevious(filepath.Join(dir, auditDir, previousDir), filepath.Join(to, previousDir))
}

// restoreSettings puts the settings of a backup into a data directory.
func restoreSettings(from, dir string) error {
	for name, path := range settings {
		if _, err := copySetting(filepath.Join(from, name), filepath.Join(dir, path)); err != nil {
			return err
		}
	}
	return copyPrevious(filepath.Join(from, previousDir), filepath.Join(dir, auditDir, previousDir))
}

// copySetting copies a file, if there is one.
func copySetting(from, to string) (bool, error) {
	text, err := os.ReadFile(from)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return true, replaceFile(to, text)
}

// copyPrevious copies what is known of earlier identities. None is ever removed.
func copyPrevious(from, to string) error {
	held, err := os.ReadDir(from)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, d := range held {
		if err := os.MkdirAll(filepath.Join(to, d.Name()), 0o700); err != nil {
			return err
		}
		for _, name := range []string{keyFile, checkpointFile, mapCheckpointFile} {
			if _, err := copySetting(filepath.Join(from, d.Name(), name), filepath.Join(to, d.Name(), name)); err != nil {
				return err
			}
		}
	}
	return nil
}
