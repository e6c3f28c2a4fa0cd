package mapping

import (
	"errors"
	"reflect"
	"strings"
)

// template is a value of a mapping: a constant, a text with ${expressions} in it, or one ${expression} alone, which keeps
// the type that it gives.
type template struct {
	line  int
	key   string
	parts []part
	typ   reflect.Type // of what it gives; nil: not known before it runs
}

// part is a constant or an expression.
type part struct {
	constant any
	x        *expression
}

// compileTemplate compiles a scalar of the mapping file.
func (c *compiler) compileTemplate(value any, line int, key string) (*template, error) {
	t := &template{line: line, key: key}
	text, ok := value.(string)
	if !ok {
		t.parts = []part{{constant: value}}
		t.typ = reflect.TypeOf(value)
		return t, nil
	}
	pieces, err := splitTemplate(text)
	if err != nil {
		return nil, &LoadError{Line: line, Key: key, Reason: err.Error()}
	}
	for _, p := range pieces {
		if !p.isExpression {
			t.parts = append(t.parts, part{constant: p.text})
			continue
		}
		x, err := c.compile(p.text)
		if err != nil {
			return nil, &LoadError{Line: line, Key: key, Reason: err.Error()}
		}
		t.parts = append(t.parts, part{x: x})
	}
	t.typ = reflect.TypeOf("")
	if len(t.parts) == 1 && t.parts[0].x != nil {
		t.typ = t.parts[0].x.typ
	}
	return t, nil
}

type piece struct {
	text         string
	isExpression bool
}

var errUnclosed = errors.New("${ without its closing brace")

// splitTemplate cuts text at its ${expressions}. $${ stands for the characters ${ themselves.
func splitTemplate(text string) ([]piece, error) {
	var out []piece
	var plain strings.Builder
	flush := func() {
		if plain.Len() > 0 {
			out = append(out, piece{text: plain.String()})
			plain.Reset()
		}
	}
	for i := 0; i < len(text); {
		switch {
		case strings.HasPrefix(text[i:], "$${"):
			plain.WriteString("${")
			i += 3
		case strings.HasPrefix(text[i:], "${"):
			n := expressionEnd(text[i+2:])
			if n < 0 {
				return nil, errUnclosed
			}
			flush()
			out = append(out, piece{text: text[i+2 : i+2+n], isExpression: true})
			i += 2 + n + 1
		default:
			plain.WriteByte(text[i])
			i++
		}
	}
	flush()
	if out == nil {
		out = []piece{{}}
	}
	return out, nil
}

// expressionEnd returns the index of the brace that closes an expression, braces inside it and quoted text set aside.
func expressionEnd(s string) int {
	depth := 0
	for i := 0; i < len(s); i++ {
		switch c := s[i]; c {
		case '"', '\'', '`':
			for i++; i < len(s) && s[i] != c; i++ {
				if s[i] == '\\' && c != '`' {
					i++
				}
			}
		case '{':
			depth++
		case '}':
			if depth == 0 {
				return i
			}
			depth--
		}
	}
	return -1
}

// constantText returns the template's text when it holds no expression.
func (t *template) constantText() (string, bool) {
	if len(t.parts) != 1 || t.parts[0].x != nil {
		return "", false
	}
	s, ok := t.parts[0].constant.(string)
	return s, ok
}

// mentions lists the columns that the template reads, for error texts.
func (t *template) mentions() []string {
	var out []string
	for _, p := range t.parts {
		if p.x != nil {
			out = union(union(out, p.x.uses.row), p.x.uses.raw)
		}
	}
	return out
}
