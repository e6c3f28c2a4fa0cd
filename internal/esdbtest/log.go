package esdbtest

import (
	"encoding/json"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
)

// Expected versions, as the server numbers them. What is 0 or more is an event number.
const (
	expectNoStream     = -1
	expectAny          = -2
	expectStreamExists = -4
)

// deletedStream is the event number of a tombstone, and the $tb of a deleted stream.
const deletedStream = math.MaxInt64

// record is an event in the log. Each is a committed record of its own: commit and prepare position are both pos.
type record struct {
	pos     uint64
	stream  string
	number  uint64
	id      uuid.UUID
	kind    string
	json    bool
	data    []byte
	meta    []byte
	created time.Time
}

func (r *record) size() uint64 {
	return 100 + uint64(len(r.stream)+len(r.kind)+len(r.data)+len(r.meta))
}

// transactionLog is what is on the disks of a cluster. It outlives its nodes.
type transactionLog struct {
	mu      sync.Mutex
	end     uint64 // where the next record will be
	records []record
	streams map[string][]int     // indices into records, by event number unless scavenged
	recent  map[uuid.UUID]record // what idempotence for an expectation of any version rests on; lost in a restart
	grown   chan struct{}        // closed and replaced at each append
}

func newTransactionLog() *transactionLog {
	l := &transactionLog{
		streams: make(map[string][]int), recent: make(map[uuid.UUID]record), grown: make(chan struct{}),
		end: 157, // after the record of the first epoch
	}
	l.system()
	return l
}

// system writes an event of the server's own, such as it writes by itself from time to time.
func (l *transactionLog) system() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.write("$stats-127.0.0.1:2113", l.last("$stats-127.0.0.1:2113")+1, proposed{
		id: uuid.New(), kind: "$statsCollected", json: true, data: []byte(`{"proc-cpu":1}`),
	})
}

// proposed is an event on its way in.
type proposed struct {
	id   uuid.UUID
	kind string
	json bool
	data []byte
	meta []byte
}

func (l *transactionLog) write(stream string, number int64, e proposed) record {
	r := record{
		pos: l.end, stream: stream, number: uint64(number), id: e.id, kind: e.kind, json: e.json,
		data: slices.Clone(e.data), meta: slices.Clone(e.meta), created: time.Now(),
	}
	l.end += r.size()
	l.streams[stream] = append(l.streams[stream], len(l.records))
	l.records = append(l.records, r)
	l.recent[r.id] = r
	close(l.grown)
	l.grown = make(chan struct{})
	return r
}

// last is the number of the stream's last event, -1 if there is none.
func (l *transactionLog) last(stream string) int64 {
	held := l.streams[stream]
	if len(held) == 0 {
		return -1
	}
	return int64(l.records[held[len(held)-1]].number)
}

func (l *transactionLog) tombstoned(stream string) bool { return l.last(stream) == deletedStream }

// settings is what a stream's metadata sets.
type settings struct {
	TruncateBefore uint64 `json:"$tb"`
	MaxCount       uint64 `json:"$maxCount"`
}

func (l *transactionLog) settings(stream string) (m settings) {
	held := l.streams["$$"+stream]
	if len(held) > 0 {
		_ = json.Unmarshal(l.records[held[len(held)-1]].data, &m) // the server, too, takes what is not JSON for no settings
	}
	return m
}

func (l *transactionLog) softDeleted(stream string) bool {
	return l.settings(stream).TruncateBefore == deletedStream
}

// decision is what the server decides about an append before it writes.
type decision int

const (
	accept decision = iota
	repeated
	wrongVersion
	streamDeleted
)

// outcome of an append. end is the number, position the place of its last event; current the stream's before it.
type outcome struct {
	decision      decision
	current, end  int64
	position      uint64
	knownPosition bool
}

// append decides like the server's index writer (IndexWriter.CheckCommit), and writes.
func (l *transactionLog) append(stream string, expected int64, events []proposed) outcome {
	l.mu.Lock()
	defer l.mu.Unlock()
	current := l.last(stream)
	if l.tombstoned(stream) {
		return outcome{decision: streamDeleted}
	}
	soft := l.softDeleted(stream)
	if expected == expectStreamExists {
		if soft {
			return outcome{decision: streamDeleted}
		}
		if current < 0 {
			return outcome{decision: wrongVersion, current: current}
		}
	}
	switch {
	case expected == expectAny || expected == expectStreamExists:
		if out, ok := l.repeatedLately(stream, current, events); ok {
			return out
		}
	case expected < current:
		out := l.repeatedAfter(stream, expected, current, events)
		if !(out.decision == wrongVersion && expected == expectNoStream && soft) {
			return out
		}
	case expected > current:
		return outcome{decision: wrongVersion, current: current}
	}
	out := outcome{current: current, end: current, knownPosition: true}
	for _, e := range events {
		out.end++
		out.position = l.write(stream, out.end, e).pos
	}
	if soft { // the stream lives again, from here on
		l.setMetadata(stream, `{"$tb":`+strconv.FormatInt(current+1, 10)+`}`)
	}
	return out
}

// repeatedLately: an append at any version is recognised by ids that the server happens to remember.
func (l *transactionLog) repeatedLately(stream string, current int64, events []proposed) (outcome, bool) {
	out := outcome{decision: repeated, current: current}
	for i, e := range events {
		r, ok := l.recent[e.id]
		if !ok || r.stream != stream {
			if i == 0 {
				return outcome{}, false
			}
			return outcome{decision: wrongVersion, current: current}, true
		}
		out.end, out.position, out.knownPosition = int64(r.number), r.pos, true
	}
	return out, true
}

// repeatedAfter: an append at a version that has passed is a repetition if exactly these ids follow it.
func (l *transactionLog) repeatedAfter(stream string, expected, current int64, events []proposed) outcome {
	out := outcome{decision: repeated, current: current, end: expected}
	for _, e := range events {
		out.end++
		r := l.numbered(stream, out.end)
		if r == nil || r.id != e.id {
			return outcome{decision: wrongVersion, current: current}
		}
	}
	if len(events) == 0 {
		return outcome{decision: wrongVersion, current: current}
	}
	// The server tells the place only of what its index has at hand.
	_, out.knownPosition = l.recent[events[len(events)-1].id]
	out.position = l.numbered(stream, out.end).pos
	return out
}

func (l *transactionLog) numbered(stream string, number int64) *record {
	for _, i := range l.streams[stream] {
		if int64(l.records[i].number) == number {
			return &l.records[i]
		}
	}
	return nil
}

func (l *transactionLog) setMetadata(stream, to string) {
	name := "$$" + stream
	l.write(name, l.last(name)+1, proposed{id: uuid.New(), kind: "$metadata", json: true, data: []byte(to)})
}

// delete deletes softly: the events are hidden, and removed by the next scavenge.
func (l *transactionLog) delete(stream string) uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.setMetadata(stream, `{"$tb":`+strconv.FormatInt(deletedStream, 10)+`}`)
	return l.records[len(l.records)-1].pos
}

// tombstone deletes for good.
func (l *transactionLog) tombstone(stream string) uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.write(stream, deletedStream, proposed{id: uuid.New(), kind: "$streamDeleted"}).pos
}

// scavenge removes what deletions and truncations hide.
func (l *transactionLog) scavenge() {
	l.mu.Lock()
	defer l.mu.Unlock()
	kept := l.records
	l.records, l.streams = nil, make(map[string][]int)
	for _, r := range kept {
		if hidden := l.hidden(kept, r); hidden {
			continue
		}
		l.streams[r.stream] = append(l.streams[r.stream], len(l.records))
		l.records = append(l.records, r)
	}
}

func (l *transactionLog) hidden(all []record, r record) bool {
	var m settings
	var last uint64
	gone := false
	for _, other := range all {
		switch {
		case other.stream == "$$"+r.stream:
			m = settings{}
			_ = json.Unmarshal(other.data, &m)
		case other.stream == r.stream && other.number == deletedStream:
			gone = true
		case other.stream == r.stream:
			last = other.number
		}
	}
	return r.number != deletedStream && (gone || r.number < m.TruncateBefore && r.number < last || m.MaxCount > 0 && r.number+m.MaxCount <= last)
}

// read returns what is visible of a stream; false if the stream is not found.
func (l *transactionLog) read(stream string) ([]record, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	held := l.streams[stream]
	if len(held) == 0 || l.softDeleted(stream) {
		return nil, false
	}
	m := l.settings(stream)
	var visible []record
	for _, i := range held {
		r := l.records[i]
		if r.number < m.TruncateBefore || m.MaxCount > 0 && int64(r.number)+int64(m.MaxCount) <= l.last(stream) {
			continue
		}
		visible = append(visible, r)
	}
	return visible, true
}

// snapshot returns the whole log up to now, where it ends, and what tells that it grew.
func (l *transactionLog) snapshot() (records []record, end uint64, grown <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.records, l.end, l.grown
}

// forget drops what a restart loses.
func (l *transactionLog) forget() {
	l.mu.Lock()
	defer l.mu.Unlock()
	clear(l.recent)
}

// selection is a filter over $all.
type selection struct {
	byType   bool
	prefixes []string
	regex    *regexp.Regexp
}

func (s *selection) takes(r *record) bool {
	if s == nil {
		return true
	}
	name := r.stream
	if s.byType {
		name = r.kind
	}
	if s.regex != nil {
		return s.regex.MatchString(name)
	}
	return slices.ContainsFunc(s.prefixes, func(p string) bool { return strings.HasPrefix(name, p) })
}
