package projections

import (
	"errors"
	"fmt"
	"strings"

	"amends/projections/internal/sqlite"
)

// file is what a database file says of itself.
type file struct {
	version  string // of the views; empty: the file holds none
	position uint64 // the cursor
}

// internalDDL makes the projector's own tables: the cursor with the version of the views (one row), and who counts for whom.
const internalDDL = `
CREATE TABLE checkpoint (position INTEGER NOT NULL, views_version TEXT NOT NULL);
CREATE TABLE survivors (absorbed TEXT NOT NULL, survivor TEXT NOT NULL, position INTEGER NOT NULL,
	PRIMARY KEY (absorbed, survivor)) WITHOUT ROWID;`

// describeFile reads the checkpoint. A file without tables is fine; one with other tables is not ours.
func describeFile(conn *sqlite.Conn) (file, error) {
	n, err := queryInt(conn, "SELECT count(*) FROM sqlite_schema")
	if err != nil {
		return file{}, err
	}
	if n == 0 {
		return file{}, nil
	}
	if n, err = queryInt(conn, "SELECT count(*) FROM sqlite_schema WHERE name = 'checkpoint'"); err != nil || n == 0 {
		return file{}, errors.Join(err, errNotViews)
	}
	s, err := conn.Prepare("SELECT position, views_version FROM checkpoint")
	if err != nil {
		return file{}, err
	}
	defer s.Close()
	if more, err := s.Step(); err != nil || !more {
		return file{}, errors.Join(err, fmt.Errorf("%w: it has no checkpoint", errNotViews))
	}
	return file{position: uint64(s.Int(0)), version: s.Text(1)}, nil
}

// createViews makes all tables, with or without their indexes, and fills the dictionary.
func createViews(conn *sqlite.Conn, version string, indexed bool) error {
	statements := []string{"BEGIN", internalDDL,
		"INSERT INTO checkpoint VALUES (0, '" + strings.ReplaceAll(version, "'", "''") + "')"}
	for _, t := range tables {
		statements = append(statements, t.ddl())
	}
	if indexed {
		statements = append(statements, indexDDL()...)
	}
	for _, s := range statements {
		if err := conn.Exec(s); err != nil {
			return fmt.Errorf("%s: %w", s, err)
		}
	}
	insert, err := conn.Prepare(dictionaryTable.upsert())
	if err != nil {
		return err
	}
	defer insert.Close()
	var rows cells
	putDictionary(tables, &rows)
	for at := (cursor{cells: &rows}); at.next < len(rows.list); {
		if err := errors.Join(at.bind(insert, 0, len(dictionaryTable.Columns)), insert.Run()); err != nil {
			return err
		}
	}
	return conn.Exec("COMMIT")
}

func indexDDL() []string {
	var out []string
	for _, t := range tables {
		out = append(out, t.indexDDL()...)
	}
	return out
}

// queryInt runs a query for one integer.
func queryInt(conn *sqlite.Conn, query string) (int64, error) {
	s, err := conn.Prepare(query)
	if err != nil {
		return 0, err
	}
	defer s.Close()
	if more, err := s.Step(); err != nil || !more {
		return 0, errors.Join(err, fmt.Errorf("%s: no row", query))
	}
	return s.Int(0), nil
}
