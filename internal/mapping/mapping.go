// Package mapping turns the rows of any CSV file into events for the ledger, by a declarative description in YAML. There is
// no code for any particular file: the two mappings that Amends ships, cfpb.yaml and helpdesk.yaml, are descriptions like
// anyone's. The format is taught in docs/import.md.
//
// What must hold: a row gives its events, or the reason why it gives none, and nothing is dropped in silence; the same row
// gives the same event ids in every import; no time, no code and no value is invented; error texts name fields and rules,
// never values, because values may be personal.
package mapping

import (
	"embed"
	"fmt"
	"io"
	"slices"

	"golang.org/x/text/encoding/charmap"
)

//go:embed *.yaml
var builtin embed.FS

// maxMapping bounds a mapping file, in bytes.
const maxMapping = 1 << 20

// Mapping is a checked and compiled mapping. It is immutable, and safe for use by several goroutines at once.
type Mapping struct {
	name        string
	description string
	source      string // CloudEvents source of the events
	salt        string // of hashid

	format   format
	columns  map[string]column
	blank    map[string]bool // the words that mean blank, unless a column has its own
	calendar calendar
	patterns map[string]layout // named in expressions
	tables   map[string]*table
	identity []string // the columns that tell rows apart; none: all

	key      *template // of a row's case; nil: the mapping has no cases
	together bool
	lets     []variable
	rejects  []rejectRule
	events   []event
	ignore   bool // a row without an event is passed over, not rejected
	uses     uses
	required []string // columns that the file must have
}

// format is how the file is written.
type format struct {
	delimiter  byte
	lazy       bool
	encoding   *charmap.Charmap
	skip       int      // lines before the header
	names      []string // of the columns of a file without header
	duplicates string   // refuse, number, same
	keepSpace  bool
}

// column is what the mapping says about one column.
type column struct {
	blank     map[string]bool // nil: the mapping's own words
	keepSpace bool
	optional  bool // the file may lack it; it is blank then
	required  bool // a row must have it
}

// table is a look-up table.
type table struct {
	values     map[string]any
	folded     map[string]any // the same by the words in lower case
	ignoreCase bool
	missing    string // reject, keep, omit
}

// variable is a named value, worked out once a row.
type variable struct {
	name  string
	value *template
}

// rejectRule is a reason of the mapping's own to reject a row.
type rejectRule struct {
	when   *expression
	line   int
	reason string
}

// Builtin returns a mapping that Amends ships: cfpb or helpdesk.
func Builtin(name string) (*Mapping, error) {
	if !slices.Contains(Builtins(), name) {
		return nil, fmt.Errorf("there is no built-in mapping %q: there are %q", name, Builtins())
	}
	f, err := builtin.Open(name + ".yaml")
	if err != nil {
		return nil, fmt.Errorf("opening the built-in mapping %s: %w", name, err)
	}
	defer f.Close()
	return Load(f)
}

// Builtins lists the mappings that Amends ships.
func Builtins() []string { return []string{"cfpb", "helpdesk"} }

// Load reads, checks and compiles a mapping. What is wrong with it is a *LoadError.
func Load(r io.Reader) (*Mapping, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxMapping+1))
	if err != nil {
		return nil, fmt.Errorf("reading the mapping: %w", err)
	}
	if len(text) > maxMapping {
		return nil, &LoadError{Reason: fmt.Sprintf("it is larger than %d bytes", maxMapping)}
	}
	return load(text)
}

// Name is the mapping's name, for summaries.
func (m *Mapping) Name() string { return m.name }

// Description is what the mapping says about itself; may be empty.
func (m *Mapping) Description() string { return m.description }
