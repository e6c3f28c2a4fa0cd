// Package audit proves what the log holds: that nothing was altered, reordered or left out.
//
// The sealer follows the log like every other follower. Each record's exact bytes are a leaf of a Merkle tree, in the order of
// the log; the tree is kept as C2SP tlog-tiles, and its head is signed (c2sp.org/tlog-checkpoint). A second tree, of map
// roots, makes histories complete: a verifiable map says for each customer how many records there are and what the last one
// hashes to, and each of its roots is logged together with the checkpoint that it was made from. Together they prove that
// these are all records of a customer up to a checkpoint, or that there is no such customer.
//
// Below the data directory:
//
//	audit/log/checkpoint     the signed head of the tree of records
//	audit/log/tile/…         entry bundles (the records themselves: a full second copy of the log) and hash tiles
//	audit/log/state          the head that the tiles give, written before it is signed
//	audit/log/positions      the position in the log of each leaf, eight bytes big endian
//	audit/map/…              the same for the log of map roots
//	audit/map.sqlite         the map's nodes: made from the bundles, and made anew when missing
//	audit/previous/…         of a restored ledger: what earlier keys signed (identity.go)
//	keys/sealer.key          the signing key, for the owner alone
//
// Each commit writes in one order: bundles, tiles, fsync, state, signature. A crash between any two leaves what was signed
// whole; what lies beyond the state is written again, the same bytes from the same records. The sealer never signs when the
// log is shorter than what it sealed, or holds something else: then it stops with ErrLogDiffers.
//
// Package verifier checks what is published, and needs neither this package nor a ledger.
package audit

import "errors"

// Where the parts live below a data directory.
const (
	auditDir      = "audit"
	logDir        = "log"
	mapDir        = "map"
	mapFile       = "map.sqlite"
	positionsFile = "positions"
	lockFile      = "lock"
)

var (
	// ErrLogDiffers: the log is shorter than what was sealed, or holds other records. Nothing more is signed.
	ErrLogDiffers = errors.New("the log is not the one that was sealed")
	// ErrDamaged: the sealed files contradict each other.
	ErrDamaged = errors.New("the sealed copy is damaged")
	// ErrNoKey: the signing key is missing or unreadable.
	ErrNoKey = errors.New("no signing key")
	// ErrNotSealed: what is asked for is not sealed yet.
	ErrNotSealed = errors.New("not sealed yet")
	// ErrNotFound: the ledger has no such record.
	ErrNotFound = errors.New("no such record")
	// ErrInvalid: what was asked is malformed.
	ErrInvalid = errors.New("invalid request")
	// ErrBusy: another process seals this ledger.
	ErrBusy = errors.New("another process seals this ledger")
)
