// Package esdb is an eventstore.Store on EventStoreDB or KurrentDB, version 22.6 or later.
//
// A customer's events are the stream amends-<customer>; revision r is the server's event number r-1. The record's bytes are
// the event's data, which the server keeps as they are. The event's UUID is derived from the stream and the event id, so
// that the server itself recognises a repeated append; the id is in the metadata. A position is the event's place in the
// server's transaction log (its commit position): strictly increasing, but with large gaps.
//
// Every call requires the leader, so that what was acknowledged is read. A leader acknowledges a write when a majority of
// the cluster has it on disk, which rests on two server settings that must stay as they are by default: UnsafeDisableFlushToDisk
// and CommitCount. MaxAppendSize must not be below its default of 1 MiB.
//
// Deleted, tombstoned or truncated streams are damage to a ledger: reading or following them is an error that names the
// stream, never a silent gap. Streams of other names, and the server's own, are ignored.
//
// The package uses the connection string and the generated protocol of EventStore-Client-Go, and not its Client, whose
// connection handling loses what a ledger needs: see docs/decisions/0040.
package esdb
