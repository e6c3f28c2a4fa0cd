package jetstream

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/gofrs/flock"
)

// Holder says which process has a data directory open.
type Holder struct {
	PID     int       `json:"pid"`
	Host    string    `json:"host"`
	Command string    `json:"command"` // the program's name and its verb, without further arguments
	Since   time.Time `json:"since"`
	URL     string    `json:"url,omitempty"` // where its API listens, once it does
}

// LockedError says that another process has the data directory open.
type LockedError struct {
	Dir    string
	Holder Holder // zero when the holder has not written its name yet
}

func (e *LockedError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "data directory %s is in use", e.Dir)
	if h := e.Holder; h.PID != 0 {
		fmt.Fprintf(&b, " by process %d (%s) on %s since %s", h.PID, h.Command, h.Host, h.Since.Format(time.RFC3339))
	}
	if e.Holder.URL != "" {
		fmt.Fprintf(&b, "; use --server %s to talk to it", e.Holder.URL)
	} else {
		b.WriteString("; stop that process, or use --server with the address of its API")
	}
	return b.String()
}

// Lock is the exclusive right to a data directory. The operating system gives it back when the process ends, however it
// ends, so a stale lock file never needs removing. A Store holds one; a process whose log is elsewhere takes one for what it
// keeps in its data directory beside the log.
type Lock struct {
	flock  *flock.Flock
	path   string
	holder Holder
}

// LockDir takes the directory, which it creates if need be, or returns a *LockedError. Release must be called.
func LockDir(dir string) (*Lock, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("lock data directory: %w", err)
	}
	path := filepath.Join(dir, "lock")
	l := &Lock{flock: flock.New(path, flock.SetPermissions(0o600)), path: path}
	ok, err := l.flock.TryLock()
	if err != nil {
		return nil, fmt.Errorf("lock data directory: %w", err)
	}
	if !ok {
		held := &LockedError{Dir: dir}
		if b, err := os.ReadFile(path); err == nil {
			_ = json.Unmarshal(b, &held.Holder) // half-written by a holder that starts right now: then it stays unnamed
		}
		return nil, held
	}
	host, _ := os.Hostname() // only told to people; an unnamed host is no reason to fail
	l.holder = Holder{PID: os.Getpid(), Host: host, Command: command(os.Args), Since: time.Now().UTC().Truncate(time.Second)}
	if err := l.write(); err != nil {
		return nil, errors.Join(err, l.Release())
	}
	return l, nil
}

// command keeps the program and its verb; further arguments may hold secrets.
func command(args []string) string {
	if len(args) == 0 {
		return ""
	}
	name := filepath.Base(args[0])
	if len(args) > 1 && !strings.HasPrefix(args[1], "-") {
		name += " " + args[1]
	}
	return name
}

// Announce tells a process that finds the directory locked where the holder's API listens.
func (l *Lock) Announce(url string) error {
	l.holder.URL = url
	return l.write()
}

// write keeps the file's inode: the lock hangs on it.
func (l *Lock) write() error {
	b, err := json.Marshal(l.holder)
	if err != nil {
		return err
	}
	if err := os.WriteFile(l.path, append(b, '\n'), 0o600); err != nil {
		return fmt.Errorf("write lock file: %w", err)
	}
	return nil
}

// Release gives the directory back.
func (l *Lock) Release() error {
	if err := l.flock.Unlock(); err != nil {
		return fmt.Errorf("unlock data directory: %w", err)
	}
	return nil
}
