package schemas_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"amends/domain"
	"amends/internal/secrettest"
	"amends/schemas"
	"amends/vault"
)

var sealNow = time.Date(2026, 10, 1, 12, 0, 0, 0, time.UTC)

func newSealing(t testing.TB) (*schemas.Codec, *vault.Vault) {
	t.Helper()
	codec, err := schemas.New()
	if err != nil {
		t.Fatal(err)
	}
	v, err := vault.Open(t.Context(), vault.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { v.Close() })
	return codec, v
}

func parseSealing(t testing.TB, c *schemas.Codec, raw []byte) schemas.Input {
	t.Helper()
	in, err := c.ParseInput(raw, sealNow)
	if err != nil {
		t.Fatalf("%s: %v", raw, err)
	}
	if correction, ok := in.Event.Data.(*domain.RecordCorrected); ok {
		if err := c.Correction(&in, correction.EventSchema); err != nil {
			t.Fatal(err)
		}
	}
	return in
}

// sealed seals and encodes.
func sealed(t testing.TB, c *schemas.Codec, v *vault.Vault, in *schemas.Input, revision uint64) []byte {
	t.Helper()
	if err := c.Seal(t.Context(), v, in, revision); err != nil {
		t.Fatal(err)
	}
	record, err := c.Encode(*in, sealNow, revision, [32]byte{})
	if err != nil {
		t.Fatal(err)
	}
	return record
}

// TestSealedFields: a secret in every personal field of every event type is in no stored record, the record still decodes,
// and it opens to exactly what was sent.
func TestSealedFields(t *testing.T) {
	const secret = "hush-7f3a"
	c, v := newSealing(t)
	total := 0
	for _, event := range secrettest.Events(t, c, "testdata", "C-1", secret) {
		t.Run(event.Name, func(t *testing.T) {
			in := parseSealing(t, c, event.Raw)
			if n := bytes.Count(in.DataJSON, []byte(secret)); n < event.Fields {
				t.Fatalf("the secret stands %d times in the payload, want %d", n, event.Fields)
			}
			record := sealed(t, c, v, &in, 3)
			if bytes.Contains(record, []byte(secret)) {
				t.Errorf("the secret is in clear: %s", record)
			}
			if _, err := c.Decode(record); err != nil {
				t.Errorf("the sealed record does not decode: %v", err)
			}
			again := parseSealing(t, c, event.Raw)
			if ok, err := c.Reseal(t.Context(), v, &again, 3); !ok || err != nil || !bytes.Equal(again.Sealed, in.Sealed) {
				t.Errorf("sealed again: %v %v %s, first %s", ok, err, again.Sealed, in.Sealed)
			}
			opened, fields, err := c.Open(t.Context(), v, record)
			if err != nil {
				t.Fatal(err)
			}
			if len(fields) != event.Fields {
				t.Errorf("%d sealed fields, want %d: %v", len(fields), event.Fields, fields)
			}
			total += len(fields)
			clear := in
			clear.Sealed = nil
			want, err := c.Encode(clear, sealNow, 3, [32]byte{})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), string(opened)); diff != "" {
				t.Error(diff)
			}
		})
	}
	if total < 130 {
		t.Errorf("only %d fields were sealed", total)
	}
}

func complaint(description string) []byte {
	return fmt.Appendf(nil, `{"specversion":"1.0","id":"e1","source":"test","type":"complaint.registered","subject":"C-1","data":{"complaint_id":"K-1","description":%s}}`, description)
}

// TestErasedFields: after the class's key is destroyed the value reads as erased, and other classes open as before.
func TestErasedFields(t *testing.T) {
	c, v := newSealing(t)
	in := parseSealing(t, c, []byte(`{"specversion":"1.0","id":"e1","source":"test","type":"customer.registered","subject":"C-1",
		"data":{"name":"Li Wei","identities":[{"kind":"email","value":"a@example.org"},{"kind":"phone","value":"+44 1"}],"extra":{"note":"blue"}}}`))
	record := sealed(t, c, v, &in, 1)
	if _, err := v.Destroy(t.Context(), "C-1", "X", []string{"interaction"}); err != nil {
		t.Fatal(err)
	}
	opened, fields, err := c.Open(t.Context(), v, record)
	if err != nil {
		t.Fatal(err)
	}
	_, data, _ := bytes.Cut(opened, []byte(`"data":`))
	if diff := cmp.Diff(`{"name":"Li Wei","identities":[{"kind":"email","value":"a@example.org"},{"kind":"phone","value":"+44 1"}],"extra":"[erased]"}}`, string(data)); diff != "" {
		t.Error(diff)
	}
	if last := fields[len(fields)-1]; !last.Erased || last.Class != "interaction" || last.Pointer != "/data/extra" || fields[0].Erased {
		t.Errorf("fields %+v", fields)
	}
	if ok, err := c.Reseal(t.Context(), v, &in, 1); ok || err != nil {
		t.Errorf("sealed again without the key: %v, %v", ok, err)
	}
	if event, err := c.Decode(record); err != nil || len(event.Data.(*domain.CustomerRegistered).Identities) != 2 {
		t.Errorf("decoded %+v, %v", event, err)
	}
}

// TestLooksSealed: a text that a sender wrote in the form of a sealed one is a text like any other.
func TestLooksSealed(t *testing.T) {
	c, v := newSealing(t)
	first := parseSealing(t, c, complaint(`"secret"`))
	sealed(t, c, v, &first, 1)
	_, value, _ := bytes.Cut(first.Sealed, []byte(`"description":`))
	forged := string(value[:len(value)-1])
	in := parseSealing(t, c, complaint(forged))
	record := sealed(t, c, v, &in, 2)
	if bytes.Contains(record, []byte(forged)) {
		t.Error("it was stored as it is")
	}
	opened, _, err := c.Open(t.Context(), v, record)
	if err != nil || !bytes.Contains(opened, []byte(forged)) || bytes.Contains(opened, []byte(`"secret"`)) {
		t.Errorf("opened to %s, %v", opened, err)
	}
}

// TestSealedSize: the limit holds for the record as it is stored, and the refusal names the field.
func TestSealedSize(t *testing.T) {
	c, v := newSealing(t)
	for _, test := range []struct {
		size int
		fits bool
	}{{48_000, true}, {49_000, false}} {
		raw := fmt.Appendf(nil, `{"specversion":"1.0","id":"e1","source":"test","type":"complaint.registered","subject":"C-1","data":{"complaint_id":"K-1","extra":{"b":"%s","a":"x"}}}`, strings.Repeat("x", test.size))
		in := parseSealing(t, c, raw)
		if err := c.Seal(t.Context(), v, &in, 1); err != nil {
			t.Fatal(err)
		}
		_, err := c.Encode(in, sealNow, 1, [32]byte{})
		if test.fits {
			if err != nil {
				t.Errorf("%d: %v", test.size, err)
			}
			continue
		}
		problem, ok := err.(*schemas.Problem)
		if !ok || problem.Pointer != "/data/extra/b" || problem.Type != "urn:amends:problem:record-too-large" {
			t.Errorf("%d: %v", test.size, err)
		}
	}
}

// TestSealedPaths: payloads written in unusual but valid ways (escaped names, any order, strange texts) are sealed and open
// to the same bytes.
func TestSealedPaths(t *testing.T) {
	c, v := newSealing(t)
	rapid.Check(t, func(rt *rapid.T) {
		const secret = "hush-7f3a"
		quote := func(s string) string {
			b, err := jsontext.AppendQuote(nil, s)
			if err != nil {
				rt.Skip("not UTF-8")
			}
			return string(b)
		}
		text := rapid.StringOf(rapid.RuneFrom([]rune{'a', '"', '\\', '{', '}', '[', ']', ',', ':', 'é', '中', '\n'}))
		members := []string{
			`"complaint_id":"K-1"`,
			rapid.SampledFrom([]string{`"description"`, `"\u0064escription"`, `"descriptio\u006e"`}).Draw(rt, "name") + ":" + quote(text.Draw(rt, "description")+secret),
			`"extra":{` + quote(secret+text.Draw(rt, "key")) + `:` + quote(text.Draw(rt, "value")) + `}`,
			`"documents":[{"uri":` + quote("https://example.org/"+secret) + `,"sha256":"` + strings.Repeat("0a", 32) + `","size":1}]`,
		}
		data := "{" + strings.Join(rapid.Permutation(members).Draw(rt, "order"), ",") + "}"
		raw := fmt.Appendf(nil, `{"specversion":"1.0","id":"e1","source":"test","type":"complaint.registered","subject":"C-1","data":%s}`, data)
		in, err := c.ParseInput(raw, sealNow)
		if err != nil {
			rt.Fatalf("%s: %v", raw, err)
		}
		if err := c.Seal(t.Context(), v, &in, 1); err != nil {
			rt.Fatal(err)
		}
		record, err := c.Encode(in, sealNow, 1, [32]byte{})
		if err != nil {
			rt.Fatal(err)
		}
		if bytes.Contains(record, []byte(secret)) {
			rt.Fatalf("in clear: %s", record)
		}
		opened, fields, err := c.Open(t.Context(), v, record)
		if err != nil || len(fields) != 3 || !bytes.HasSuffix(opened, append(in.DataJSON, '}')) {
			rt.Fatalf("opened to %s, %v", opened, err)
		}
	})
}

// FuzzOpenRecord: bytes from a damaged disk are opened, or refused, without a panic.
func FuzzOpenRecord(f *testing.F) {
	c, v := newSealing(f)
	in := parseSealing(f, c, complaint(`"secret"`))
	f.Add(sealed(f, c, v, &in, 1))
	f.Fuzz(func(t *testing.T, record []byte) {
		_, _, _ = c.Open(t.Context(), v, record)
		_, _ = c.SealedKeys(record)
	})
}

func BenchmarkSealRecord(b *testing.B) {
	c, v := newSealing(b)
	in := parseSealing(b, c, complaint(`"`+strings.Repeat("x", 300)+`"`))
	for name, seal := range map[string]bool{"sealed": true, "clear": false} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if seal {
					if err := c.Seal(b.Context(), v, &in, 1); err != nil {
						b.Fatal(err)
					}
				}
				if _, err := c.Encode(in, sealNow, 1, [32]byte{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
