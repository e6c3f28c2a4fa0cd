package jetstream_test

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"amends/eventstore"
	"amends/eventstore/jetstream"
)

func TestLockedDirectory(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new")
	s := open(t, jetstream.Config{Dir: dir})
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Fatalf("the directory's mode is %v, %v", info.Mode(), err)
	}
	locked := func() *jetstream.LockedError {
		t.Helper()
		_, err := jetstream.Open(t.Context(), jetstream.Config{Dir: dir})
		var l *jetstream.LockedError
		if !errors.As(err, &l) {
			t.Fatalf("got %v, want a *LockedError", err)
		}
		return l
	}
	if l := locked(); l.Dir != dir || l.Holder.PID != os.Getpid() || time.Since(l.Holder.Since) > time.Minute {
		t.Errorf("the error names %+v", l)
	}
	if err := s.Announce("http://127.0.0.1:8080"); err != nil {
		t.Fatal(err)
	}
	if text := locked().Error(); !strings.Contains(text, "use --server http://127.0.0.1:8080") {
		t.Errorf("the error does not say what to do: %s", text)
	}
	if _, err := s.Append(t.Context(), "customer", eventstore.NoStream, eventstore.Event{ID: "e"}); err != nil {
		t.Fatalf("the holder was disturbed: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	open(t, jetstream.Config{Dir: dir})
}

// No other process may reach the log around the store: the process opens no port while the store is open.
func TestNoPortIsOpened(t *testing.T) {
	before := listening(t)
	open(t, jetstream.Config{Dir: t.TempDir()})
	for at := range listening(t) {
		if !before[at] {
			t.Errorf("the store listens at %s", at)
		}
	}
	// The check itself must be able to fail.
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if len(listening(t)) == len(before) {
		t.Fatal("the check does not see an open port")
	}
}

// listening returns the inodes of the sockets that this process listens at.
func listening(t *testing.T) map[string]bool {
	t.Helper()
	own := make(map[string]bool)
	fds, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skipf("open ports are only visible in /proc: %v", err)
	}
	for _, fd := range fds {
		to, err := os.Readlink("/proc/self/fd/" + fd.Name())
		if err != nil {
			continue // the descriptor of the directory listing itself
		}
		if inode, ok := strings.CutPrefix(to, "socket:["); ok {
			own[strings.TrimSuffix(inode, "]")] = true
		}
	}
	found := make(map[string]bool)
	for _, table := range []string{"/proc/self/net/tcp", "/proc/self/net/tcp6"} {
		b, err := os.ReadFile(table)
		if err != nil {
			continue // a kernel without IPv6
		}
		for _, line := range strings.Split(string(b), "\n") {
			const listen = "0A"
			if f := strings.Fields(line); len(f) > 9 && f[3] == listen && own[f[9]] {
				found[f[9]] = true
			}
		}
	}
	return found
}

func TestCloseEndsEverybody(t *testing.T) {
	s := open(t, jetstream.Config{Dir: t.TempDir()})
	if _, err := s.Append(t.Context(), "customer", eventstore.NoStream, eventstore.Event{ID: "e"}); err != nil {
		t.Fatal(err)
	}
	var callers sync.WaitGroup
	following, appending := make(chan struct{}), make(chan struct{}, 8)
	callers.Go(func() {
		for e, err := range s.Follow(t.Context(), 0) {
			if err != nil {
				if !errors.Is(err, eventstore.ErrClosed) {
					t.Errorf("Follow: got %v, want ErrClosed", err)
				}
				return
			}
			if e.Position == 1 {
				close(following)
			}
		}
		t.Error("Follow ended without an error")
	})
	for c := range cap(appending) {
		callers.Go(func() {
			stream := string(rune('a' + c))
			for r := eventstore.Revision(0); ; r++ {
				_, err := s.Append(t.Context(), stream, eventstore.At(r), eventstore.Event{ID: "e" + time.Now().String()})
				if err != nil {
					if !errors.Is(err, eventstore.ErrClosed) {
						t.Errorf("Append: got %v, want ErrClosed", err)
					}
					return
				}
				if r == 0 {
					appending <- struct{}{}
				}
			}
		})
	}
	<-following
	for range cap(appending) {
		<-appending
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	callers.Wait()
	if _, err := s.Append(t.Context(), "customer", eventstore.At(1), eventstore.Event{ID: "f"}); !errors.Is(err, eventstore.ErrClosed) {
		t.Errorf("Append after Close: got %v, want ErrClosed", err)
	}
	for _, err := range s.Read(context.WithoutCancel(t.Context()), "customer", 1) {
		if !errors.Is(err, eventstore.ErrClosed) {
			t.Errorf("Read after Close: got %v, want ErrClosed", err)
		}
	}
}
