package schemas

import (
	"bytes"
	"math"
	"strconv"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// check reports whether the first value of b obeys the schema, and what follows that value. b must be compact, valid JSON
// without duplicate names: check reads it once, and does not look for syntax errors.
func (n *node) check(b []byte) (rest []byte, ok bool) {
	switch b[0] {
	case '"':
		end, escaped := stringEnd(b)
		rest = b[end:]
		if n.types&kindString == 0 {
			return rest, false
		}
		return rest, n.checkString(b[:end], escaped)
	case '{':
		if n.types&kindObject == 0 {
			return skip(b), false
		}
		return n.checkObject(b)
	case '[':
		if n.types&kindArray == 0 {
			return skip(b), false
		}
		return n.checkArray(b)
	case 't', 'f':
		return skip(b), n.types&kindBoolean != 0 && n.enum == nil
	case 'n':
		return skip(b), n.types == kindAny && n.enum == nil
	default:
		rest = skip(b)
		return rest, n.checkNumber(b[:len(b)-len(rest)])
	}
}

func (n *node) checkString(quoted []byte, escaped bool) bool {
	text := quoted[1 : len(quoted)-1]
	if escaped {
		var err error
		if text, err = jsontext.AppendUnquote(nil, quoted); err != nil {
			return false
		}
	}
	if n.maxLength >= 0 && len(text) > n.maxLength && utf8.RuneCount(text) > n.maxLength {
		return false
	}
	if n.minLength > 0 && utf8.RuneCount(text) < n.minLength {
		return false
	}
	if n.enum != nil && !n.enum[string(text)] {
		return false
	}
	if n.pattern != nil && !n.pattern.MatchString(string(text)) {
		return false
	}
	return n.format == nil || n.format(string(text)) == nil
}

// checkNumber takes numbers as JSON Schema does: 5.0 is an integer.
func (n *node) checkNumber(text []byte) bool {
	if n.enum != nil {
		return false
	}
	if n.types == kindAny && !n.hasMin && !n.hasMax {
		return true
	}
	if len(text) <= 18 {
		if v, err := strconv.ParseInt(string(text), 10, 64); err == nil {
			return n.types&kindInteger != 0 && (!n.hasMin || v >= n.minimum) && (!n.hasMax || v <= n.maximum)
		}
	}
	v, err := strconv.ParseFloat(string(text), 64)
	if err != nil || n.types != kindAny && (n.types&kindInteger == 0 || v != math.Trunc(v)) {
		return false
	}
	return (!n.hasMin || v >= float64(n.minimum)) && (!n.hasMax || v <= float64(n.maximum))
}

func (n *node) checkObject(b []byte) (rest []byte, ok bool) {
	whole := b
	var seen uint64
	count, ok := 0, n.enum == nil
	for b = b[1:]; b[0] != '}'; count++ {
		if b[0] == ',' {
			b = b[1:]
		}
		end, escaped := stringEnd(b)
		name := b[1 : end-1]
		if escaped {
			name, _ = jsontext.AppendUnquote(nil, b[:end])
		}
		b = b[end+1:]
		i, known := n.index[string(name)]
		if !known {
			ok = ok && !n.closed
			b = skip(b)
			continue
		}
		seen |= 1 << i
		var valid bool
		b, valid = n.props[i].check(b)
		ok = ok && valid
	}
	rest = b[1:]
	if !ok || seen&n.required != n.required || n.maxProps >= 0 && count > n.maxProps {
		return rest, false
	}
	for i, others := range n.dependent {
		if seen&(1<<i) != 0 && seen&others != others {
			return rest, false
		}
	}
	for _, rule := range n.rules {
		if _, when := rule.when.check(whole); !when {
			continue
		}
		if _, then := rule.then.check(whole); !then {
			return rest, false
		}
	}
	return rest, true
}

func (n *node) checkArray(b []byte) (rest []byte, ok bool) {
	count, ok := 0, n.enum == nil
	for b = b[1:]; b[0] != ']'; count++ {
		if b[0] == ',' {
			b = b[1:]
		}
		if n.items == nil {
			b = skip(b)
			continue
		}
		var valid bool
		b, valid = n.items.check(b)
		ok = ok && valid
	}
	return b[1:], ok && count >= n.minItems && (n.maxItems < 0 || count <= n.maxItems)
}

// stringEnd is the length of the JSON string that b begins with, quotes included, and whether it has an escape.
func stringEnd(b []byte) (end int, escaped bool) {
	i := 1
	for {
		j := bytes.IndexByte(b[i:], '"')
		k := bytes.IndexByte(b[i:i+j], '\\')
		if k < 0 {
			return i + j + 1, escaped
		}
		escaped = true
		i += k + 2 // past the backslash and what it escapes
	}
}

// skip is what follows the first value of b, which is compact and valid.
func skip(b []byte) []byte {
	depth := 0
	for i := 0; i < len(b); {
		switch b[i] {
		case '"':
			end, _ := stringEnd(b[i:])
			i += end
			if depth == 0 {
				return b[i:]
			}
			continue
		case '{', '[':
			depth++
		case '}', ']':
			if depth == 0 { // the end of what holds a number or a literal
				return b[i:]
			}
			if depth--; depth == 0 {
				return b[i+1:]
			}
		case ',':
			if depth == 0 {
				return b[i:]
			}
		}
		i++
	}
	return nil
}

// appendCompact appends the JSON value src, which is valid, to dst without white space between tokens. Strings and numbers
// stay as they were written.
func appendCompact(dst, src []byte) []byte {
	for i := 0; i < len(src); {
		switch c := src[i]; c {
		case '"':
			end, _ := stringEnd(src[i:])
			dst = append(dst, src[i:i+end]...)
			i += end
		case ' ', '\t', '\n', '\r':
			i++
		default:
			dst = append(dst, c)
			i++
		}
	}
	return dst
}
