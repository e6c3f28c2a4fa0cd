package schemas

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"pgregory.net/rapid"
)

// agree fails unless the checker and the library decide alike. data is compact, valid JSON without duplicate names.
func agree(t interface {
	Helper()
	Errorf(string, ...any)
}, c *Codec, s *schema, data []byte) {
	t.Helper()
	library, err := c.library.schema(s.id)
	if err != nil {
		t.Errorf("the library: %v", err)
		return
	}
	rest, ours := s.node.check(data)
	var value any
	if err := jsonv2.Unmarshal(data, &value); err != nil {
		return // a number beyond float64, which the library cannot be given
	}
	theirs := library.Validate(value)
	if ours != (theirs == nil) {
		t.Errorf("%s: the checker says %v, the library %v, of\n%s", s.id, ours, theirs, data)
	}
	if len(rest) != 0 {
		t.Errorf("%s: the checker left %q of\n%s", s.id, rest, data)
	}
}

// TestCheckerAgreesWithTheLibrary damages the samples' payloads at random, several times over.
func TestCheckerAgreesWithTheLibrary(t *testing.T) {
	c := newCodec(t)
	var names []string
	payloads := make(map[string][]byte)
	for _, name := range samples(t) {
		in := parse(t, c, readSample(t, name+".input.json"))
		names = append(names, in.Schema)
		payloads[in.Schema] = in.DataJSON
	}
	for _, id := range names {
		agree(t, c, c.schemas[id], payloads[id])
	}
	rapid.Check(t, func(t *rapid.T) {
		s := c.schemas[rapid.SampledFrom(names).Draw(t, "schema")]
		var payload any
		if err := json.Unmarshal(payloads[s.id], &payload); err != nil {
			t.Fatal(err)
		}
		for range rapid.IntRange(1, 3).Draw(t, "damages") {
			payload = damage(t, payload, s.node)
		}
		var out bytes.Buffer
		enc := json.NewEncoder(&out)
		enc.SetEscapeHTML(rapid.Bool().Draw(t, "escape"))
		if err := enc.Encode(payload); err != nil {
			t.Fatal(err)
		}
		agree(t, c, s, appendCompact(nil, out.Bytes()))
	})
}

// TestCheckerAgreesOnEveryField puts values at and just beyond each limit into every field of every payload.
func TestCheckerAgreesOnEveryField(t *testing.T) {
	c := newCodec(t)
	accepted, refused := 0, 0
	long := make(map[int]bool) // lengths that have been tried: long texts take their time
	for _, name := range samples(t) {
		if strings.HasPrefix(name, "interaction.") && name != "interaction.call" {
			continue // they share one schema
		}
		in := parse(t, c, readSample(t, name+".input.json"))
		s := c.schemas[in.Schema]
		var payload map[string]json.RawMessage
		if err := json.Unmarshal(in.DataJSON, &payload); err != nil {
			t.Fatal(err)
		}
		for i, field := range s.node.names {
			was := payload[field]
			for _, value := range append(limits(s.node.props[i], long), "") {
				if payload[field] = json.RawMessage(value); value == "" {
					delete(payload, field)
				}
				data, err := json.Marshal(payload)
				if err != nil {
					t.Fatalf("%s: %v", value, err)
				}
				agree(t, c, s, data)
				if _, ok := s.node.check(data); ok {
					accepted++
				} else {
					refused++
				}
			}
			payload[field] = was
		}
	}
	if accepted < 1000 || refused < 5000 {
		t.Errorf("%d payloads accepted and %d refused: the values are not near the limits", accepted, refused)
	}
}

// limits are JSON values at and around what a schema allows.
func limits(n *node, long map[int]bool) []string {
	out := []string{`null`, `true`, `0`, `5.0`, `5.5`, `1e1`, `""`, `"x"`, `"\u0078"`, `"2026-03-04"`, `"2026-03-04T17:00:00Z"`, `"a\\\"]}"`, `{}`, `[]`,
		`[null]`, `{"a":["}",{}]}`}
	if n.hasMin || n.hasMax {
		for _, v := range []int64{n.minimum - 1, n.minimum, n.maximum, n.maximum + 1} {
			out = append(out, fmt.Sprint(v))
		}
	}
	if n.maxLength > 0 && !long[n.maxLength] {
		long[n.maxLength] = n.maxLength > 200
		for _, letter := range []string{"x", "投", `\n`, `\u00e9`} {
			out = append(out, `"`+strings.Repeat(letter, n.maxLength)+`"`, `"`+strings.Repeat(letter, n.maxLength+1)+`"`)
		}
	}
	for _, code := range n.codes[:min(len(n.codes), 4)] {
		out = append(out, `"`+code+`"`, fmt.Sprintf(`"\u%04x%s"`, code[0], code[1:]), `"`+code+`x"`)
	}
	if n.items != nil {
		for _, item := range limits(n.items, long) {
			for _, count := range []int{1, n.minItems, n.maxItems, n.maxItems + 1} {
				if count*len(item) < 20000 {
					out = append(out, "["+strings.TrimSuffix(strings.Repeat(item+",", count), ",")+"]")
				}
			}
		}
	}
	for i, name := range n.names {
		if n.maxProps < 0 && len(n.props[i].names) == 0 {
			for _, value := range limits(n.props[i], long) {
				out = append(out, object(n, name, value))
			}
		}
	}
	if n.maxProps >= 0 {
		for _, count := range []int{n.maxProps, n.maxProps + 1} {
			var members []string
			for i := range count {
				members = append(members, fmt.Sprintf(`"m%d":%d`, i, i))
			}
			out = append(out, "{"+strings.Join(members, ",")+"}")
		}
	}
	return out
}

// object has a valid kind where its schema asks for one, and the named member.
func object(n *node, name, value string) string {
	if i, ok := n.index["kind"]; ok && name != "kind" {
		return fmt.Sprintf(`{"kind":%q,%q:%s}`, n.props[i].codes[0], name, value)
	}
	return fmt.Sprintf(`{%q:%s}`, name, value)
}

// damage changes one thing somewhere in a value, preferably to something near what its schema wants.
func damage(t *rapid.T, value any, n *node) any {
	switch v := value.(type) {
	case map[string]any:
		keys := slices.Sorted(maps.Keys(v))
		switch choice := rapid.IntRange(0, 9).Draw(t, "object"); {
		case choice == 0 && len(keys) > 0:
			delete(v, rapid.SampledFrom(keys).Draw(t, "key"))
			return v
		case choice == 1:
			name := rapid.SampledFrom(append([]string{"stranger", ""}, n.names...)).Draw(t, "name")
			v[name] = anything(t, n.find([]string{name}))
			return v
		case choice < 9 && len(keys) > 0:
			key := rapid.SampledFrom(keys).Draw(t, "key")
			v[key] = damage(t, v[key], n.find([]string{key}))
			return v
		}
	case []any:
		switch choice := rapid.IntRange(0, 3).Draw(t, "array"); {
		case choice == 0 && len(v) > 0:
			return v[1:]
		case choice == 1:
			items := slices.Clone(v)
			for range rapid.SampledFrom([]int{1, 2, 3, 33}).Draw(t, "more") {
				items = append(items, anything(t, n.find([]string{"0"})))
			}
			return items
		case choice == 2 && len(v) > 0:
			i := rapid.IntRange(0, len(v)-1).Draw(t, "index")
			v[i] = damage(t, v[i], n.find([]string{"0"}))
			return v
		}
	}
	return anything(t, n)
}

func anything(t *rapid.T, n *node) any {
	switch rapid.IntRange(0, 11).Draw(t, "kind") {
	case 0:
		return nil
	case 1:
		return rapid.Bool().Draw(t, "bool")
	case 2:
		return json.Number(rapid.SampledFrom([]string{"0", "-0", "1", "-1", "5", "5.0", "5.5", "1e1", "7", "8", "10", "11", "50e-1",
			"9007199254740991", "9007199254740992", "9007199254740993", "92233720368547758070", "1e300", "0.1"}).Draw(t, "number"))
	case 3:
		return json.Number(fmt.Sprint(n.minimum + rapid.Int64Range(-1, 1).Draw(t, "near")))
	case 4, 5:
		if n.patternText != "" {
			return rapid.StringMatching(n.patternText).Draw(t, "matching")
		}
		if len(n.codes) > 0 {
			return rapid.SampledFrom(n.codes).Draw(t, "code")
		}
		return strings.Repeat(rapid.SampledFrom([]string{"a", "投", "😀", `"`, `\`}).Draw(t, "letter"), max(n.maxLength+rapid.IntRange(-1, 1).Draw(t, "near"), 0))
	case 6:
		return rapid.SampledFrom([]string{"", "2026-03-04", "2026-02-30", "2026-03-04T17:00:00Z", "2026-03-04T17:00:00+01:00", "1899-03-04T17:00:00Z",
			"2026-03-04t17:00:00z", "2026-03-04T17:00:60Z", "2026-03-04T24:00:00Z", "20260-03-04T17:00:00Z", "https://a/b", "a/b", "mailto:x", "%zz:", ":"}).Draw(t, "format")
	case 7:
		return rapid.String().Draw(t, "string")
	case 8:
		return map[string]any{}
	case 9:
		return []any{}
	case 10:
		many := make(map[string]any)
		for i := range rapid.SampledFrom([]int{1, 63, 64, 65}).Draw(t, "members") {
			many[fmt.Sprint("m", i)] = map[string]any{"deep": []any{1, "a}]\"", nil, true}}
		}
		return many
	}
	return rapid.SampledFrom([]string{"csat", "nps", "ces", "acsi"}).Draw(t, "metric")
}

// TestClassRowAgreesWithRegexp: the patterns that need no regular expression engine mean the same with one.
func TestClassRowAgreesWithRegexp(t *testing.T) {
	patterns := make(map[string]bool)
	for _, doc := range newCodec(t).documents.raw {
		for _, found := range regexp.MustCompile(`"pattern": ("[^ ]*"),`).FindAllSubmatch(doc, -1) {
			text, err := jsontext.AppendUnquote(nil, found[1])
			if err != nil {
				t.Fatal(err)
			}
			patterns[string(text)] = true
		}
	}
	fast := 0
	for pattern := range patterns {
		m, err := newMatcher(pattern)
		if err != nil {
			t.Fatal(err)
		}
		if _, ok := m.(*classRow); ok {
			fast++
		}
		slow := regexp.MustCompile(pattern)
		rapid.Check(t, func(t *rapid.T) {
			text := rapid.OneOf(rapid.StringMatching(pattern), rapid.String(), rapid.StringMatching(`[A-Z]{2,4}|[a-z0-9_.:-]{0,130}`)).Draw(t, "text")
			if cut := rapid.IntRange(-1, len(text)).Draw(t, "cut"); cut >= 0 {
				text = text[:cut] + rapid.SampledFrom([]string{"", "\n", "@", "é", "a"}).Draw(t, "insert") + text[cut:]
			}
			if m.MatchString(text) != slow.MatchString(text) {
				t.Errorf("%s of %q: %v", pattern, text, m.MatchString(text))
			}
		})
	}
	if fast < 5 {
		t.Errorf("only %d of %d patterns do without a regular expression", fast, len(patterns))
	}
}

func TestAppendCompact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		raw, err := json.MarshalIndent(anything(t, newNode()), "\t", rapid.SampledFrom([]string{"", " ", "\t"}).Draw(t, "indent"))
		if err != nil {
			t.Fatal(err)
		}
		var want bytes.Buffer
		if err := json.Compact(&want, raw); err != nil {
			t.Fatal(err)
		}
		if got := appendCompact(nil, raw); !bytes.Equal(got, want.Bytes()) {
			t.Errorf("got %s, want %s", got, want.Bytes())
		}
	})
}

func TestUnsupportedKeywordsAreFound(t *testing.T) {
	c := newCodec(t)
	for _, text := range []string{`{"oneOf":[]}`, `{"type":"null"}`, `{"additionalProperties":{}}`, `{"format":"email"}`, `{"required":["a"]}`,
		`{"$ref":"urn:amends:schema:nothing#/$defs/a"}`, `{"pattern":"("}`, `{"properties":{"a":{"not":{}}}}`} {
		var schema map[string]any
		if err := json.Unmarshal([]byte(text), &schema); err != nil {
			t.Fatal(err)
		}
		if err := c.documents.merge(newNode(), schema, "urn:amends:schema:test#"); err == nil {
			t.Errorf("%s is compiled as if it said nothing", text)
		}
	}
}
