package domain

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"time"
)

// Policy is one version of a set of deadlines: which clocks run on a complaint, from when, for how long, and what stops,
// pauses, extends and cancels them. Policies are data; a new version is a new record, and no version is ever edited.
type Policy struct {
	ID      string `json:"id"`
	Version string `json:"version"`
	Title   Label  `json:"title"`
	// Source is the rule: the regulation or the company's own promise. Each clock cites the paragraph.
	Source string `json:"source"`
	Note   string `json:"note,omitempty"` // what of the source is left out, or only approximately so
	// Family is regulatory or service.
	Family Family `json:"family"`
	// EffectiveFrom is the first day in force, EffectiveTo the first day on which it no longer is (both ISO 8601 dates of
	// TimeZone). A later version takes an earlier one's place from its own first day on, whether or not that one ended.
	EffectiveFrom string `json:"effective_from"`
	EffectiveTo   string `json:"effective_to,omitempty"`
	TimeZone      string `json:"time_zone"` // IANA name
	// Calendar says which days and hours are business days and working hours.
	Calendar Calendar `json:"calendar"`
	// AppliesIf must all hold for the complaint as it now stands.
	AppliesIf []Condition `json:"applies_if,omitempty"`
	// Cancel are the events that end all clocks without an answer: withdrawn, passed on, a duplicate.
	Cancel []Selector  `json:"cancel,omitempty"`
	Clocks []ClockRule `json:"clocks"`

	SHA256 string `json:"-"` // of what it says, however the file is laid out, lower-case hex

	zone     *time.Location
	from, to day // to: 0 means for ever
}

// Family tells what a deadline binds to. Regulatory clocks (almost) never pause; service clocks do.
type Family string

// The families.
const (
	FamilyRegulatory Family = "regulatory" // a rule of law or of a supervisor
	FamilyService    Family = "service"    // the company's own promise
)

// Label is a name in English and Chinese.
type Label struct {
	EN string `json:"en"`
	ZH string `json:"zh"`
}

// ClockRule is one clock of a policy. A clock may be listed several times under different conditions; the first that holds
// counts.
type ClockRule struct {
	Clock     string      `json:"clock"` // its name, stable over versions
	Label     Label       `json:"label"`
	Citation  string      `json:"citation"` // the paragraph
	Note      string      `json:"note,omitempty"`
	AppliesIf []Condition `json:"applies_if,omitempty"`
	Start     Start       `json:"start"`
	// Limit is how long it runs. A rule without a number ("promptly") has none: then nothing is ever due.
	Limit *Limit `json:"limit,omitempty"`
	// DueAt is the moment of the last day: end_of_day or close_of_business; exact for limits in hours.
	DueAt DueAt `json:"due_at,omitempty"`
	// Stop are the events any of which stops the clock.
	Stop []Selector `json:"stop"`
	// Pause says during which pauses of the complaint the clock stands still; only for limits in hours. Absent: never.
	Pause *Pause `json:"pause,omitempty"`
	// Extensions are taken one after the other, each as often as it says.
	Extensions []Extension `json:"extensions,omitempty"`
	// Optional is a chance and not a duty: when it passes unused the clock is cancelled, never overdue or missed.
	Optional bool `json:"optional,omitempty"`
	// OnReopen is restart if a reopening after the clock's end starts it again; else it ran once.
	OnReopen string `json:"on_reopen,omitempty"`
	// OnBreach tells which right a breach gives, and to whom.
	OnBreach *Label `json:"on_breach,omitempty"`
}

// Start says when a clock starts: at the first event that the selector takes.
type Start struct {
	Selector
	// After, if set: only events after one that this takes.
	After *Selector `json:"after,omitempty"`
	// RollToBusinessDay: what comes on another day, or after hours, counts as received on the next business day.
	RollToBusinessDay bool `json:"roll_to_business_day,omitempty"`
	// ExcludeStartDay: the first day counted is the one after. Only for limits in days, weeks and months.
	ExcludeStartDay bool `json:"exclude_start_day,omitempty"`
}

// Limit is a length of time.
type Limit struct {
	Count int  `json:"count"`
	Unit  Unit `json:"unit"`
}

// Unit is what a limit counts.
type Unit string

// The units.
const (
	CalendarDays  Unit = "calendar_days"
	BusinessDays  Unit = "business_days"
	Weeks         Unit = "weeks"
	Months        Unit = "months"
	Hours         Unit = "hours"          // of the clock on the wall, day and night
	BusinessHours Unit = "business_hours" // working hours of the calendar
)

func (u Unit) hours() bool { return u == Hours || u == BusinessHours }

// String is the limit for people: 8 weeks, 1 business day.
func (l *Limit) String() string {
	if l == nil {
		return "no number"
	}
	unit := []byte(l.Unit)
	for i, c := range unit {
		if c == '_' {
			unit[i] = ' '
		}
	}
	if l.Count == 1 {
		unit = unit[:len(unit)-1]
	}
	return fmt.Sprintf("%d %s", l.Count, unit)
}

// DueAt is the moment of the last day.
type DueAt string

// The moments.
const (
	EndOfDay        DueAt = "end_of_day"        // its last second, local time
	CloseOfBusiness DueAt = "close_of_business" // when the calendar closes
	Exact           DueAt = "exact"             // to the second
)

// Pause says for whom work may wait while the clock stands still: customer, third_party, internal; the empty text takes
// pauses that do not tell.
type Pause struct {
	Awaiting []string `json:"awaiting"`
}

// Extension moves a due date. It counts only if it happened before the date that it moves; the original date stays visible.
// A complaint.extended moves to the date told, within the limit; any other event moves to the limit.
type Extension struct {
	On []Selector `json:"on"`
	// To is the limit counted from the clock's start, By from the date that is moved. Without either the date told stands.
	To *Limit `json:"to,omitempty"`
	By *Limit `json:"by,omitempty"`
	// MaxCount is how often; 0: any number of times.
	MaxCount int `json:"max_count,omitempty"`
}

// Selector takes events of a type, some or all. In and Not look at the event's code: the kind of a response, the level of an
// escalation, the relation of a link, the outcome of a decision.
type Selector struct {
	Event Type     `json:"event"`
	In    []string `json:"in,omitempty"`
	Not   []string `json:"not,omitempty"`
}

func (s *Selector) takes(f *fact) bool {
	return s.Event == f.typ && listed(f.code(), s.In, s.Not)
}

func takesAny(list []Selector, f *fact) bool {
	for i := range list {
		if list[i].takes(f) {
			return true
		}
	}
	return false
}

// Condition is about a field of the complaint: see ConditionFields. The empty text is what is not told.
type Condition struct {
	Field string   `json:"field"`
	In    []string `json:"in,omitempty"`
	Not   []string `json:"not,omitempty"`
}

func listed(value string, in, not []string) bool {
	return (len(in) == 0 || slices.Contains(in, value)) && !slices.Contains(not, value)
}

// ConditionFields lists the fields that conditions may ask for. vulnerable is true, false or empty; source is who sent the
// registration.
func ConditionFields() []string {
	return []string{"product", "sub_product", "category", "sub_category", "severity", "brand", "channel", "cause", "vulnerable",
		"source"}
}

// conditionField is the value of a field that a condition may ask for.
func (k *Complaint) conditionField(name string) string {
	switch name {
	case "product":
		return k.Product
	case "sub_product":
		return k.SubProduct
	case "category":
		return k.Category
	case "sub_category":
		return k.SubCategory
	case "severity":
		return k.Severity
	case "brand":
		return k.Brand
	case "channel":
		return k.Channel
	case "cause":
		return k.Cause
	case "source":
		return k.source
	case "vulnerable":
		if k.Vulnerable != nil {
			return fmt.Sprint(*k.Vulnerable)
		}
	}
	return ""
}

func (k *Complaint) meets(conditions []Condition) bool {
	for i := range conditions {
		if c := &conditions[i]; !listed(k.conditionField(c.Field), c.In, c.Not) {
			return false
		}
	}
	return true
}

// LoadPolicy reads and validates a policy. The error is a *Refusal whose pointer is the member's place in the file.
func LoadPolicy(file []byte) (*Policy, error) {
	var p Policy
	d := json.NewDecoder(bytes.NewReader(file))
	d.DisallowUnknownFields()
	if err := d.Decode(&p); err != nil {
		return nil, refusePolicy("", "not a policy: "+err.Error())
	}
	if d.More() {
		return nil, refusePolicy("", "not a policy: more than one JSON value")
	}
	if err := p.load(); err != nil {
		return nil, err
	}
	text, err := json.Marshal(&p)
	if err != nil {
		return nil, refusePolicy("", "not a policy: "+err.Error())
	}
	sum := sha256.Sum256(text)
	p.SHA256 = hex.EncodeToString(sum[:])
	return &p, nil
}

func refusePolicy(pointer, reason string) error { return refuse(pointer, "invalid-policy", reason) }
