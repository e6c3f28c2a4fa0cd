package domain

import "time"

// ApologyOffered: regret says sorry for what the customer went through; admission accepts fault.
type ApologyOffered struct {
	ApologyID   string `json:"apology_id,omitempty"` // default: the event's id
	ComplaintID string `json:"complaint_id,omitempty"`
	Kind        string `json:"kind"`
	Level       string `json:"level"`
	Channel     string `json:"channel,omitempty"`
	Extra
}

// ApologyAccepted: the customer took the apology.
type ApologyAccepted struct {
	ApologyID string `json:"apology_id"`
	Extra
}

// ApologyDeclined: the customer did not.
type ApologyDeclined struct {
	ApologyID string `json:"apology_id"`
	Reason    string `json:"reason,omitempty"`
	Extra
}

// RedressOffered: one remedy, with its own life.
type RedressOffered struct {
	RedressID   string `json:"redress_id,omitempty"` // default: the event's id
	ComplaintID string `json:"complaint_id,omitempty"`
	Remedy      string `json:"remedy"`
	Detail      string `json:"detail,omitempty"`
	Money
	Extra
}

// RedressApproved: somebody with authority agreed to it.
type RedressApproved struct {
	RedressID string `json:"redress_id"`
	Approver  string `json:"approver,omitempty"` // default: the event's actor
	Extra
}

// RedressAccepted: the customer takes it.
type RedressAccepted struct {
	RedressID string `json:"redress_id"`
	Extra
}

// RedressDeclined: the customer does not.
type RedressDeclined struct {
	RedressID string `json:"redress_id"`
	Reason    string `json:"reason,omitempty"`
	Extra
}

// RedressDelivered: the customer has it. Without an amount: as offered.
type RedressDelivered struct {
	RedressID string `json:"redress_id"`
	Method    string `json:"method,omitempty"`
	Money
	Extra
}

// RedressFailed: it could not be delivered.
type RedressFailed struct {
	RedressID string `json:"redress_id"`
	Reason    string `json:"reason,omitempty"`
	Extra
}

// CommitmentMade: something was promised to the customer, with a date.
type CommitmentMade struct {
	CommitmentID string    `json:"commitment_id,omitempty"` // default: the event's id
	ComplaintID  string    `json:"complaint_id,omitempty"`
	What         string    `json:"what"`
	DueAt        time.Time `json:"due_at"`
	Medium       string    `json:"medium"`
	Owner        string    `json:"owner,omitempty"`
	Approver     string    `json:"approver,omitempty"`
	Extra
}

// CommitmentKept: the promise was kept at the event's time.
type CommitmentKept struct {
	CommitmentID string `json:"commitment_id"`
	Extra
}

// CommitmentBroken: the promise will not be kept, or was found not to have been.
type CommitmentBroken struct {
	CommitmentID string `json:"commitment_id"`
	Reason       string `json:"reason,omitempty"`
	Extra
}

// CommitmentRenegotiated: the customer agreed to another date.
type CommitmentRenegotiated struct {
	CommitmentID string    `json:"commitment_id"`
	NewDue       time.Time `json:"new_due"`
	Reason       string    `json:"reason,omitempty"`
	Extra
}

// FollowupScheduled: the customer is to be asked how things stand.
type FollowupScheduled struct {
	FollowupID  string    `json:"followup_id,omitempty"` // default: the event's id
	ComplaintID string    `json:"complaint_id,omitempty"`
	DueAt       time.Time `json:"due_at"`
	Owner       string    `json:"owner,omitempty"`
	Extra
}

// FollowupCompleted: the follow-up was done; without an id it was not scheduled before.
type FollowupCompleted struct {
	FollowupID  string `json:"followup_id,omitempty"`
	ComplaintID string `json:"complaint_id,omitempty"`
	Reached     bool   `json:"reached"`
	Satisfied   *bool  `json:"satisfied,omitempty"`
	Extra
}

// SurveySent: the customer was asked.
type SurveySent struct {
	SurveyID    string `json:"survey_id,omitempty"` // default: the event's id
	Metric      string `json:"metric,omitempty"`
	Channel     string `json:"channel,omitempty"`
	ComplaintID string `json:"complaint_id,omitempty"`
	Extra
}

// SurveyAnswered: one answer to one question. Ranges: csat 1-5, nps 0-10, ces 1-7, acsi 1-10.
type SurveyAnswered struct {
	SurveyID    string `json:"survey_id,omitempty"` // absent: the answer came without a survey that we know of
	Metric      string `json:"metric"`
	Score       int    `json:"score"`
	Verbatim    string `json:"verbatim,omitempty"`
	Channel     string `json:"channel,omitempty"`
	ComplaintID string `json:"complaint_id,omitempty"`
	Extra
}

// PreventionPlanned: a corrective action for the cause of one or many complaints.
type PreventionPlanned struct {
	ActionID     string     `json:"action_id,omitempty"` // default: the event's id
	What         string     `json:"what,omitempty"`
	Cause        string     `json:"cause,omitempty"`
	ComplaintIDs []string   `json:"complaint_ids,omitempty"`
	Owner        string     `json:"owner,omitempty"`
	DueAt        *time.Time `json:"due_at,omitempty"`
	Extra
}

// PreventionCompleted: the corrective action was done.
type PreventionCompleted struct {
	ActionID  string `json:"action_id"`
	Effective *bool  `json:"effective,omitempty"`
	Extra
}
