package schemas

import (
	"fmt"
	"net/url"
	"regexp"
	"regexp/syntax"
	"time"
)

// matcher decides whether a text matches a pattern.
type matcher interface{ MatchString(string) bool }

// newMatcher compiles a pattern. Most of ours are a row of character classes in which only the last one repeats a variable
// number of times, such as ^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$; those need no regular expression engine.
func newMatcher(pattern string) (matcher, error) {
	parsed, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return nil, fmt.Errorf("pattern: %w", err)
	}
	if row, ok := newClassRow(parsed); ok {
		return row, nil
	}
	return regexp.Compile(pattern)
}

// classRow matches a text of ASCII characters: one per fixed class, then min to max of the tail class.
type classRow struct {
	fixed    []asciiClass
	tail     asciiClass
	min, max int
}

type asciiClass [128]bool

func newClassRow(re *syntax.Regexp) (*classRow, bool) {
	if re.Op != syntax.OpConcat || len(re.Sub) < 3 {
		return nil, false
	}
	if re.Sub[0].Op != syntax.OpBeginText || re.Sub[len(re.Sub)-1].Op != syntax.OpEndText {
		return nil, false
	}
	row := &classRow{}
	parts := re.Sub[1 : len(re.Sub)-1]
	for i, part := range parts {
		if part.Op == syntax.OpRepeat {
			class, ok := newASCIIClass(part.Sub[0])
			if !ok || i != len(parts)-1 || part.Max < 0 {
				return nil, false
			}
			row.tail, row.min, row.max = class, part.Min, part.Max
			continue
		}
		class, ok := newASCIIClass(part)
		if !ok {
			return nil, false
		}
		row.fixed = append(row.fixed, class)
	}
	return row, true
}

func newASCIIClass(re *syntax.Regexp) (class asciiClass, ok bool) {
	if re.Op != syntax.OpCharClass {
		return class, false
	}
	for i := 0; i < len(re.Rune); i += 2 {
		for r := re.Rune[i]; r <= re.Rune[i+1]; r++ {
			if r >= 128 {
				return class, false
			}
			class[r] = true
		}
	}
	return class, true
}

// MatchString reports whether s matches.
func (row *classRow) MatchString(s string) bool {
	n := len(row.fixed)
	if len(s) < n+row.min || len(s) > n+row.max {
		return false
	}
	for i := range n {
		if s[i] >= 128 || !row.fixed[i][s[i]] {
			return false
		}
	}
	for i := n; i < len(s); i++ {
		if s[i] >= 128 || !row.tail[s[i]] {
			return false
		}
	}
	return true
}

// formats are the formats that the schemas use. The library and the checker share them.
var formats = map[string]func(string) error{
	"date-time": func(s string) error { var t time.Time; return t.UnmarshalText([]byte(s)) },
	"date":      func(s string) error { _, err := time.Parse(time.DateOnly, s); return err },
	"uri": func(s string) error {
		u, err := url.Parse(s)
		if err == nil && !u.IsAbs() {
			err = fmt.Errorf("not absolute")
		}
		return err
	},
}
