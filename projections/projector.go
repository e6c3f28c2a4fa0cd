package projections

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/rs/zerolog"

	"amends/domain"
	"amends/eventstore"
	"amends/projections/internal/sqlite"
	"amends/schemas"
)

// ErrLogBehind: the log ends before the views' cursor, or has no record there, so it is not the log that they were made from,
// or an older state of it.
var ErrLogBehind = errors.New("the views are of another log, or of a later state of this one (was it restored or rolled back?): rebuild the views")

// ErrLogGap: a stream's records do not follow each other without a gap.
var ErrLogGap = fmt.Errorf("%w: the records of a customer are not gapless", eventstore.ErrDamaged)

// projector turns the log into the rows of one file. It is used by one goroutine at a time.
type projector struct {
	store  eventstore.Store
	codec  *schemas.Codec
	logger zerolog.Logger
	base   *domain.Weights // in force before any publication
	// asOf says what a customer's scores are made for.
	asOf func(customer string) (asOf, error)
	// fresh: the file was empty and nobody reads it yet. Then as much as possible is folded before anything is written.
	fresh bool
	// delay is how many events may be put off to be folded and written together while the log is far ahead.
	delay int
	// sparse: positions have gaps.
	sparse bool

	conn   *sqlite.Conn
	writer *pipe
	cache  *cache
	units  *units
	book   *book

	schedule   *domain.WeightsSchedule // of the publications up to seen
	reweighted bool                    // weights were published since the last commit

	cursor  eventstore.Position // of the last commit
	seen    eventstore.Position // of the last event taken; what is cached reaches up to here
	held    int                 // events taken since the last commit
	touched []*entry
	pass    *pass // while the log is read in parts
	chunk   *chunk

	unit    unit // the one in work
	scratch eventRow
	counts  []int
}

// projectorConfig is what a projector needs beside the views' own configuration.
type projectorConfig struct {
	Config
	asOf  func(customer string) (asOf, error)
	fresh bool
	delay int
}

// asOf is what scores are made for: an instant in whole seconds, and the weights of a version; empty or unknown: those in force.
type asOf struct {
	at             time.Time
	weightsVersion string
}

// newProjector starts from what the file's cursor says.
func newProjector(conn *sqlite.Conn, c projectorConfig) (*projector, error) {
	w, err := newWriter(conn)
	if err != nil {
		return nil, err
	}
	p := &projector{
		store: c.Store, codec: c.Codec, logger: c.Logger, base: c.Weights, asOf: c.asOf, fresh: c.fresh,
		delay: c.delay, sparse: c.SparsePositions, conn: conn, writer: newPipe(w), cache: newCache(c.CacheEvents),
	}
	if err := p.reload(); err != nil {
		p.close()
		return nil, err
	}
	return p, nil
}

// reload forgets everything held and starts again from the file's cursor.
func (p *projector) reload() error {
	f, err := describeFile(p.conn)
	if err != nil {
		return err
	}
	p.cursor = eventstore.Position(f.position)
	if p.units, err = loadUnits(p.conn); err != nil {
		return err
	}
	if f.version != "" {
		if p.book, err = loadBook(p.conn); err != nil {
			return err
		}
	}
	if p.schedule, err = loadSchedule(p.conn, p.base); err != nil {
		return err
	}
	p.forget()
	return nil
}

// forget drops what is held in memory since, or because of, a failure.
func (p *projector) forget() {
	p.cache.clear()
	p.seen, p.held = p.cursor, 0
	p.touched, p.pass, p.chunk = nil, nil, newChunk()
}

// close gives back what the projector holds; the connection stays open.
func (p *projector) close() { p.detach() }

// detach lets go of the file: no transaction and no statement is open until attach.
func (p *projector) detach() {
	if p.writer != nil {
		p.writer.close()
		p.writer = nil
	}
}

// attach takes the file up again, whatever was done to it meanwhile.
func (p *projector) attach() error {
	w, err := newWriter(p.conn)
	if err != nil {
		return err
	}
	p.writer = newPipe(w)
	return p.reload()
}

// pass is one of several readings of the log: rows says whether the records' own rows are put, owns whose customers are folded.
type pass struct {
	rows  bool
	owns  func(stream string) bool
	until eventstore.Position
}

// take notes the records: their rows are on their way, and what they touch is to be folded. Records up to what was seen
// before are skipped.
func (p *projector) take(items []item) error {
	for i := range items {
		it := &items[i]
		if eventstore.Position(it.event.Position) <= p.seen {
			continue
		}
		p.seen = eventstore.Position(it.event.Position)
		if it.unusable == nil && (p.pass == nil || p.pass.rows) {
			p.eventRow(&it.event)
		}
		if it.event.Customer == domain.LedgerStream {
			if it.unusable != nil {
				p.park(&it.event, it.unusable)
			} else {
				p.takePolicy(&it.event)
				if d, ok := it.event.Data.(*domain.WeightsPublished); ok {
					p.publish(&it.event, d)
				}
			}
			continue
		}
		if p.pass != nil && !p.pass.owns(it.event.Customer) {
			continue
		}
		p.held++
		e := p.cache.get(it.event.Customer)
		if e == nil {
			e = &entry{id: it.event.Customer, from: it.event.Revision, last: it.event.Revision - 1, isNew: it.event.Revision == 1}
			p.cache.add(e)
		}
		if it.event.Revision != e.last+1 {
			return fmt.Errorf("%w: customer %s has revision %d after %d", ErrLogGap, e.id, it.event.Revision, e.last)
		}
		e.last = it.event.Revision
		p.touch(e)
		if it.unusable != nil {
			e.parked++
			p.park(&it.event, it.unusable)
			continue
		}
		e.hold(it.event)
		p.cache.grew(1)
	}
	if p.chunk.size() > chunkCells {
		return p.send()
	}
	return nil
}

// hold appends an event.
func (e *entry) hold(event domain.Event) {
	switch event.Data.(type) {
	case *domain.CustomerAbsorbed:
		e.merges = true
	case *domain.RecordCorrected:
		e.corrections = append(e.corrections, len(e.events))
	}
	e.events = append(e.events, event)
}

func (p *projector) touch(e *entry) {
	if !e.touched {
		e.touched = true
		p.touched = append(p.touched, e)
	}
}

// eventRow puts a record's own row.
func (p *projector) eventRow(e *domain.Event) {
	p.scratch = eventRow{Event: e}
	p.scratch.describe()
	rows := &p.chunk.rows[eventsTable.number]
	for i := range events.columns {
		events.columns[i].put(rows, &p.scratch)
	}
}

// park notes a record that cannot be projected. The customer's row will say that it is stale.
func (p *projector) park(e *domain.Event, reason error) {
	row := parkedRow{position: e.Position, revision: e.Revision, customer: e.Customer, eventID: e.ID, typ: string(e.Type),
		error: reason.Error()}
	for _, c := range parked.columns {
		c.put(&p.chunk.rows[parkedTable.number], &row)
	}
	p.logger.Error().Str("customer", e.Customer).Str("event", e.ID).Uint64("position", e.Position).
		Err(reason).Msg("record could not be projected; its customer's rows are stale")
}

// flush folds what was touched, writes its rows and moves the cursor to what was seen, all in one transaction.
func (p *projector) flush(ctx context.Context) error {
	if p.seen == p.cursor {
		return nil
	}
	if err := p.project(ctx); err != nil {
		return err
	}
	if err := p.commit(ctx, p.seen); err != nil {
		return err
	}
	p.cache.shrink()
	return nil
}

// project folds what was touched and puts the rows.
func (p *projector) project(ctx context.Context) error {
	for i := 0; i < len(p.touched); i++ { // loading may touch more
		if err := p.complete(ctx, p.touched[i]); err != nil {
			return err
		}
	}
	for _, e := range p.touched {
		p.supersede(e)
	}
	roots, err := p.roots(ctx)
	if err != nil {
		return err
	}
	slices.SortFunc(roots, func(a, b *entry) int { return strings.Compare(a.id, b.id) })
	for _, root := range roots {
		if err := p.projectUnit(ctx, root, false); err != nil {
			return err
		}
		if p.chunk.size() > chunkCells {
			if err := p.send(); err != nil {
				return err
			}
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	for _, e := range p.touched {
		e.touched, e.corrections = false, e.corrections[:0]
	}
	p.touched = p.touched[:0]
	return nil
}

// chunkCells is how many values go to the writer at once.
const chunkCells = 64 << 10

// send hands the chunk to the writer.
func (p *projector) send() error {
	next, err := p.writer.send(p.chunk)
	p.chunk = next
	return err
}

// commit ends the transaction with the cursor at to, and waits until it is durable in the file's own sense: a crash of the
// process loses nothing, a crash of the machine at most the latest transactions as a whole, which the log gives again.
func (p *projector) commit(ctx context.Context, to eventstore.Position) error {
	done := make(chan error, 1)
	p.chunk.commit = &commit{from: uint64(p.cursor), to: uint64(to), done: done}
	if err := p.send(); err != nil {
		return err
	}
	if err := <-done; err != nil {
		return err
	}
	p.cursor, p.held = to, 0
	return ctx.Err()
}

// supersede notes on the records which corrections stand for them now.
func (p *projector) supersede(e *entry) {
	for _, at := range e.corrections {
		record, by := domain.StandingCorrection(e.events, e.events[at].Data.(*domain.RecordCorrected).EventID)
		if record == nil {
			continue
		}
		standing := ""
		if by != nil {
			standing = by.ID
		}
		p.chunk.superseded = append(p.chunk.superseded, supersession{record.Position, standing})
	}
}
