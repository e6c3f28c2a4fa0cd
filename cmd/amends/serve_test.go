package main

import (
	"bufio"
	"bytes"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"
)

// TestServeLogsWhatAnOperatorNeeds: the first line is that it serves; the embedded server's talk is for --log-level debug.
func TestServeLogsWhatAnOperatorNeeds(t *testing.T) {
	amends, err := exec.LookPath("amends") // testscript.Main put this binary there
	if err != nil {
		t.Fatal(err)
	}
	for level, want := range map[string]string{"info": `"level":"info"`, "debug": `"level":"debug"`} {
		cmd := exec.CommandContext(t.Context(), amends, "serve", "--data", t.TempDir(), "--listen", "127.0.0.1:0", "--log-level", level)
		stderr, err := cmd.StderrPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		var log []string
		for scan := bufio.NewScanner(stderr); scan.Scan(); {
			log = append(log, scan.Text())
			if strings.Contains(scan.Text(), `"message":"serving"`) {
				break
			}
		}
		if err := cmd.Process.Signal(os.Interrupt); err != nil {
			t.Fatal(err)
		}
		if err := cmd.Wait(); err != nil {
			t.Errorf("after an interrupt: %v", err)
		}
		if len(log) == 0 || !strings.Contains(log[0], want) || level == "info" && len(log) > 1 {
			t.Errorf("--log-level %s:\n%s", level, strings.Join(log, "\n"))
		}
	}
}

// TestDemoEndsWhereItIsTold: the histories reach up to the end, and none goes beyond.
func TestDemoEndsWhereItIsTold(t *testing.T) {
	e, err := openEngine(t.Context(), logPlace{data: t.TempDir()}, zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	}()
	end := time.Now().UTC().Truncate(24 * time.Hour)
	if _, err := e.fillDemo(t.Context(), 1, 40, end); err != nil {
		t.Fatal(err)
	}
	rows, err := e.views.SQL(t.Context(), "select max(occurred_at) from events")
	if err != nil {
		t.Fatal(err)
	}
	for row := range rows.All() {
		if last, _ := row[0].(string); last >= end.Format(time.RFC3339) || last < end.AddDate(0, 0, -14).Format(time.RFC3339) {
			t.Errorf("the last event is of %v, and the end %s", row[0], end)
		}
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
}

func TestCalled(t *testing.T) {
	for program, want := range map[string]string{"amends": "amends", "./bin/amends": "./bin/amends", "/tmp/go-build123/b001/exe/amends": "go run ./cmd/amends"} {
		if got := called(program); got != want {
			t.Errorf("%s is called %s", program, got)
		}
	}
}

// wholeLines fails the test on a write that does not end with a line.
type wholeLines struct {
	t     *testing.T
	bytes int
}

func (w *wholeLines) Write(p []byte) (int, error) {
	if !bytes.HasSuffix(p, []byte("\n")) {
		w.t.Errorf("half a line is printed: %.40q…", p[bytes.LastIndexByte(p, '\n')+1:])
	}
	w.bytes += len(p)
	return len(p), nil
}

// TestSubscribePrintsWholeLines: whenever it is interrupted, nothing but whole lines was printed.
func TestSubscribePrintsWholeLines(t *testing.T) {
	e, err := openEngine(t.Context(), logPlace{data: t.TempDir()}, zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	c := e.client()
	defer func() {
		if err := c.close(); err != nil {
			t.Error(err)
		}
	}()
	if _, err := e.fillDemo(t.Context(), 1, 3, time.Date(2026, 6, 30, 0, 0, 0, 0, time.UTC)); err != nil {
		t.Fatal(err)
	}
	cmd := &cobra.Command{}
	cmd.SetContext(t.Context())
	out := &wholeLines{t: t}
	s := subscription{client: c, out: bufio.NewWriterSize(out, 1_000)} // less than many a record
	if err := s.run(cmd); err != nil {
		t.Fatal(err)
	}
	if s.after == 0 || out.bytes < 10_000 {
		t.Errorf("%d bytes up to position %d", out.bytes, s.after)
	}
}
