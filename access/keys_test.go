package access

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// clock is a clock that tests set.
type clock struct{ now time.Time }

func (c *clock) time() time.Time { return c.now }

var testTime = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)

func openKeys(t *testing.T, path string, c *clock) *Keys {
	t.Helper()
	k, err := OpenKeys(t.Context(), path, c.time)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := k.Close(); err != nil {
			t.Error(err)
		}
	})
	return k
}

func add(t *testing.T, k *Keys, r Request) (APIKey, string) {
	t.Helper()
	key, secret, err := k.Draft(r)
	if err != nil {
		t.Fatal(err)
	}
	if err := k.Store(t.Context(), key, secret); err != nil {
		t.Fatal(err)
	}
	return key, secret
}

func TestKeyOpensSession(t *testing.T) {
	c := &clock{testTime}
	path := filepath.Join(t.TempDir(), "keys", "access.sqlite")
	k := openKeys(t, path, c)
	key, secret := add(t, k, Request{Name: "helpdesk", Roles: []Role{Recorder, Analyst, Recorder}, Sources: []string{"urn:helpdesk"}})
	callers := Callers{Keys: k, Clock: c.time}
	s, err := callers.Open(t.Context(), secret)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	want := Caller{ID: "key:" + key.ID, Kind: KindKey, Roles: []Role{Analyst, Recorder}, Sources: []string{"urn:helpdesk"},
		Expires: testTime.Add(DefaultLifetime)}
	if diff := cmp.Diff(want, s.Caller); diff != "" {
		t.Errorf("caller (-want +got):\n%s", diff)
	}
	if runtime.GOOS != "windows" {
		for _, name := range []string{path, path + "-wal"} {
			info, err := os.Stat(name)
			if err != nil {
				t.Fatal(err)
			}
			if info.Mode().Perm() != 0o600 {
				t.Errorf("%s has mode %v", filepath.Base(name), info.Mode())
			}
		}
	}
	listed, err := k.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(listed) != 1 || listed[0].Used == nil || !listed[0].Used.Equal(testTime.Truncate(time.Hour)) {
		t.Errorf("list: %+v", listed)
	}

	// The file holds the hash, never the secret, also after the log of SQLite was written back.
	if err := k.Close(); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(path + "*")
	if err != nil || len(files) == 0 {
		t.Fatalf("%v, %v", files, err)
	}
	for _, name := range files {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(data), secret[len(keyPrefix)+keyIDLength+1:]) {
			t.Errorf("%s holds the secret", filepath.Base(name))
		}
	}
	// Another process, later: the same key.
	again := Callers{Keys: openKeys(t, path, c), Clock: c.time}
	s2, err := again.Open(t.Context(), secret)
	if err != nil {
		t.Fatal(err)
	}
	s2.Close()
}

func TestRefusedCredentials(t *testing.T) {
	c := &clock{testTime}
	k := openKeys(t, filepath.Join(t.TempDir(), "access.sqlite"), c)
	_, good := add(t, k, Request{Name: "good", Roles: []Role{Analyst}})
	_, short := add(t, k, Request{Name: "short", Roles: []Role{Analyst}, Lifetime: time.Hour})
	revoked, revokedSecret := add(t, k, Request{Name: "revoked", Roles: []Role{Analyst}})
	if _, err := k.Revoke(t.Context(), revoked.ID); err != nil {
		t.Fatal(err)
	}
	_, stranger := newSecret()
	// A well-formed key with the id of a real one and another secret.
	body := good[:len(keyPrefix)+keyIDLength+1] + stranger[len(keyPrefix)+keyIDLength+1:keyLength-checksumLength]
	forged := body + checksum(body)
	c.now = testTime.Add(time.Hour)

	callers := Callers{Keys: k, Clock: c.time}
	for name, test := range map[string]struct {
		credentials string
		want        error
	}{
		"none":     {"", ErrNoCredentials},
		"expired":  {short, ErrExpired},
		"revoked":  {revokedSecret, ErrRevoked},
		"unknown":  {stranger, ErrInvalid},
		"forged":   {forged, ErrInvalid},
		"cut":      {good[:len(good)-1], ErrInvalid},
		"no token": {"eyJhbGciOiJub25lIn0.e30.", ErrInvalid},
	} {
		if _, err := callers.Open(t.Context(), test.credentials); !errors.Is(err, test.want) {
			t.Errorf("%s: %v, want %v", name, err, test.want)
		}
		// Where the local user needs none, wrong ones are refused all the same.
		local := Callers{Local: LocalUser(), Keys: k, Clock: c.time}
		s, err := local.Open(t.Context(), test.credentials)
		if test.credentials == "" {
			if err != nil || s.Caller.Kind != KindLocal {
				t.Errorf("local user: %v", err)
			}
			continue
		}
		if !errors.Is(err, test.want) {
			t.Errorf("%s, with a local user: %v", name, err)
		}
	}
	if len(k.sessions) != 0 {
		t.Errorf("%d refused sessions are remembered", len(k.sessions))
	}
	if _, err := (&Callers{}).Open(t.Context(), ""); !errors.Is(err, ErrNoCredentials) {
		t.Errorf("the zero value lets in: %v", err)
	}
}

func TestRevocationEndsSessions(t *testing.T) {
	c := &clock{testTime}
	k := openKeys(t, filepath.Join(t.TempDir(), "access.sqlite"), c)
	key, secret := add(t, k, Request{Name: "a", Roles: []Role{Analyst}})
	_, otherSecret := add(t, k, Request{Name: "b", Roles: []Role{Analyst}})
	callers := Callers{Keys: k, Clock: c.time}
	open := func(secret string) *Session {
		s, err := callers.Open(t.Context(), secret)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(s.Close)
		return s
	}
	first, second, other := open(secret), open(secret), open(otherSecret)
	got, err := k.Revoke(t.Context(), key.ID)
	if err != nil || got.Revoked == nil || !got.Revoked.Equal(testTime) {
		t.Fatalf("%+v, %v", got, err)
	}
	for _, s := range []*Session{first, second} {
		if !errors.Is(context.Cause(s.Context), ErrRevoked) {
			t.Errorf("a session goes on: %v", context.Cause(s.Context))
		}
	}
	if other.Context.Err() != nil {
		t.Error("another key's session ended")
	}
	if _, err := callers.Open(t.Context(), secret); !errors.Is(err, ErrRevoked) {
		t.Errorf("after revocation: %v", err)
	}
	c.now = testTime.Add(time.Hour)
	if again, err := k.Revoke(t.Context(), key.ID); err != nil || !again.Revoked.Equal(testTime) {
		t.Errorf("revoked twice: %+v, %v", again, err)
	}
	if _, err := k.Revoke(t.Context(), "aaaaaaaaaa"); !errors.Is(err, ErrUnknownKey) {
		t.Errorf("unknown: %v", err)
	}
	if usable, err := k.Usable(t.Context()); err != nil || !usable {
		t.Errorf("usable: %v, %v", usable, err)
	}
	c.now = testTime.Add(DefaultLifetime)
	if usable, err := k.Usable(t.Context()); err != nil || usable {
		t.Errorf("usable, when all have expired or were revoked: %v, %v", usable, err)
	}
}

// TestExpiryEndsSession waits for the key's end, which lies a moment ahead by the session's clock.
func TestExpiryEndsSession(t *testing.T) {
	c := &clock{testTime}
	k := openKeys(t, filepath.Join(t.TempDir(), "access.sqlite"), c)
	_, secret := add(t, k, Request{Name: "a", Roles: []Role{Analyst}, Lifetime: time.Minute})
	late := Callers{Keys: k, Clock: func() time.Time { return testTime.Add(time.Minute - time.Millisecond) }}
	s, err := late.Open(t.Context(), secret)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	<-s.Context.Done()
	if !errors.Is(context.Cause(s.Context), ErrExpired) {
		t.Errorf("cause %v", context.Cause(s.Context))
	}
}

func TestDraftRefuses(t *testing.T) {
	c := &clock{testTime}
	k := openKeys(t, filepath.Join(t.TempDir(), "access.sqlite"), c)
	for name, r := range map[string]Request{
		"no name":   {Roles: []Role{Analyst}},
		"no role":   {Name: "a"},
		"too long":  {Name: "a", Roles: []Role{Analyst}, Lifetime: MaxLifetime + time.Second},
		"negative":  {Name: "a", Roles: []Role{Analyst}, Lifetime: -time.Second},
		"no source": {Name: "a", Roles: []Role{Analyst}, Sources: []string{""}},
	} {
		if _, _, err := k.Draft(r); !errors.Is(err, ErrInvalidGrant) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, _, err := k.Draft(Request{Name: "a", Roles: []Role{"root"}}); !errors.Is(err, ErrUnknownRole) {
		t.Errorf("root: %v", err)
	}
	key, _, err := k.Draft(Request{Name: "a", Roles: []Role{Analyst}})
	if err != nil {
		t.Fatal(err)
	}
	if _, other := newSecret(); k.Store(t.Context(), key, other) == nil {
		t.Error("a key is stored with another's secret")
	}
}

// TestClosedKeys: when the file cannot be read, nobody gets in.
func TestClosedKeys(t *testing.T) {
	c := &clock{testTime}
	k, err := OpenKeys(t.Context(), filepath.Join(t.TempDir(), "access.sqlite"), c.time)
	if err != nil {
		t.Fatal(err)
	}
	_, secret := add(t, k, Request{Name: "a", Roles: []Role{Analyst}})
	if err := k.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := (&Callers{Keys: k}).Open(t.Context(), secret); !errors.Is(err, ErrUnavailable) {
		t.Errorf("got %v", err)
	}
}

func BenchmarkOpenKey(b *testing.B) {
	k, err := OpenKeys(b.Context(), filepath.Join(b.TempDir(), "access.sqlite"), nil)
	if err != nil {
		b.Fatal(err)
	}
	defer k.Close()
	key, secret, err := k.Draft(Request{Name: "a", Roles: []Role{Recorder}})
	if err != nil {
		b.Fatal(err)
	}
	if err := k.Store(b.Context(), key, secret); err != nil {
		b.Fatal(err)
	}
	callers := Callers{Keys: k}
	for b.Loop() {
		s, err := callers.Open(b.Context(), secret)
		if err != nil {
			b.Fatal(err)
		}
		s.Close()
	}
}
