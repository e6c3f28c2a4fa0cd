package projections

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"
	"time"

	"amends/eventstore"
	"amends/projections/internal/sqlite"
)

// Report is what Check found.
type Report struct {
	Position eventstore.Position // the cursor at which live and rebuilt views were compared
	Tables   []TableReport
}

// TableReport is what Check found in one view.
type TableReport struct {
	View      string
	Rows      int64 // in the rebuilt view
	Differing int64 // rows that differ, are missing or are too many in the live view
	First     []Difference
}

// Difference is one row that is not what the log says. Live and Rebuilt are the values of Column, as SQL literals; for a missing
// row Column is empty and Live is "missing" or Rebuilt is.
type Difference struct {
	Key     []string
	Column  string
	Live    string
	Rebuilt string
}

// ErrViewsDiffer: the live views are not what the log gives.
var ErrViewsDiffer = errors.New("the views differ from what the log gives")

// atEnd waits until the views have everything that the log holds now, like WaitFor. Views that are ahead of the log are an error.
func (v *Views) atEnd(ctx context.Context) error {
	end, err := v.config.Store.End(ctx)
	if err != nil {
		return err
	}
	v.mu.Lock()
	ahead := v.cursor > end && !v.outdated
	v.mu.Unlock()
	if ahead {
		return ErrLogBehind
	}
	return v.WaitFor(ctx, end)
}

// firstDifferences is how many differences of each view are reported in full.
const firstDifferences = 5

// Check makes all views anew beside the live file, as of its cursor, and compares them row by row, every column, byte for byte.
// It waits first until the live views have everything that the log held when it was called, so nothing of that is left out.
// Scores are made for the instant of the live row, with its weights. Neither readers nor the follower wait. When something differs it returns the
// report and ErrViewsDiffer, and ErrFileDamaged when the live file cannot be read. progress may be nil.
func (v *Views) Check(ctx context.Context, progress Progress) (report Report, err error) {
	if err := v.atEnd(ctx); err != nil {
		return Report{}, err
	}
	if v.isOutdated() {
		return Report{}, ErrOutdated
	}
	done, err := v.startBuilding()
	if err != nil {
		return Report{}, err
	}
	defer done()
	defer func() {
		if unusable(err) {
			err = fmt.Errorf("%w: %w", ErrFileDamaged, v.noteDamage(err))
		}
	}()

	live, err := sqlite.Open(v.config.Path, sqlite.ReadOnly)
	if err != nil {
		return Report{}, err
	}
	defer func() { err = errors.Join(err, live.Close()) }()
	if err := live.Exec("BEGIN"); err != nil { // what is read from here on is of one moment
		return Report{}, err
	}
	f, err := describeFile(live)
	if err != nil {
		return Report{}, err
	}
	report.Position = eventstore.Position(f.position)
	// A customer who says to be merged into another, who does not say so, has no scores, but may have clocks.
	scored, err := live.Prepare(`SELECT scored_at, weights_version FROM churn_risk WHERE customer_id = ?1
		UNION ALL SELECT scored_at, '' FROM complaint_deadlines WHERE scored_at IS NOT NULL AND customer_id IN (
			WITH RECURSIVE unit(id) AS (SELECT ?1 UNION SELECT absorbed FROM survivors, unit WHERE survivor = unit.id) SELECT id FROM unit)
		LIMIT 1`)
	if err != nil {
		return report, err
	}
	scoredFor := func(customer string) (asOf, error) {
		defer scored.Reset()
		if err := scored.BindText(0, customer); err != nil {
			return asOf{}, err
		}
		more, err := scored.Step()
		if err != nil || !more {
			now, _ := v.present(customer) // it never fails
			return now, err
		}
		at, err := time.Parse(timeLayout, scored.Text(0))
		if err != nil { // somebody wrote something else there; it will show as a difference
			return v.present(customer)
		}
		return asOf{at, scored.Text(1)}, nil
	}
	b, err := v.buildBeside(ctx, report.Position, scoredFor, progress)
	if closed := scored.Close(); err != nil || closed != nil {
		return report, errors.Join(err, closed)
	}
	defer func() { err = errors.Join(err, b.remove()) }()
	differ := false
	for _, t := range tables {
		c := comparison{table: t}
		if err := c.run(ctx, live, b.conn); err != nil {
			return report, fmt.Errorf("compare %s: %w", t.Name, err)
		}
		report.Tables = append(report.Tables, c.report)
		differ = differ || c.report.Differing > 0
	}
	if differ {
		return report, ErrViewsDiffer
	}
	return report, nil
}

// comparison compares one table of two files, both read in the order of the key.
type comparison struct {
	table         *table
	live, rebuilt *sqlite.Stmt
	report        TableReport
}

func (c *comparison) run(ctx context.Context, live, rebuilt *sqlite.Conn) (err error) {
	c.report.View = c.table.Name
	query := "SELECT * FROM " + c.table.Name + " ORDER BY " + c.table.keyColumns()
	if c.live, err = live.Prepare(query); err != nil {
		return err
	}
	defer c.live.Close()
	if c.rebuilt, err = rebuilt.Prepare(query); err != nil {
		return err
	}
	defer c.rebuilt.Close()
	moreLive, err := c.live.Step()
	if err != nil {
		return err
	}
	moreRebuilt, err := c.rebuilt.Step()
	if err != nil {
		return err
	}
	for rows := 0; moreLive || moreRebuilt; rows++ {
		if rows%1024 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		order := 0 // below 0: the live row comes first, so the rebuilt view lacks it
		switch {
		case !moreRebuilt:
			order = -1
		case !moreLive:
			order = 1
		default:
			order = c.compareKeys()
		}
		switch {
		case order < 0:
			c.differs(c.live, Difference{Rebuilt: "missing"})
		case order > 0:
			c.differs(c.rebuilt, Difference{Live: "missing"})
		default:
			c.compareRow()
		}
		if order >= 0 {
			c.report.Rows++
			if moreRebuilt, err = c.rebuilt.Step(); err != nil {
				return err
			}
		}
		if order <= 0 {
			if moreLive, err = c.live.Step(); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *comparison) compareKeys() int {
	for _, k := range c.table.key {
		if n := compareValues(c.live, c.rebuilt, k); n != 0 {
			return n
		}
	}
	return 0
}

// compareValues orders two values of a key as SQLite does: numbers before text.
func compareValues(a, b *sqlite.Stmt, i int) int {
	if a.Kind(i) != b.Kind(i) {
		if a.Kind(i) < b.Kind(i) {
			return -1
		}
		return 1
	}
	if a.Kind(i) == sqlite.Int {
		switch x, y := a.Int(i), b.Int(i); {
		case x < y:
			return -1
		case x > y:
			return 1
		}
		return 0
	}
	switch x, y := a.Text(i), b.Text(i); {
	case x < y:
		return -1
	case x > y:
		return 1
	}
	return 0
}

func (c *comparison) compareRow() {
	for i := range c.table.Columns {
		if !sameValue(c.live, c.rebuilt, i) {
			c.differs(c.rebuilt, Difference{Column: c.table.Columns[i].Name, Live: literal(c.live, i),
				Rebuilt: literal(c.rebuilt, i)})
			return
		}
	}
}

func sameValue(a, b *sqlite.Stmt, i int) bool {
	kind := a.Kind(i)
	if kind != b.Kind(i) {
		return false
	}
	switch kind {
	case sqlite.Null:
		return true
	case sqlite.Int:
		return a.Int(i) == b.Int(i)
	case sqlite.Float:
		return math.Float64bits(a.Float(i)) == math.Float64bits(b.Float(i))
	}
	return a.SameText(b, i)
}

// differs counts a difference, and reports it in full if it is among the first.
func (c *comparison) differs(row *sqlite.Stmt, d Difference) {
	if c.report.Differing++; c.report.Differing > firstDifferences {
		return
	}
	for _, k := range c.table.key {
		d.Key = append(d.Key, row.Text(k))
	}
	c.report.First = append(c.report.First, d)
}

func literal(s *sqlite.Stmt, i int) string {
	switch s.Kind(i) {
	case sqlite.Null:
		return "NULL"
	case sqlite.Int:
		return strconv.FormatInt(s.Int(i), 10)
	case sqlite.Float:
		return strconv.FormatFloat(s.Float(i), 'g', -1, 64)
	}
	return "'" + s.Text(i) + "'"
}
