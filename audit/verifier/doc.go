// Package verifier checks the proofs of a ledger, offline: a bundle of evidence and a pinned public key are all that it needs.
//
// It holds the formats that are published (formats.go), the rules that a record must obey in its customer's chain (record.go),
// and the check of a bundle (bundle.go, check.go). It imports no other package of the ledger, and of others only what the
// formats come from: golang.org/x/mod/sumdb and filippo.io/torchwood.
//
// A bundle is a zip file:
//
//	README.txt                          what this is
//	bundle.json                         Manifest: the format, the customer, the streams
//	policy, map.policy                  tlog-policy: whose signatures the checkpoints carry
//	checkpoint                          the signed checkpoint that everything is proved against
//	map.tlog-proof                      that the map root of this checkpoint is in the log of map roots
//	known.consistency                   optional: that the checkpoint extends one that the auditor holds
//	keys.json                           optional: data keys that open sealed values of the records
//	streams/ID/records.ndjson           the records of one customer, byte for byte, one a line
//	streams/ID/proofs/REVISION.tlog-proof   that the record is in the log (c2sp.org/tlog-proof)
//	streams/ID/map.json                 MapProof: that the customer has exactly these records, or none
//
// keys.json is a JSON array of objects: key_id (as it stands in the sealed values), customer_id, class (of retention) and key
// (32 bytes, base64). It is not proved by the signatures, and need not be: the records name the keys by their ids, and an id is
// HKDF-SHA256 of the key, the customer and the class, so another key cannot have it. Package vault does that check and opens
// values (vault.ParseKeys); this package hands the file out, and no key passes through the rest of it.
//
// The map root's entry is not in the bundle, because it is made from what is: the root that each map.json gives, and the
// checkpoint.
package verifier
