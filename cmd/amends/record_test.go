package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// TestRecordOfASlowProducer: what was written so far is recorded, and its receipt printed, before the producer goes on.
func TestRecordOfASlowProducer(t *testing.T) {
	amends, err := exec.LookPath("amends") // testscript.Main put this binary there
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), amends, "record", "-")
	cmd.Env = append(os.Environ(), "AMENDS_DATA="+t.TempDir())
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	receipts := bufio.NewReader(out)
	for i := range 3 {
		fmt.Fprintf(in, `{"specversion":"1.0","id":"e%d","source":"t","type":"complaint.registered","subject":"C-1","data":{"complaint_id":"K-%d"}}`+"\n", i, i)
		line, err := receipts.ReadString('\n')
		if err != nil || !strings.Contains(line, fmt.Sprintf(`"id":"e%d","status":"recorded"`, i)) {
			t.Fatalf("%q, %v", line, err)
		}
	}
	if err := in.Close(); err != nil {
		t.Fatal(err)
	}
	if rest, err := io.ReadAll(receipts); err != nil || len(rest) > 0 {
		t.Errorf("%q, %v", rest, err)
	}
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
}
