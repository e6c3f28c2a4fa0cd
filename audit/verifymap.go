package audit

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"filippo.io/torchwood/prefix"

	"amends/audit/verifier"
)

// mapCheck makes the completeness map anew beside the reading of the log and compares it with each root that was signed, and
// at the end with the nodes that the sealer keeps.
type mapCheck struct {
	sizes  []int64 // where the map is compared, in order
	heads  map[string]verifier.Head
	next   int
	work   chan mapStep
	done   chan struct{}
	cancel context.CancelFunc

	findings []Finding
	err      error
}

// mapStep is what changed up to a size at which the map is compared.
type mapStep struct {
	size  int64
	heads map[string]verifier.Head
}

func startMapCheck(ctx context.Context, roots []mapRootEntry, stored *storedMap) *mapCheck {
	m := &mapCheck{heads: map[string]verifier.Head{}, work: make(chan mapStep, 4), done: make(chan struct{})}
	expected := map[int64][32]byte{}
	before := int64(-1)
	for i, r := range roots {
		if r.input.N < before {
			m.findings = append(m.findings, Finding{Part: "map", What: fmt.Sprintf("root %d covers fewer records than the one before", i)})
			continue
		}
		if known, ok := expected[r.input.N]; ok && known != r.root {
			m.findings = append(m.findings, Finding{Part: "map", What: fmt.Sprintf("two roots were signed for %d records", r.input.N)})
		}
		if r.input.N > max(before, 0) {
			m.sizes = append(m.sizes, r.input.N)
		}
		before, expected[r.input.N] = r.input.N, r.root
	}
	if stored.cursor > max(before, 0) {
		m.sizes = append(m.sizes, stored.cursor)
	}
	ctx, m.cancel = context.WithCancel(ctx)
	go func() {
		defer close(m.done)
		m.err = m.run(ctx, expected, stored)
	}()
	return m
}

func (m *mapCheck) stop() {
	m.cancel()
	<-m.done
}

// add takes the next record.
func (m *mapCheck) add(r verifier.Record) {
	if m.next < len(m.sizes) && r.Stream != "" {
		m.heads[r.Stream] = verifier.Head{Count: r.Revision, Hash: r.Hash}
	}
}

// reached hands over what changed when a size is reached at which the map is compared, and now and then in between.
func (m *mapCheck) reached(ctx context.Context, size int64) error {
	due := m.next < len(m.sizes) && m.sizes[m.next] == size
	if !due && len(m.heads) < mapChunk {
		return nil
	}
	step := mapStep{heads: m.heads, size: -1}
	if due {
		step.size = size
		m.next++
	}
	m.heads = map[string]verifier.Head{}
	select {
	case m.work <- step:
	case <-ctx.Done():
		return ctx.Err()
	}
	return nil
}

// wait returns what was found once everything handed over is compared.
func (m *mapCheck) wait() ([]Finding, error) {
	close(m.work)
	<-m.done
	return m.findings, m.err
}

func (m *mapCheck) run(ctx context.Context, expected map[int64][32]byte, stored *storedMap) error {
	nodes := newMemoryNodes()
	if err := prefix.InitStorage(ctx, verifier.MapHash, nodes); err != nil {
		return err
	}
	tree := prefix.NewTree(verifier.MapHash, nodes)
	compare := func(size int64) error {
		if want, ok := expected[size]; ok {
			root, err := tree.RootHash(ctx)
			if err != nil {
				return err
			}
			if root != want {
				m.findings = append(m.findings, Finding{Part: "map", What: fmt.Sprintf(
					"the root that was signed for %d records is not what they give", size)})
			}
		}
		if size == stored.cursor {
			m.findings = append(m.findings, stored.compare(ctx, nodes)...)
		}
		return nil
	}
	if stored.err != nil {
		m.findings = append(m.findings, Finding{Part: "map", What: stored.err.Error()})
	}
	if err := compare(0); err != nil {
		return err
	}
	for {
		var step mapStep
		var ok bool
		select {
		case step, ok = <-m.work:
			if !ok {
				return nil
			}
		case <-ctx.Done():
			return ctx.Err()
		}
		for stream, head := range step.heads {
			if err := tree.Insert(ctx, verifier.MapKey(stream), verifier.MapValue(head)); err != nil {
				return err
			}
		}
		if step.size > 0 {
			if err := compare(step.size); err != nil {
				return err
			}
		}
	}
}

// memoryNodes is a prefix.Storage whose nodes can be listed.
type memoryNodes map[prefix.Label]*prefix.Node

func newMemoryNodes() memoryNodes { return memoryNodes{} }

// Load implements prefix.Storage.
func (n memoryNodes) Load(_ context.Context, label prefix.Label) (*prefix.Node, error) {
	if node, ok := n[label]; ok {
		return node, nil
	}
	return nil, prefix.ErrNodeNotFound
}

// Store implements prefix.Storage.
func (n memoryNodes) Store(_ context.Context, nodes ...*prefix.Node) error {
	for _, node := range nodes {
		n[node.Label] = node
	}
	return nil
}

// storedMap is a look at the sealer's map at one moment, also while the sealer goes on.
type storedMap struct {
	path   string
	db     *sql.DB
	tx     *sql.Tx
	cursor int64 // -1: there is nothing to compare
	err    error // why it cannot be read
}

// openStored opens the map for comparison. A map that is missing is no finding: the sealer makes it anew.
func (v *verification) openStored(ctx context.Context) *storedMap {
	s := &storedMap{path: filepath.Join(v.dir, mapFile), cursor: -1}
	if _, err := os.Stat(s.path); errors.Is(err, fs.ErrNotExist) {
		return s
	}
	fail := func(err error) *storedMap {
		s.cursor, s.err = -1, fmt.Errorf("%s cannot be read: %w", mapFile, err)
		return s
	}
	var err error
	if s.db, err = sql.Open("sqlite", "file:"+s.path+"?_pragma=busy_timeout(10000)&_pragma=query_only(1)"); err != nil {
		return fail(err)
	}
	if s.tx, err = s.db.BeginTx(ctx, &sql.TxOptions{ReadOnly: true}); err != nil {
		return fail(err)
	}
	if err := s.tx.QueryRowContext(ctx, "SELECT leaves FROM progress").Scan(&s.cursor); err != nil {
		return fail(err)
	}
	return s
}

func (s *storedMap) close() {
	if s.tx != nil {
		_ = s.tx.Rollback() // it only read
	}
	if s.db != nil {
		_ = s.db.Close()
	}
}

// compare holds the stored nodes against those made anew.
func (s *storedMap) compare(ctx context.Context, made memoryNodes) []Finding {
	differs := func(format string, args ...any) []Finding {
		return []Finding{{Part: "map", What: mapFile + ": " + fmt.Sprintf(format, args...)}}
	}
	rows, err := s.tx.QueryContext(ctx, "SELECT label, node FROM nodes")
	if err != nil {
		return differs("%v", err)
	}
	defer rows.Close()
	n := 0
	var label, data []byte
	for rows.Next() {
		if err := rows.Scan(&label, &data); err != nil {
			return differs("%v", err)
		}
		l, rest, err := decodeLabel(label)
		if err != nil || len(rest) > 0 {
			return differs("node %d has a malformed label", n)
		}
		node, ok := made[l]
		if !ok || string(encodeNode(nil, node)) != string(data) {
			return differs("the node %.24s is not what the records give", l.String())
		}
		n++
	}
	if err := rows.Err(); err != nil {
		return differs("%v", err)
	}
	if n != len(made) {
		return differs("it has %d nodes where %d belong", n, len(made))
	}
	return nil
}
