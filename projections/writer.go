package projections

import (
	"errors"
	"fmt"

	"amends/projections/internal/sqlite"
)

// writer carries chunks into the file. Between the first chunk after a commit and the next commit it has one transaction open.
type writer struct {
	conn       *sqlite.Conn
	upserts    []*sqlite.Stmt // by table number
	clears     []*sqlite.Stmt // by table number; nil where rows are not a customer's
	supersede  *sqlite.Stmt
	claim      *sqlite.Stmt
	unclaim    *sqlite.Stmt
	checkpoint *sqlite.Stmt
	inTx       bool
}

// errOtherWriter: the cursor is not where this process left it.
var errOtherWriter = errors.New("projections: another process writes this file of views")

func newWriter(conn *sqlite.Conn) (*writer, error) {
	w := &writer{conn: conn, upserts: make([]*sqlite.Stmt, len(tables)), clears: make([]*sqlite.Stmt, len(tables))}
	var err error
	prepare := func(statement string) *sqlite.Stmt {
		if err != nil {
			return nil
		}
		var s *sqlite.Stmt
		if s, err = conn.Prepare(statement); err != nil {
			err = fmt.Errorf("projections: %s: %w", statement, err)
		}
		return s
	}
	for _, t := range tables {
		w.upserts[t.number] = prepare(t.upsert())
		if t.perCustomer {
			w.clears[t.number] = prepare("DELETE FROM " + t.Name + " WHERE customer_id = ?")
		}
	}
	w.supersede = prepare("UPDATE events SET superseded_by = ? WHERE position = ?")
	w.claim = prepare("INSERT OR REPLACE INTO survivors VALUES (?, ?, ?)")
	w.unclaim = prepare("DELETE FROM survivors WHERE absorbed = ? AND survivor = ?")
	w.checkpoint = prepare("UPDATE checkpoint SET position = ? WHERE position = ? RETURNING position")
	if err != nil {
		w.close()
		return nil, err
	}
	return w, nil
}

// close frees the statements; an open transaction is rolled back.
func (w *writer) close() {
	all := append(append([]*sqlite.Stmt{w.supersede, w.claim, w.unclaim, w.checkpoint}, w.upserts...), w.clears...)
	for _, s := range all {
		if s != nil {
			_ = s.Close()
		}
	}
	_ = w.rollback()
}

func (w *writer) rollback() error {
	if !w.inTx {
		return nil
	}
	w.inTx = false
	return w.conn.Exec("ROLLBACK")
}

// write does what the chunk says. After an error nothing since the last commit counts, and the transaction is rolled back.
func (w *writer) write(c *chunk) error {
	err := w.apply(c)
	if err != nil {
		return errors.Join(fmt.Errorf("projections: write views: %w", err), w.rollback())
	}
	return nil
}

func (w *writer) apply(c *chunk) error {
	if !w.inTx {
		if err := w.conn.Exec("BEGIN IMMEDIATE"); err != nil {
			return err
		}
		w.inTx = true
	}
	for _, clear := range c.clear {
		if err := runText(w.clears[clear.table.number], clear.customer); err != nil {
			return err
		}
	}
	for i := range c.rows {
		if err := w.rows(tables[i], &c.rows[i]); err != nil {
			return fmt.Errorf("%s: %w", tables[i].Name, err)
		}
	}
	for _, s := range c.superseded {
		if err := bindTextOrNull(w.supersede, 0, s.by); err != nil {
			return err
		}
		if err := w.supersede.BindInt(1, int64(s.position)); err != nil {
			return err
		}
		if err := w.supersede.Run(); err != nil {
			return err
		}
	}
	for _, change := range c.claims {
		if err := w.setClaim(change); err != nil {
			return err
		}
	}
	if c.commit == nil {
		return nil
	}
	if err := w.moveCursor(c.commit); err != nil {
		return err
	}
	if err := w.conn.Exec("COMMIT"); err != nil {
		return err
	}
	w.inTx = false
	return nil
}

func (w *writer) rows(t *table, c *cells) error {
	upsert, width := w.upserts[t.number], len(t.Columns)
	for at := (cursor{cells: c}); at.next < len(c.list); {
		if err := at.bind(upsert, 0, width); err != nil {
			return err
		}
		if err := upsert.Run(); err != nil {
			return err
		}
	}
	return nil
}

func (w *writer) setClaim(c claim) error {
	s := w.unclaim
	if c.position != 0 {
		s = w.claim
		if err := s.BindInt(2, int64(c.position)); err != nil {
			return err
		}
	}
	if err := errors.Join(s.BindText(0, c.absorbed), s.BindText(1, c.survivor)); err != nil {
		return err
	}
	return s.Run()
}

// moveCursor moves the cursor, if it is where it is thought to be.
func (w *writer) moveCursor(c *commit) error {
	if err := errors.Join(w.checkpoint.BindInt(0, int64(c.to)), w.checkpoint.BindInt(1, int64(c.from))); err != nil {
		return err
	}
	defer w.checkpoint.Reset()
	moved, err := w.checkpoint.Step()
	if err == nil && !moved {
		err = errOtherWriter
	}
	if err == nil {
		_, err = w.checkpoint.Step()
	}
	return err
}

func bindTextOrNull(s *sqlite.Stmt, i int, v string) error {
	if v == "" {
		return s.BindNull(i)
	}
	return s.BindText(i, v)
}

func runText(s *sqlite.Stmt, v string) error {
	if err := s.BindText(0, v); err != nil {
		return err
	}
	return s.Run()
}
