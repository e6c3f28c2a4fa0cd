package audit

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"

	"amends/audit/verifier"
	"amends/eventstore"
)

var update = flag.Bool("update", false, "make the vectors in testdata anew")

// vector is one bundle in testdata/vectors, and what the verifier must say to it.
type vector struct {
	Name  string `json:"name"`
	What  string `json:"what"`
	Key   string `json:"key"`
	Known string `json:"known,omitempty"` // the checkpoint that the auditor holds
	// Error must be in the refusal; empty: the bundle is good.
	Error string `json:"error,omitempty"`
}

const vectorsDir = "testdata/vectors"

// The verifier against an operator who holds the signing key and cheats, and against everybody else. The vectors are files, so
// that other implementations can be held to them; -update makes them anew.
func TestVectors(t *testing.T) {
	if *update {
		writeVectors(t)
	}
	text, err := os.ReadFile(filepath.Join(vectorsDir, "vectors.json"))
	if err != nil {
		t.Fatal(err)
	}
	var vectors []vector
	if err := json.Unmarshal(text, &vectors); err != nil {
		t.Fatal(err)
	}
	for _, v := range vectors {
		t.Run(v.Name, func(t *testing.T) {
			b, err := os.ReadFile(filepath.Join(vectorsDir, v.Name+".zip"))
			if err != nil {
				t.Fatal(err)
			}
			o := verifier.Options{}
			if o.Key, err = verifier.ParseKey(v.Key); err != nil {
				t.Fatal(err)
			}
			if v.Known != "" {
				o.Known = []byte(v.Known)
			}
			report, err := check(b, o)
			switch {
			case v.Error == "" && err != nil:
				t.Error(err)
			case v.Error != "" && err == nil:
				t.Errorf("%s: accepted: %+v", v.What, report)
			case v.Error != "" && !strings.Contains(err.Error(), v.Error):
				t.Errorf("%s: refused with %q, want %q", v.What, err, v.Error)
			}
		})
	}
	if len(vectors) < 20 {
		t.Errorf("only %d vectors", len(vectors))
	}
}

// parts are the files of a bundle.
type parts map[string][]byte

func unpack(t testing.TB, b []byte) parts {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	p := parts{}
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		if p[f.Name], err = io.ReadAll(r); err != nil {
			t.Fatal(err)
		}
	}
	return p
}

func (p parts) pack(t testing.TB) []byte {
	t.Helper()
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	for _, name := range slices.Sorted(maps.Keys(p)) {
		w, err := z.Create(name)
		if err == nil {
			_, err = w.Write(p[name])
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func (p parts) edit(t testing.TB, name, old, new string) {
	t.Helper()
	if !bytes.Contains(p[name], []byte(old)) {
		t.Fatalf("%s has no %q", name, old)
	}
	p[name] = bytes.Replace(p[name], []byte(old), []byte(new), 1)
}

// dropLast hides the last record of a customer, and says so wherever the operator can.
func (p parts) dropLast(t testing.TB, stream string, records int) {
	t.Helper()
	name := verifier.RecordsFile(stream)
	lines := bytes.SplitAfter(p[name], []byte("\n"))
	p[name] = bytes.Join(lines[:len(lines)-2], nil)
	p.edit(t, verifier.FileManifest, fmt.Sprintf(`"records": %d`, records), fmt.Sprintf(`"records": %d`, records-1))
}

// story is the ledger that the vectors are about: C-1 absorbed C-2.
func story(t testing.TB, dir string) (*Sealer, *writer) {
	w := newWriter(t, eventstore.NewMemory())
	w.write("C-1", 3)
	w.write("C-2", 2)
	w.write("C-3", 4)
	w.event("C-1", "customer.absorbed", `{"customer_id":"C-2"}`)
	w.event("C-2", "customer.merged_into", `{"customer_id":"C-1"}`)
	s, _ := start(t, quick(dir, w.store))
	if err := s.WaitForMap(t.Context(), w.last); err != nil {
		t.Fatal(err)
	}
	return s, w
}

func writeVectors(t *testing.T) {
	if err := os.MkdirAll(vectorsDir, 0o755); err != nil {
		t.Fatal(err)
	}
	s, w := story(t, t.TempDir())
	good := evidence(t, s, "C-1", nil)
	oldCheckpoint := s.Status(t.Context()).Checkpoint
	oldProof := unpack(t, good)[verifier.ProofFile("C-1", 1)]
	w.write("C-1", 2)
	w.write("C-4", 1)
	if err := s.WaitForMap(t.Context(), w.last); err != nil {
		t.Fatal(err)
	}
	newCheckpoint := s.Status(t.Context()).Checkpoint
	extended := evidence(t, s, "C-1", []byte(oldCheckpoint))
	nobody := evidence(t, s, "C-9", nil)

	// Another ledger, and an impostor who signs under the ledger's name with a key of his own.
	other, _ := story(t, t.TempDir())
	impostorDir := t.TempDir()
	skey, vkey, err := note.GenerateKey(nil, s.Key().Log.Name())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(impostorDir, keysDir), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(impostorDir, keysDir, sealerKeyFile), []byte(skey), 0o600); err != nil {
		t.Fatal(err)
	}
	impostor, _ := story(t, impostorDir)

	// A fork: the same key, another history. C-2 lost a record before it was sealed.
	forkDir := t.TempDir()
	signing, err := os.ReadFile(filepath.Join(KeysDir(s.cfg.Dir), sealerKeyFile))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(KeysDir(forkDir), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(KeysDir(forkDir), sealerKeyFile), signing, 0o600); err != nil {
		t.Fatal(err)
	}
	fw := newWriter(t, eventstore.NewMemory())
	fw.write("C-1", 3)
	fw.write("C-2", 1)
	fw.write("C-3", 10) // as many in all as the ledger has
	fork, _ := start(t, quick(forkDir, fw.store))
	if err := fork.WaitForMap(t.Context(), fw.last); err != nil {
		t.Fatal(err)
	}

	var vectors []vector
	add := func(name, what, refusal string, bundle []byte, known string) {
		vectors = append(vectors, vector{Name: name, What: what, Key: s.Key().LogText, Known: known, Error: refusal})
		if err := os.WriteFile(filepath.Join(vectorsDir, name+".zip"), bundle, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	altered := func(name, what, refusal string, from []byte, change func(p parts)) {
		p := unpack(t, from)
		change(p)
		add(name, what, refusal, p.pack(t), "")
	}
	add("good", "a whole history, with an absorbed customer", "", good, "")
	add("good-extends", "newer evidence that extends the known checkpoint", "", extended, oldCheckpoint)
	add("good-nobody", "proof that there is no such customer", "", nobody, "")
	add("other-ledger", "evidence of another ledger", "signed", evidence(t, other, "C-1", nil), "")
	add("forged-key", "the ledger's name, another key", "signed", evidence(t, impostor, "C-1", nil), "")
	add("replayed", "evidence under a checkpoint older than the known one", "does not extend", good, newCheckpoint)
	add("fork", "evidence of a second history under the same key", "two roots", evidence(t, fork, "C-1", nil), newCheckpoint)
	add("no-consistency", "newer evidence without proof that it extends the known checkpoint", "extends your checkpoint",
		evidence(t, s, "C-1", nil), oldCheckpoint)
	altered("record-altered", "a letter of a record changed", "not in the signed log", good, func(p parts) {
		p.edit(t, verifier.RecordsFile("C-1"), `{"n":1}`, `{"n":7}`)
	})
	altered("records-swapped", "two records swapped", "chain is broken", good, func(p parts) {
		name := verifier.RecordsFile("C-1")
		l := bytes.SplitAfter(p[name], []byte("\n"))
		l[0], l[1] = l[1], l[0]
		p[name] = bytes.Join(l, nil)
	})
	altered("hidden-last", "the last record hidden", "not complete", good, func(p parts) { p.dropLast(t, "C-2", 7) })
	altered("hidden-last-map", "the last record hidden, and the map's claim adapted", "not complete", good, func(p parts) {
		p.dropLast(t, "C-2", 7)
		var m verifier.MapProof
		if err := json.Unmarshal(p[verifier.MapFile("C-2")], &m); err != nil {
			t.Fatal(err)
		}
		head := verifier.Head{}
		for line := range bytes.Lines(p[verifier.RecordsFile("C-2")]) {
			r, err := verifier.ParseRecord(bytes.TrimSuffix(line, []byte("\n")))
			if err == nil {
				head, err = head.Next(r)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		m.Count, m.Head = head.Count, fmt.Sprintf("%x", head.Hash)
		p[verifier.MapFile("C-2")], _ = json.Marshal(m)
	})
	altered("hidden-first", "the first record hidden", "chain is broken", good, func(p parts) {
		name := verifier.RecordsFile("C-1")
		p[name] = p[name][bytes.IndexByte(p[name], '\n')+1:]
		p.edit(t, verifier.FileManifest, `"records": 7`, `"records": 6`)
	})
	altered("hidden-alias", "the absorbed customer left out", "was absorbed", good, func(p parts) {
		var m verifier.Manifest
		if err := json.Unmarshal(p[verifier.FileManifest], &m); err != nil {
			t.Fatal(err)
		}
		m.Streams, m.Records = m.Streams[:1], 4
		p[verifier.FileManifest], _ = json.Marshal(m)
	})
	altered("alias-denied", "the absorbed customer said to have no records", "not complete", good, func(p parts) {
		p[verifier.RecordsFile("C-2")] = nil
		p[verifier.MapFile("C-2")] = unpack(t, nobody)[verifier.MapFile("C-9")]
		p.edit(t, verifier.FileManifest, `"records": 7`, `"records": 4`)
	})
	altered("other-customer", "the records of one customer passed off as another's", "is a record of customer", good, func(p parts) {
		for _, name := range slices.Collect(maps.Keys(p)) {
			if rest, ok := strings.CutPrefix(name, "streams/C-1/"); ok {
				p["streams/C-7/"+rest] = p[name]
			}
		}
		p[verifier.FileManifest] = bytes.ReplaceAll(p[verifier.FileManifest], []byte(`"C-1"`), []byte(`"C-7"`))
	})
	altered("denied-by-other", "a customer with records denied by another's proof of absence", "not complete", nobody, func(p parts) {
		for _, name := range slices.Collect(maps.Keys(p)) {
			if rest, ok := strings.CutPrefix(name, "streams/C-9/"); ok {
				p["streams/C-1/"+rest] = p[name]
			}
		}
		p[verifier.FileManifest] = bytes.ReplaceAll(p[verifier.FileManifest], []byte(`"C-9"`), []byte(`"C-1"`))
	})
	altered("proof-truncated", "an inclusion proof that lacks a hash", "not in the signed log", good, func(p parts) {
		name := verifier.ProofFile("C-1", 2)
		lines := strings.SplitAfter(string(p[name]), "\n")
		p[name] = []byte(strings.Join(slices.Delete(lines, 2, 3), ""))
	})
	altered("proof-of-other", "the proof of another record", "not in the signed log", good, func(p parts) {
		p[verifier.ProofFile("C-1", 2)] = p[verifier.ProofFile("C-1", 3)]
	})
	altered("proof-missing", "a record without its proof", "missing", good, func(p parts) { delete(p, verifier.ProofFile("C-2", 1)) })
	altered("proof-mixed", "a proof under an older checkpoint", "another checkpoint", extended, func(p parts) {
		p[verifier.ProofFile("C-1", 1)] = oldProof
	})
	altered("map-root-of-other", "a map root that was signed for another checkpoint", "not complete", extended, func(p parts) {
		p[verifier.FileMapProof] = unpack(t, good)[verifier.FileMapProof]
	})
	altered("old-map", "the map of an older checkpoint, which hides what came since", "not complete", extended, func(p parts) {
		old := unpack(t, good)
		for _, name := range []string{verifier.MapFile("C-1"), verifier.MapFile("C-2"), verifier.RecordsFile("C-1"), verifier.FileMapProof} {
			p[name] = old[name]
		}
		p.edit(t, verifier.FileManifest, `"records": 9`, `"records": 7`)
	})
	altered("two-maps", "completeness proofs of two different maps", "not complete", extended, func(p parts) {
		p[verifier.MapFile("C-2")] = unpack(t, good)[verifier.MapFile("C-2")]
	})
	altered("wrong-map-root", "a map root of the operator's invention", "not complete", good, func(p parts) {
		p[verifier.MapFile("C-1")] = otherRoot(p[verifier.MapFile("C-1")])
	})
	altered("checkpoint-size", "the checkpoint's size changed", "signed", good, func(p parts) {
		p.edit(t, verifier.FileCheckpoint, "\n11\n", "\n12\n")
	})
	altered("policy-swapped", "a policy that names another key", "another key", good, func(p parts) {
		p[verifier.FilePolicy] = []byte(verifier.PolicyText(vkey))
	})
	altered("path-traversal", "a stream whose name is a path", "no customer has", good, func(p parts) {
		p[verifier.FileManifest] = bytes.ReplaceAll(p[verifier.FileManifest], []byte(`"C-1"`), []byte(`"../C-1"`))
	})
	text, err := json.MarshalIndent(vectors, "", "  ")
	if err == nil {
		err = os.WriteFile(filepath.Join(vectorsDir, "vectors.json"), append(text, '\n'), 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// otherRoot replaces the root in a map proof.
func otherRoot(proof []byte) []byte {
	var m verifier.MapProof
	_ = json.Unmarshal(proof, &m)
	m.Root = strings.Repeat("ab", 32)
	out, _ := json.Marshal(m)
	return out
}

// Every byte of a good bundle, flipped: the verifier refuses, or says exactly what it said before (an encoding has more than one
// way to be written, and the description is not evidence). A flipped byte of a record is always refused.
func TestFlips(t *testing.T) {
	s, _ := story(t, t.TempDir())
	good := unpack(t, evidence(t, s, "C-1", nil))
	o := verifier.Options{Key: s.Key()}
	before, err := check(good.pack(t), o)
	if err != nil {
		t.Fatal(err)
	}
	step := 5
	if testing.Short() {
		step = 17
	}
	for name, data := range good {
		for i := 0; i < len(data); i += step {
			flipped := maps.Clone(good)
			flipped[name] = slices.Clone(data)
			flipped[name][i] ^= 1
			report, err := check(flipped.pack(t), o)
			if err != nil {
				continue
			}
			if strings.HasSuffix(name, ".ndjson") || !reflect.DeepEqual(report, before) {
				t.Fatalf("%s: byte %d flipped, and accepted: %+v", name, i, report)
			}
		}
	}
}

func FuzzCheck(f *testing.F) {
	s, _ := story(f, f.TempDir())
	good := evidence(f, s, "C-1", nil)
	f.Add(good)
	before, err := check(good, verifier.Options{Key: s.Key()})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		report, err := check(b, verifier.Options{Key: s.Key()})
		if err == nil && !reflect.DeepEqual(report, before) {
			t.Fatalf("something else is said to be proved: %+v", report)
		}
	})
}

func FuzzParseRecord(f *testing.F) {
	f.Add(record("C-1", "customer.absorbed", verifier.Head{Count: 4}, `{"customer_id":"C-2"}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := verifier.ParseRecord(b)
		if err != nil {
			if !errors.Is(err, verifier.ErrNotRecord) {
				t.Fatal(err)
			}
			return
		}
		if r.Revision == 0 || r.Type == "customer.absorbed" && r.Absorbed == "" {
			t.Fatalf("%+v", r)
		}
	})
}

func FuzzNode(f *testing.F) {
	f.Add([]byte{0, 3, 0xa0}, make([]byte, 40))
	f.Fuzz(func(t *testing.T, label, node []byte) {
		l, rest, err := decodeLabel(label)
		if err != nil || len(rest) > 0 {
			return
		}
		if !bytes.Equal(encodeLabel(nil, l), label) {
			t.Fatalf("label %x is written in two ways", label)
		}
		n, err := decodeNode(l, node)
		if err == nil && !bytes.Equal(encodeNode(nil, n), node) {
			t.Fatalf("node %x is written in two ways", node)
		}
	})
}
