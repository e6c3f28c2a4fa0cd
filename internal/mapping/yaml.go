package mapping

import (
	"errors"
	"fmt"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// maxNodes bounds what a mapping may hold once its aliases are followed.
const maxNodes = 20_000

// LoadError says what is wrong with a mapping, and where.
type LoadError struct {
	Line   int    // in the mapping file, from 1; 0: the file as a whole
	Key    string // the key, such as events[0].data.kind; may be empty
	Reason string
}

func (e *LoadError) Error() string {
	switch {
	case e.Line == 0:
		return "mapping: " + e.Reason
	case e.Key == "":
		return fmt.Sprintf("mapping line %d: %s", e.Line, e.Reason)
	}
	return fmt.Sprintf("mapping line %d, %s: %s", e.Line, e.Key, e.Reason)
}

func fail(n ast.Node, key, format string, args ...any) error {
	return &LoadError{Line: lineOf(n), Key: key, Reason: fmt.Sprintf(format, args...)}
}

func lineOf(n ast.Node) int {
	if n == nil || n.GetToken() == nil || n.GetToken().Position == nil {
		return 1
	}
	return n.GetToken().Position.Line
}

// document walks the YAML tree by hand: that way each error names its line, each unknown key is refused, and a scalar keeps
// the type in which it was written.
type document struct {
	anchors map[string]ast.Node
	nodes   int
}

// parseYAML returns the one document in text. A panic inside the YAML parser becomes an error.
func parseYAML(text []byte) (d *document, root ast.Node, err error) {
	defer func() {
		if r := recover(); r != nil {
			d, root, err = nil, nil, &LoadError{Reason: "it is not readable YAML"}
		}
	}()
	file, err := parser.ParseBytes(text, 0)
	if err != nil {
		var at interface{ GetToken() *token.Token }
		var message interface{ GetMessage() string }
		if errors.As(err, &at) && errors.As(err, &message) && at.GetToken() != nil && at.GetToken().Position != nil {
			return nil, nil, &LoadError{Line: at.GetToken().Position.Line, Reason: message.GetMessage()}
		}
		return nil, nil, &LoadError{Reason: err.Error()}
	}
	for _, doc := range file.Docs {
		if doc.Body == nil {
			continue
		}
		if root != nil {
			return nil, nil, fail(doc.Body, "", "a mapping is one YAML document")
		}
		root = doc.Body
	}
	if root == nil {
		return nil, nil, &LoadError{Reason: "it is empty"}
	}
	return &document{anchors: map[string]ast.Node{}}, root, nil
}

// resolve follows anchors and aliases to the node that they stand for.
func (d *document) resolve(n ast.Node, key string) (ast.Node, error) {
	if d.nodes++; d.nodes > maxNodes {
		return nil, fail(n, key, "the mapping is too large")
	}
	for {
		switch v := n.(type) {
		case *ast.AnchorNode:
			d.anchors[v.Name.GetToken().Value] = v.Value
			n = v.Value
		case *ast.AliasNode:
			target, ok := d.anchors[v.Value.GetToken().Value]
			if !ok {
				return nil, fail(n, key, "nothing above is named &%s", v.Value.GetToken().Value)
			}
			if d.nodes++; d.nodes > maxNodes {
				return nil, fail(n, key, "the mapping is too large")
			}
			n = target
		case *ast.TagNode:
			return nil, fail(n, key, "YAML tags have no meaning here")
		case nil:
			return nil, &LoadError{Key: key, Reason: "a value is missing"}
		default:
			return n, nil
		}
	}
}

// entry is one key of a YAML mapping.
type entry struct {
	key   string
	node  ast.Node // the key, for its line
	value ast.Node
}

// entries returns the keys of a YAML mapping in order.
func (d *document) entries(n ast.Node, key string) ([]entry, error) {
	n, err := d.resolve(n, key)
	if err != nil {
		return nil, err
	}
	var values []*ast.MappingValueNode
	switch v := n.(type) {
	case *ast.MappingNode:
		values = v.Values
	case *ast.MappingValueNode:
		values = []*ast.MappingValueNode{v}
	default:
		return nil, fail(n, key, "keys with values are expected here")
	}
	out := make([]entry, 0, len(values))
	for _, v := range values {
		if v.Key == nil || v.Key.IsMergeKey() || v.Key.GetToken() == nil {
			return nil, fail(v, key, "merge keys (<<) are not supported")
		}
		e := entry{key: v.Key.GetToken().Value, node: v.Key, value: v.Value}
		for _, other := range out {
			if other.key == e.key {
				return nil, fail(e.node, key, "%q stands here twice", e.key)
			}
		}
		out = append(out, e)
	}
	return out, nil
}

// items returns the members of a YAML sequence.
func (d *document) items(n ast.Node, key string) ([]ast.Node, error) {
	n, err := d.resolve(n, key)
	if err != nil {
		return nil, err
	}
	s, ok := n.(*ast.SequenceNode)
	if !ok {
		return nil, fail(n, key, "a list is expected here")
	}
	return s.Values, nil
}

// scalar returns a string, bool, int64, float64 or nil.
func (d *document) scalar(n ast.Node, key string) (any, error) {
	n, err := d.resolve(n, key)
	if err != nil {
		return nil, err
	}
	switch v := n.(type) {
	case *ast.StringNode:
		return v.Value, nil
	case *ast.LiteralNode:
		return v.Value.Value, nil
	case *ast.BoolNode:
		return v.Value, nil
	case *ast.NullNode:
		return nil, nil
	case *ast.IntegerNode:
		switch i := v.Value.(type) {
		case int64:
			return i, nil
		case uint64:
			if i < 1<<63 {
				return int64(i), nil
			}
		}
		return nil, fail(n, key, "the number is too large")
	case *ast.FloatNode:
		return v.Value, nil
	}
	return nil, fail(n, key, "one value is expected here")
}

// text returns a scalar as it is written; numbers and booleans count as text here.
func (d *document) text(n ast.Node, key string) (string, error) {
	v, err := d.scalar(n, key)
	if err != nil {
		return "", err
	}
	switch v := v.(type) {
	case string:
		return v, nil
	case nil:
		return "", nil
	}
	n, err = d.resolve(n, key)
	if err != nil {
		return "", err
	}
	return n.GetToken().Value, nil
}

func (d *document) texts(n ast.Node, key string) ([]string, error) {
	items, err := d.items(n, key)
	if err != nil {
		return nil, err
	}
	out := make([]string, len(items))
	for i, item := range items {
		if out[i], err = d.text(item, key); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (d *document) boolean(n ast.Node, key string) (bool, error) {
	v, err := d.scalar(n, key)
	if err != nil {
		return false, err
	}
	b, ok := v.(bool)
	if !ok {
		return false, fail(n, key, "true or false is expected here")
	}
	return b, nil
}

// choice returns a word out of a fixed few.
func (d *document) choice(n ast.Node, key string, words ...string) (string, error) {
	s, err := d.text(n, key)
	if err != nil {
		return "", err
	}
	for _, w := range words {
		if s == w {
			return s, nil
		}
	}
	return "", fail(n, key, "%q is none of %q", s, words)
}
