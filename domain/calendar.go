package domain

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
	_ "time/tzdata" // so that a machine without a time zone database reads policies too

	"github.com/rickar/cal/v2"
	"github.com/rickar/cal/v2/au"
	"github.com/rickar/cal/v2/ecb"
	"github.com/rickar/cal/v2/gb"
	"github.com/rickar/cal/v2/us"
)

// Calendar says on which days, and between which hours, a policy's clocks count. Monday to Friday are business days, save
// the public holidays of Holidays and the days of Closed; the days of Open are business days whatever else is said.
type Calendar struct {
	// Holidays names a set of public holidays: see HolidaySets. Empty: none.
	Holidays string `json:"holidays,omitempty"`
	// Opens and Closes bound the working hours of a business day, local time, 09:00 and 17:00. Both empty: the whole day.
	Opens  string `json:"opens,omitempty"`
	Closes string `json:"closes,omitempty"`
	// Closed and Open are the company's own days, ISO 8601 dates.
	Closed []string `json:"closed,omitempty"`
	Open   []string `json:"open,omitempty"`
	// Note tells where the calendar is only approximately that of the rule.
	Note string `json:"note,omitempty"`

	zone          *time.Location
	opens, closes time.Duration // since local midnight
	closed, open  map[day]bool
	years         *sync.Map // int → map[day]bool: the public holidays seen from that year; a memo, not a state
}

// day is a civil date: days since 1970-01-01, whatever the zone.
type day int

const secondsOfDay = 24 * 60 * 60

// dayOf is the date of the instant in the zone.
func dayOf(t time.Time, zone *time.Location) day {
	y, m, d := t.In(zone).Date()
	return day(time.Date(y, m, d, 0, 0, 0, 0, time.UTC).Unix() / secondsOfDay)
}

func (d day) date() (int, time.Month, int) { return time.Unix(int64(d)*secondsOfDay, 0).UTC().Date() }

func (d day) weekday() time.Weekday { return time.Unix(int64(d)*secondsOfDay, 0).UTC().Weekday() }

// at is the instant of the day at which a clock on the wall shows so much past midnight. Where the wall clock jumps over it,
// it is the instant that the old offset gives.
func (d day) at(past time.Duration, zone *time.Location) time.Time {
	y, m, n := d.date()
	return time.Date(y, m, n, 0, 0, int(past/time.Second), 0, zone)
}

// end is the last second of the day.
func (d day) end(zone *time.Location) time.Time { return (d + 1).at(0, zone).Add(-time.Second) }

// addMonths is the same day some months later; the last day of that month where it has no such day (Regulation (EEC,
// Euratom) No 1182/71, article 3(2)(c)).
func (d day) addMonths(n int) day {
	y, m, dom := d.date()
	first := time.Date(y, m+time.Month(n), 1, 0, 0, 0, 0, time.UTC)
	last := first.AddDate(0, 1, -1).Day()
	return day(first.Unix()/secondsOfDay) + day(min(dom, last)) - 1
}

func parseDay(text string) (day, error) {
	t, err := time.Parse(time.DateOnly, text)
	if err != nil {
		return 0, fmt.Errorf("%q is not a date such as 2026-12-24", text)
	}
	return day(t.Unix() / secondsOfDay), nil
}

// holidaySets are the public holidays that come with the program.
var holidaySets = map[string][]*cal.Holiday{
	"gb": gb.Holidays,
	"us": us.Holidays,
	"eu": ecb.Holidays,
	"au": {au.NewYear, au.AustraliaDay, au.GoodFriday, au.EasterMonday, au.AnzacDay, au.ChristmasDay, au.BoxingDay,
		au.MourningDay2022},
}

// HolidaySets names the sets of public holidays that a calendar may use: gb (bank holidays of England and Wales), us (federal
// holidays), eu (closing days of TARGET, not those of any member state), au (holidays that all states share).
func HolidaySets() []string { return []string{"au", "eu", "gb", "us"} }

// load checks what the file says and makes it ready.
func (c *Calendar) load(zone *time.Location) (err error) {
	c.zone, c.years = zone, new(sync.Map)
	if _, known := holidaySets[c.Holidays]; !known && c.Holidays != "" {
		return fmt.Errorf("holidays: there is no set %q; there are %s", c.Holidays, strings.Join(HolidaySets(), ", "))
	}
	c.closes = 24 * time.Hour
	if c.Opens != "" || c.Closes != "" {
		if c.opens, err = parseHour(c.Opens); err != nil {
			return fmt.Errorf("opens: %w", err)
		}
		if c.closes, err = parseHour(c.Closes); err != nil {
			return fmt.Errorf("closes: %w", err)
		}
		if c.closes <= c.opens {
			return errors.New("closes: must be after opens")
		}
	}
	if c.closed, err = parseDays(c.Closed); err != nil {
		return fmt.Errorf("closed: %w", err)
	}
	if c.open, err = parseDays(c.Open); err != nil {
		return fmt.Errorf("open: %w", err)
	}
	return nil
}

func parseHour(text string) (time.Duration, error) {
	t, err := time.Parse("15:04", text)
	if err != nil {
		return 0, fmt.Errorf("%q is not an hour such as 09:00", text)
	}
	return time.Duration(t.Hour())*time.Hour + time.Duration(t.Minute())*time.Minute, nil
}

func parseDays(texts []string) (map[day]bool, error) {
	days := make(map[day]bool, len(texts))
	for _, text := range texts {
		d, err := parseDay(text)
		if err != nil {
			return nil, err
		}
		days[d] = true
	}
	return days, nil
}

// business reports whether the day is a business day.
func (c *Calendar) business(d day) bool {
	if c.open[d] {
		return true
	}
	w := d.weekday()
	return w != time.Saturday && w != time.Sunday && !c.closed[d] && !c.holiday(d)
}

func (c *Calendar) holiday(d day) bool {
	set := holidaySets[c.Holidays]
	if len(set) == 0 {
		return false
	}
	year, _, _ := d.date()
	if known, ok := c.years.Load(year); ok {
		return known.(map[day]bool)[d]
	}
	days := make(map[day]bool)
	for y := year - 1; y <= year+1; y++ { // a holiday may be observed in the year before or after
		for _, h := range set {
			actual, observed := h.Calc(y)
			for _, t := range []time.Time{actual, observed} {
				if !t.IsZero() {
					days[dayOf(t, t.Location())] = true
				}
			}
		}
	}
	known, _ := c.years.LoadOrStore(year, days)
	return known.(map[day]bool)[d]
}

// addBusinessDays is the n-th business day after the day.
func (c *Calendar) addBusinessDays(d day, n int) day {
	for n > 0 {
		d++
		if c.business(d) {
			n--
		}
	}
	return d
}

// roll is the day on which something counts as received that came at the instant: the next business day if it came on another
// day, or after hours.
func (c *Calendar) roll(d day, t time.Time) day {
	for !c.business(d) || dayOf(t, c.zone) == d && t.After(d.at(c.closes, c.zone)) {
		d++
	}
	return d
}

// span is a stretch of time, from its first instant up to but not including its end.
type span struct{ from, to time.Time }

// addHours is the instant at which so much working time has passed since the start, leaving out the pauses, which are in
// order and do not overlap. In a calendar without hours working time is that of business days around the clock.
func (c *Calendar) addHours(start time.Time, work time.Duration, pauses []span) time.Time {
	d := dayOf(start, c.zone)
	if work == 0 {
		return start
	}
	for {
		if c.business(d) {
			from, to := d.at(c.opens, c.zone), d.at(c.closes, c.zone)
			if from.Before(start) {
				from = start
			}
			if due, ok := use(from, to, &work, pauses); ok {
				return due
			}
		}
		d++
	}
}

// use takes work from a working span, and tells when it is used up.
func use(from, to time.Time, work *time.Duration, pauses []span) (time.Time, bool) {
	take := func(until time.Time) bool {
		if free := until.Sub(from); free > 0 {
			if free >= *work {
				return true
			}
			*work -= free
		}
		return false
	}
	i, _ := slices.BinarySearchFunc(pauses, from, func(p span, t time.Time) int {
		if p.to.After(t) {
			return 1
		}
		return -1
	})
	for _, p := range pauses[i:] {
		if !p.from.Before(to) {
			break
		}
		if take(p.from) {
			return from.Add(*work), true
		}
		if p.to.After(from) {
			from = p.to
		}
	}
	if take(to) {
		return from.Add(*work), true
	}
	return time.Time{}, false
}
