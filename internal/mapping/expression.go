package mapping

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/parser"
	"github.com/expr-lang/expr/types"
	"github.com/expr-lang/expr/vm"
)

// expression is one compiled expression, with what it reads.
type expression struct {
	program *vm.Program
	typ     reflect.Type // of what it gives; nil: not known before it runs
	// One of these is set when the whole expression is row["column"] or a name: no program is run then.
	column, variable string
	uses             uses
}

// uses is what an expression reads, found at load, so that a missing column or table is an error before the first row.
type uses struct {
	row, raw    []string // columns
	start, last []string // columns of the case's first and previous row
	seen        []string // columns of which the case's values are counted
	tables      []string
	isCase      bool
	isRowID     bool
}

// compiler turns the texts of one mapping into expressions.
type compiler struct {
	mapping *Mapping
	env     types.Map // what expressions see, by type
	options []expr.Option
	all     uses
}

func newCompiler(m *Mapping) *compiler {
	return &compiler{
		mapping: m,
		env: types.Map{
			"row": types.TypeOf(map[string]string{}), "raw": types.TypeOf(map[string]string{}),
			"case": types.TypeOf(&caseView{}), "rowid": types.String, "number": types.Int, "line": types.Int,
		},
		options: m.functions(),
	}
}

// compile checks and compiles one expression.
func (c *compiler) compile(source string) (*expression, error) {
	tree, err := parser.Parse(source)
	if err != nil {
		return nil, errors.New(syntaxReason(err))
	}
	finder := finder{mapping: c.mapping, open: map[ast.Node]string{}}
	ast.Walk(&tree.Node, &finder)
	if err := finder.finish(); err != nil {
		return nil, err
	}
	x := &expression{uses: finder.uses}
	x.program, err = expr.Compile(source, append(slices.Clone(c.options), expr.Env(c.env))...)
	if err != nil {
		return nil, errors.New(syntaxReason(err))
	}
	x.typ = x.program.Node().Type()
	switch n := tree.Node.(type) {
	case *ast.MemberNode:
		if id, ok := n.Node.(*ast.IdentifierNode); ok && id.Value == "row" {
			x.column = x.uses.row[0]
		}
	case *ast.IdentifierNode:
		x.variable = n.Value
	}
	c.all.add(x.uses)
	return x, nil
}

func (u *uses) add(other uses) {
	u.row = union(u.row, other.row)
	u.raw = union(u.raw, other.raw)
	u.start = union(u.start, other.start)
	u.last = union(u.last, other.last)
	u.seen = union(u.seen, other.seen)
	u.tables = union(u.tables, other.tables)
	u.isCase = u.isCase || other.isCase
	u.isRowID = u.isRowID || other.isRowID
}

func union(to, from []string) []string {
	for _, s := range from {
		if !slices.Contains(to, s) {
			to = append(to, s)
		}
	}
	return to
}

// finder walks an expression for the columns and tables that it names. A name that is not written out could not be checked
// before the import begins, and is refused.
type finder struct {
	mapping *Mapping
	uses    uses
	open    map[ast.Node]string // row, raw, case.start, ... not yet followed by the name of a column
	err     error
}

// Visit is called for the parts of an expression before the whole.
func (f *finder) Visit(node *ast.Node) {
	switch n := (*node).(type) {
	case *ast.IdentifierNode:
		switch n.Value {
		case "row", "raw":
			f.open[n] = n.Value
		case "case":
			f.open[n] = n.Value
			f.uses.isCase = true
		case "rowid":
			f.uses.isRowID = true
		}
	case *ast.MemberNode:
		f.member(n)
	case *ast.CallNode:
		if member, ok := n.Callee.(*ast.MemberNode); ok {
			if what := f.open[member]; what == "case.seen" || what == "case.count" {
				if column, ok := f.literal(n.Arguments, 0, what+` names its column in quotes: `+what+`("Activity", "Closed")`); ok {
					delete(f.open, member)
					f.uses.seen = union(f.uses.seen, []string{column})
				}
			}
		}
		if name, ok := n.Callee.(*ast.IdentifierNode); ok {
			f.function(name.Value, n.Arguments)
		}
	case *ast.BuiltinNode: // date is also a function of the language, until it is replaced
		f.function(n.Name, n.Arguments)
	}
}

func (f *finder) member(n *ast.MemberNode) {
	of, ok := f.open[n.Node]
	if !ok {
		return
	}
	name, ok := n.Property.(*ast.StringNode)
	if !ok {
		f.fail(fmt.Errorf("%s names its column in quotes: %s[\"Column\"]", of, of))
		return
	}
	column := []string{name.Value}
	delete(f.open, n.Node)
	switch of {
	case "row":
		f.uses.row = union(f.uses.row, column)
	case "raw":
		f.uses.raw = union(f.uses.raw, column)
	case "case.start":
		f.uses.start = union(f.uses.start, column)
	case "case.last":
		f.uses.last = union(f.uses.last, column)
	case "case":
		switch name.Value {
		case "start", "last", "seen", "count":
			f.open[n] = "case." + name.Value
		}
	}
}

func (f *finder) function(name string, args []ast.Node) {
	switch name {
	case "lookup":
		if table, ok := f.literal(args, 0, `lookup names its table in quotes: lookup("table", row["Column"])`); ok {
			if f.mapping.tables[table] == nil {
				f.fail(fmt.Errorf("there is no lookup table %q", table))
			}
			f.uses.tables = union(f.uses.tables, []string{table})
		}
	case "date", "day":
		if len(args) < 2 {
			return
		}
		if pattern, ok := f.literal(args, 1, name+` names its pattern in quotes: `+name+`(row["Column"], "dd/MM/yyyy")`); ok {
			l, err := parsePattern(pattern)
			if err != nil {
				f.fail(err)
			}
			f.mapping.patterns[pattern] = l
		}
	}
}

func (f *finder) literal(args []ast.Node, i int, otherwise string) (string, bool) {
	if i < len(args) {
		if s, ok := args[i].(*ast.StringNode); ok {
			return s.Value, true
		}
	}
	f.fail(errors.New(otherwise))
	return "", false
}

func (f *finder) fail(err error) {
	if f.err == nil {
		f.err = err
	}
}

func (f *finder) finish() error {
	for _, what := range f.open {
		switch what {
		case "case":
			f.fail(errors.New("case stands with what is asked of it: case.first, case.row, case.start, case.last, case.seen, case.count"))
		default:
			f.fail(fmt.Errorf("%s names its column in quotes: %s[\"Column\"]", what, what))
		}
	}
	return f.err
}

// syntaxReason is the message of the expression language without its drawing of the source, on one line.
func syntaxReason(err error) string {
	var at *file.Error
	if !errors.As(err, &at) {
		return strings.ReplaceAll(err.Error(), "\n", " ")
	}
	return fmt.Sprintf("%s (at character %d of the expression)", at.Message, at.Column+1)
}

// runReason says why an expression failed on a row. The language's own messages quote values, so none of them is passed on.
func runReason(err error) string {
	var at *file.Error
	if !errors.As(err, &at) {
		return "the expression cannot be evaluated on the row's values"
	}
	if at.Prev != nil {
		for _, own := range []error{errNoDate, errAmbiguous, errNonexistent, errNotWhole, errNotAmount} {
			if errors.Is(at.Prev, own) {
				return own.Error()
			}
		}
		var unmapped *unmappedError
		if errors.As(at.Prev, &unmapped) {
			return unmapped.Error()
		}
	}
	return "the expression cannot be evaluated on the row's values"
}
