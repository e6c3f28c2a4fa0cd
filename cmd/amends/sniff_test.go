package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
)

func sniffed(t *testing.T, in io.Reader) (lines []string, contentType string) {
	t.Helper()
	body, contentType, err := sniff(in)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(body)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSuffix(string(text), "\n"), "\n"), contentType
}

func TestSniff(t *testing.T) {
	long := `{"a":"` + strings.Repeat("x", 100<<10) + `"}`
	for _, c := range []struct {
		name, in string
		want     []string
		array    bool
	}{
		{"one", `{"a":1}`, []string{`{"a":1}`}, false},
		{"lines", "\n {\"a\":1}\n{\"a\":\n{\"b\":2}\n", []string{`{"a":1}`, `{"a":`, `{"b":2}`}, false},
		{"a byte order mark", "\xef\xbb\xbf{\"a\":1}", []string{`{"a":1}`}, false},
		{"an array behind a byte order mark", "\xef\xbb\xbf\r\n[{\"a\":1}]", []string{`[{"a":1}]`}, true},
		{"one over lines", "{\n  \"a\": 1\n}\n", []string{`{"a":1}`}, false},
		{"several over lines", "{\n \"a\": 1\n}\n{\n \"a\": [\n2]\n}{\"a\":3}\n", []string{`{"a":1}`, `{"a":[2]}`, `{"a":3}`}, false},
		{"a name twice is the ledger's to refuse", "{\n\"a\":1,\"a\":2}", []string{`{"a":1,"a":2}`}, false},
		{"what follows is malformed", "{\n\"a\":1}\n{\n\"b\":nope}\n{\"c\":3}\n", []string{`{"a":1}`, `{`, `"b":nope}`, `{"c":3}`}, false},
		{"what follows breaks off", "{\n\"a\":1}\n{\n\"b\":2", []string{`{"a":1}`, `{`, `"b":2`}, false},
		{"a bad first line", "{\"a\":1,\n{\"b\":2}\n", []string{`{"a":1,`, `{"b":2}`}, false},
		{"a first line without its end", "{\"a\":\"x\n{\"b\":2}\n", []string{`{"a":"x`, `{"b":2}`}, false},
		{"a long line", long + "\n" + long, []string{long, long}, false},
		{"a long value over lines", "{\n" + long[1:], []string{long}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, in := range []io.Reader{strings.NewReader(c.in), iotest.OneByteReader(strings.NewReader(c.in)), iotest.DataErrReader(strings.NewReader(c.in))} {
				got, contentType := sniffed(t, in)
				for i := 0; i < len(got); i++ {
					if strings.TrimSpace(got[i]) == "" {
						got = append(got[:i], got[i+1:]...)
						i--
					}
				}
				if diff := cmp.Diff(c.want, got); diff != "" || (contentType == typeEvents) != c.array {
					t.Errorf("%s: %s", contentType, diff)
				}
			}
		})
	}
	broken := errors.New("disk gone")
	for _, in := range []string{"", "{\"a\":1}\n", "{\n\"a\":1}\n{\n"} {
		body, _, err := sniff(io.MultiReader(strings.NewReader(in), iotest.ErrReader(broken)))
		if err == nil {
			_, err = io.ReadAll(body)
		}
		if !errors.Is(err, broken) {
			t.Errorf("%q: %v", in, err)
		}
	}
	var exit *exitError
	if _, _, err := sniff(strings.NewReader(" \n")); !errors.As(err, &exit) || exit.code != exitUsage {
		t.Errorf("nothing: %v", err)
	}
}

// A slow producer's event is passed on before the next one comes.
func TestSniffDoesNotWait(t *testing.T) {
	for _, event := range []string{"{\"a\":1}\n", "{\n\"a\":1}\n"} {
		r, w := io.Pipe()
		go func() { _, _ = io.WriteString(w, event) }() // and no more
		body, _, err := sniff(r)
		if err != nil {
			t.Fatal(err)
		}
		p := make([]byte, 100)
		n, err := body.Read(p)
		if got := string(p[:n]); err != nil || got != "{\"a\":1}\n" {
			t.Errorf("%q, %v", got, err)
		}
		w.Close()
	}
}

// FuzzSniff: whatever the input is, nothing but white space gets lost or is added.
func FuzzSniff(f *testing.F) {
	for _, in := range []string{"", "[]", "{}\n{}", "{\n}\n{\n}x", "\xef\xbb\xbf{\n\"a\":\"\xff\"}", "{\n\"a\":1,\"a\":1}\n\n{", "\"\n\"", "1\n2"} {
		f.Add([]byte(in))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		body, contentType, err := sniff(bytes.NewReader(in))
		if err != nil {
			var exit *exitError
			if !errors.As(err, &exit) {
				t.Fatal(err)
			}
			return
		}
		out, err := io.ReadAll(body)
		if err != nil {
			t.Fatal(err)
		}
		bare := func(b []byte) string {
			return strings.Join(strings.FieldsFunc(string(bytes.TrimPrefix(b, []byte("\xef\xbb\xbf"))), func(r rune) bool {
				return r == ' ' || r == '\t' || r == '\r' || r == '\n'
			}), "")
		}
		if bare(in) != bare(out) {
			t.Fatalf("%q became %q", in, out)
		}
		if contentType == typeLines && json.Valid(in) {
			for _, line := range bytes.Split(bytes.TrimSpace(out), []byte("\n")) {
				if len(bytes.TrimSpace(line)) > 0 && !json.Valid(line) {
					t.Fatalf("one value became lines: %q", out)
				}
			}
		}
	})
}
