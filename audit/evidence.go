package audit

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"amends/audit/verifier"
	"amends/eventstore"
)

// Evidence writes a bundle that proves the customer's whole history, and those of all whom it absorbed, up to the last
// checkpoint that a root of the completeness map covers. known, if not nil, is a signed checkpoint that the bundle is to be
// shown to extend. A customer without records gets a bundle that proves just that. keys, if not nil, is given the records of
// the bundle and returns the keys that open them, as the bundle is to hold them. Package verifier documents the format.
//
// On an error what was written is no bundle.
func (s *Sealer) Evidence(ctx context.Context, customer string, known []byte, keys func(records [][]byte) ([]byte, error), to io.Writer) error {
	if err := eventstore.ValidateStream(customer); err != nil {
		return err
	}
	s.mapping.Lock()
	defer s.mapping.Unlock()
	s.mu.Lock()
	roots := s.roots
	s.mu.Unlock()
	if s.nodes == nil || roots == nil || s.nodes.cursor != roots.covers {
		return fmt.Errorf("%w: the completeness map is being made", ErrNotSealed)
	}
	root, input, err := parseRoot(roots.leaf, s.signers.Load().public)
	if err != nil {
		return err
	}
	_, signed, err := verifier.ParseMapLeaf(roots.leaf)
	if err != nil {
		return err
	}
	b := &bundle{zip: zip.NewWriter(to), made: time.Now().UTC()}
	m := verifier.Manifest{Format: verifier.Format, Customer: customer, Streams: []string{customer}, Size: input.N}
	for i := 0; i < len(m.Streams); i++ {
		absorbed, n, err := s.evidenceOf(ctx, b, m.Streams[i], root, input.N, signed)
		if err != nil {
			return err
		}
		m.Records += n
		for _, other := range absorbed {
			if !slices.Contains(m.Streams, other) {
				m.Streams = append(m.Streams, other)
			}
		}
	}
	if keys != nil {
		opening, err := keys(b.records)
		if err != nil {
			return err
		}
		b.add(verifier.FileKeys, opening)
	}
	cosigned, err := s.cosigned(ctx, mapDir, roots)
	if err != nil { // whoever asks for cosignatures will see that one is missing
		s.cfg.Logger.Warn().Err(err).Msg("evidence was made without the cosignature of every witness")
	}
	mapProof, err := s.mapTiles().inclusion(ctx, roots.tree, roots.tree.N-1, cosigned)
	if err != nil {
		return err
	}
	if known != nil {
		if err := s.addConsistency(ctx, b, known, signed); err != nil {
			return err
		}
	}
	b.add(verifier.FileCheckpoint, signed)
	b.add(verifier.FileMapProof, mapProof)
	b.add(verifier.FilePolicy, []byte(verifier.PolicyText(s.signers.Load().public.LogText)))
	b.add(verifier.FileMapPolicy, []byte(verifier.PolicyText(s.signers.Load().public.MapText)))
	b.addJSON(verifier.FileManifest, m)
	b.add(verifier.FileReadme, fmt.Appendf(nil, bundleReadme, customer, input.N, s.signers.Load().log.Name()))
	return b.close()
}

const bundleReadme = `Evidence of the history of customer %[1]s, up to the checkpoint of %[2]d records of the ledger
%[3]s.

It proves, to whoever has the ledger's public key from a source of their own, that these are all records of the
customer, unaltered and in order. Check it offline:

    amends verify --bundle FILE --key PUBLIC-KEY

The key under "policy" in this file says who claims to have signed; do not take the public key from here.
This text is no part of the proof, and the check does not read it. If there is a file keys.json, add --open to read what is
sealed in the records. Whoever has that file can read the customer's personal data: keep it, and destroy it, as that.
The files are documented in the Go package amends/audit/verifier, which also does the check.
`

// evidenceOf adds one customer's records with their proofs. It returns whom the customer absorbed.
func (s *Sealer) evidenceOf(ctx context.Context, b *bundle, stream string, root [32]byte, n int64, signed []byte) (absorbed []string, count int, err error) {
	log := s.published()
	tree, err := s.nodes.tree().RootHash(ctx)
	if err != nil || tree != root {
		return nil, 0, fmt.Errorf("%w: the completeness map does not have its signed root", ErrDamaged)
	}
	input, err := s.signers.Load().public.OpenLog(signed)
	if err != nil {
		return nil, 0, err
	}
	var head verifier.Head
	var lines bytes.Buffer
	for rec, err := range s.cfg.Store.Read(ctx, stream, 1) {
		if err != nil {
			return nil, 0, err
		}
		index, err := s.places.index(rec.Position, log.tree.N)
		if errors.Is(err, ErrNotSealed) || err == nil && index >= n {
			break // it came after the checkpoint
		}
		if err != nil {
			return nil, 0, err
		}
		r, err := verifier.ParseRecord(rec.Data)
		if err != nil {
			return nil, 0, fmt.Errorf("position %d: %w", rec.Position, err)
		}
		if head, err = head.Next(r); err != nil {
			return nil, 0, err
		}
		if bytes.IndexByte(rec.Data, '\n') >= 0 {
			return nil, 0, fmt.Errorf("position %d: a record with a line break has no place in a bundle", rec.Position)
		}
		lines.Write(rec.Data)
		lines.WriteByte('\n')
		b.records = append(b.records, rec.Data)
		proof, err := s.logTiles().inclusion(ctx, input.Tree, index, signed)
		if err != nil {
			return nil, 0, err
		}
		b.add(verifier.ProofFile(stream, r.Revision), proof)
		if r.Absorbed != "" {
			absorbed = append(absorbed, r.Absorbed)
		}
		count++
	}
	found, nodes, err := s.nodes.lookup(ctx, verifier.MapKey(stream))
	if err != nil {
		return nil, 0, err
	}
	if found != (head.Count > 0) {
		return nil, 0, fmt.Errorf("%w: the map and the log disagree about customer %s", ErrLogDiffers, stream)
	}
	b.add(verifier.RecordsFile(stream), lines.Bytes())
	b.addJSON(verifier.MapFile(stream), verifier.NewMapProof(root, head, nodes))
	return absorbed, count, b.err
}

// addConsistency adds the proof that the bundle's checkpoint extends a known one.
func (s *Sealer) addConsistency(ctx context.Context, b *bundle, known, signed []byte) error {
	old, err := s.signers.Load().public.OpenLog(known)
	if err != nil {
		return fmt.Errorf("%w: the known checkpoint: %w", ErrInvalid, err)
	}
	input, err := s.signers.Load().public.OpenLog(signed)
	if err != nil {
		return err
	}
	if old.N > input.N {
		return fmt.Errorf("%w: the known checkpoint covers %d records, and %d are covered by the completeness map", ErrNotSealed, old.N, input.N)
	}
	proof, err := s.logTiles().consistency(ctx, old.N, input.Tree)
	if err != nil {
		return err
	}
	var text bytes.Buffer
	for _, h := range proof {
		fmt.Fprintln(&text, h)
	}
	b.add(verifier.FileConsistency, text.Bytes())
	return nil
}

// bundle writes the zip file; the first error stays.
type bundle struct {
	zip  *zip.Writer
	made time.Time
	err  error

	records [][]byte // that it holds
}

func (b *bundle) add(name string, data []byte) {
	if b.err != nil {
		return
	}
	w, err := b.zip.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Deflate, Modified: b.made})
	if err == nil {
		_, err = w.Write(data)
	}
	b.err = err
}

func (b *bundle) addJSON(name string, v any) {
	data, err := json.MarshalIndent(v, "", "  ")
	if err != nil && b.err == nil {
		b.err = err
	}
	b.add(name, append(data, '\n'))
}

func (b *bundle) close() error {
	if b.err != nil {
		return b.err
	}
	return b.zip.Close()
}
