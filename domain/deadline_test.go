package domain_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"amends/domain"
	"amends/domain/domaintest"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// clock is a policy of one clock of so many calendar days, in UTC, from the registration to a final response.
func clock(version, from string, days int, change func(*domain.Policy)) *domain.PolicyPublished {
	p := domain.Policy{ID: "p", Version: version, Title: domain.Label{EN: "p", ZH: "p"}, Source: "s", Family: domain.FamilyRegulatory,
		EffectiveFrom: from, TimeZone: "UTC", Cancel: []domain.Selector{{Event: "complaint.linked", In: []string{"duplicate_of"}}},
		Clocks: []domain.ClockRule{{Clock: "c", Label: domain.Label{EN: "c", ZH: "c"}, Citation: "1",
			Start: domain.Start{Selector: domain.Selector{Event: "complaint.registered"}, ExcludeStartDay: true},
			Limit: &domain.Limit{Count: days, Unit: domain.CalendarDays}, DueAt: domain.EndOfDay,
			Stop: []domain.Selector{{Event: "complaint.responded", Not: []string{"in_progress"}}}}}}
	if change != nil {
		change(&p)
	}
	text, err := json.Marshal(p)
	if err != nil {
		panic(err)
	}
	return &domain.PolicyPublished{PolicyID: "p", Version: version, Policy: text}
}

// publish adds the policies to the empty book, each at its position.
func publish(t *testing.T, at map[uint64]*domain.PolicyPublished) *domain.PolicyBook {
	t.Helper()
	book := domain.NewPolicyBook()
	for position, p := range at {
		var err error
		if book, err = book.With(domain.Event{Type: "policy.published", Position: position, Data: p}); err != nil {
			t.Fatal(err)
		}
	}
	return book
}

// tellDeadlines tells the clocks of policy p as "version due state".
func tellDeadlines(c *domain.Customer, book *domain.PolicyBook, at time.Time) []string {
	var out []string
	for _, k := range c.Complaints {
		for _, d := range k.Deadlines(book) {
			if d.Policy.ID != "p" {
				continue
			}
			state, reason := d.At(at)
			line := fmt.Sprintf("%s %s %s", d.Policy.Version, d.DueAt.Format("01-02"), state)
			if reason != "" {
				line += "/" + string(reason)
			}
			out = append(out, line)
		}
	}
	return out
}

func responded(n int, kind string, accuracy domain.Accuracy, timely *bool) domain.Event {
	e := on(n, "complaint.responded", &domain.ComplaintResponded{ComplaintRef: about, Kind: kind, Timely: timely})
	e.Accuracy = accuracy
	return e
}

func registered(n int) domain.Event {
	return on(n, "complaint.registered", &domain.ComplaintRegistered{ComplaintRef: about})
}

func TestPinning(t *testing.T) {
	late := registered(5)
	late.Recorded = day(60)
	corrected := on(40, "record.corrected", &domain.RecordCorrected{EventID: "e-1", Time: ptr(day(20)),
		Decoded: &domain.ComplaintRegistered{ComplaintRef: about}})
	for _, tt := range []struct {
		name   string
		book   map[uint64]*domain.PolicyPublished // by position; the complaint's first record has 10
		events []domain.Event
		want   []string
	}{
		{"published before the start", map[uint64]*domain.PolicyPublished{1: clock("a", "2024-01-01", 10, nil)},
			[]domain.Event{registered(5)}, []string{"a 01-16 overdue"}},
		{"published after the start, with an earlier date", map[uint64]*domain.PolicyPublished{11: clock("a", "2024-01-01", 10, nil)},
			[]domain.Event{registered(5)}, nil},
		{"not in force yet", map[uint64]*domain.PolicyPublished{1: clock("a", "2024-01-07", 10, nil)}, []domain.Event{registered(5)}, nil},
		{"in force on its first day", map[uint64]*domain.PolicyPublished{1: clock("a", "2024-01-06", 10, nil)},
			[]domain.Event{registered(5)}, []string{"a 01-16 overdue"}},
		{"a change of tomorrow does not reach back", map[uint64]*domain.PolicyPublished{
			1: clock("a", "2024-01-01", 10, nil), 11: clock("b", "2024-01-02", 20, nil)},
			[]domain.Event{registered(5)}, []string{"a 01-16 overdue"}},
		{"a change known before, in force after", map[uint64]*domain.PolicyPublished{
			1: clock("a", "2024-01-01", 10, nil), 2: clock("b", "2024-02-01", 20, nil)},
			[]domain.Event{registered(5)}, []string{"a 01-16 overdue"}},
		{"a late report gets what was in force when it happened", map[uint64]*domain.PolicyPublished{
			1: clock("a", "2024-01-01", 10, nil), 2: clock("b", "2024-01-20", 20, nil)},
			[]domain.Event{late}, []string{"a 01-16 overdue"}},
		{"a corrected time moves the day", map[uint64]*domain.PolicyPublished{
			1: clock("a", "2024-01-01", 10, nil), 2: clock("b", "2024-01-20", 20, nil)},
			[]domain.Event{registered(5), corrected}, []string{"b 02-10 running"}},
		{"of two with one date the later", map[uint64]*domain.PolicyPublished{
			1: clock("a", "2024-01-01", 10, nil), 2: clock("b", "2024-01-01", 20, nil)},
			[]domain.Event{registered(5)}, []string{"b 01-26 overdue"}},
		{"ended, with an earlier version that never was", map[uint64]*domain.PolicyPublished{
			1: clock("a", "2023-01-01", 10, nil),
			2: clock("b", "2024-01-01", 20, func(p *domain.Policy) { p.EffectiveTo = "2024-01-06" })},
			[]domain.Event{registered(5)}, nil},
		{"a day before its end", map[uint64]*domain.PolicyPublished{
			1: clock("b", "2024-01-01", 20, func(p *domain.Policy) { p.EffectiveTo = "2024-01-07" })},
			[]domain.Event{registered(5)}, []string{"b 01-26 overdue"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := domain.Fold("c", tell("c", 0, tt.events...), domain.Limits{})
			if diff := cmp.Diff(tt.want, tellDeadlines(c, publish(t, tt.book), day(30))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// A reopening starts the clock anew under the version that is in force by then; and a version whose clock starts with another
// event does not start one that runs already.
func TestVersionsOverRuns(t *testing.T) {
	restarts := func(p *domain.Policy) { p.Clocks[0].OnReopen = "restart" }
	byAcknowledgement := func(p *domain.Policy) { p.Clocks[0].Start.Event = "complaint.acknowledged" }
	reopened := on(20, "complaint.reopened", &domain.ComplaintReopened{ComplaintRef: about})
	acknowledged := on(1, "complaint.acknowledged", &domain.ComplaintAcknowledged{ComplaintRef: about})
	for _, tt := range []struct {
		name   string
		second func(*domain.Policy)
		events []domain.Event
		want   []string
	}{
		{"a run under each", restarts, []domain.Event{registered(0), responded(5, "final_response", "", nil), reopened},
			[]string{"a 01-11 met", "b 01-24 overdue"}},
		{"another start", byAcknowledgement, []domain.Event{registered(0), acknowledged}, []string{"a 01-11 overdue"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			book := publish(t, map[uint64]*domain.PolicyPublished{1: clock("a", "2024-01-01", 10, restarts), 15: clock("b", "2024-01-02", 3, tt.second)})
			c := domain.Fold("c", tell("c", 0, tt.events...), domain.Limits{})
			if diff := cmp.Diff(tt.want, tellDeadlines(c, book, day(30))); diff != "" {
				t.Error(diff)
			}
			runs := make(map[int]bool)
			for _, d := range c.Complaints[0].Deadlines(book) {
				if d.Policy.ID == "p" && runs[d.Run] {
					t.Errorf("two runs have the number %d", d.Run)
				}
				runs[d.Run] = d.Policy.ID == "p"
			}
		})
	}
}

func TestVerdicts(t *testing.T) {
	service := func(p *domain.Policy) { p.Family = domain.FamilyService }
	extends := func(p *domain.Policy) {
		p.Clocks[0].Extensions = []domain.Extension{{On: []domain.Selector{{Event: "complaint.responded", In: []string{"in_progress"}}},
			To: &domain.Limit{Count: 60, Unit: domain.CalendarDays}, MaxCount: 1}}
	}
	severe := func(p *domain.Policy) {
		p.Clocks = append([]domain.ClockRule{p.Clocks[0]}, p.Clocks...)
		p.Clocks[0].AppliesIf = []domain.Condition{{Field: "severity", In: []string{"S1"}}}
		p.Clocks[0].Limit = &domain.Limit{Count: 2, Unit: domain.CalendarDays}
	}
	link := on(3, "complaint.linked", &domain.ComplaintLinked{ComplaintRef: about, RelatedComplaintID: "C-0", Relation: "duplicate_of"})
	for _, tt := range []struct {
		name   string
		change func(*domain.Policy)
		events []domain.Event
		want   []string
	}{
		{"in time", nil, []domain.Event{registered(0), responded(10, "final_response", "", nil)}, []string{"a 01-11 met"}},
		{"late", nil, []domain.Event{registered(0), responded(11, "final_response", "", nil)}, []string{"a 01-11 missed"}},
		{"not an answer", nil, []domain.Event{registered(0), responded(1, "in_progress", "", nil)}, []string{"a 01-11 overdue"}},
		{"told of in the wrong order", nil, []domain.Event{registered(5), responded(4, "final_response", "", nil)}, []string{"a 01-16 met"}},
		{"unknown time, timely by its source", nil,
			[]domain.Event{registered(0), responded(0, "final_response", domain.AccuracyNotBefore, ptr(true))}, []string{"a 01-11 met/source_timely"}},
		{"unknown time, untimely by its source", nil,
			[]domain.Event{registered(0), responded(0, "final_response", domain.AccuracyNotBefore, ptr(false))}, []string{"a 01-11 missed/source_late"}},
		{"unknown time, no judgement", nil,
			[]domain.Event{registered(0), responded(0, "final_response", domain.AccuracyNotBefore, nil)}, []string{"a 01-11 missed/unproven"}},
		{"untimely by its name", nil,
			[]domain.Event{registered(0), responded(0, "untimely", domain.AccuracyNotBefore, nil)}, []string{"a 01-11 missed/source_late"}},
		{"a bound that decides: late", nil,
			[]domain.Event{registered(0), responded(11, "final_response", domain.AccuracyNotBefore, ptr(true))}, []string{"a 01-11 missed"}},
		{"a bound that decides: in time", nil,
			[]domain.Event{registered(0), responded(10, "final_response", domain.AccuracyNotAfter, nil)}, []string{"a 01-11 met"}},
		{"dates in time, untimely by its source", nil,
			[]domain.Event{registered(0), responded(2, "final_response", "", ptr(false))}, []string{"a 01-11 missed/source_late"}},
		{"the company's own clock has its own judgement", service,
			[]domain.Event{registered(0), responded(2, "final_response", "", ptr(false))}, []string{"a 01-11 met"}},
		{"in progress on its source's word extends", extends,
			[]domain.Event{registered(0), responded(0, "in_progress", domain.AccuracyNotBefore, ptr(true))}, []string{"a 03-01 running"}},
		{"in progress, but untimely, does not", extends,
			[]domain.Event{registered(0), responded(0, "in_progress", domain.AccuracyNotBefore, ptr(false))}, []string{"a 01-11 overdue"}},
		{"a duplicate", nil, []domain.Event{registered(0), link}, []string{"a 01-11 cancelled/duplicate"}},
		{"classified later: from the start on", severe,
			[]domain.Event{registered(0), on(1, "complaint.classified", &domain.ComplaintClassified{ComplaintRef: about, Severity: "S1"})},
			[]string{"a 01-03 overdue"}},
		{"not registered yet", nil, []domain.Event{responded(1, "final_response", "", nil)}, nil},
		{"does not apply", func(p *domain.Policy) { p.AppliesIf = []domain.Condition{{Field: "vulnerable", In: []string{"true"}}} },
			[]domain.Event{registered(0)}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := domain.Fold("c", tell("c", 0, tt.events...), domain.Limits{})
			got := tellDeadlines(c, publish(t, map[uint64]*domain.PolicyPublished{1: clock("a", "2024-01-01", 10, tt.change)}), day(30))
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// As of a past date the clocks are as they were then, and an unknown time is never invented.
func TestDeadlinesAsOf(t *testing.T) {
	book := publish(t, map[uint64]*domain.PolicyPublished{1: clock("a", "2024-01-01", 10, nil)})
	history := tell("c", 0, registered(0), responded(0, "final_response", domain.AccuracyNotBefore, ptr(true)))
	history[1].Time = day(5)
	for _, tt := range []struct {
		asOf int
		want string
	}{{2, "a 01-11 running"}, {5, "a 01-11 met/source_timely"}} {
		c := domain.Fold("c", history, domain.Limits{AsOf: day(tt.asOf)})
		if diff := cmp.Diff([]string{tt.want}, tellDeadlines(c, book, day(tt.asOf))); diff != "" {
			t.Error(diff)
		}
	}
	for _, d := range domain.Fold("c", history, domain.Limits{}).Complaints[0].Deadlines(book) {
		if d.Policy.ID == "p" && (!d.StoppedAt.IsZero() || d.StoppedBy != "e-2") {
			t.Errorf("stopped at %v by %s, want an unknown time and e-2", d.StoppedAt, d.StoppedBy)
		}
	}
}

// statuses tells all clocks of all complaints, in full.
func statuses(c *domain.Customer, book *domain.PolicyBook, at time.Time) []domain.DeadlineStatus {
	var out []domain.DeadlineStatus
	for _, k := range c.Complaints {
		for _, d := range k.Deadlines(book) {
			out = append(out, d.Status(at))
		}
	}
	return out
}

// anyBook draws a ledger's policies, published here and there in the log.
func anyBook(t *rapid.T) *domain.PolicyBook {
	book := domain.NewPolicyBook()
	for _, e := range domaintest.Ledger(t) {
		e.Position = rapid.Uint64Range(1, 200).Draw(t, "position")
		var err error
		if book, err = book.With(e); err != nil {
			t.Fatal(err)
		}
	}
	return book
}

func TestClocksThatRanLiveAreThoseOfAReplay(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		history, book := domaintest.History(t, "c"), anyBook(t)
		var live *domain.Customer
		for i, e := range history {
			if live == nil || !live.Apply(e) {
				live = domain.Fold("c", history[:i+1], domain.Limits{})
			}
			at := e.Recorded
			replayed := domain.Fold("c", rapid.Permutation(history[:i+1]).Draw(t, "order"), domain.Limits{})
			if diff := cmp.Diff(statuses(live, book, at), statuses(replayed, book, at)); diff != "" {
				t.Fatalf("after record %d (-live +replayed):\n%s", i+1, diff)
			}
		}
	})
}

func TestALaterPolicyChangesNoClock(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		history, book := anyHistory(t), anyBook(t)
		c := domain.Fold("c", history, domain.Limits{})
		before := statuses(c, book, happened(history[0]))
		for _, e := range domaintest.Ledger(t) {
			e.Position += history[len(history)-1].Position
			var err error
			if book, err = book.With(e); err != nil {
				t.Fatal(err)
			}
		}
		if diff := cmp.Diff(before, statuses(c, book, happened(history[0]))); diff != "" {
			t.Fatal(diff)
		}
	})
}

// Counted minute by minute, exactly the limit lies between the start and the due time outside the pauses: no pause is lost, and
// none is counted twice.
func TestPausesAreTakenOutExactly(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		start := time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC).Add(time.Duration(rapid.IntRange(0, 7*24*60).Draw(t, "start")) * time.Minute)
		events := []domain.Event{{Type: "complaint.registered", Time: start, Data: &domain.ComplaintRegistered{ComplaintRef: about, Severity: "S2"}}}
		paused := make(map[time.Time]bool) // by minute: for somebody whose waiting counts
		awaiting, open := "", false
		at := start
		for range rapid.IntRange(0, 8).Draw(t, "changes") {
			next := at.Add(time.Duration(rapid.IntRange(0, 2*24*60).Draw(t, "minutes")) * time.Minute)
			for m := at; m.Before(next); m = m.Add(time.Minute) {
				paused[m] = open && awaiting != "internal"
			}
			at = next
			if rapid.Bool().Draw(t, "pause") {
				awaiting, open = rapid.SampledFrom([]string{"", "customer", "third_party", "internal"}).Draw(t, "awaiting"), true
				events = append(events, domain.Event{Type: "complaint.paused", Time: at, Data: &domain.ComplaintPaused{ComplaintRef: about, Awaiting: awaiting}})
			} else {
				open = false
				events = append(events, domain.Event{Type: "complaint.resumed", Time: at, Data: &domain.ComplaintResumed{ComplaintRef: about}})
			}
		}
		if open { // what goes on has no end yet
			events = append(events, domain.Event{Type: "complaint.resumed", Time: at, Data: &domain.ComplaintResumed{ComplaintRef: about}})
		}
		stand, work := 0, 0
		c := domain.Fold("c", tell("c", 0, events...), domain.Limits{})
		for _, d := range c.Complaints[0].Deadlines(domain.NewPolicyBook()) {
			if d.Rule.Clock != "resolution" {
				continue
			}
			for m := start; m.Before(d.DueAt); m = m.Add(time.Minute) {
				weekday := m.Weekday() != time.Saturday && m.Weekday() != time.Sunday
				if weekday && m.Hour() >= 9 && m.Hour() < 17 && !paused[m] {
					work++
				}
			}
			for _, p := range paused {
				if p {
					stand++
				}
			}
			if work != 16*60 || d.Paused != time.Duration(stand)*time.Minute {
				t.Fatalf("%d minutes of work and %v paused, want 960 and %d minutes", work, d.Paused, stand)
			}
			return
		}
		t.Fatal("no clock")
	})
}

func TestPolicyRefusals(t *testing.T) {
	_, good, _ := domain.ShippedPolicy("fca-disp-payments")
	for _, tt := range []struct{ name, old, new, pointer, reason string }{
		{"not JSON", `"id"`, `id`, "", "not a policy"},
		{"an unknown member", `"source"`, `"sauce"`, "", "sauce"},
		{"no zone of that name", "Europe/London", "Europe/Londn", "/time_zone", "Europe/Londn"},
		{"the zone of this machine", "Europe/London", "Local", "/time_zone", "IANA"},
		{"no date", "2018-01-13", "13.1.2018", "/effective_from", "2026-12-24"},
		{"no such holidays", `"holidays": "gb"`, `"holidays": "uk"`, "/calendar", "au, eu, gb, us"},
		{"hours the wrong way round", `"opens": "09:00"`, `"opens": "19:00"`, "/calendar", "after opens"},
		{"no such field", `"field": "product"`, `"field": "produkt"`, "/applies_if/0/field", "sub_product"},
		{"no such event", `"complaint.withdrawn"`, `"complaint.withdrew"`, "/cancel/0/event", "no event"},
		{"no unit of a limit", `"count": 15, "unit": "business_days"`, `"count": 15, "unit": "bank_days"`, "/clocks/2/limit/unit", `clock "final_response"`},
		{"no count", `"count": 15`, `"count": 0`, "/clocks/2/limit/count", "1 to 10000"},
		{"hours in days", `"count": 35, "unit": "business_days"`, `"count": 35, "unit": "hours"`, "/clocks/2/extensions/0/to/unit", "days if it does"},
		{"a code where there is none", `{"event": "complaint.acknowledged"}`, `{"event": "complaint.acknowledged", "in": ["x"]}`, "/clocks/0/stop/0/in", "no code"},
		{"a moment for hours", `"close_of_business"`, `"exact"`, "/clocks/1/due_at", "end_of_day"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			text := strings.Replace(string(good), tt.old, tt.new, 1)
			if text == string(good) {
				t.Fatal("the policy has no such text")
			}
			_, err := domain.LoadPolicy([]byte(text))
			refusal, ok := err.(*domain.Refusal)
			if !ok || refusal.Pointer != tt.pointer || !strings.Contains(refusal.Reason, tt.reason) {
				t.Errorf("got %v, want a refusal at %q that says %q", err, tt.pointer, tt.reason)
			}
		})
	}
}

func TestShippedLabels(t *testing.T) {
	for _, p := range domain.ShippedPolicies() {
		labels := []domain.Label{p.Title}
		for _, c := range p.Clocks {
			labels = append(labels, c.Label)
			if c.OnBreach != nil {
				labels = append(labels, *c.OnBreach)
			}
		}
		for _, l := range labels {
			if l.EN == "" || l.ZH == "" {
				t.Errorf("%s: a label is missing in a language: %v", p.ID, l)
			}
		}
		if _, file, ok := domain.ShippedPolicy(p.ID); !ok || !json.Valid(file) {
			t.Errorf("%s: its file does not have its name", p.ID)
		}
	}
}

func FuzzLoadPolicy(f *testing.F) {
	for _, p := range domain.ShippedPolicies() {
		_, file, _ := domain.ShippedPolicy(p.ID)
		f.Add(file)
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		p, err := domain.LoadPolicy(file)
		if err != nil {
			if _, ok := err.(*domain.Refusal); !ok {
				t.Fatalf("%T is no refusal", err)
			}
			return
		}
		// What is accepted runs, and comes back the same from its own JSON.
		var trial domain.Trial
		if err := trial.Suppose("received", "2026-04-02T09:00:00Z"); err != nil {
			t.Fatal(err)
		}
		at := time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)
		want, err := trial.Run(p, at)
		if err != nil {
			t.Fatal(err)
		}
		text, err := json.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		again, err := domain.LoadPolicy(text)
		if err != nil {
			t.Fatal(err)
		}
		got, err := trial.Run(again, at)
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Fatal(err, diff)
		}
	})
}
