package main

import (
	"bytes"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// amendsVerb runs the program and returns what it printed and its exit code.
func amendsVerb(t *testing.T, stdin string, args ...string) (output string, code int) {
	t.Helper()
	amends, err := exec.LookPath("amends") // testscript.Main put this binary there
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), amends, args...)
	cmd.Stdin = strings.NewReader(stdin)
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

// smallLedger is the directory of a sealed ledger of some records, whose index of the log stands.
func smallLedger(t *testing.T, records int) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "data")
	var events strings.Builder
	for i := range records {
		fmt.Fprintf(&events, `{"specversion":"1.0","id":"e-%d","source":"t","type":"complaint.registered","subject":"C-%d","time":"2026-01-01T00:00:00Z",`+
			`"data":{"complaint_id":"K-%d","channel":"phone","product":"a product with a name that is long enough to be found"}}`+"\n", i, i%3, i)
	}
	if out, code := amendsVerb(t, events.String(), "record", "--data", dir, "-"); code != 0 {
		t.Fatal(out)
	}
	if out, code := amendsVerb(t, "", "verify", "--data", dir, "--format", "table"); code != 0 || !strings.Contains(out, "nothing differs") {
		t.Fatalf("a sound ledger: exit code %d\n%s", code, out)
	}
	return dir
}

// Whatever is damaged, verify ends with its own exit code and says what is wrong.
func TestVerifyNamesDamage(t *testing.T) {
	if testing.Short() {
		t.Skip("each case starts a ledger")
	}
	sound := smallLedger(t, 30)
	const block, views = "jetstream/$G/streams/LOG/msgs/1.blk", "views.sqlite"
	for _, c := range []struct {
		name   string
		damage func(t *testing.T, dir string)
		want   string
	}{
		{"a record's payload", flip(block, func(data []byte) int { return frameAt(data, 20) + 400 }), "position 21"},
		{"a record's sequence", flip(block, func(data []byte) int { return frameAt(data, 20) + 4 + 6 }), "position 20 is followed by"},
		{"a page of the views", flip(views, func(data []byte) int { return bytes.LastIndex(data, []byte("long enough to be found")) }), "views: complaints"},
		{"the views' header", flip(views, func([]byte) int { return 3 }), "views: their file could not be used and was moved aside as views.sqlite.damaged-"},
		{"the kind of a page of the views", func(t *testing.T, dir string) {
			db, err := sql.Open("sqlite", filepath.Join(dir, views))
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			var page, size int
			if err := db.QueryRowContext(t.Context(), "SELECT rootpage, page_size FROM sqlite_schema, pragma_page_size WHERE name = 'redress'").Scan(&page, &size); err != nil {
				t.Fatal(err)
			}
			flip(views, func([]byte) int { return (page - 1) * size })(t, dir)
		}, "views: "},
		{"a value in the views", func(t *testing.T, dir string) {
			db, err := sql.Open("sqlite", filepath.Join(dir, views))
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			if _, err := db.ExecContext(t.Context(), "UPDATE complaints SET product = 'other' WHERE complaint_id = 'K-7'"); err != nil {
				t.Fatal(err)
			}
		}, "views: complaints C-1 K-7 product"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "data")
			if err := os.CopyFS(dir, os.DirFS(sound)); err != nil {
				t.Fatal(err)
			}
			c.damage(t, dir)
			out, code := amendsVerb(t, "", "verify", "--data", dir, "--format", "table")
			if code != exitDiffers || !strings.Contains(out, c.want) {
				t.Errorf("exit code %d, want %d and %q:\n%s", code, exitDiffers, c.want, out)
			}
		})
	}
}

// What a ledger keeps beside its log is for its owner alone, should the directory itself once be opened to others.
func TestDataIsForItsOwner(t *testing.T) {
	dir := smallLedger(t, 3)
	for _, name := range []string{"views.sqlite", "audit/map.sqlite", "audit/log/checkpoint", "keys/sealer.key", "keys/vault.sqlite", "keys/access.sqlite"} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", name, info, err)
		}
	}
}

// flip flips a bit of the byte that where chooses.
func flip(name string, where func(data []byte) int) func(t *testing.T, dir string) {
	return func(t *testing.T, dir string) {
		path := filepath.Join(dir, filepath.FromSlash(name))
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		data[where(data)] ^= 4
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// frameAt is where the record after so many others begins in a block file of the log.
func frameAt(data []byte, others int) (at int) {
	for range others {
		at += int(binary.LittleEndian.Uint32(data[at:]) &^ (1 << 31))
	}
	return at
}
