package access

import (
	"regexp"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

var scanner = regexp.MustCompile(`^amends_[a-z2-7]{10}_[a-z2-7]{59}$`)

func TestSecrets(t *testing.T) {
	seen := make(map[string]bool)
	for range 1000 {
		id, text := newSecret()
		if !scanner.MatchString(text) {
			t.Fatalf("a secret scanner misses a key of %d characters", len(text))
		}
		if got, _, ok := parseSecret(text); !ok || got != id {
			t.Fatalf("a new key is not read back: %q, %v", got, ok)
		}
		if seen[text] || seen[id] {
			t.Fatal("a key came twice")
		}
		seen[text], seen[id] = true, true
	}
}

// TestChecksum: a typing error is found without asking the file.
func TestChecksum(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		_, text := newSecret()
		at := rapid.IntRange(0, len(text)-1).Draw(t, "at")
		c := rapid.SampledFrom([]byte("abz27_A=0\x00\xff")).Draw(t, "character")
		damaged := text[:at] + string(c) + text[at+1:]
		if c >= 0x80 {
			damaged = text[:at] + string([]byte{c}) + text[at+1:]
		}
		if damaged == text {
			return
		}
		if _, _, ok := parseSecret(damaged); ok {
			t.Fatal("a damaged key is taken")
		}
	})
}

func FuzzParseSecret(f *testing.F) {
	_, text := newSecret()
	for _, seed := range []string{"", "amends_", text, text[:len(text)-1], text + "a", strings.ToUpper(text), strings.Repeat("a", keyLength)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		id, _, ok := parseSecret(text)
		if !ok {
			return
		}
		if !scanner.MatchString(text) || text[len(keyPrefix):len(keyPrefix)+keyIDLength] != id {
			t.Fatalf("%q is taken for a key", text)
		}
	})
}
