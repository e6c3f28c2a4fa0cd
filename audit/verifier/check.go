package verifier

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"filippo.io/torchwood"
	"filippo.io/torchwood/prefix"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// Options say what a bundle is checked with. Key must be set.
type Options struct {
	Key Keys // the ledger's public key, from a source that the ledger's operator does not control
	// Known is a signed checkpoint of the same ledger that the auditor holds from before. The bundle must extend it.
	Known []byte
	// Witnesses must have cosigned, each of them, the checkpoint of the log of map roots, which covers the bundle's checkpoint.
	// Default: none must.
	Witnesses []note.Verifier
}

// Report says what a bundle proves.
type Report struct {
	Customer string   `json:"customer"`
	Streams  []Stream `json:"streams"` // the customer first, then all whom it absorbed
	Ledger   string   `json:"ledger"`  // the name under which the checkpoint is signed
	Key      string   `json:"key"`
	Signers  []string `json:"signers"` // the ledger, and the witnesses that were asked for
	Size     int64    `json:"size"`    // records of the whole ledger under the checkpoint
	Root     string   `json:"root"`    // the tree's root, base64, as in the checkpoint
	// Extends is the size of the known checkpoint that this one was shown to extend; 0: none was given.
	Extends int64 `json:"extends,omitempty"`

	records [][]byte
	keys    []byte
}

// Records are the records that are proved, byte for byte, customer by customer as in Streams.
func (r *Report) Records() [][]byte { return r.records }

// Keys is the content of keys.json; nil if the bundle has none. Nothing is proved about it: see the package's documentation.
func (r *Report) Keys() []byte { return r.keys }

// Stream is one customer's records, all of them.
type Stream struct {
	Customer string `json:"customer"`
	Records  uint64 `json:"records"` // 0: the ledger has none of this customer
}

// Failure says where a bundle proves nothing, or the opposite of what it claims.
type Failure struct {
	Where string // a file of the bundle, or a record
	Cause error
}

func (f *Failure) Error() string { return f.Where + ": " + f.Cause.Error() }

// Unwrap returns what is wrong.
func (f *Failure) Unwrap() error { return f.Cause }

func failed(where string, format string, args ...any) error {
	return &Failure{Where: where, Cause: fmt.Errorf(format, args...)}
}

// Why a bundle is refused, beyond what is malformed.
var (
	ErrSignature   = errors.New("it is not signed as it must be")
	ErrIncomplete  = errors.New("the history is not complete")
	ErrNotIncluded = errors.New("it is not in the signed log")
	ErrReplayed    = errors.New("the checkpoint does not extend the one that you hold")
)

// Check verifies a bundle. A nil error means that everything in the report is proved; otherwise nothing is, and the error is a
// *Failure, or says that this is no bundle.
func Check(r io.ReaderAt, size int64, o Options) (*Report, error) {
	if o.Key.Log == nil || o.Key.Map == nil {
		return nil, errors.New("no public key given")
	}
	f, err := openFiles(r, size)
	if err != nil {
		return nil, err
	}
	var m Manifest
	if err := f.readJSON(FileManifest, &m); err != nil {
		return nil, err
	}
	if m.Format != Format {
		return nil, fmt.Errorf("the bundle has format %q; this verifier knows %s", m.Format, Format)
	}
	c := &check{files: f, options: o, manifest: m, report: &Report{Customer: m.Customer, Key: o.Key.LogText}}
	for _, step := range []func() error{c.policies, c.checkpoint, c.known, c.streams, c.mapRoot, c.keys} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	return c.report, nil
}

type check struct {
	files    *files
	options  Options
	manifest Manifest
	report   *Report

	signed []byte // the checkpoint
	head   torchwood.Checkpoint
	root   *[32]byte // the map root that all completeness proofs must agree on
}

// policies: they are for other tools, which must not be led to another key.
func (c *check) policies() error {
	for file, key := range map[string]string{FilePolicy: c.options.Key.LogText, FileMapPolicy: c.options.Key.MapText} {
		text, err := c.files.read(file)
		if err != nil {
			return err
		}
		if string(text) != PolicyText(key) {
			return failed(file, "%w: it names another key than yours", ErrSignature)
		}
	}
	return nil
}

// checkpoint: it must carry the ledger's signature.
func (c *check) checkpoint() (err error) {
	if c.signed, err = c.files.read(FileCheckpoint); err != nil {
		return err
	}
	head, err := c.options.Key.OpenLog(c.signed)
	if err != nil {
		return &Failure{FileCheckpoint, fmt.Errorf("%w: %w", ErrSignature, err)}
	}
	if head.Extension != "" {
		return failed(FileCheckpoint, "it has extension lines, which this ledger never writes")
	}
	c.head = head
	c.report.Ledger, c.report.Size, c.report.Root = head.Origin, head.N, base64.StdEncoding.EncodeToString(head.Hash[:])
	c.report.Signers = []string{head.Origin}
	if c.manifest.Size != head.N {
		return failed(FileManifest, "it names a checkpoint of %d records, the checkpoint has %d", c.manifest.Size, head.N)
	}
	return nil
}

// known: the checkpoint must extend the one that the auditor holds.
func (c *check) known() error {
	if c.options.Known == nil {
		return nil
	}
	known, err := c.options.Key.OpenLog(c.options.Known)
	if err != nil {
		return &Failure{"the checkpoint that you hold", fmt.Errorf("%w: %w", ErrSignature, err)}
	}
	c.report.Extends = known.N
	switch {
	case known.N > c.head.N:
		return failed(FileCheckpoint, "%w: it covers %d records, yours %d; ask for newer evidence", ErrReplayed, c.head.N, known.N)
	case known.N == c.head.N && known.Hash != c.head.Hash:
		return failed(FileCheckpoint, "%w: two roots are signed for %d records; keep both, they prove misconduct", ErrReplayed, known.N)
	case known.N == c.head.N || known.N == 0:
		return nil
	}
	text, err := c.files.read(FileConsistency)
	if err != nil {
		return failed(FileConsistency, "%w: ask for evidence that extends your checkpoint (amends evidence --known FILE)", err)
	}
	var proof tlog.TreeProof
	for line := range strings.Lines(string(text)) {
		h, err := tlog.ParseHash(strings.TrimSuffix(line, "\n"))
		if err != nil {
			return failed(FileConsistency, "malformed hash")
		}
		proof = append(proof, h)
	}
	if err := tlog.CheckTree(proof, c.head.N, c.head.Hash, known.N, known.Hash); err != nil {
		return failed(FileConsistency, "%w: %w", ErrReplayed, err)
	}
	return nil
}

// streams: the customer's, and those of all whom it ever absorbed, must be there, and each must be complete.
func (c *check) streams() error {
	if len(c.manifest.Streams) == 0 || c.manifest.Streams[0] != c.manifest.Customer || c.manifest.Customer == "" {
		return failed(FileManifest, "the first stream must be the customer's")
	}
	required := []string{c.manifest.Customer}
	for i := 0; i < len(required); i++ {
		if !slices.Contains(c.manifest.Streams, required[i]) {
			return failed(FileManifest, "%w: customer %s was absorbed, and its records are not in the bundle", ErrIncomplete, required[i])
		}
		absorbed, err := c.stream(required[i])
		if err != nil {
			return err
		}
		for _, other := range absorbed {
			if !slices.Contains(required, other) {
				required = append(required, other)
			}
		}
	}
	if len(required) != len(c.manifest.Streams) {
		return failed(FileManifest, "it names streams that are no part of the customer's history")
	}
	total := uint64(0)
	for _, s := range c.report.Streams {
		total += s.Records
	}
	if total != uint64(c.manifest.Records) {
		return failed(FileManifest, "it promises %d records, the bundle has %d", c.manifest.Records, total)
	}
	return nil
}

// stream checks the records of one customer: the chain, that each is in the log, in this order, and that there are no others.
func (c *check) stream(name string) (absorbed []string, err error) {
	if !validStream(name) {
		return nil, failed(FileManifest, "a stream has a name that no customer has")
	}
	records, err := c.files.lines(name)
	if err != nil {
		return nil, err
	}
	var head Head
	last := int64(-1)
	for i, data := range records {
		where := fmt.Sprintf("record %d of customer %s", i+1, name)
		r, err := ParseRecord(data)
		if err == nil && !json.Valid(data) {
			err = fmt.Errorf("%w: it is not valid JSON", ErrNotRecord)
		}
		if err != nil {
			return nil, &Failure{where, err}
		}
		if r.Stream != name {
			return nil, failed(where, "%w: it is a record of customer %s", ErrChain, r.Stream)
		}
		if head, err = head.Next(r); err != nil {
			return nil, &Failure{where, err}
		}
		index, err := c.included(ProofFile(name, r.Revision), data)
		if err != nil {
			return nil, err
		}
		if index <= last {
			return nil, failed(where, "%w: the log has it before the record that it follows", ErrChain)
		}
		last = index
		if r.Absorbed != "" {
			absorbed = append(absorbed, r.Absorbed)
		}
	}
	c.report.records = append(c.report.records, records...)
	c.report.Streams = append(c.report.Streams, Stream{Customer: name, Records: head.Count})
	return absorbed, c.complete(name, head)
}

// included checks a record's inclusion proof against the bundle's own checkpoint and returns its place in the log.
func (c *check) included(file string, data []byte) (int64, error) {
	proof, err := c.files.read(file)
	if err != nil {
		return 0, err
	}
	if !bytes.Equal(proofCheckpoint(proof), c.signed) {
		return 0, failed(file, "%w: it is proved against another checkpoint", ErrNotIncluded)
	}
	if err := torchwood.VerifyProof(c.options.Key.LogPolicy(), tlog.RecordHash(data), proof); err != nil {
		return 0, failed(file, "%w: %w", ErrNotIncluded, err)
	}
	index, err := proofIndex(proof)
	if err != nil {
		return 0, &Failure{file, err}
	}
	return index, nil
}

// complete checks that the map says of the customer what the records say.
func (c *check) complete(name string, head Head) error {
	file := MapFile(name)
	var p MapProof
	if err := c.files.readJSON(file, &p); err != nil {
		return err
	}
	root, claimed, nodes, err := p.parse()
	if err != nil {
		return &Failure{file, err}
	}
	if claimed != head {
		return failed(file, "%w: the map says that there are %d records, the bundle has %d, or they end differently",
			ErrIncomplete, claimed.Count, head.Count)
	}
	if c.root != nil && *c.root != root {
		return failed(file, "%w: the proofs are of two different maps", ErrIncomplete)
	}
	c.root = &root
	if head.Count == 0 {
		err = prefix.VerifyNonMembershipProof(MapHash, MapKey(name), nodes, root)
	} else {
		err = prefix.VerifyMembershipProof(MapHash, MapKey(name), MapValue(head), nodes, root)
	}
	if err != nil {
		return failed(file, "%w: %w", ErrIncomplete, err)
	}
	return nil
}

// mapRoot checks that the map's root was logged for exactly this checkpoint, and that the witnesses saw that.
func (c *check) mapRoot() error {
	proof, err := c.files.read(FileMapProof)
	if err != nil {
		return err
	}
	leaf := MapLeaf(*c.root, c.signed)
	policies := []torchwood.Policy{c.options.Key.MapPolicy()}
	for _, w := range c.options.Witnesses {
		policies = append(policies, torchwood.SingleVerifierPolicy(w))
		c.report.Signers = append(c.report.Signers, w.Name())
	}
	policy := torchwood.ThresholdPolicy(len(policies), policies...)
	if _, _, err := torchwood.VerifyCheckpoint(proofCheckpoint(proof), policy); err != nil {
		return &Failure{FileMapProof, fmt.Errorf("%w: %w", ErrSignature, err)}
	}
	if err := torchwood.VerifyProof(policy, tlog.RecordHash(leaf), proof); err != nil {
		return failed(FileMapProof, "%w: the map root of this checkpoint is not in the signed log of map roots: %w", ErrIncomplete, err)
	}
	return nil
}

// keys: they may be there.
func (c *check) keys() (err error) {
	if c.files.byName[FileKeys] != nil {
		c.report.keys, err = c.files.read(FileKeys)
	}
	return err
}

// validStream accepts the ids that a customer can have; among other things they are no paths.
func validStream(name string) bool {
	if name == "" || len(name) > 64 {
		return false
	}
	for _, c := range []byte(name) {
		if (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '_' && c != '-' {
			return false
		}
	}
	return true
}
