package domain_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"amends/domain"

	"github.com/google/go-cmp/cmp"
)

// try runs a policy on a supposed complaint and tells each clock as "clock due [latest] state".
func try(t *testing.T, policy, facts, at string) []string {
	t.Helper()
	p, _, ok := domain.ShippedPolicy(policy)
	if !ok {
		t.Fatalf("no policy %s", policy)
	}
	return tryPolicy(t, p, facts, at)
}

func tryPolicy(t *testing.T, p *domain.Policy, facts, at string) []string {
	t.Helper()
	var trial domain.Trial
	for _, f := range strings.Fields(facts) {
		name, value, _ := strings.Cut(f, ":")
		if err := trial.Suppose(name, value); err != nil {
			t.Fatal(err)
		}
	}
	now, err := time.Parse(time.RFC3339, at)
	if err != nil {
		t.Fatal(err)
	}
	clocks, err := trial.Run(p, now)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, c := range clocks {
		line := c.Clock + " "
		if c.DueAt == nil {
			line += "- "
		} else {
			line += c.DueAt.Format(time.RFC3339) + " "
		}
		if c.LatestDueAt != nil {
			line += "latest " + c.LatestDueAt.Format(time.RFC3339) + " "
		}
		if c.ExtendedCount > 0 {
			line += "extended from " + c.OriginalDueAt.Format(time.RFC3339) + " "
		}
		if c.PausedSeconds > 0 {
			line += fmt.Sprintf("paused %v ", time.Duration(c.PausedSeconds)*time.Second)
		}
		line += string(c.State)
		if c.Reason != "" {
			line += "/" + string(c.Reason)
		}
		out = append(out, line)
	}
	return out
}

// TestShippedPolicies holds dates that were worked out by hand from calendars of the years.
func TestShippedPolicies(t *testing.T) {
	for _, tt := range []struct {
		name, policy, facts, at string
		want                    []string
	}{
		{"before Easter 2026: Friday and Monday are no business days", "fca-disp",
			"received:2026-04-02T10:00:00+01:00", "2026-04-02T10:00:00Z", []string{
				"acknowledgement - running",
				"summary_resolution 2026-04-09T16:00:00Z running",
				"final_response 2026-05-28T22:59:59Z running"}},
		{"on Good Friday: received on the Tuesday for the third day, on the Friday for the eight weeks", "fca-disp",
			"received:2026-04-03T12:00:00Z", "2026-04-10T16:00:01Z", []string{
				"acknowledgement - running",
				"summary_resolution 2026-04-10T16:00:00Z cancelled/lapsed",
				"final_response 2026-05-29T22:59:59Z running"}},
		{"after close of business", "fca-disp",
			"received:2026-04-02T18:00:00+01:00 acknowledged:2026-04-07 accepted:2026-04-10T16:00:00Z", "2026-05-01T00:00:00Z", []string{
				"acknowledgement - met",
				"summary_resolution 2026-04-10T16:00:00Z met",
				"final_response 2026-05-28T22:59:59Z met"}},
		{"half an hour after midnight in London is the next day there", "fca-disp",
			"received:2026-04-01T23:30:00Z", "2026-04-02T00:00:00Z", []string{
				"acknowledgement - running",
				"summary_resolution 2026-04-09T16:00:00Z running",
				"final_response 2026-05-28T22:59:59Z running"}},
		{"Christmas 2026: Boxing Day is a Saturday and is kept on Monday", "fca-disp",
			"received:2026-12-24T09:00:00Z", "2026-12-24T09:00:00Z", []string{
				"acknowledgement - running",
				"summary_resolution 2026-12-31T17:00:00Z running",
				"final_response 2027-02-18T23:59:59Z running"}},
		{"summer time ends within the eight weeks", "fca-disp",
			"received:2026-09-03T09:00:00Z responded:2026-10-29T23:59:59Z", "2026-12-01T00:00:00Z", []string{
				"acknowledgement - met",
				"summary_resolution 2026-09-08T16:00:00Z cancelled/lapsed",
				"final_response 2026-10-29T23:59:59Z met"}},
		{"eight weeks that end on a leap day, and a second too late", "fca-disp",
			"received:2028-01-04T09:00:00Z acknowledged:2028-01-04 responded:2028-03-01T00:00:00Z", "2028-03-02T00:00:00Z", []string{
				"acknowledgement - met",
				"summary_resolution 2028-01-07T17:00:00Z cancelled/lapsed",
				"final_response 2028-02-29T23:59:59Z missed"}},
		{"a holding letter at eight weeks answers the rule", "fca-disp",
			"received:2026-04-02 held:2026-05-28", "2026-07-01T00:00:00Z", []string{
				"acknowledgement - met",
				"summary_resolution 2026-04-09T16:00:00Z cancelled/lapsed",
				"final_response 2026-05-28T22:59:59Z met"}},
		{"withdrawn in time", "fca-disp",
			"received:2026-04-02 withdrawn:2026-04-03", "2026-07-01T00:00:00Z", []string{
				"acknowledgement - cancelled/withdrawn",
				"summary_resolution 2026-04-09T16:00:00Z cancelled/withdrawn",
				"final_response 2026-05-28T22:59:59Z cancelled/withdrawn"}},
		{"withdrawn when it was overdue", "fca-disp",
			"received:2026-04-02 acknowledged:2026-04-02 withdrawn:2026-05-29", "2026-07-01T00:00:00Z", []string{
				"acknowledgement - met",
				"summary_resolution 2026-04-09T16:00:00Z cancelled/lapsed",
				"final_response 2026-05-28T22:59:59Z missed/withdrawn"}},
		{"withdrawn and reopened: the date that it always was", "fca-disp",
			"received:2026-04-02 acknowledged:2026-04-02 withdrawn:2026-04-05 reopened:2026-04-08", "2026-05-29T00:00:00Z", []string{
				"acknowledgement - met",
				"summary_resolution 2026-04-09T16:00:00Z cancelled/lapsed",
				"final_response 2026-05-28T22:59:59Z overdue"}},
		{"reopened after the answer: it stays answered", "fca-disp",
			"received:2026-04-02 responded:2026-04-08 reopened:2026-06-08", "2026-09-01T00:00:00Z", []string{
				"acknowledgement - met",
				"summary_resolution 2026-04-09T16:00:00Z cancelled/lapsed",
				"final_response 2026-05-28T22:59:59Z met"}},

		{"fifteen and thirty-five business days over Easter and both May holidays", "fca-disp-payments",
			"received:2026-04-02T09:00:00Z", "2026-04-27T23:00:00Z", []string{
				"acknowledgement - running",
				"summary_resolution 2026-04-09T16:00:00Z cancelled/lapsed",
				"final_response 2026-04-27T22:59:59Z latest 2026-05-27T22:59:59Z overdue"}},
		{"held on the last day", "fca-disp-payments",
			"received:2026-04-02T09:00:00Z acknowledged:2026-04-02 held:2026-04-27T20:00:00Z", "2026-05-27T22:59:59Z", []string{
				"acknowledgement - met",
				"summary_resolution 2026-04-09T16:00:00Z cancelled/lapsed",
				"final_response 2026-05-27T22:59:59Z latest 2026-05-27T22:59:59Z extended from 2026-04-27T22:59:59Z running"}},
		{"held a day too late", "fca-disp-payments",
			"received:2026-04-02T09:00:00Z acknowledged:2026-04-02 held:2026-04-28 responded:2026-05-01", "2026-06-01T00:00:00Z", []string{
				"acknowledgement - met",
				"summary_resolution 2026-04-09T16:00:00Z cancelled/lapsed",
				"final_response 2026-04-27T22:59:59Z latest 2026-05-27T22:59:59Z missed"}},

		{"over Easter, and the end of summer time in Sydney", "asic-rg271",
			"received:2026-04-02T09:00:00Z", "2026-04-02T09:00:00Z", []string{
				"acknowledgement 2026-04-07T13:59:59Z running",
				"no_letter 2026-04-13T13:59:59Z running",
				"response 2026-05-02T13:59:59Z running"}},
		{"after midnight in Sydney; a delay notification in time", "asic-rg271",
			"received:2026-04-02T13:30:00Z acknowledged:2026-04-03 extended:2026-05-03=2026-05-20T13:59:59Z", "2026-05-21T00:00:00Z", []string{
				"acknowledgement 2026-04-07T13:59:59Z met",
				"no_letter 2026-04-13T13:59:59Z cancelled/lapsed",
				"response 2026-05-20T13:59:59Z extended from 2026-05-03T13:59:59Z overdue"}},
		{"hardship: 21 days", "asic-rg271", "received:2026-04-02 category:hardship resolved:2026-04-07", "2026-04-07T00:00:00Z", []string{
			"acknowledgement 2026-04-07T13:59:59Z running",
			"response 2026-04-23T13:59:59Z running"}},
		{"superannuation: 45 days; the holidays at the end of the year", "asic-rg271",
			"received:2026-12-24 product:superannuation", "2026-12-24T00:00:00Z", []string{
				"acknowledgement 2026-12-29T12:59:59Z running",
				"response 2027-02-07T12:59:59Z running"}},

		{"from the day on which it was sent, a date, in New York", "cfpb",
			"received:2016-02-19 forwarded:2016-02-20 responded:2016-03-06", "2016-03-07T00:00:00Z", []string{
				"response 2016-03-07T04:59:59Z latest 2016-04-21T03:59:59Z met"}},
		{"in progress: sixty days over a leap day and into summer time", "cfpb",
			"received:2016-02-19 forwarded:2016-02-20 held:2016-03-06T12:00:00Z", "2016-04-21T04:00:00Z", []string{
				"response 2016-04-21T03:59:59Z latest 2016-04-21T03:59:59Z extended from 2016-03-07T04:59:59Z overdue"}},
		{"answered a day late", "cfpb", "received:2016-02-20 responded:2016-03-07", "2016-04-21T04:00:00Z", []string{
			"response 2016-03-07T04:59:59Z latest 2016-04-21T03:59:59Z missed"}},

		{"the closing days of TARGET: Easter and the first of May", "psd2",
			"received:2026-04-02T09:00:00Z held:2026-04-27T09:00:00Z", "2026-05-01T00:00:00Z", []string{
				"response 2026-05-26T21:59:59Z latest 2026-05-26T21:59:59Z extended from 2026-04-27T21:59:59Z running"}},

		{"stage 1 counts from the acknowledgement", "housing-ombudsman",
			"received:2026-05-18 acknowledged:2026-05-20", "2026-05-21T00:00:00Z", []string{
				"acknowledgement 2026-05-26T22:59:59Z met",
				"stage_1_response 2026-06-04T22:59:59Z latest 2026-06-18T22:59:59Z running",
				"stage_2_acknowledgement - not_started",
				"stage_2_response - not_started"}},
		{"an extension goes no further than ten working days", "housing-ombudsman",
			"received:2026-05-18 acknowledged:2026-05-20 extended:2026-06-04=2026-06-30 extended:2026-06-05=2026-06-30", "2026-06-19T00:00:00Z", []string{
				"acknowledgement 2026-05-26T22:59:59Z met",
				"stage_1_response 2026-06-18T22:59:59Z latest 2026-06-18T22:59:59Z extended from 2026-06-04T22:59:59Z overdue",
				"stage_2_acknowledgement - not_started",
				"stage_2_response - not_started"}},
		{"stage 2 counts from the acknowledgement after the escalation", "housing-ombudsman",
			"received:2026-05-18 acknowledged:2026-05-20 responded:2026-06-04 escalated:2026-06-22 acknowledged:2026-06-24 responded:2026-07-23",
			"2026-08-01T00:00:00Z", []string{
				"acknowledgement 2026-05-26T22:59:59Z met",
				"stage_1_response 2026-06-04T22:59:59Z latest 2026-06-18T22:59:59Z met",
				"stage_2_acknowledgement 2026-06-29T22:59:59Z met",
				"stage_2_response 2026-07-22T22:59:59Z latest 2026-08-19T22:59:59Z missed"}},

		{"fifteen days, no extension", "cbirc-2020", "received:2026-01-31T10:00:00+08:00", "2026-02-15T16:00:00Z", []string{
			"decision 2026-02-15T15:59:59Z latest 2026-04-01T15:59:59Z overdue"}},
		{"thirty, then another thirty, and no more", "cbirc-2020",
			"received:2026-01-31T10:00:00+08:00 extended:2026-02-10=2026-04-01 extended:2026-03-01=2026-06-01 extended:2026-03-20=2026-07-01",
			"2026-04-01T15:59:59Z", []string{
				"decision 2026-04-01T15:59:59Z latest 2026-04-01T15:59:59Z extended from 2026-02-15T15:59:59Z running"}},

		{"working hours over a weekend", "service", "received:2026-03-06T15:00:00Z severity:S2", "2026-03-09T11:00:01Z", []string{
			"first_response 2026-03-09T11:00:00Z overdue",
			"resolution 2026-03-10T15:00:00Z running"}},
		{"a pause is taken out, as far as work would have gone on", "service",
			"received:2026-03-06T15:00:00Z severity:S2 acknowledged:2026-03-09T11:00:00Z paused:2026-03-09T10:00:00Z " +
				"resumed:2026-03-10T12:00:00Z resolved:2026-03-11T17:00:00Z", "2026-03-12T00:00:00Z", []string{
				"first_response 2026-03-09T11:00:00Z met",
				"resolution 2026-03-11T17:00:00Z paused 26h0m0s met"}},
		{"a pause at night costs and gives nothing", "service",
			"received:2026-03-06T15:00:00Z severity:S2 paused:2026-03-06T20:00:00Z resumed:2026-03-07T10:00:00Z", "2026-03-09T10:00:00Z", []string{
				"first_response 2026-03-09T11:00:00Z running",
				"resolution 2026-03-10T15:00:00Z paused 14h0m0s running"}},
		{"paused: the date is that of going on at once", "service",
			"received:2026-03-06T15:00:00Z severity:S2 paused:2026-03-09T10:00:00Z", "2026-04-01T00:00:00Z", []string{
				"first_response 2026-03-09T11:00:00Z overdue",
				"resolution 2026-03-10T15:00:00Z paused"}},
		{"a pause that begins when it is overdue rescues nothing", "service",
			"received:2026-03-06T15:00:00Z severity:S2 paused:2026-03-10T15:00:01Z", "2026-04-01T00:00:00Z", []string{
				"first_response 2026-03-09T11:00:00Z overdue",
				"resolution 2026-03-10T15:00:00Z overdue"}},
		{"closed within a pause", "service",
			"received:2026-03-06T15:00:00Z severity:S2 paused:2026-03-09T10:00:00Z closed:2026-03-30T10:00:00Z", "2026-04-01T00:00:00Z", []string{
				"first_response 2026-03-09T11:00:00Z missed",
				"resolution 2026-03-31T15:00:00Z paused 504h0m0s met"}},
		{"reopened: resolution starts again, the first response does not", "service",
			"received:2026-03-06T15:00:00Z severity:S1 resolved:2026-03-06T15:30:00Z reopened:2026-03-12T09:00:00Z", "2026-03-12T18:00:00Z", []string{
				"first_response 2026-03-06T16:00:00Z met",
				"resolution 2026-03-09T15:00:00Z met",
				"resolution 2026-03-12T17:00:00Z overdue"}},
		{"severity not assessed", "service", "received:2026-03-06T15:00:00Z", "2026-03-06T15:00:00Z", []string{
			"first_response 2026-03-09T15:00:00Z running",
			"resolution 2026-03-13T15:00:00Z running"}},
		{"the least severe", "service", "received:2026-03-06T15:00:00Z severity:S4", "2026-03-06T15:00:00Z", []string{
			"first_response 2026-03-10T15:00:00Z running",
			"resolution 2026-03-20T15:00:00Z running"}},
	} {
		t.Run(tt.policy+": "+tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, try(t, tt.policy, tt.facts, tt.at)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// custom is a policy of one clock.
func custom(t *testing.T, zone, calendar, clock string) *domain.Policy {
	t.Helper()
	p, err := domain.LoadPolicy([]byte(fmt.Sprintf(`{"id":"x","version":"1","title":{"en":"x","zh":"x"},"source":"x","family":"service",
		"effective_from":"2020-01-01","time_zone":%q,"calendar":%s,"clocks":[{"clock":"c","label":{"en":"c","zh":"c"},"citation":"x",
		"start":{"event":"complaint.registered"%s,"stop":[{"event":"complaint.resolved"}]}]}`, zone, calendar, clock)))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestUnitsAndCalendars(t *testing.T) {
	days := func(n int, unit string) string {
		return fmt.Sprintf(`,"exclude_start_day":true},"limit":{"count":%d,"unit":%q},"due_at":"end_of_day"`, n, unit)
	}
	hours := func(n int, unit string) string {
		return fmt.Sprintf(`},"limit":{"count":%d,"unit":%q},"due_at":"exact"`, n, unit)
	}
	for _, tt := range []struct {
		name, zone, calendar, clock, received, want string
	}{
		{"a month after the 31st is the last day of a short one", "UTC", `{}`, days(1, "months"), "2027-01-31", "2027-02-28T23:59:59Z"},
		{"in a leap year", "UTC", `{}`, days(1, "months"), "2028-01-31", "2028-02-29T23:59:59Z"},
		{"two months over the turn of a year", "UTC", `{}`, days(2, "months"), "2026-12-31", "2027-02-28T23:59:59Z"},
		{"weeks over the leap day", "UTC", `{}`, days(1, "weeks"), "2028-02-25", "2028-03-03T23:59:59Z"},
		{"the start day counts unless it is left out", "UTC", `{}`,
			`},"limit":{"count":1,"unit":"calendar_days"},"due_at":"end_of_day"`, "2026-03-02", "2026-03-02T23:59:59Z"},
		{"a business day received on a Saturday, the start day counting", "UTC", `{}`,
			`},"limit":{"count":1,"unit":"business_days"},"due_at":"end_of_day"`, "2026-03-07", "2026-03-09T23:59:59Z"},
		{"a day of twenty-three hours: the last second is there", "America/New_York", `{}`, days(1, "calendar_days"),
			"2026-03-07T12:00:00Z", "2026-03-09T03:59:59Z"},
		{"twenty-four hours are twenty-four hours when the clocks change", "America/New_York", `{}`, hours(24, "hours"),
			"2026-03-07T20:00:00Z", "2026-03-08T20:00:00Z"},
		{"working hours follow the wall clock into summer time", "Europe/London", `{"opens":"09:00","closes":"17:00"}`,
			hours(10, "business_hours"), "2026-03-27T09:00:00Z", "2026-03-30T10:00:00Z"},
		{"the company's own closed and open days", "UTC", `{"opens":"09:00","closes":"17:00","closed":["2026-03-09"],"open":["2026-03-07"]}`,
			hours(12, "business_hours"), "2026-03-06T13:00:00Z", "2026-03-07T17:00:00Z"},
		{"Independence Day 2026 is a Saturday, kept on Friday", "America/New_York", `{"holidays":"us"}`, days(1, "business_days"),
			"2026-07-02", "2026-07-07T03:59:59Z"},
		{"New Year 2028 is a Saturday, kept in the year before", "America/New_York", `{"holidays":"us"}`, days(1, "business_days"),
			"2027-12-30", "2028-01-04T04:59:59Z"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := tryPolicy(t, custom(t, tt.zone, tt.calendar, tt.clock), "received:"+tt.received, "2020-01-01T00:00:00Z")
			if diff := cmp.Diff([]string{"c " + tt.want + " running"}, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}
