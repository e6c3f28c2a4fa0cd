package schemas

import (
	"fmt"
	"reflect"
	"regexp"
	"time"
)

var timeType = reflect.TypeFor[time.Time]()

// timeFields are the index paths of t's fields of type time.Time and *time.Time, embedded structs included.
func timeFields(t reflect.Type, path []int) (out [][]int) {
	for i := range t.NumField() {
		field := t.Field(i)
		here := append(append([]int(nil), path...), i)
		switch {
		case field.Type == timeType, field.Type.Kind() == reflect.Pointer && field.Type.Elem() == timeType:
			out = append(out, here)
		case field.Anonymous && field.Type.Kind() == reflect.Struct:
			out = append(out, timeFields(field.Type, here)...)
		}
	}
	return out
}

// inUTC puts the named time fields of a payload in UTC: the record keeps the offset that was sent, the rules need none.
func inUTC(payload reflect.Value, fields [][]int) {
	for _, path := range fields {
		field := payload.FieldByIndex(path)
		if field.Kind() == reflect.Pointer {
			if field.IsNil() {
				continue
			}
			field = field.Elem()
		}
		t := field.Addr().Interface().(*time.Time)
		*t = t.UTC()
	}
}

// skew is how far a sender's clock may run ahead of the ledger's.
const skew = 5 * time.Minute

var fiveDigitYear = regexp.MustCompile(`^[+-]?[0-9]{5,}-`)

// eventTime reads the time attribute of an event that is recorded at now.
func eventTime(text string, now time.Time) (time.Time, *Problem) {
	var t time.Time
	if err := t.UnmarshalText([]byte(text)); err != nil {
		if fiveDigitYear.MatchString(text) {
			return t, problem(timeYear, "/time", "The year has more than four digits; it must be from 1900 up to the present.")
		}
		return t, problem(invalidTime, "/time", "The time must be an RFC 3339 date-time with its offset, such as 2026-03-01T09:30:00Z "+
			"or 2026-03-01T09:30:00+01:00 (T and Z in capitals). If only the day is known, give its midnight and timeaccuracy \"day\".")
	}
	t = t.UTC()
	if t.Year() < 1900 {
		return t, problem(timeBefore1900, "/time", "The time must not be before 1900; a year such as 0001 or 1899 is "+
			"usually an empty date of the source. "+
			"Leave the attribute out, or give the best bound there is with timeaccuracy.")
	}
	if t.After(now.Add(skew)) {
		return t, problem(timeInFuture, "/time", fmt.Sprintf("The time is more than %d minutes after the ledger's clock (%s). "+
			"A fact is recorded once it has happened; what is planned belongs in the payload, such as due_at.",
			int(skew.Minutes()), now.UTC().Format(time.RFC3339)))
	}
	return t, nil
}
