package projections

import (
	"time"

	"amends/domain"
)

// deadlineRow is one run of a clock, as it stands at the unit's instant.
type deadlineRow struct {
	*domain.Deadline
	complaint *domain.Complaint
	state     domain.DeadlineState
	reason    domain.DeadlineReason
	scoredAt  time.Time // zero: no instant changes the state any more
}

var complaintDeadlines = definition[*deadlineRow]{
	name: "complaint_deadlines",
	description: "Every clock that ran or runs on a complaint, one row for each run, as of scored_at: when it began, when it is " +
		"due, how it ended. What is due at another instant follows from state and due_at.",
	key:     []string{"customer_id", "complaint_id", "policy_id", "clock", "run"},
	indexes: []string{"state, due_at"},
	scored:  true,
	instant: []string{"state", "reason", "scored_at"},
	columns: []column[*deadlineRow]{
		{"complaint_id", Text, "Complaint on which the clock runs, unique within the customer.",
			func(c *cells, r *deadlineRow) { c.string(r.ComplaintID) }},
		{"customer_id", Text, "Customer in whose stream the complaint was registered.",
			func(c *cells, r *deadlineRow) { c.string(r.CustomerID) }},
		{"policy_id", Text, "Policy that sets the clock.",
			func(c *cells, r *deadlineRow) { c.string(r.Policy.ID) }},
		{"clock", Text, "Name of the clock within the policy.",
			func(c *cells, r *deadlineRow) { c.string(r.Rule.Clock) }},
		{"run", Integer, "Which run of the clock on this complaint, from 1: a reopening may start it again.",
			func(c *cells, r *deadlineRow) { c.integer(int64(r.Run)) }},
		{"policy_version", Text, "Version of the policy to which the run was pinned when it started.",
			func(c *cells, r *deadlineRow) { c.string(r.Policy.Version) }},
		{"family", Text, "regulatory or service.",
			func(c *cells, r *deadlineRow) { c.string(string(r.Policy.Family)) }},
		{"label", Text, "What is due, in English.",
			func(c *cells, r *deadlineRow) { c.string(r.Rule.Label.EN) }},
		{"label_zh", Text, "What is due, in Chinese.",
			func(c *cells, r *deadlineRow) { c.string(r.Rule.Label.ZH) }},
		{"citation", Text, "Paragraph of the rule, or the company's own promise.",
			func(c *cells, r *deadlineRow) { c.string(r.Rule.Citation) }},
		{"owner", Text, "Id of the person who owns the complaint.",
			func(c *cells, r *deadlineRow) { c.string(r.complaint.Owner) }},
		{"team", Text, "Team that owns the complaint.",
			func(c *cells, r *deadlineRow) { c.string(r.complaint.Team) }},
		{"started_at", Timestamp, "When the clock started (UTC); where only the day is known, the beginning of that day in the policy's time zone.",
			func(c *cells, r *deadlineRow) { c.time(r.StartedAt) }},
		{"due_at", Timestamp, "Last moment in time (UTC), with extensions and ended pauses; NULL: the rule gives no number. " +
			"Of a paused clock: if work went on at once.",
			func(c *cells, r *deadlineRow) { c.time(r.DueAt) }},
		{"due_on", Date, "Date of due_at in the policy's time zone.",
			func(c *cells, r *deadlineRow) { c.string(r.DueOn()) }},
		{"original_due_at", Timestamp, "Last moment in time (UTC) without extensions.",
			func(c *cells, r *deadlineRow) { c.time(r.OriginalDueAt) }},
		{"stopped_at", Timestamp, "When it was stopped or cancelled (UTC); NULL: it was not, or the source does not tell when.",
			func(c *cells, r *deadlineRow) { c.time(r.StoppedAt) }},
		{"stopped_by", Text, "Id of the event that stopped or cancelled it.",
			func(c *cells, r *deadlineRow) { c.string(r.StoppedBy) }},
		{"paused_at", Timestamp, "Since when it stands still (UTC); NULL: it does not.",
			func(c *cells, r *deadlineRow) { c.time(r.PausedAt) }},
		{"paused_seconds", Integer, "How long it stood still in pauses that have ended, in seconds on the wall clock.",
			func(c *cells, r *deadlineRow) { c.integer(int64(r.Paused / time.Second)) }},
		{"extended_count", Integer, "Extensions that moved due_at.",
			func(c *cells, r *deadlineRow) { c.integer(int64(r.Extended)) }},
		{"refused_extension_count", Integer, "Extensions that did not, as they came after the date, or once too often.",
			func(c *cells, r *deadlineRow) { c.integer(int64(r.Refused)) }},
		{"state", Text, "running, paused, met (stopped in time), overdue (running past due_at), missed (stopped late, or not shown " +
			"to have been in time) or cancelled.",
			func(c *cells, r *deadlineRow) { c.string(string(r.state)) }},
		{"reason", Text, "Why, where the dates do not tell: source_timely, source_late (the source judged), unproven (the time of the " +
			"answer is not known), lapsed (optional, unused), withdrawn, forwarded, duplicate, other.",
			func(c *cells, r *deadlineRow) { c.string(string(r.reason)) }},
		{"is_optional", Boolean, "A chance and not a duty: it is never overdue or missed.",
			func(c *cells, r *deadlineRow) { c.bool(r.Rule.Optional) }},
		{"scored_at", Timestamp, "Instant for which state holds (UTC, whole seconds); NULL: it does not change with time any more.",
			func(c *cells, r *deadlineRow) { c.time(r.scoredAt) }},
		{"position", Integer, "Position of the last event that touched the complaint.",
			func(c *cells, r *deadlineRow) { c.integer(int64(r.complaint.Position)) }},
	},
	rows: func(u *unit, _ uint64, yield func(*deadlineRow)) {
		for _, complaint := range u.state.Complaints {
			deadlines := complaint.Deadlines(u.policies)
			for i := range deadlines {
				row := deadlineRow{Deadline: &deadlines[i], complaint: complaint}
				row.state, row.reason = deadlines[i].At(u.at)
				if !deadlines[i].Ended() {
					row.scoredAt = u.at
				}
				yield(&row)
			}
		}
	},
}
