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
//	streams/ID/records.ndjson           the records of one customer, byte for byte, one a line
//	streams/ID/proofs/REVISION.tlog-proof   that the record is in the log (c2sp.org/tlog-proof)
//	streams/ID/map.json                 MapProof: that the customer has exactly these records, or none
//
// The map root's entry is not in the bundle, because it is made from what is: the root that each map.json gives, and the
// checkpoint.
package verifier
