package domain

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
)

// policyName is what ids, versions and clocks look like.
var policyName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)

// load checks what the file says and makes the policy ready.
func (p *Policy) load() error {
	switch {
	case !policyName.MatchString(p.ID):
		return refusePolicy("/id", "must be letters, digits, dots, hyphens and underscores, at most 64")
	case !policyName.MatchString(p.Version):
		return refusePolicy("/version", "must be letters, digits, dots, hyphens and underscores, at most 64")
	case p.Title.EN == "":
		return refusePolicy("/title/en", "is missing")
	case p.Family != FamilyRegulatory && p.Family != FamilyService:
		return refusePolicy("/family", "must be regulatory or service")
	case p.TimeZone == "" || p.TimeZone == "Local":
		return refusePolicy("/time_zone", "must be the IANA name of a time zone, such as Europe/London")
	}
	var err error
	if p.zone, err = time.LoadLocation(p.TimeZone); err != nil {
		return refusePolicy("/time_zone", fmt.Sprintf("%q is not the IANA name of a time zone, such as Europe/London", p.TimeZone))
	}
	if p.from, err = parseDay(p.EffectiveFrom); err != nil {
		return refusePolicy("/effective_from", err.Error())
	}
	if p.EffectiveTo != "" {
		if p.to, err = parseDay(p.EffectiveTo); err != nil {
			return refusePolicy("/effective_to", err.Error())
		}
		if p.to <= p.from {
			return refusePolicy("/effective_to", "must be after effective_from")
		}
	}
	if err := p.Calendar.load(p.zone); err != nil {
		return refusePolicy("/calendar", err.Error())
	}
	if err := checkConditions("/applies_if", p.AppliesIf); err != nil {
		return err
	}
	if err := checkSelectors("/cancel", p.Cancel); err != nil {
		return err
	}
	if len(p.Clocks) == 0 {
		return refusePolicy("/clocks", "is empty")
	}
	for i := range p.Clocks {
		c := &p.Clocks[i]
		if err := c.check(fmt.Sprintf("/clocks/%d", i), &p.Calendar); err != nil {
			if refusal, ok := err.(*Refusal); ok && c.Clock != "" {
				refusal.Reason = fmt.Sprintf("clock %q: %s", c.Clock, refusal.Reason)
			}
			return err
		}
	}
	return nil
}

func (c *ClockRule) check(at string, calendar *Calendar) error {
	switch {
	case !policyName.MatchString(c.Clock):
		return refusePolicy(at+"/clock", "must be a name of letters, digits, hyphens and underscores")
	case c.Label.EN == "":
		return refusePolicy(at+"/label/en", "is missing")
	case c.Citation == "":
		return refusePolicy(at+"/citation", "is missing: name the paragraph, or the company's own promise")
	case len(c.Stop) == 0:
		return refusePolicy(at+"/stop", "is empty: nothing would stop the clock")
	case c.OnReopen != "" && c.OnReopen != onReopenRestart:
		return refusePolicy(at+"/on_reopen", "must be restart, or left out")
	case c.OnReopen != "" && c.Start.Event != "complaint.registered":
		return refusePolicy(at+"/on_reopen", "only a clock that starts with complaint.registered can start again")
	}
	if err := checkConditions(at+"/applies_if", c.AppliesIf); err != nil {
		return err
	}
	starts := []Selector{c.Start.Selector}
	if err := checkSelectors(at+"/start", starts); err != nil {
		return refusePolicy(at+"/start/event", err.(*Refusal).Reason)
	}
	if c.Start.After != nil {
		if err := checkSelectors(at+"/start/after", []Selector{*c.Start.After}); err != nil {
			return err
		}
	}
	if err := checkSelectors(at+"/stop", c.Stop); err != nil {
		return err
	}
	if err := c.checkLimit(at, calendar); err != nil {
		return err
	}
	return c.checkExtensions(at)
}

// onReopenRestart is the one value of OnReopen.
const onReopenRestart = "restart"

func (c *ClockRule) checkLimit(at string, calendar *Calendar) error {
	if c.Limit == nil {
		if c.DueAt != "" || c.Pause != nil || len(c.Extensions) > 0 || c.Start.RollToBusinessDay || c.Start.ExcludeStartDay {
			return refusePolicy(at+"/limit", "is missing, but the clock says how to count it")
		}
		return nil
	}
	if err := c.Limit.check(at + "/limit"); err != nil {
		return err
	}
	hours := c.Limit.Unit.hours()
	switch {
	case hours && c.DueAt != Exact:
		return refusePolicy(at+"/due_at", "must be exact for a limit in hours")
	case !hours && c.DueAt != EndOfDay && c.DueAt != CloseOfBusiness:
		return refusePolicy(at+"/due_at", "must be end_of_day or close_of_business for a limit in days")
	case c.DueAt == CloseOfBusiness && calendar.Closes == "":
		return refusePolicy(at+"/due_at", "close_of_business needs the calendar's opens and closes")
	case c.Limit.Unit == BusinessHours && calendar.Closes == "":
		return refusePolicy(at+"/limit/unit", "business_hours need the calendar's opens and closes")
	case hours && (c.Start.RollToBusinessDay || c.Start.ExcludeStartDay):
		return refusePolicy(at+"/start", "roll_to_business_day and exclude_start_day are for limits in days")
	case !hours && c.Pause != nil:
		return refusePolicy(at+"/pause", "only a limit in hours can pause: a pause of part of a day is not defined in days")
	case c.Pause != nil && len(c.Pause.Awaiting) == 0:
		return refusePolicy(at+"/pause/awaiting", "is empty")
	}
	if c.Pause != nil {
		for _, whom := range c.Pause.Awaiting {
			if !slices.Contains([]string{"customer", "third_party", "internal", ""}, whom) {
				return refusePolicy(at+"/pause/awaiting", "must be customer, third_party, internal, or the empty text for not told")
			}
		}
	}
	return nil
}

// maxLimit is how much of a unit a limit may count, so that a typing error does not make a clock of centuries.
const maxLimit = 10_000

func (l *Limit) check(at string) error {
	units := []Unit{CalendarDays, BusinessDays, Weeks, Months, Hours, BusinessHours}
	switch {
	case !slices.Contains(units, l.Unit):
		return refusePolicy(at+"/unit", "must be calendar_days, business_days, weeks, months, hours or business_hours")
	case l.Count < 1 || l.Count > maxLimit:
		return refusePolicy(at+"/count", fmt.Sprintf("must be 1 to %d", maxLimit))
	}
	return nil
}

func (c *ClockRule) checkExtensions(at string) error {
	for i := range c.Extensions {
		x, at := &c.Extensions[i], fmt.Sprintf("%s/extensions/%d", at, i)
		if len(x.On) == 0 {
			return refusePolicy(at+"/on", "is empty")
		}
		if err := checkSelectors(at+"/on", x.On); err != nil {
			return err
		}
		told := !slices.ContainsFunc(x.On, func(s Selector) bool { return s.Event != "complaint.extended" })
		switch {
		case x.To != nil && x.By != nil:
			return refusePolicy(at+"/by", "give to or by, not both")
		case x.To == nil && x.By == nil && !told:
			return refusePolicy(at+"/to", "is missing: only complaint.extended tells a date of its own")
		case x.MaxCount < 0:
			return refusePolicy(at+"/max_count", "must be 0 (any number) or more")
		}
		for name, limit := range map[string]*Limit{"/to": x.To, "/by": x.By} {
			if limit == nil {
				continue
			}
			if err := limit.check(at + name); err != nil {
				return err
			}
			if limit.Unit.hours() != c.Limit.Unit.hours() {
				return refusePolicy(at+name+"/unit", "must count hours if the clock does, and days if it does")
			}
		}
	}
	return nil
}

func checkConditions(at string, conditions []Condition) error {
	for i, c := range conditions {
		if !slices.Contains(ConditionFields(), c.Field) {
			return refusePolicy(fmt.Sprintf("%s/%d/field", at, i), fmt.Sprintf("there is no field %q; there are %s", c.Field,
				strings.Join(ConditionFields(), ", ")))
		}
		if len(c.In) == 0 && len(c.Not) == 0 {
			return refusePolicy(fmt.Sprintf("%s/%d/in", at, i), "is missing: give in or not")
		}
	}
	return nil
}

func checkSelectors(at string, selectors []Selector) error {
	for i, s := range selectors {
		switch {
		case s.Event.Family() != "complaint" || newDataByType[s.Event] == nil:
			return refusePolicy(fmt.Sprintf("%s/%d/event", at, i), fmt.Sprintf("%q is no event of a complaint", s.Event))
		case s.Event == "complaint.paused", s.Event == "complaint.resumed":
			return refusePolicy(fmt.Sprintf("%s/%d/event", at, i), "pauses neither start nor end a clock: see pause")
		case (len(s.In) > 0 || len(s.Not) > 0) && !hasCode(s.Event):
			return refusePolicy(fmt.Sprintf("%s/%d/in", at, i), fmt.Sprintf("%s has no code to choose by", s.Event))
		}
	}
	return nil
}
