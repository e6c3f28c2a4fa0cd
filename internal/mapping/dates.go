package mapping

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // a mapping means the same on a machine without a time zone database
)

// layout is one way in which a file writes dates.
type layout struct {
	pattern string
	goForm  string // the standard library's layout; empty for the two unix forms
	unix    int64  // units per second, for unix and unix-ms
	hasTime bool   // the pattern has a time of day
	hasZone bool   // the pattern has an offset
}

// patternLetters translates the letters of the Unicode date pattern notation. Longest first within a letter.
var patternLetters = []struct {
	letters, goForm string
	time, zone      bool
}{
	{"yyyy", "2006", false, false}, {"yy", "06", false, false},
	{"MMMM", "January", false, false}, {"MMM", "Jan", false, false}, {"MM", "01", false, false}, {"M", "1", false, false},
	{"dd", "02", false, false}, {"d", "2", false, false},
	{"EEEE", "Monday", false, false}, {"EEE", "Mon", false, false},
	{"HH", "15", true, false}, {"H", "15", true, false}, {"hh", "03", true, false}, {"h", "3", true, false},
	{"mm", "04", true, false}, {"m", "4", true, false}, {"ss", "05", true, false}, {"s", "5", true, false},
	{"a", "PM", false, false},
	{"XXX", "Z07:00", false, true}, {"XX", "Z0700", false, true}, {"X", "Z07", false, true},
	{"xxx", "-07:00", false, true}, {"xx", "-0700", false, true}, {"x", "-07", false, true},
}

// parsePattern reads the pattern notation: yyyy-MM-dd HH:mm:ss.SSS, with literal letters in single quotes, or one of the
// words iso (RFC 3339, or ISO 8601 with an offset without a colon), unix and unix-ms.
func parsePattern(pattern string) (layout, error) {
	l := layout{pattern: pattern}
	switch pattern {
	case "":
		return l, errors.New("a date pattern is empty")
	case "iso":
		return layout{pattern: pattern, goForm: time.RFC3339Nano, hasTime: true, hasZone: true}, nil
	case "unix":
		return layout{pattern: pattern, unix: 1, hasTime: true, hasZone: true}, nil
	case "unix-ms":
		return layout{pattern: pattern, unix: 1000, hasTime: true, hasZone: true}, nil
	}
	var form strings.Builder
	var year, month, day bool
	for i := 0; i < len(pattern); {
		c := pattern[i]
		switch {
		case c == '\'':
			end := strings.IndexByte(pattern[i+1:], '\'')
			if end < 0 {
				return l, fmt.Errorf("date pattern %q: a quote is not closed", pattern)
			}
			text := pattern[i+1 : i+1+end]
			if end == 0 {
				text = "'"
			}
			if time.UnixMilli(0).UTC().Format(text) != text || time.UnixMilli(1e12).UTC().Format(text) != text {
				return l, fmt.Errorf("date pattern %q: the quoted text may not hold digits or names of months, days or zones", pattern)
			}
			form.WriteString(text)
			i += end + 2
		case c == 'S':
			n := len(pattern[i:]) - len(strings.TrimLeft(pattern[i:], "S"))
			before := form.String()
			if before == "" || (before[len(before)-1] != '.' && before[len(before)-1] != ',') || n > 9 {
				return l, fmt.Errorf("date pattern %q: S (fraction of a second, at most nine) must follow a point or a comma", pattern)
			}
			form.WriteString(strings.Repeat("0", n))
			i += n
		case isLetter(c):
			n := 0
			for _, p := range patternLetters {
				if strings.HasPrefix(pattern[i:], p.letters) {
					n = len(p.letters)
					form.WriteString(p.goForm)
					l.hasTime = l.hasTime || p.time
					l.hasZone = l.hasZone || p.zone
					break
				}
			}
			if n == 0 || (i+n < len(pattern) && pattern[i+n] == c) {
				return l, fmt.Errorf("date pattern %q: %q is not a date letter (put literal letters in single quotes)", pattern, c)
			}
			year, month, day = year || c == 'y', month || c == 'M', day || c == 'd'
			i += n
		case c >= '0' && c <= '9' || c == '_':
			return l, fmt.Errorf("date pattern %q: %q cannot stand in a pattern", pattern, c)
		default:
			form.WriteByte(c)
			i++
		}
	}
	if !year || !month || !day {
		return l, fmt.Errorf("date pattern %q: it needs y, M and d", pattern)
	}
	l.goForm = form.String()
	return l, nil
}

func isLetter(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }

// moment is a time as a file writes it.
type moment struct {
	time.Time      // in the file's zone
	dayOnly   bool // the file gives no time of day
}

// calendar reads the dates of one mapping.
type calendar struct {
	layouts     []layout
	zone        *time.Location
	ambiguous   string // earlier, later, reject
	nonexistent string // shift, reject
}

var errNoDate = errors.New("it matches none of the date patterns")

// parse reads text by the first layout that fits. Errors name the rule, never the text.
func (c *calendar) parse(text string) (moment, error) {
	for i := range c.layouts {
		m, err := c.parseAs(text, &c.layouts[i])
		if !errors.Is(err, errNoDate) {
			return m, err
		}
	}
	return moment{}, errNoDate
}

func (c *calendar) parseAs(text string, l *layout) (moment, error) {
	if l.unix != 0 {
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil || n > 1<<53 || n < -(1<<53) {
			return moment{}, errNoDate
		}
		return moment{Time: time.Unix(n/l.unix, n%l.unix*(int64(time.Second)/l.unix)).UTC()}, nil
	}
	t, err := time.Parse(l.goForm, text)
	if err != nil && l.pattern == "iso" {
		t, err = time.Parse("2006-01-02T15:04:05Z0700", text)
	}
	if err != nil {
		return moment{}, errNoDate
	}
	if l.hasZone {
		return moment{Time: t, dayOnly: !l.hasTime}, nil
	}
	t, err = c.inZone(t, l.hasTime)
	return moment{Time: t, dayOnly: !l.hasTime}, err
}

var (
	errAmbiguous   = errors.New("the clock showed this time twice in the file's time zone")
	errNonexistent = errors.New("the clock never showed this time in the file's time zone")
)

// inZone reads the digits of wall (given in UTC) on a clock of the calendar's zone. Twice a year they may mean two instants,
// or none. A date alone, at whose midnight the clock was changed, begins at the first instant of that day.
func (c *calendar) inZone(wall time.Time, hasTime bool) (time.Time, error) {
	if c.zone == time.UTC {
		return wall, nil
	}
	const day = 24 * time.Hour
	_, before := wall.Add(-day).In(c.zone).Zone()
	_, after := wall.Add(day).In(c.zone).Zone()
	first := wall.Add(-time.Duration(before) * time.Second).In(c.zone)
	if before == after {
		return first, nil
	}
	second := wall.Add(-time.Duration(after) * time.Second).In(c.zone)
	_, o1 := first.Zone()
	_, o2 := second.Zone()
	isFirst, isSecond := o1 == before, o2 == after
	switch {
	case isFirst && isSecond && !first.Equal(second):
		if c.ambiguous == "reject" && hasTime {
			return first, errAmbiguous
		}
		if c.ambiguous == "later" {
			return second, nil
		}
		return first, nil
	case isFirst:
		return first, nil
	case isSecond:
		return second, nil
	case c.nonexistent == "reject" && hasTime:
		return first, errNonexistent
	default:
		// The old offset: as a clock shows that nobody has put forward yet.
		return first, nil
	}
}

// text is the instant in RFC 3339 and UTC.
func (m moment) text() string { return m.UTC().Format(time.RFC3339Nano) }

// stamped is the instant that a record carries for m under an accuracy; an empty accuracy is chosen by what m tells. A day
// is the calendar day of the file, at midnight UTC, as the record's contract has it; "not before" a day is from its first
// instant in the file's zone on, "not after" a day is up to its last second.
func (m moment) stamped(accuracy string) (time.Time, string) {
	if accuracy == "" && m.dayOnly {
		accuracy = "day"
	}
	year, month, day := m.Date()
	switch {
	case accuracy == "day":
		return time.Date(year, month, day, 0, 0, 0, 0, time.UTC), accuracy
	case accuracy == "not_after" && m.dayOnly:
		return time.Date(year, month, day, 23, 59, 59, 0, m.Location()).UTC(), accuracy
	}
	return m.UTC(), accuracy
}
