package jetstream

import (
	"errors"
	"slices"

	"amends/eventstore"
)

const (
	// crossing is from how many events on one atomic batch beats pipelined single messages. A single message costs one
	// fsync. A batch costs as much as 12 to 25 of them, whatever its size, because the server stages it in a store of its own
	// on disk (created, synced, removed), but then each further event costs 10 us or so. Where the two cross depends on the
	// disk and on who else uses it: 12 to 20 measured with this code, about 25 on a faster disk. Near the crossing the
	// choice hardly matters.
	crossing = 16

	// What one round may hold, so that it always fits one batch. The server takes 1,000 messages in a batch, and refuses to
	// queue more than 128 MB. An append above roundBytes travels alone.
	roundEvents = eventstore.MaxAppendEvents
	roundBytes  = 16 << 20
)

// commitLoop writes what waits, round after round. There is no artificial delay: whatever arrives while a round is being
// written is the next round, so that rounds grow with the load.
func (s *Store) commitLoop() {
	var held []*pending
	for {
		if len(held) == 0 {
			s.queue.wait(s.ended)
		}
		s.queue.gather()
		held = append(held, s.queue.takeAll()...)
		if s.ended.Err() != nil {
			for _, p := range held {
				p.settle(nil, eventstore.ErrClosed)
			}
			return
		}
		var round []*pending
		round, held = nextRound(held)
		s.write(s.expected(round))
	}
}

// nextRound takes the first append of each stream, as far as a round can hold them; the rest keeps its order. A second
// append to a stream can only be checked once the first one's fate is known.
func nextRound(held []*pending) (round, rest []*pending) {
	events, bytes := 0, 0
	seen := make(map[string]struct{}, len(held))
	for _, p := range held {
		full := events > 0 && (events+len(p.msgs) > roundEvents || bytes+p.bytes > roundBytes)
		if _, again := seen[p.stream]; again || full {
			seen[p.stream] = struct{}{}
			rest = append(rest, p)
			continue
		}
		seen[p.stream] = struct{}{}
		events, bytes = events+len(p.msgs), bytes+p.bytes
		round = append(round, p)
	}
	return round, rest
}

// expected keeps the appends whose stream is, as far as known, at the expected revision, and prepares their compare-and-set.
// The others are settled on the side.
func (s *Store) expected(round []*pending) []*pending {
	heads := s.lookUp(round)
	return slices.DeleteFunc(round, func(p *pending) bool {
		h, known := heads[p.stream]
		// Unknown is the stream of an append that expects none, where the server finds out whether that is so; or the
		// lookup failed, and settling tries again and says why.
		if h.revision != p.expect || !known && p.expect != 0 {
			s.settleRefused(p, nil)
			return true
		}
		p.compareAndSet(h.sequence)
		return false
	})
}

// lookUp returns the heads of the round's streams, and fetches those that are not remembered, all at once. It does not fetch
// for an append that expects no stream. What it fetches is only remembered if it is then written: a round may well be
// larger than the memory.
func (s *Store) lookUp(round []*pending) map[string]head {
	heads := make(map[string]head, len(round))
	asked := make(map[string]*reply)
	g := s.getter()
	for _, p := range round {
		if h, ok := s.heads.Get(p.stream); ok {
			heads[p.stream] = h
		} else if p.expect != 0 {
			if r, err := g.ask(getRequest{LastFor: subjectPrefix + p.stream}, 1); err == nil {
				asked[p.stream] = r
			}
		}
	}
	for stream, r := range asked {
		m, err := r.message(s.ended)
		r.forget()
		if errors.Is(err, errNoMessage) {
			heads[stream] = head{}
		}
		if err != nil {
			continue
		}
		if e, err := recorded(m); err == nil {
			heads[stream] = head{e.Revision, uint64(e.Position)}
		}
	}
	return heads
}

// write writes the appends of a round, a few single events as pipelined messages, anything else as one atomic batch, and
// settles each of them.
func (s *Store) write(ready []*pending) {
	multi := slices.ContainsFunc(ready, func(p *pending) bool { return len(p.msgs) > 1 })
	if !multi && len(ready) < crossing {
		s.writeSingles(ready)
		return
	}
	b, err := s.sendBatch(ready)
	var last uint64
	if err == nil {
		last, err = b.outcome(s.base, s.cfg.AckWait)
	}
	switch {
	case isRefusal(err):
		s.writeApart(ready)
	case err != nil:
		s.unknown(ready, err)
	default:
		s.wrote(ready, last)
	}
}

// writeApart writes the members of a refused batch one by one, so that only the one at fault fails.
func (s *Store) writeApart(members []*pending) {
	var singles []*pending
	for _, p := range members {
		if len(p.msgs) == 1 {
			singles = append(singles, p)
			continue
		}
		one := []*pending{p}
		b, err := s.sendBatch(one)
		if err != nil {
			s.unknown(one, err)
			continue
		}
		last, err := b.outcome(s.base, s.cfg.AckWait)
		s.settleOne(p, last, err)
	}
	s.writeSingles(singles)
}

// writeSingles writes appends of one event each as pipelined messages.
func (s *Store) writeSingles(singles []*pending) {
	replies := make([]*reply, len(singles))
	errs := make([]error, len(singles))
	for i, p := range singles {
		replies[i] = s.acks.expect(1)
		errs[i] = s.publish(p.msgs[0], replies[i].Subject)
	}
	for i, p := range singles {
		var last uint64
		err := errs[i]
		if err == nil {
			last, err = replies[i].ack(s.base, s.cfg.AckWait)
		}
		replies[i].forget()
		s.settleOne(p, last, err)
	}
}

func (s *Store) settleOne(p *pending, last uint64, err error) {
	switch {
	case isRefusal(err):
		s.settleRefused(p, err)
	case err != nil:
		s.unknown([]*pending{p}, err)
	default:
		s.wrote([]*pending{p}, last)
	}
}

// wrote settles appends that were acknowledged as one run of the log which ends at the given sequence.
func (s *Store) wrote(members []*pending, last uint64) {
	s.mark.advance(eventstore.Position(last))
	for _, p := range slices.Backward(members) {
		s.heads.Add(p.stream, head{p.expect + eventstore.Revision(len(p.msgs)), last})
		p.run(last)
		last -= uint64(len(p.msgs))
	}
}
