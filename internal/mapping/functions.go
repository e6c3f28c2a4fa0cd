package mapping

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base32"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/expr-lang/expr"
	"golang.org/x/text/unicode/norm"
)

// functionNames are the functions that this package adds to the expression language's own.
var functionNames = []string{"lookup", "slug", "hashid", "date", "day", "integer", "minor", "coalesce"}

// functions binds them to a mapping. Their errors name the rule that was broken, never a value: values may be personal.
func (m *Mapping) functions() []expr.Option {
	return []expr.Option{
		// The standard ones depend on the clock, or read dates in ways of their own.
		expr.DisableBuiltin("now"), expr.DisableBuiltin("date"), expr.DisableBuiltin("duration"), expr.DisableBuiltin("timezone"),
		expr.Function("lookup", m.lookup, new(func(string, any) any)),
		expr.Function("slug", m.slug, new(func(any) string)),
		expr.Function("hashid", m.hashid, new(func(any, ...any) string)),
		expr.Function("date", m.date, new(func(any) any), new(func(any, string) any)),
		expr.Function("day", m.day, new(func(any) any), new(func(any, string) any)),
		expr.Function("integer", integer, new(func(any) any)),
		expr.Function("minor", minor, new(func(any) any), new(func(any, int) any), new(func(any, int, string) any)),
		expr.Function("coalesce", coalesce, new(func(...any) any)),
	}
}

// asText is a value as text; nil is blank.
func asText(v any) (string, error) {
	switch v := v.(type) {
	case nil:
		return "", nil
	case string:
		return v, nil
	case bool:
		return strconv.FormatBool(v), nil
	case int:
		return strconv.Itoa(v), nil
	case int64:
		return strconv.FormatInt(v, 10), nil
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64), nil
	case moment:
		return v.text(), nil
	}
	return "", errors.New("a list or an object stands where text is expected")
}

// lookup translates by one of the mapping's tables. A blank word has no translation: nil.
func (m *Mapping) lookup(args ...any) (any, error) {
	word, err := asText(args[1])
	if err != nil {
		return nil, err
	}
	name, _ := args[0].(string)
	table := m.tables[name]
	if table == nil {
		return nil, fmt.Errorf("there is no lookup table %q", name)
	}
	if v, ok := table.find(word); ok {
		return v, nil
	}
	switch {
	case word == "":
		return nil, nil
	case table.missing == "keep":
		return word, nil
	case table.missing == "omit":
		return nil, nil
	}
	return nil, &unmappedError{table: name}
}

// unmappedError: a strict table has no entry for a value.
type unmappedError struct{ table string }

func (e *unmappedError) Error() string {
	return fmt.Sprintf("the lookup table %q has no entry for the value", e.table)
}

// maxSlug is the length of a customer id, the shortest of the ids in a record.
const maxSlug = 64

// slug writes text with the letters that any id may have: a-z, 0-9 and single hyphens. Accents are dropped; text too long,
// or with nothing left, gets a part of its hash, so that different long texts stay different.
func (m *Mapping) slug(args ...any) (any, error) {
	text, err := asText(args[0])
	if err != nil || text == "" {
		return "", err
	}
	out := make([]byte, 0, len(text))
	plain := true // ASCII only: nothing to decompose
	for i := range len(text) {
		plain = plain && text[i] < 0x80
	}
	folded := text
	if !plain {
		folded = norm.NFKD.String(text)
	}
	lost := false
	for _, r := range folded {
		switch {
		case r >= 'a' && r <= 'z' || r >= '0' && r <= '9':
			out = append(out, byte(r))
		case r >= 'A' && r <= 'Z':
			out = append(out, byte(r-'A'+'a'))
		case r >= 0x300 && r <= 0x36f: // an accent
		default:
			lost = lost || r >= 0x80
			if len(out) > 0 && out[len(out)-1] != '-' {
				out = append(out, '-')
			}
		}
	}
	s := strings.TrimSuffix(string(out), "-")
	if len(s) <= maxSlug && s != "" && !lost {
		return s, nil
	}
	sum := sha256.Sum256([]byte(text))
	tail := hex.EncodeToString(sum[:6])
	if s == "" {
		return "x" + tail, nil
	}
	return strings.TrimSuffix(s[:min(len(s), maxSlug-len(tail)-1)], "-") + "-" + tail, nil
}

// idLetters is base 32 in lower case without padding.
var idLetters = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// hashid is a pseudonym: 26 letters and digits (128 bits) that the same values always give, and that does not show them.
// Without the mapping's salt, whoever can guess a value can check the guess.
func (m *Mapping) hashid(args ...any) (any, error) {
	mac := hmac.New(sha256.New, []byte(m.salt))
	blank := true
	for _, a := range args {
		text, err := asText(a)
		if err != nil {
			return nil, err
		}
		blank = blank && text == ""
		fmt.Fprintf(mac, "%d:%s", len(text), text)
	}
	if blank {
		return "", nil
	}
	return idLetters.EncodeToString(mac.Sum(nil)[:16]), nil
}

// date reads a date, by the mapping's patterns or by the one given. Blank gives nil.
func (m *Mapping) date(args ...any) (any, error) {
	text, err := asText(args[0])
	if err != nil || text == "" {
		return nil, err
	}
	if at, ok := args[0].(moment); ok {
		return at, nil
	}
	if len(args) == 1 {
		return m.calendar.parse(text)
	}
	pattern, _ := args[1].(string)
	l, ok := m.patterns[pattern] // checked and stored when the mapping was read
	if !ok {
		return nil, fmt.Errorf("%q is not a date pattern of this mapping", pattern)
	}
	return m.calendar.parseAs(text, &l)
}

// day reads a date and gives its calendar day as ISO 8601 text.
func (m *Mapping) day(args ...any) (any, error) {
	v, err := m.date(args...)
	if err != nil || v == nil {
		return nil, err
	}
	return v.(moment).Format("2006-01-02"), nil
}

var errNotWhole = errors.New("it is not a whole number")

// integer reads a whole number. Blank gives nil.
func integer(args ...any) (any, error) {
	if i, ok := args[0].(int); ok {
		return i, nil
	}
	text, err := asText(args[0])
	if err != nil || text == "" {
		return nil, err
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return nil, errNotWhole
	}
	return int(n), nil
}

var errNotAmount = errors.New("it is not an amount of money, or has more decimals than its currency")

// minor reads an amount such as 1,234.50 as minor units (123450): two decimals and a point unless said otherwise. The other
// mark, an apostrophe or a space between digits groups them. No rounding: a decimal too many is an error. Blank gives nil.
func minor(args ...any) (any, error) {
	text, err := asText(args[0])
	if err != nil || text == "" {
		return nil, err
	}
	decimals, mark := 2, "."
	if len(args) > 1 {
		decimals, _ = args[1].(int)
	}
	if len(args) > 2 {
		mark, _ = args[2].(string)
	}
	if decimals < 0 || decimals > 4 || (mark != "." && mark != ",") {
		return nil, errors.New("minor takes 0 to 4 decimals and the mark \".\" or \",\"")
	}
	sign := ""
	if rest, ok := strings.CutPrefix(text, "-"); ok {
		sign, text = "-", rest
	}
	whole, fraction, _ := strings.Cut(text, mark)
	group := map[string]string{".": ",", ",": "."}[mark]
	for _, g := range []string{group, "'", " ", "\u00a0", "\u202f"} {
		whole = strings.ReplaceAll(whole, g, "")
	}
	if whole == "" || len(fraction) > decimals || strings.Trim(whole+fraction, "0123456789") != "" {
		return nil, errNotAmount
	}
	n, err := strconv.ParseInt(sign+whole+fraction+strings.Repeat("0", decimals-len(fraction)), 10, 64)
	if err != nil {
		return nil, errNotAmount
	}
	return int(n), nil
}

// coalesce gives the first value that is not blank, or nil.
func coalesce(args ...any) (any, error) {
	for _, a := range args {
		if a != nil && a != "" {
			return a, nil
		}
	}
	return nil, nil
}
