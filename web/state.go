package web

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"

	"amends/domain"
)

// state writes a folded customer as JSON: members in the order and under the names of the domain's fields, in snake case;
// what is empty or unknown is left out; instants in RFC 3339, durations as whole seconds. The names are an interface: a test
// holds them.
type state struct{ customer *domain.Customer }

// MarshalJSON implements json.Marshaler.
func (s state) MarshalJSON() ([]byte, error) {
	if s.customer == nil {
		return []byte("null"), nil
	}
	var out bytes.Buffer
	if err := writeState(&out, reflect.ValueOf(*s.customer)); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// Schema implements huma.SchemaProvider.
func (state) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{
		Type: huma.TypeObject, AdditionalProperties: true,
		Description: "The customer's state: id, tier, complaints, commitments, redress, surveys and so on. What is empty is left out.",
	}
}

var (
	timeType     = reflect.TypeFor[time.Time]()
	durationType = reflect.TypeFor[time.Duration]()
	rawType      = reflect.TypeFor[json.RawMessage]()
)

func writeState(out *bytes.Buffer, v reflect.Value) error {
	switch {
	case v.Kind() == reflect.Pointer:
		return writeState(out, v.Elem())
	case v.Type() == timeType:
		fmt.Fprintf(out, `"%s"`, v.Interface().(time.Time).UTC().Format(time.RFC3339Nano))
	case v.Type() == durationType:
		fmt.Fprintf(out, "%d", int64(v.Interface().(time.Duration)/time.Second))
	case v.Type() == rawType:
		out.Write(v.Bytes())
	case v.Kind() == reflect.Struct:
		out.WriteByte('{')
		if err := writeFields(out, v); err != nil {
			return err
		}
		out.WriteByte('}')
	case v.Kind() == reflect.Slice:
		out.WriteByte('[')
		for i := range v.Len() {
			if i > 0 {
				out.WriteByte(',')
			}
			if err := writeState(out, v.Index(i)); err != nil {
				return err
			}
		}
		out.WriteByte(']')
	default:
		text, err := json.Marshal(v.Interface())
		if err != nil {
			return fmt.Errorf("write the state: %w", err)
		}
		out.Write(text)
	}
	return nil
}

// writeFields writes the members of a struct; an embedded struct's are its own.
func writeFields(out *bytes.Buffer, v reflect.Value) error {
	for i := range v.NumField() {
		field, value := v.Type().Field(i), v.Field(i)
		if !field.IsExported() || empty(value) {
			continue
		}
		if field.Anonymous && value.Kind() == reflect.Struct {
			if err := writeFields(out, value); err != nil {
				return err
			}
			continue
		}
		if last := out.Bytes()[out.Len()-1]; last != '{' {
			out.WriteByte(',')
		}
		fmt.Fprintf(out, "%q:", memberName(field))
		if err := writeState(out, value); err != nil {
			return err
		}
	}
	return nil
}

// empty reports whether there is nothing to say. A false or a 0 behind a pointer was told, and counts.
func empty(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Slice, reflect.Map:
		return v.Len() == 0
	case reflect.Struct:
		if v.Type() == timeType {
			return v.Interface().(time.Time).IsZero()
		}
		return v.IsZero()
	case reflect.Func, reflect.Chan, reflect.Interface:
		return true
	}
	return v.IsZero()
}

// memberName is the field's name in JSON: its own tag's, or EventID as event_id.
func memberName(field reflect.StructField) string {
	if tag, _, _ := strings.Cut(field.Tag.Get("json"), ","); tag != "" {
		return tag
	}
	name := snake(field.Name)
	if field.Type == durationType {
		name += "_seconds"
	}
	return name
}

// snake turns EventID into event_id.
func snake(name string) string {
	var out strings.Builder
	previous := rune(0)
	for i, c := range name {
		next, _ := utf8.DecodeRuneInString(name[i+utf8.RuneLen(c):])
		if unicode.IsUpper(c) && i > 0 && (unicode.IsLower(previous) || unicode.IsDigit(previous) || unicode.IsLower(next)) {
			out.WriteByte('_')
		}
		out.WriteRune(unicode.ToLower(c))
		previous = c
	}
	return out.String()
}
