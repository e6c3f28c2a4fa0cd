package mapping

import (
	"testing"
	"time"
)

func calendarOf(t *testing.T, zone string, patterns ...string) *calendar {
	t.Helper()
	c := &calendar{ambiguous: "earlier", nonexistent: "shift"}
	var err error
	if c.zone, err = time.LoadLocation(zone); err != nil {
		t.Fatal(err)
	}
	for _, p := range patterns {
		l, err := parsePattern(p)
		if err != nil {
			t.Fatal(err)
		}
		c.layouts = append(c.layouts, l)
	}
	return c
}

func TestDatePatterns(t *testing.T) {
	for _, c := range []struct{ pattern, text, want string }{
		{"yyyy-MM-dd", "2025-03-04", "2025-03-04T00:00:00Z"},
		{"yyyy-MM-dd", "2025-3-4", ""},
		{"d.M.yy", "4.3.25", "2025-03-04T00:00:00Z"},
		{"d.M.yy", "04.03.25", "2025-03-04T00:00:00Z"},
		{"dd/MM/yyyy HH:mm:ss.SSS", "04/03/2025 16:05:06.789", "2025-03-04T16:05:06.789Z"},
		{"dd/MM/yyyy HH:mm:ss.SSS", "04/03/2025 16:05:06", ""},
		{"M/d/yyyy h:mm a", "3/4/2025 4:05 PM", "2025-03-04T16:05:00Z"},
		{"M/d/yyyy H:mm", "3/4/2025 4:05", "2025-03-04T04:05:00Z"},
		{"EEE, d MMM yyyy HH:mm:ss xx", "Tue, 4 Mar 2025 16:05:06 +0100", "2025-03-04T15:05:06Z"},
		{"d MMMM yyyy", "4 March 2025", "2025-03-04T00:00:00Z"},
		{"yyyy-MM-dd'T'HH:mmXXX", "2025-03-04T16:05Z", "2025-03-04T16:05:00Z"},
		{"yyyy-MM-dd'T'HH:mmXXX", "2025-03-04T16:05+05:30", "2025-03-04T10:35:00Z"},
		{"iso", "2025-03-04T16:05:06.5+01:00", "2025-03-04T15:05:06.5Z"},
		{"iso", "2025-03-04T16:05:06+0100", "2025-03-04T15:05:06Z"},
		{"iso", "2025-02-30T16:05:06Z", ""},
		{"unix", "1741104306", "2025-03-04T16:05:06Z"},
		{"unix-ms", "1741104306789", "2025-03-04T16:05:06.789Z"},
		{"unix-ms", "-1", "1969-12-31T23:59:59.999Z"},
		{"unix", "99999999999999999999", ""},
		{"yyyy-MM-dd", "", ""},
	} {
		m, err := calendarOf(t, "UTC", c.pattern).parse(c.text)
		got := ""
		if err == nil {
			got = m.text()
		}
		if got != c.want {
			t.Errorf("%s by %s: got %q, want %q (%v)", c.text, c.pattern, got, c.want, err)
		}
	}
}

func TestPatternsAreTriedInOrder(t *testing.T) {
	c := calendarOf(t, "UTC", "dd/MM/yyyy", "MM/dd/yyyy")
	for text, want := range map[string]string{"03/04/2025": "2025-04-03", "03/14/2025": "2025-03-14"} {
		if m, err := c.parse(text); err != nil || m.Format(time.DateOnly) != want {
			t.Errorf("%s: %v, %v", text, m, err)
		}
	}
}

func TestWrongPatterns(t *testing.T) {
	for _, p := range []string{"", "yyyy", "yyyy-MM-dd'T", "yyyy-MM-dd 2006", "yyyyy-MM-dd", "yyyy-MM-dd HH:mm:ssSSS", "yyyy-MM-dd q",
		"yyyy-MM-dd 'Jan'", "yyyy-MM-dd '15'", "yyyy_MM_dd", "YYYY-MM-DD"} {
		if l, err := parsePattern(p); err == nil {
			t.Errorf("%q became %q", p, l.goForm)
		}
	}
}

func TestTimeZones(t *testing.T) {
	for _, c := range []struct{ zone, text, ambiguous, nonexistent, want string }{
		{"Europe/Rome", "2025-01-15 12:00", "", "", "2025-01-15T11:00:00Z"},
		{"Europe/Rome", "2025-07-15 12:00", "", "", "2025-07-15T10:00:00Z"},
		{"Europe/Rome", "2025-10-26 02:30", "earlier", "", "2025-10-26T00:30:00Z"},
		{"Europe/Rome", "2025-10-26 02:30", "later", "", "2025-10-26T01:30:00Z"},
		{"Europe/Rome", "2025-10-26 02:30", "reject", "", errAmbiguous.Error()},
		{"Europe/Rome", "2025-10-26 01:59", "reject", "", "2025-10-25T23:59:00Z"},
		{"Europe/Rome", "2025-10-26 03:00", "reject", "", "2025-10-26T02:00:00Z"},
		{"Europe/Rome", "2025-03-30 02:30", "", "shift", "2025-03-30T01:30:00Z"}, // 03:30 in summer time
		{"Europe/Rome", "2025-03-30 02:30", "", "reject", errNonexistent.Error()},
		{"Europe/Rome", "2025-03-30 03:00", "", "reject", "2025-03-30T01:00:00Z"},
		{"Europe/Rome", "2025-03-30 01:59", "", "reject", "2025-03-30T00:59:00Z"},
		{"America/New_York", "2025-11-02 01:30", "later", "", "2025-11-02T06:30:00Z"},
		{"America/New_York", "2025-11-02 01:30", "earlier", "", "2025-11-02T05:30:00Z"},
		{"Australia/Lord_Howe", "2025-04-06 01:45", "later", "", "2025-04-05T15:15:00Z"}, // half an hour
		{"Pacific/Apia", "2011-12-30 12:00", "", "reject", errNonexistent.Error()},       // the day that Samoa left out
		{"America/Sao_Paulo", "2018-11-04", "", "reject", "2018-11-04T03:00:00Z"},        // no midnight: the first instant of the day
	} {
		cal := calendarOf(t, c.zone, "yyyy-MM-dd HH:mm", "yyyy-MM-dd")
		if c.ambiguous != "" {
			cal.ambiguous = c.ambiguous
		}
		if c.nonexistent != "" {
			cal.nonexistent = c.nonexistent
		}
		m, err := cal.parse(c.text)
		got := m.text()
		if err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%s in %s: got %s, want %s", c.text, c.zone, got, c.want)
		}
	}
}

func TestAccuracy(t *testing.T) {
	cal := calendarOf(t, "America/New_York", "yyyy-MM-dd HH:mm", "yyyy-MM-dd")
	for _, c := range []struct{ text, accuracy, want, as string }{
		{"2025-07-04", "", "2025-07-04T00:00:00Z", "day"}, // the day of the file, whatever its zone
		{"2025-07-04", "exact", "2025-07-04T04:00:00Z", "exact"},
		{"2025-07-04", "not_before", "2025-07-04T04:00:00Z", "not_before"},
		{"2025-07-04", "not_after", "2025-07-05T03:59:59Z", "not_after"},
		{"2025-07-04 21:00", "", "2025-07-05T01:00:00Z", ""},
		{"2025-07-04 21:00", "day", "2025-07-04T00:00:00Z", "day"},
		{"2025-07-04 21:00", "not_after", "2025-07-05T01:00:00Z", "not_after"},
	} {
		m, err := cal.parse(c.text)
		if err != nil {
			t.Fatal(err)
		}
		at, as := m.stamped(c.accuracy)
		if got := at.Format(time.RFC3339); got != c.want || as != c.as {
			t.Errorf("%s, %q: got %s %q, want %s %q", c.text, c.accuracy, got, as, c.want, c.as)
		}
	}
}
