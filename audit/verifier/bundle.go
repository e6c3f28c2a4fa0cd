package verifier

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	"filippo.io/torchwood/prefix"
)

// Format names the layout of a bundle. Another layout gets another name.
const Format = "amends-evidence/v1"

// The names of the files in a bundle.
const (
	FileReadme      = "README.txt"
	FileManifest    = "bundle.json"
	FilePolicy      = "policy"
	FileMapPolicy   = "map.policy"
	FileCheckpoint  = "checkpoint"
	FileMapProof    = "map.tlog-proof"
	FileConsistency = "known.consistency"
	FileKeys        = "keys.json"
)

// RecordsFile, ProofFile and MapFile name the files of one customer.
func RecordsFile(stream string) string { return path.Join("streams", stream, "records.ndjson") }

// ProofFile names the inclusion proof of a record.
func ProofFile(stream string, revision uint64) string {
	return path.Join("streams", stream, "proofs", fmt.Sprintf("%d.tlog-proof", revision))
}

// MapFile names the completeness proof of a customer.
func MapFile(stream string) string { return path.Join("streams", stream, "map.json") }

// Manifest says what a bundle holds.
type Manifest struct {
	Format   string   `json:"format"`
	Customer string   `json:"customer"`
	Streams  []string `json:"streams"` // the customer first, then all whom it absorbed, directly or not
	Records  int      `json:"records"`
	Size     int64    `json:"size"` // records under the checkpoint
}

// MapProof is a membership or non-membership proof in the completeness map (filippo.io/torchwood/prefix).
type MapProof struct {
	Root  string         `json:"root"`  // of the map, hexadecimal
	Count uint64         `json:"count"` // of records; 0: the proof is one of non-membership
	Head  string         `json:"head"`  // SHA-256 of the last record, hexadecimal; empty without records
	Path  []MapProofNode `json:"path"`
}

// MapProofNode is a sibling on the way to the root.
type MapProofNode struct {
	Bits  uint32 `json:"bits"`
	Label string `json:"label"` // 32 bytes, hexadecimal
	Hash  string `json:"hash"`
}

// NewMapProof writes a proof down.
func NewMapProof(root [sha256.Size]byte, head Head, nodes []prefix.ProofNode) MapProof {
	p := MapProof{Root: hex.EncodeToString(root[:]), Count: head.Count}
	if head.Count > 0 {
		p.Head = hex.EncodeToString(head.Hash[:])
	}
	for _, n := range nodes {
		p.Path = append(p.Path, MapProofNode{n.Label.BitLen(), hex.EncodeToString(n.Label.Bytes()), hex.EncodeToString(n.Hash[:])})
	}
	return p
}

// errMapProof: a completeness proof is malformed.
var errMapProof = errors.New("malformed map proof")

func (p MapProof) parse() (root [sha256.Size]byte, head Head, nodes []prefix.ProofNode, err error) {
	if root, err = parseHash(p.Root); err != nil {
		return root, head, nil, err
	}
	head.Count = p.Count
	if p.Count > 0 {
		head.Hash, err = parseHash(p.Head)
	} else if p.Head != "" {
		err = fmt.Errorf("%w: a head without records", errMapProof)
	}
	if err != nil {
		return root, head, nil, err
	}
	for _, n := range p.Path {
		label, err := parseHash(n.Label)
		if err != nil {
			return root, head, nil, err
		}
		hash, err := parseHash(n.Hash)
		if err != nil {
			return root, head, nil, err
		}
		l, err := prefix.NewLabel(n.Bits, label[:])
		if err != nil {
			return root, head, nil, fmt.Errorf("%w: %w", errMapProof, err)
		}
		nodes = append(nodes, prefix.ProofNode{Label: l, Hash: hash})
	}
	return root, head, nodes, nil
}

func parseHash(text string) (h [sha256.Size]byte, err error) {
	if len(text) != 2*len(h) {
		return h, fmt.Errorf("%w: a hash has 64 digits", errMapProof)
	}
	if _, err := hex.Decode(h[:], []byte(text)); err != nil {
		return h, fmt.Errorf("%w: %w", errMapProof, err)
	}
	return h, nil
}

// maxBundleFile bounds one file in a bundle, unpacked: far above the largest history, far below what would fill the memory.
const maxBundleFile = 1 << 30

// files are the files of an opened bundle.
type files struct{ byName map[string]*zip.File }

func openFiles(r io.ReaderAt, size int64) (*files, error) {
	z, err := zip.NewReader(r, size)
	if err != nil {
		return nil, fmt.Errorf("not a bundle of evidence: %w", err)
	}
	f := &files{byName: make(map[string]*zip.File, len(z.File))}
	for _, entry := range z.File {
		if f.byName[entry.Name] != nil {
			return nil, fmt.Errorf("not a bundle of evidence: %s is in it twice", entry.Name)
		}
		f.byName[entry.Name] = entry
	}
	return f, nil
}

func (f *files) read(name string) ([]byte, error) {
	entry := f.byName[name]
	if entry == nil {
		return nil, fmt.Errorf("%s is missing from the bundle", name)
	}
	r, err := entry.Open()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	data, err := io.ReadAll(io.LimitReader(r, maxBundleFile+1))
	if err := errors.Join(err, r.Close()); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if len(data) > maxBundleFile {
		return nil, fmt.Errorf("%s is larger than %d bytes", name, maxBundleFile)
	}
	return data, nil
}

func (f *files) readJSON(name string, to any) error {
	data, err := f.read(name)
	if err != nil {
		return err
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(to); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("%s: something follows the end", name)
	}
	return nil
}

// lines returns the records of a customer.
func (f *files) lines(stream string) ([][]byte, error) {
	data, err := f.read(RecordsFile(stream))
	if err != nil || len(data) == 0 {
		return nil, err
	}
	text, ok := strings.CutSuffix(string(data), "\n")
	if !ok {
		return nil, fmt.Errorf("%s is cut off", RecordsFile(stream))
	}
	var out [][]byte
	for line := range strings.SplitSeq(text, "\n") {
		out = append(out, []byte(line))
	}
	return out, nil
}
