package main

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

func absolute(dir string) (string, error) { return filepath.Abs(dir) }

// TestREADME runs the README's transcript from the repository's root. In the expected output … stands for anything within a
// line, a line of … alone for any lines, and "? 3" for the exit code.
func TestREADME(t *testing.T) {
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	readme, err := os.ReadFile(filepath.Join(root, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, block, found := strings.Cut(string(readme), "```console\n")
	block, _, closed := strings.Cut(block, "```")
	if !found || !closed {
		t.Fatal("README.md has no console block")
	}
	amends, err := exec.LookPath("amends") // testscript.Main put this binary there
	if err != nil {
		t.Fatal(err)
	}
	data := t.TempDir()
	commands := strings.Split("\n"+block, "\n$ ")[1:]
	if len(commands) < 4 {
		t.Fatalf("the transcript has only %d commands", len(commands))
	}
	for _, c := range commands {
		line, expected, _ := strings.Cut(c, "\n")
		want := 0
		if at := regexp.MustCompile(`(?m)^\? (\d+)\n?`).FindStringSubmatchIndex(expected); at != nil {
			want, _ = strconv.Atoi(expected[at[2]:at[3]])
			expected = expected[:at[0]] + expected[at[1]:]
		}
		args := splitWords(line)
		if args[0] != "amends" {
			t.Fatalf("the transcript runs %q", args[0])
		}
		var stdout, stderr bytes.Buffer
		cmd := exec.Command(amends, args[1:]...)
		cmd.Dir, cmd.Stdout, cmd.Stderr = root, &stdout, &stderr
		cmd.Env = append(os.Environ(), "AMENDS_DATA="+data)
		err := cmd.Run()
		code := 0
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			code = exit.ExitCode()
		} else if err != nil {
			t.Fatal(err)
		}
		if code != want {
			t.Fatalf("$ %s\nexit code %d, want %d\n%s%s", line, code, want, &stdout, &stderr)
		}
		if !expectation(expected).MatchString(stdout.String()) {
			t.Errorf("$ %s\n--- got\n%s--- the README says\n%s", line, &stdout, expected)
		}
	}
}

// TestArchitectureNamesFiles: each Go file that docs/architecture.md names, with or without its folder, is there.
func TestArchitectureNamesFiles(t *testing.T) {
	text, err := os.ReadFile("../../docs/architecture.md")
	if err != nil {
		t.Fatal(err)
	}
	var files []string
	err = filepath.WalkDir("../..", func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && strings.HasSuffix(path, ".go") {
			files = append(files, filepath.ToSlash(path))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile("`([a-z_/]+\\.go)`").FindAllStringSubmatch(string(text), -1) {
		if !slices.ContainsFunc(files, func(f string) bool { return strings.HasSuffix(f, "/"+m[1]) }) {
			t.Errorf("there is no %s", m[1])
		}
	}
}

// splitWords splits at spaces outside single quotes.
func splitWords(line string) []string {
	var words []string
	for i, part := range strings.Split(line, "'") {
		if i%2 == 1 {
			words = append(words, part)
		} else {
			words = append(words, strings.Fields(part)...)
		}
	}
	return words
}

// expectation turns the README's lines into a pattern for the whole output.
func expectation(expected string) *regexp.Regexp {
	var pattern strings.Builder
	pattern.WriteString(`^`)
	for _, line := range strings.Split(strings.TrimSuffix(expected, "\n"), "\n") {
		if line == "…" {
			pattern.WriteString(`(?:.*\n)*?`)
			continue
		}
		parts := strings.Split(line, "…")
		for i, p := range parts {
			parts[i] = regexp.QuoteMeta(p)
		}
		pattern.WriteString(strings.Join(parts, ".*") + `\n`)
	}
	pattern.WriteString(`$`)
	return regexp.MustCompile(pattern.String())
}
