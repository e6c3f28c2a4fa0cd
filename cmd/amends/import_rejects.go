package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"amends/internal/mapping"
)

// rejectsFiles decides where the rejects of each input go: typed, or named after the input, in the working directory. No two
// inputs share a file, and none is a file that this import reads (the inputs, and others).
func rejectsFiles(inputs []string, typed string, others ...string) ([]*rejectsFile, error) {
	var read []fs.FileInfo
	for _, path := range append(others, inputs...) {
		info, err := os.Stat(path)
		if err != nil {
			return nil, err
		}
		read = append(read, info)
	}
	taken := map[string]bool{} // in lower case: some file systems do not tell case apart
	files := make([]*rejectsFile, len(inputs))
	for i, input := range inputs {
		path := typed
		if path == "" {
			base := filepath.Base(input)
			path = base + ".rejects.csv"
			for n := 2; taken[strings.ToLower(path)]; n++ {
				path = fmt.Sprintf("%s.%d.rejects.csv", base, n)
			}
			taken[strings.ToLower(path)] = true
		}
		files[i] = &rejectsFile{path: path}
		if _, err := os.Stat(filepath.Dir(path)); err != nil {
			return nil, usage(fmt.Errorf("--rejects: %w", err))
		}
		for _, target := range []string{path, files[i].earlier()} {
			info, err := os.Stat(target)
			if errors.Is(err, fs.ErrNotExist) {
				continue
			}
			if err != nil {
				return nil, err
			}
			if !info.Mode().IsRegular() {
				return nil, usage(fmt.Errorf("%s, where the rejects of %s would go, is not a regular file; name another one with --rejects", target, input))
			}
			for _, r := range read {
				if os.SameFile(info, r) {
					return nil, usage(fmt.Errorf("the rejects of %s would replace %s, which this import reads; name another file with --rejects", input, target))
				}
			}
		}
	}
	return files, nil
}

// rejectsFile keeps the rows that were not taken. They go to a temporary file beside it, which takes its place at the end: a
// file of an earlier import, perhaps under correction, is never half overwritten, and is kept as earlier.
type rejectsFile struct {
	path   string
	header []string
	file   *os.File // nil before the first row: an empty file would suggest that there were rows
	rows   *mapping.Rejects
}

// earlier is where the rejects file of an earlier import is kept.
func (r *rejectsFile) earlier() string { return r.path + ".old" }

func (r *rejectsFile) add(row mapping.Row, reason string) error {
	if r.file == nil {
		// Only for the user's eyes (CreateTemp sees to that): the rows are the source's own data.
		file, err := os.CreateTemp(filepath.Dir(r.path), ".amends-rejects-*")
		if err != nil {
			return fmt.Errorf("the rejects file cannot be written: %w; choose a place for it with --rejects", err)
		}
		r.file, r.rows = file, mapping.NewRejects(file, r.header)
	}
	return r.rows.Add(row, reason)
}

// finish puts the file in its place and reports whether there is one. When every row of the input was looked at, a file of an
// earlier import no longer says what is to be done: it is moved away also when there is no new one.
func (r *rejectsFile) finish(complete bool) (written bool, err error) {
	if r.file == nil && !complete {
		return false, nil
	}
	moved := os.Rename(r.path, r.earlier())
	switch {
	case moved == nil:
		fmt.Fprintf(os.Stderr, "amends: %s was there from an earlier import; it is now %s\n", r.path, r.earlier())
	case !errors.Is(moved, fs.ErrNotExist):
		return false, errors.Join(moved, r.discard())
	}
	if r.file == nil {
		return false, nil
	}
	if err := r.file.Close(); err != nil {
		return false, err
	}
	return true, os.Rename(r.file.Name(), r.path)
}

// discard keeps the new rows where they are, as nothing else can be done with them, and says where.
func (r *rejectsFile) discard() error {
	if r.file == nil {
		return nil
	}
	if err := r.file.Close(); err != nil {
		return err
	}
	return fmt.Errorf("the refused rows are in %s", r.file.Name())
}
