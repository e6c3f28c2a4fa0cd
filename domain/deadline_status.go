package domain

import "time"

// DeadlineStatus is a deadline as it stands at an instant, for people and for other programs.
type DeadlineStatus struct {
	ComplaintID   string         `json:"complaint_id,omitempty"`
	CustomerID    string         `json:"customer_id,omitempty"`
	PolicyID      string         `json:"policy_id"`
	PolicyVersion string         `json:"policy_version"`
	Family        Family         `json:"family"`
	Clock         string         `json:"clock"`
	Run           int            `json:"run" doc:"From 1; a reopening may start a clock again"`
	Label         Label          `json:"label"`
	Citation      string         `json:"citation"`
	Limit         string         `json:"limit" doc:"Such as 8 weeks; no number where the rule gives none"`
	State         DeadlineState  `json:"state" doc:"running, paused, met, overdue, missed, cancelled; not_started in a trial"`
	StateLabel    Label          `json:"state_label"`
	Reason        DeadlineReason `json:"reason,omitempty" doc:"Why it stands so, where the dates alone do not tell"`
	StartedAt     *time.Time     `json:"started_at"`
	DueAt         *time.Time     `json:"due_at" doc:"Null: the rule gives no number"`
	DueOn         string         `json:"due_on,omitempty" doc:"The date of due_at in the policy's time zone"`
	OriginalDueAt *time.Time     `json:"original_due_at" doc:"Without extensions"`
	StoppedAt     *time.Time     `json:"stopped_at" doc:"Null: it runs, or the time is not known"`
	PausedAt      *time.Time     `json:"paused_at,omitempty"`
	PausedSeconds int64          `json:"paused_seconds"`
	ExtendedCount int            `json:"extended_count"`
	IsOptional    bool           `json:"is_optional,omitempty" doc:"A chance and not a duty"`
	OnBreach      *Label         `json:"on_breach,omitempty"`

	// Of a trial.
	StartsOn    Type       `json:"starts_on,omitempty" doc:"The event that would start it"`
	LatestDueAt *time.Time `json:"latest_due_at,omitempty" doc:"The furthest date that extensions may move it to"`
}

// Status is the deadline as it stands at the instant.
func (d *Deadline) Status(at time.Time) DeadlineStatus {
	s := statusOf(d.Policy, d.Rule)
	s.State, s.Reason = d.At(at)
	s.StateLabel = s.State.Label()
	s.ComplaintID, s.CustomerID, s.Run = d.ComplaintID, d.CustomerID, d.Run
	s.DueOn = d.DueOn()
	s.StartedAt, s.DueAt, s.OriginalDueAt = told(d.StartedAt), told(d.DueAt), told(d.OriginalDueAt)
	s.StoppedAt, s.PausedAt = told(d.StoppedAt), told(d.PausedAt)
	s.PausedSeconds, s.ExtendedCount = int64(d.Paused/time.Second), d.Extended
	return s
}

// DueOn is the date of DueAt in the policy's time zone, ISO 8601; empty: nothing is due.
func (d *Deadline) DueOn() string {
	if d.DueAt.IsZero() {
		return ""
	}
	return d.DueAt.In(d.Policy.zone).Format(time.DateOnly)
}

// statusOf is what a clock's rule says of every run.
func statusOf(p *Policy, rule *ClockRule) DeadlineStatus {
	return DeadlineStatus{PolicyID: p.ID, PolicyVersion: p.Version, Family: p.Family, Clock: rule.Clock, Label: rule.Label,
		Citation: rule.Citation, Limit: rule.Limit.String(), IsOptional: rule.Optional, OnBreach: rule.OnBreach}
}

// told is a time that is null where it is not told.
func told(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}
