package mapping

import (
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// isEventID and isCustomerID are the patterns of the record's contract. The ledger checks them again; checking here gives
// the row and the mapping's line.
func isEventID(s string) bool    { return isID(s, 128, "_.:/-") }
func isCustomerID(s string) bool { return isID(s, 64, "_-") }

// isID: 1 to most letters and digits, and after the first character those of others.
func isID(s string, most int, others string) bool {
	if s == "" || len(s) > most {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if !isLetter(c) && (c < '0' || c > '9') && (i == 0 || strings.IndexByte(others, c) < 0) {
			return false
		}
	}
	return true
}

// build works out the present row's variables, the mapping's own reasons to reject, and the events.
func (r *Reader) build() ([][]byte, *RowError) {
	m := r.mapping
	for _, let := range m.lets {
		v, bad := r.eval(let.value, false)
		if bad != nil {
			return nil, bad
		}
		r.env[let.name] = v
	}
	for i := range m.rejects {
		rule := &m.rejects[i]
		holds, bad := r.condition(rule.when, rule.line, "reject["+strconv.Itoa(i)+"].when")
		if bad != nil {
			return nil, bad
		}
		if holds {
			return nil, &RowError{Line: rule.line, Key: "reject[" + strconv.Itoa(i) + "]", Reason: rule.reason}
		}
	}
	var events [][]byte
	var ids []string
	for i := range m.events {
		e := &m.events[i]
		if e.when != nil {
			holds, bad := r.condition(e.when, e.line, "events["+strconv.Itoa(i)+"].when")
			if bad != nil {
				return nil, bad
			}
			if !holds {
				continue
			}
		}
		raw, id, bad := r.buildEvent(e)
		if bad != nil {
			return nil, bad
		}
		for _, other := range ids {
			if other == id {
				return nil, rejected(e.id, "two events of the row have the same id")
			}
		}
		ids = append(ids, id)
		events = append(events, raw)
	}
	if len(events) == 0 && !m.ignore {
		return nil, &RowError{Reason: "no event of the mapping is for this row"}
	}
	return events, nil
}

func (r *Reader) condition(x *expression, line int, key string) (bool, *RowError) {
	v, err := r.run(x)
	if err != nil {
		return false, &RowError{Line: line, Key: key, Reason: runReason(err)}
	}
	b, ok := v.(bool)
	if !ok {
		return false, &RowError{Line: line, Key: key, Reason: "the condition is neither true nor false"}
	}
	return b, nil
}

// buildEvent writes one event, its attributes in the order of the record.
func (r *Reader) buildEvent(e *event) (raw []byte, id string, bad *RowError) {
	id, bad = r.text(e.id, true)
	if bad != nil {
		return nil, "", bad
	}
	if !isEventID(id) {
		return nil, "", rejected(e.id, "it has other characters than an event id may have, or more than 128")
	}
	subject, bad := r.text(e.subject, true)
	if bad != nil {
		return nil, "", bad
	}
	if !isCustomerID(subject) {
		return nil, "", rejected(e.subject, "it has other characters than a customer id may have, or more than 64: slug(...) or hashid(...) make one")
	}
	at, accuracy, bad := r.when(e)
	if bad != nil {
		return nil, "", bad
	}
	b := append(r.buf[:0], `{"specversion":"1.0","id":`...)
	b = appendText(b, id)
	b = append(b, `,"source":`...)
	b = appendText(b, r.mapping.source)
	b = append(b, `,"type":"`...)
	b = append(b, e.typ...)
	b = append(b, `","subject":`...)
	b = appendText(b, subject)
	b = append(b, `,"time":"`...)
	b = at.AppendFormat(b, time.RFC3339Nano)
	b = append(b, '"')
	if accuracy != "" && accuracy != "exact" {
		b = append(b, `,"timeaccuracy":"`...)
		b = append(b, accuracy...)
		b = append(b, '"')
	}
	for _, a := range e.optional {
		s, bad := r.text(a.value, false)
		if bad != nil {
			return nil, "", bad
		}
		if s == "" {
			continue
		}
		b = append(b, ',', '"')
		b = append(b, a.name...)
		b = append(b, '"', ':')
		b = appendText(b, s)
	}
	b = append(b, `,"datacontenttype":"application/json","data":`...)
	n := len(b)
	if b, bad = r.appendValue(b, e.data); bad != nil {
		return nil, "", bad
	}
	if len(b) == n {
		b = append(b, '{', '}')
	}
	b = append(b, '}')
	r.buf = b
	return append(make([]byte, 0, len(b)), b...), id, nil
}

// when works out the time of an event and how well it is known.
func (r *Reader) when(e *event) (time.Time, string, *RowError) {
	v, bad := r.eval(e.time, false)
	if bad != nil {
		return time.Time{}, "", bad
	}
	at, ok := v.(moment)
	if !ok {
		text, err := asText(v)
		if err != nil {
			return time.Time{}, "", rejected(e.time, err.Error())
		}
		if text == "" {
			return time.Time{}, "", rejected(e.time, "the time is blank, and none is invented")
		}
		if at, err = r.mapping.calendar.parse(text); err != nil {
			return time.Time{}, "", rejected(e.time, err.Error())
		}
	}
	accuracy := ""
	if e.accuracy != nil {
		if accuracy, bad = r.text(e.accuracy, false); bad != nil {
			return time.Time{}, "", bad
		}
		if accuracy != "" && !isAccuracy(accuracy) {
			return time.Time{}, "", rejected(e.accuracy, "it is not an accuracy: exact, day, not_before or not_after")
		}
	}
	stamp, accuracy := at.stamped(accuracy)
	if y := stamp.Year(); y < 1 || y > 9999 {
		return time.Time{}, "", rejected(e.time, "the year is not one of four digits")
	}
	return stamp, accuracy, nil
}

// appendValue writes a part of data. What is blank leaves no trace: nothing is appended for it.
func (r *Reader) appendValue(b []byte, v *value) ([]byte, *RowError) {
	if v.leaf != nil {
		if p := v.leaf.parts[0]; len(v.leaf.parts) == 1 && p.x != nil && p.x.column != "" {
			if text := r.row[p.x.column]; text != "" {
				b = appendText(b, text)
			}
			return b, nil
		}
		x, bad := r.eval(v.leaf, false)
		if bad != nil {
			return b, bad
		}
		b, err := appendJSON(b, x)
		if err != "" {
			return b, rejected(v.leaf, err)
		}
		return b, nil
	}
	open, end := byte('{'), byte('}')
	if v.isList {
		open, end = '[', ']'
	}
	start := len(b)
	b = append(b, open)
	var bad *RowError
	for i := range len(v.members) + len(v.list) {
		mark := len(b)
		if len(b) > start+1 {
			b = append(b, ',')
		}
		var part *value
		if v.isList {
			part = v.list[i]
		} else {
			b = append(b, v.members[i].quoted...)
			part = v.members[i].value
		}
		n := len(b)
		if b, bad = r.appendValue(b, part); bad != nil {
			return b, bad
		}
		if len(b) == n {
			b = b[:mark]
		}
	}
	if len(b) == start+1 {
		return b[:start], nil
	}
	return append(b, end), nil
}

// appendJSON writes what an expression gave; nothing for nil and for empty text. The reason is empty when all is well.
func appendJSON(b []byte, v any) (_ []byte, reason string) {
	switch v := v.(type) {
	case nil:
		return b, ""
	case string:
		if v == "" {
			return b, ""
		}
		return appendText(b, v), ""
	case bool:
		return strconv.AppendBool(b, v), ""
	case int:
		return strconv.AppendInt(b, int64(v), 10), ""
	case int64:
		return strconv.AppendInt(b, v, 10), ""
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return b, "it is not a number"
		}
	case moment:
		if y := v.UTC().Year(); y < 1 || y > 9999 {
			return b, "the year is not one of four digits"
		}
		return appendText(b, v.text()), ""
	}
	out, err := json.Marshal(v)
	if err != nil {
		return b, "it cannot be written as JSON"
	}
	return append(b, out...), ""
}

// appendText writes a JSON string; text that is not UTF-8 (an expression may cut a character) gets U+FFFD for what is not.
func appendText(b []byte, s string) []byte {
	out, err := jsontext.AppendQuote(b, s)
	if err != nil && len(out) == len(b) {
		return append(b, `""`...)
	}
	return out
}
