package audit

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"slices"

	"filippo.io/torchwood/prefix"
	lru "github.com/hashicorp/golang-lru/v2"
	_ "modernc.org/sqlite" // the driver "sqlite"

	"amends/audit/verifier"
)

// nodes keeps the completeness map: the nodes of its tree, and how many leaves of the log they come from. It implements
// prefix.Storage; what is stored is held in memory until flush commits it together with the cursor, in one transaction.
//
// A power cut may take back the last commits, never part of one: the map is then brought up to date from the bundles.
type nodes struct {
	db     *sql.DB
	load   *sql.Stmt
	cache  *lru.Cache[prefix.Label, *prefix.Node]
	dirty  map[prefix.Label]*prefix.Node
	cursor int64 // leaves of the log that the committed nodes come from
}

// cachedNodes is how many nodes are held besides those of the transaction under way, near 250 bytes each.
const cachedNodes = 100_000

const nodesSchema = `
CREATE TABLE IF NOT EXISTS nodes (label BLOB PRIMARY KEY, node BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS progress (id INTEGER PRIMARY KEY CHECK (id = 1), leaves INTEGER NOT NULL);
INSERT OR IGNORE INTO progress VALUES (1, 0);`

// openNodes opens the map, an empty one, for its owner alone, if there is no file.
func openNodes(ctx context.Context, path string) (_ *nodes, err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600) // SQLite would make it with 0644
	if err != nil {
		return nil, err
	}
	if err := errors.Join(f.Chmod(0o600), f.Close()); err != nil {
		return nil, err
	}
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=journal_mode(wal)&_pragma=synchronous(normal)&_pragma=busy_timeout(10000)")
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	n := &nodes{db: db, dirty: map[prefix.Label]*prefix.Node{}}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("%w: %s: %w; remove it, and the sealer makes it anew", ErrDamaged, path, err), db.Close())
		}
	}()
	if _, err := db.ExecContext(ctx, nodesSchema); err != nil {
		return nil, err
	}
	if err := db.QueryRowContext(ctx, "SELECT leaves FROM progress").Scan(&n.cursor); err != nil {
		return nil, err
	}
	if n.load, err = db.PrepareContext(ctx, "SELECT node FROM nodes WHERE label = ?"); err != nil {
		return nil, err
	}
	if n.cache, err = lru.New[prefix.Label, *prefix.Node](cachedNodes); err != nil {
		return nil, err
	}
	if n.cursor == 0 {
		err = prefix.InitStorage(ctx, verifier.MapHash, n)
	}
	return n, err
}

func (n *nodes) tree() *prefix.Tree { return prefix.NewTree(verifier.MapHash, n) }

// lookup proves that the map has the key, or that it does not.
func (n *nodes) lookup(ctx context.Context, key [32]byte) (bool, []prefix.ProofNode, error) {
	found, path, err := n.tree().Lookup(ctx, key)
	if err != nil || found || len(path) != 1 || path[0].Label == prefix.EmptyNodeLabel {
		return found, path, err
	}
	// All keys are on the other side of the root. Torchwood's verifier wants to see both children of the root, and its Lookup
	// leaves the empty one out.
	empty, err := n.Load(ctx, prefix.EmptyNodeLabel)
	if err != nil {
		return false, nil, err
	}
	return false, append([]prefix.ProofNode{{Label: empty.Label, Hash: empty.Hash}}, path...), nil
}

// Load implements prefix.Storage.
func (n *nodes) Load(ctx context.Context, label prefix.Label) (*prefix.Node, error) {
	if node, ok := n.dirty[label]; ok {
		return node, nil
	}
	if node, ok := n.cache.Get(label); ok {
		return node, nil
	}
	var data []byte
	err := n.load.QueryRowContext(ctx, encodeLabel(nil, label)).Scan(&data)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, prefix.ErrNodeNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("read map: %w", err)
	}
	node, err := decodeNode(label, data)
	if err != nil {
		return nil, err
	}
	n.cache.Add(label, node)
	return node, nil
}

// Store implements prefix.Storage. The nodes must not change afterwards, and the tree's do not.
func (n *nodes) Store(_ context.Context, changed ...*prefix.Node) error {
	for _, node := range changed {
		n.dirty[node.Label] = node
	}
	return nil
}

// flush commits what was stored, and that it comes from so many leaves of the log.
func (n *nodes) flush(ctx context.Context, leaves int64) (err error) {
	tx, err := n.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, tx.Rollback())
		}
	}()
	put, err := tx.PrepareContext(ctx, "INSERT INTO nodes VALUES (?, ?) ON CONFLICT (label) DO UPDATE SET node = excluded.node")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, put.Close()) }()
	var label, data []byte
	for _, node := range n.dirty {
		label, data = encodeLabel(label[:0], node.Label), encodeNode(data[:0], node)
		if _, err := put.ExecContext(ctx, label, data); err != nil {
			return err
		}
	}
	if _, err := tx.ExecContext(ctx, "UPDATE progress SET leaves = ?", leaves); err != nil {
		return err
	}
	if err := tx.Commit(); err != nil {
		return err
	}
	for label, node := range n.dirty {
		n.cache.Add(label, node)
	}
	clear(n.dirty)
	n.cursor = leaves
	return nil
}

func (n *nodes) close() error { return errors.Join(n.load.Close(), n.db.Close()) }

// A label is stored as its length in bits (two bytes) and as many bytes as hold them; the label of the empty node, which has
// no bits but bytes, as a length that no label has.
const emptyNode = 0xffff

func encodeLabel(to []byte, l prefix.Label) []byte {
	if l == prefix.EmptyNodeLabel {
		return append(to, emptyNode>>8, emptyNode&0xff)
	}
	bits := l.BitLen()
	return append(append(to, byte(bits>>8), byte(bits)), l.Bytes()[:(bits+7)/8]...)
}

var errMalformedNode = errors.New("a node of the map is malformed")

func decodeLabel(b []byte) (prefix.Label, []byte, error) {
	if len(b) < 2 {
		return prefix.Label{}, nil, errMalformedNode
	}
	bits := int(b[0])<<8 | int(b[1])
	b = b[2:]
	if bits == emptyNode {
		return prefix.EmptyNodeLabel, b, nil
	}
	n := (bits + 7) / 8
	if bits > 256 || len(b) < n {
		return prefix.Label{}, nil, errMalformedNode
	}
	l, err := prefix.NewLabel(uint32(bits), slices.Clone(b[:n]))
	if err != nil {
		return prefix.Label{}, nil, fmt.Errorf("%w: %w", errMalformedNode, err)
	}
	return l, b[n:], nil
}

// encodeNode writes a node without its own label: the hash, and for one that has children their labels.
func encodeNode(to []byte, node *prefix.Node) []byte {
	to = append(to, node.Hash[:]...)
	if node.Label.IsLeaf() || node.Label == prefix.EmptyNodeLabel {
		return to
	}
	return encodeLabel(encodeLabel(to, node.Left), node.Right)
}

func decodeNode(label prefix.Label, b []byte) (*prefix.Node, error) {
	node := &prefix.Node{Label: label}
	if len(b) < len(node.Hash) {
		return nil, errMalformedNode
	}
	b = b[copy(node.Hash[:], b):]
	if label.IsLeaf() || label == prefix.EmptyNodeLabel {
		if len(b) > 0 {
			return nil, errMalformedNode
		}
		return node, nil
	}
	var err error
	if node.Left, b, err = decodeLabel(b); err != nil {
		return nil, err
	}
	if node.Right, b, err = decodeLabel(b); err != nil {
		return nil, err
	}
	if len(b) > 0 {
		return nil, errMalformedNode
	}
	return node, nil
}
