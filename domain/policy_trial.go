package domain

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Trial is a complaint that is only supposed, to see what a policy's clocks would do.
type Trial struct {
	about  ComplaintRegistered
	events []Event
}

// TrialFact is something that may be supposed of a complaint, by a short name.
type TrialFact struct {
	Name, Description string
	Type              Type
}

// TrialFacts lists what may have happened, in the usual order. Each may be supposed several times.
func TrialFacts() []TrialFact {
	return []TrialFact{
		{"received", "when the complaint was received", "complaint.registered"},
		{"forwarded", "when it was sent on to who must answer (cfpb counts from it; default there: received)", "complaint.forwarded"},
		{"acknowledged", "when it was acknowledged; after an escalation once more", "complaint.acknowledged"},
		{"escalated", "when stage 2 was asked for", "complaint.escalated"},
		{"paused", "when work began to wait for the customer", "complaint.paused"},
		{"resumed", "when work went on", "complaint.resumed"},
		{"held", "when a holding response was sent", "complaint.responded"},
		{"extended", "when a new date was told, and that date: T=NEW_DUE", "complaint.extended"},
		{"accepted", "when the customer accepted what was proposed", "complaint.proposal_accepted"},
		{"responded", "when the final response was sent", "complaint.responded"},
		{"resolved", "when it was put right", "complaint.resolved"},
		{"closed", "when it was closed", "complaint.closed"},
		{"withdrawn", "when the customer took it back", "complaint.withdrawn"},
		{"reopened", "when it was reopened", "complaint.reopened"},
	}
}

// TrialFields lists the fields of the complaint that may be supposed, for conditions.
func TrialFields() []string {
	return []string{"product", "sub_product", "category", "sub_category", "severity", "brand", "channel"}
}

// Suppose adds a fact or sets a field. The value of a fact is an RFC 3339 time, or a date, of which only the day is known.
func (t *Trial) Suppose(name, value string) error {
	fields := map[string]*string{"product": &t.about.Product, "sub_product": &t.about.SubProduct, "category": &t.about.Category,
		"sub_category": &t.about.SubCategory, "severity": &t.about.Severity, "brand": &t.about.Brand, "channel": &t.about.Channel}
	if field, ok := fields[name]; ok {
		*field = value
		return nil
	}
	facts := TrialFacts()
	i := slices.IndexFunc(facts, func(f TrialFact) bool { return f.Name == name })
	if i < 0 {
		return fmt.Errorf("%s: there is no such fact or field", name)
	}
	if name == "received" && slices.ContainsFunc(t.events, func(e Event) bool { return e.Type == facts[i].Type }) {
		return fmt.Errorf("%s: a complaint is received once", name)
	}
	value, due, dated := strings.Cut(value, "=")
	e := Event{ID: fmt.Sprintf("trial-%d", len(t.events)+1), Type: facts[i].Type, Customer: trialID}
	var err error
	if e.Time, e.Accuracy, err = parseTrialTime(value); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	e.Data, _ = NewData(e.Type)
	switch d := e.Data.(type) {
	case *ComplaintRegistered:
		e.Data = &t.about
	case *ComplaintEscalated:
		d.Level = "stage_2"
	case *ComplaintPaused:
		d.Awaiting = "customer"
	case *ComplaintResponded:
		d.Kind = "final_response"
		if name == "held" {
			d.Kind = "holding_response"
		}
	case *ComplaintExtended:
		accuracy := AccuracyExact
		if d.NewDue, accuracy, err = parseTrialTime(due); err != nil || !dated {
			return fmt.Errorf("%s: must be T=NEW_DUE, as in 2026-03-02T10:00:00Z=2026-04-01T17:00:00Z", name)
		}
		if accuracy == AccuracyDay {
			d.NewDue = d.NewDue.AddDate(0, 0, 1).Add(-time.Second)
		}
	}
	if dated && name != "extended" {
		return fmt.Errorf("%s: must be one time", name)
	}
	t.events = append(t.events, e)
	return nil
}

// trialID names the supposed complaint and its customer.
const trialID = "trial"

func parseTrialTime(text string) (time.Time, Accuracy, error) {
	if day, err := time.Parse(time.DateOnly, text); err == nil {
		return day, AccuracyDay, nil
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return noTime, AccuracyExact, fmt.Errorf("%q is neither a date (2026-03-31) nor an RFC 3339 time (2026-03-31T12:00:00Z)", text)
	}
	return at.UTC(), AccuracyExact, nil
}

// Run is what each clock of the policy makes of the supposed complaint as of the instant: those that run or ran, and those that
// nothing has started yet. Whether the policy applies to such a complaint is not asked, nor whether it was in force.
func (t *Trial) Run(p *Policy, at time.Time) ([]DeadlineStatus, error) {
	received := slices.IndexFunc(t.events, func(e Event) bool { return e.Type == "complaint.registered" })
	if received < 0 {
		return nil, fmt.Errorf("received: is missing: say when the complaint was received")
	}
	events := slices.Clone(t.events)
	for i := range events {
		if d, ok := events[i].Data.(*ComplaintExtended); ok {
			events[i].Data = &ComplaintExtended{Policy: p.ID, NewDue: d.NewDue}
		}
	}
	happened := func(typ Type) bool { return slices.ContainsFunc(events, func(e Event) bool { return e.Type == typ }) }
	sent := slices.ContainsFunc(p.Clocks, func(c ClockRule) bool { return c.Start.Event == "complaint.forwarded" })
	if sent && !happened("complaint.forwarded") {
		e := events[received]
		e.ID, e.Type, e.Data = "trial-forwarded", "complaint.forwarded", &ComplaintForwarded{}
		events = append(events, e)
	}
	k := Fold(trialID, events, Limits{}).Complaints[0]
	anywhere := Policy{Clocks: p.Clocks} // the same, for every complaint
	var out []DeadlineStatus
	for i := range p.Clocks {
		rule := &p.Clocks[i]
		if anywhere.ruleOf(rule.Clock, k) != rule {
			continue
		}
		runs := k.runs(nil, rule.firstStart(k.facts), func(*fact) (*Policy, *ClockRule) { return p, rule })
		for j := range runs {
			s := runs[j].Status(at)
			s.ComplaintID, s.CustomerID = "", ""
			if latest, ok := rule.latest(&runs[j]); ok {
				s.LatestDueAt = told(latest)
			}
			out = append(out, s)
		}
		if len(runs) == 0 {
			s := statusOf(p, rule)
			s.State, s.StateLabel, s.StartsOn = deadlineNotStarted, Label{"Not started", "未开始"}, rule.Start.Event
			out = append(out, s)
		}
	}
	return out, nil
}

// deadlineNotStarted is the state of a clock in a trial that nothing has started.
const deadlineNotStarted DeadlineState = "not_started"

// latest is the furthest date that the extensions allow for the run, if there are any and they have an end.
func (c *ClockRule) latest(d *Deadline) (time.Time, bool) {
	due := d.OriginalDueAt
	for i := range c.Extensions {
		x := &c.Extensions[i]
		switch {
		case x.To != nil:
			start := &fact{at: d.StartedAt}
			due = d.Policy.due(c, start, x.To, nil)
		case x.By != nil && x.MaxCount > 0:
			for range x.MaxCount {
				due = d.Policy.later(c, due, x.By, nil)
			}
		default:
			return noTime, false
		}
	}
	return due, len(c.Extensions) > 0
}
