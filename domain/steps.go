package domain

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode"
)

// Step is one event of a replay, and what it changed.
type Step struct {
	Event Event // as recorded
	// Counted is the event as it counts: with the payload and the time of the correction that stands. Where none does, it is
	// as recorded.
	Counted     Event
	CorrectedBy string        // the id of that correction; empty: none
	Late        time.Duration // how late it was recorded; 0: in time (see Event.Late)
	Changes     []Change      // what the event changed in the state, in a fixed order
}

// Change is one change of the state. From and To are for people: times in RFC 3339, lists joined; empty means nothing.
type Change struct {
	Thing string // customer, complaint, commitment, ...
	ID    string
	What  string // state, owner, due_at, ...
	From  string
	To    string
}

// Steps folds like Fold and tells what each event changed. Events come in the order of folding; those outside the limits
// are left out. The final state is that of Fold.
func Steps(id string, history []Event, limits Limits) ([]Step, *Customer) {
	events, streams := plan(id, history, limits)
	c := newCustomer(id, streams)
	c.fold.trace = new(trace)
	steps := make([]Step, 0, len(events))
	for i := range events {
		k := &events[i]
		c.fold.trace.watch(thingCustomer, c.ID, c, c)
		c.apply(k.Event)
		c.fold.last = k.key
		step := Step{Event: *k.recorded, Counted: *k.Event, Late: k.recorded.Late(), Changes: c.fold.trace.changes()}
		if k.correctedBy != nil {
			step.CorrectedBy = k.correctedBy.ID
		}
		steps = append(steps, step)
	}
	c.fold.trace = nil
	return steps, c
}

// LateAfter is how long after a fact its record counts as in time.
const LateAfter = 24 * time.Hour

// Late is how long after the fact the event was recorded, if that is more than LateAfter, else 0. Of a fact of which only
// the day is known it is counted from the end of that day; of one that is only known not to be earlier than its time nothing
// can be said, so it is 0; of one only known not to be later it is the least that it can be.
func (e *Event) Late() time.Duration {
	happened := e.Time
	switch e.Accuracy {
	case AccuracyNotBefore:
		return 0
	case AccuracyDay:
		y, m, d := happened.UTC().Date()
		happened = time.Date(y, m, d+1, 0, 0, 0, 0, time.UTC)
	}
	if late := e.Recorded.Sub(happened); late > LateAfter {
		return late
	}
	return 0
}

// trace keeps what the things that an event touches looked like before it.
type trace struct {
	watched []watched
}

type watched struct {
	thing  thing
	id     string
	before []string
	now    any // a pointer to the thing
}

// watch notes how the thing looks before the event, when it is first touched.
func (t *trace) watch(th thing, id string, before, now any) {
	if slices.ContainsFunc(t.watched, func(w watched) bool { return w.now == now }) {
		return
	}
	t.watched = append(t.watched, watched{th, id, render(before), now})
}

// changes compares and forgets.
func (t *trace) changes() []Change {
	var out []Change
	for _, w := range t.watched {
		fields := fieldsOf(reflect.TypeOf(w.now).Elem())
		for i, after := range render(w.now) {
			if w.before[i] != after {
				out = append(out, Change{string(w.thing), w.id, fields[i].name, w.before[i], after})
			}
		}
	}
	t.watched = t.watched[:0]
	return out
}

// field is one exported field of a state struct that a replay shows.
type field struct {
	index int
	name  string
}

var fieldsByType sync.Map // reflect.Type → []field; what it holds follows from the type alone

func fieldsOf(t reflect.Type) []field {
	if known, ok := fieldsByType.Load(t); ok {
		return known.([]field)
	}
	var out []field
	for i := range t.NumField() {
		f := t.Field(i)
		switch {
		case !f.IsExported(), f.Anonymous, f.Name == "ID", f.Name == "CustomerID", bookkeeping[f.Name],
			f.Type.Kind() == reflect.Slice && f.Type.Elem().Kind() == reflect.Pointer:
			continue
		}
		out = append(out, field{i, snake(f.Name)})
	}
	fieldsByType.Store(t, out)
	return out
}

// bookkeeping are the fields that change with each event and so tell nothing, or name the event itself.
var bookkeeping = map[string]bool{
	"Revision": true, "Position": true, "Events": true, "FirstEventAt": true, "LastEventAt": true, "LastContactBy": true,
	"ManagerChangedBy": true, "RegisteredBy": true, "DisputedBy": true, "ReopenedBy": true, "MadeBy": true, "BrokenBy": true,
	"FailedBy": true, "CompletedBy": true, "ScheduledBy": true, "AnsweredBy": true, "StartedBy": true, "EndedBy": true,
	"ClosedBy": true,
}

// snake is the field's name as the views write it.
func snake(name string) string {
	name = strings.ReplaceAll(name, "ID", "Id")
	var b strings.Builder
	for i, r := range name {
		if unicode.IsUpper(r) {
			if i > 0 {
				b.WriteByte('_')
			}
			r = unicode.ToLower(r)
		}
		b.WriteRune(r)
	}
	return b.String()
}

// render shows each field of the struct that p points to.
func render(p any) []string {
	v := reflect.ValueOf(p).Elem()
	fields := fieldsOf(v.Type())
	out := make([]string, len(fields))
	for i, f := range fields {
		out[i] = show(v.Field(f.index).Interface())
	}
	return out
}

// show renders a value; what is empty, zero or not told is the empty string, save a told false or 0.
func show(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case State:
		return string(v)
	case time.Time:
		if v.IsZero() {
			return ""
		}
		return v.UTC().Format(time.RFC3339Nano)
	case Retention:
		return v.String()
	case time.Duration:
		if v == 0 {
			return ""
		}
		return v.String()
	case int:
		if v == 0 {
			return ""
		}
		return strconv.Itoa(v)
	case bool:
		if !v {
			return ""
		}
		return "true"
	case *bool:
		if v == nil {
			return ""
		}
		return strconv.FormatBool(*v)
	case *int:
		if v == nil {
			return ""
		}
		return strconv.Itoa(*v)
	case *int64:
		if v == nil {
			return ""
		}
		return strconv.FormatInt(*v, 10)
	case []string:
		return strings.Join(v, ", ")
	case []Proposal:
		return joined(v, func(p Proposal) string { return strings.TrimSpace(p.ID + " " + p.Answer) })
	case []Link:
		return joined(v, func(l Link) string { return l.Relation + " " + l.ComplaintID })
	case map[string]int64:
		return joined(slices.Sorted(maps.Keys(v)), func(currency string) string {
			return strings.TrimSpace(currency + " " + strconv.FormatInt(v[currency], 10))
		})
	}
	return fmt.Sprint(v) // a kind of field that is new here; a test holds that there is none
}

func joined[T any](list []T, one func(T) string) string {
	parts := make([]string, len(list))
	for i, v := range list {
		parts[i] = one(v)
	}
	return strings.Join(parts, ", ")
}
