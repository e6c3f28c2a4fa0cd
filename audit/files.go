package audit

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
)

// writeFile writes a file under another name and then gives it its own: a reader sees it whole or not at all. It is not synced.
func writeFile(path, under string, data []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	if err := os.WriteFile(under, data, 0o600); err != nil {
		return err
	}
	return os.Rename(under, path)
}

// replaceFile puts new bytes in the place of a file, whole or not at all, and durably.
func replaceFile(path string, data []byte) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".new-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}()
	_, err = f.Write(data)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	return syncFile(filepath.Dir(path))
}

// removeLeftovers removes what an interrupted replaceFile left behind.
func removeLeftovers(path string) error {
	names, err := filepath.Glob(path + ".new-*")
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := os.Remove(name); err != nil {
			return err
		}
	}
	return nil
}

// syncFile makes a file, or the names in a directory, durable.
func syncFile(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// partialWidths lists the widths of the partial tiles in a directory, the narrowest first. No directory has none.
func partialWidths(dir string) ([]int, error) {
	names, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var widths []int
	for _, name := range names {
		w, err := strconv.Atoi(name.Name())
		if err != nil {
			return nil, fmt.Errorf("%s: a partial tile's name is its width", filepath.Join(dir, name.Name()))
		}
		widths = append(widths, w)
	}
	slices.Sort(widths)
	return widths, nil
}
