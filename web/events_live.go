package web

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"

	"amends/eventstore"
)

// liveBuffer is how many records wait between the log and a slow reader.
const liveBuffer = 64

// live follows the log from the query's position until the caller leaves. It calls emit for each selected event and, when
// nothing was sent for a heartbeat, beat with the position up to which everything was looked at. Answers are flushed whenever
// no further event is at hand.
//
// begin is called once, before anything is sent: what keeps the first record that the log already has from being read is
// answered as a problem, not by a stream that breaks off again and again.
func (s *server) live(w http.ResponseWriter, r *http.Request, q eventQuery,
	begin func() error, emit func(*eventstore.Recorded) error, beat func(position uint64) error,
) error {
	if r.Method == http.MethodHead {
		return nil
	}
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	type step struct {
		rec eventstore.Recorded
		err error
	}
	steps := make(chan step, liveBuffer)
	go func() {
		defer close(steps)
		for rec, err := range s.cfg.Store.Follow(ctx, eventstore.Position(q.after)) {
			select {
			case steps <- step{rec, err}:
			case <-ctx.Done():
				return
			}
		}
	}()

	end, err := s.cfg.Store.End(ctx)
	if err != nil {
		return unavailable(err)
	}
	var first *step
	if q.after < uint64(end) {
		next, open := <-steps
		switch {
		case !open || ctx.Err() != nil:
			return ctx.Err()
		case next.err != nil:
			return unavailable(next.err)
		}
		first = &next
	}
	if err := begin(); err != nil {
		return err
	}
	flusher := http.NewResponseController(w)
	_ = flusher.SetWriteDeadline(time.Time{}) // a stream may outlast any timeout of the server; not every writer has one
	if err := flusher.Flush(); err != nil {   // the headers: the caller learns that it is connected
		return err
	}
	ticker := time.NewTicker(s.cfg.Heartbeat)
	defer ticker.Stop()
	seen, sent := q.after, 0
	take := func(next *step) error {
		if next.err != nil {
			return unavailable(next.err)
		}
		seen = uint64(next.rec.Position)
		if !q.matches(&next.rec) {
			return nil
		}
		sent++
		return emit(&next.rec)
	}
	if first != nil {
		if err := take(first); err != nil {
			return err
		}
		if err := flusher.Flush(); err != nil {
			return err
		}
		sent = 0
	}
	for {
		select {
		case next, open := <-steps:
			if !open || ctx.Err() != nil {
				return ctx.Err()
			}
			if err := take(&next); err != nil {
				return err
			}
			if sent == 0 || len(steps) > 0 {
				continue
			}
			ticker.Reset(s.cfg.Heartbeat)
		case <-ticker.C:
			if err := beat(seen); err != nil {
				return err
			}
		case <-ctx.Done():
			return ctx.Err()
		}
		sent = 0
		if err := flusher.Flush(); err != nil {
			return err
		}
	}
}

// streamMessages answers with Server-Sent Events. They have no event name: a browser's EventSource hands unnamed messages to
// onmessage, and named ones only to those who know all names. The type is in the record.
func (s *server) streamMessages(w http.ResponseWriter, r *http.Request, q eventQuery) error {
	h := w.Header()
	h.Set("Content-Type", typeSSE)
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no") // reverse proxies that buffer would hold messages back
	var message []byte
	err := s.live(w, r, q, func() error {
		_, err := w.Write([]byte("retry: 1000\n\n"))
		return err
	}, func(rec *eventstore.Recorded) error {
		message = appendMessage(message[:0], rec)
		_, err := w.Write(message)
		return err
	}, func(position uint64) error {
		_, err := w.Write([]byte(": " + strconv.FormatUint(position, 10) + "\n\n"))
		return err
	})
	return gone(err)
}

// appendMessage writes one message. A record has no line feed; were there one, the message would still arrive whole.
func appendMessage(dst []byte, rec *eventstore.Recorded) []byte {
	dst = append(dst, "id: "...)
	dst = strconv.AppendUint(dst, uint64(rec.Position), 10)
	for line := range bytes.SplitSeq(rec.Data, []byte{'\n'}) {
		dst = append(dst, "\ndata: "...)
		dst = append(dst, line...)
	}
	return append(dst, "\n\n"...)
}

// streamLines answers with NDJSON that stays live. An empty line is its heartbeat.
func (s *server) streamLines(w http.ResponseWriter, r *http.Request, q eventQuery) error {
	w.Header().Set("Content-Type", typeNDJSON)
	w.Header().Set("Cache-Control", "no-store")
	var line []byte
	count := 0
	err := s.live(w, r, q, func() error { return nil }, func(rec *eventstore.Recorded) error {
		line = append(appendPlaced(line[:0], rec), '\n')
		if _, err := w.Write(line); err != nil {
			return err
		}
		if count++; count == q.limit {
			return errEnough
		}
		return nil
	}, func(uint64) error {
		_, err := w.Write([]byte{'\n'})
		return err
	})
	if errors.Is(err, errEnough) {
		return nil
	}
	return gone(err)
}

var errEnough = errors.New("limit reached")

// gone takes the caller's leaving as the ordinary end of a stream.
func gone(err error) error {
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}
