// Package jetstream keeps the log in a NATS JetStream server that runs inside the process.
//
// The log is one JetStream stream. Each stream of the contract is one literal subject of it, log.<name>, so that a read of
// one customer never has to match a wildcard. The payload of a message is exactly the event's bytes; the event's id and its
// revision travel in two headers. The message's sequence is the event's position.
//
// Life of an append: Append builds the messages and hands them to the committer, which takes everything that waits, checks
// each expectation against the last known head of its stream, and writes a few appends as pipelined single messages, many
// as one atomic batch. JetStream's own compare-and-set (Nats-Expected-Last-Subject-Sequence) has the last word; what it
// refuses is settled by reading back the ids that the stream holds. The server acknowledges after fsync.
//
// Reads and followers use batched Direct Gets. They are isolated from a batch that is being committed and from a message
// that is being synced, so nobody ever sees an event that a power cut could still take back; consumers are not, and only
// serve to catch up with what was acknowledged long before.
//
// What a crash or a bad disk does to a log:
//
//   - The process is killed, or the machine stops: every acknowledged event is there, in order, with its position. An append
//     whose acknowledgement was still missing is there whole or not at all.
//   - The disk lied about a sync and the end of the newest block is torn: the record that was torn, and what came after it,
//     is cut off. Open does not notice; the log is simply shorter, and goes on. Whoever remembers a position beyond the end
//     (a projection's cursor, a signed checkpoint) can tell, and must.
//   - A record inside the log is damaged: its checksum fails, and the server leaves it out. Open, Read and Follow return an
//     error rather than skip it. Altered bytes are never returned. The remedy is a backup.
//   - The disk is full: appends fail after Config.AckWait as unanswered, or at once where Config.MaxBytes is reached first;
//     nothing is acknowledged that is not stored. The log can still be opened and read. The server does not write again
//     before it was reopened.
package jetstream
