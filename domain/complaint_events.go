package domain

import "time"

// ComplaintRef names the complaint that an event is about.
type ComplaintRef struct {
	ComplaintID string `json:"complaint_id"`
}

// Remedy is one thing offered or done to put a complaint right.
type Remedy struct {
	Kind   string `json:"kind"`
	Detail string `json:"detail,omitempty"`
	Money
}

// ComplaintRegistered opens a complaint.
type ComplaintRegistered struct {
	ComplaintRef
	Channel      string     `json:"channel,omitempty"`
	Subject      string     `json:"subject,omitempty"`
	Description  string     `json:"description,omitempty"`
	Product      string     `json:"product,omitempty"`
	SubProduct   string     `json:"sub_product,omitempty"`
	Category     string     `json:"category,omitempty"`
	SubCategory  string     `json:"sub_category,omitempty"`
	Severity     string     `json:"severity,omitempty"` // S1 (safety, legal) to S4
	RemedySought string     `json:"remedy_sought,omitempty"`
	Vulnerable   *bool      `json:"vulnerable,omitempty"`
	Style        string     `json:"style,omitempty"`
	Brand        string     `json:"brand,omitempty"`
	Documents    []Document `json:"documents,omitempty"`
	Extra
}

// ComplaintForwarded: passed on to the company, firm or department that must answer.
type ComplaintForwarded struct {
	ComplaintRef
	To     string `json:"to,omitempty"`
	Reason string `json:"reason,omitempty"`
	Extra
}

// ComplaintAcknowledged: the customer was told that the complaint has arrived.
type ComplaintAcknowledged struct {
	ComplaintRef
	Channel string `json:"channel,omitempty"`
	Extra
}

// ComplaintRecordConfirmed: the customer agreed that the complaint is recorded as meant.
type ComplaintRecordConfirmed struct {
	ComplaintRef
	Channel string `json:"channel,omitempty"`
	Extra
}

// ComplaintClassified: cause, severity and the rest as now assessed. What is not given stays.
type ComplaintClassified struct {
	ComplaintRef
	Cause       string `json:"cause,omitempty"` // a code of the two-level cause tree
	Severity    string `json:"severity,omitempty"`
	Systemic    *bool  `json:"systemic,omitempty"`
	Product     string `json:"product,omitempty"`
	SubProduct  string `json:"sub_product,omitempty"`
	Category    string `json:"category,omitempty"`
	SubCategory string `json:"sub_category,omitempty"`
	Vulnerable  *bool  `json:"vulnerable,omitempty"`
	Style       string `json:"style,omitempty"`
	Extra
}

// ComplaintAssigned: the person (or team) who owns it from now on.
type ComplaintAssigned struct {
	ComplaintRef
	Owner string `json:"owner"` // an id, never a name
	Team  string `json:"team,omitempty"`
	Extra
}

// ComplaintEscalated: raised to a higher level.
type ComplaintEscalated struct {
	ComplaintRef
	Level  string `json:"level,omitempty"`
	To     string `json:"to,omitempty"`
	Reason string `json:"reason,omitempty"`
	Extra
}

// ComplaintPaused: work waits for somebody.
type ComplaintPaused struct {
	ComplaintRef
	Awaiting string `json:"awaiting,omitempty"` // customer, third_party, internal; absent: not told
	Reason   string `json:"reason,omitempty"`
	Extra
}

// ComplaintResumed: work goes on.
type ComplaintResumed struct {
	ComplaintRef
	Reason string `json:"reason,omitempty"`
	Extra
}

// ComplaintExtended: the customer was told a new date under the named policy. The original date stays visible.
type ComplaintExtended struct {
	ComplaintRef
	Policy string    `json:"policy"`
	NewDue time.Time `json:"new_due"`
	Reason string    `json:"reason"`
	Extra
}

// ComplaintInvestigated: what was found.
type ComplaintInvestigated struct {
	ComplaintRef
	RootCause       string `json:"root_cause,omitempty"` // a code of the two-level cause tree
	ResponsibleUnit string `json:"responsible_unit,omitempty"`
	Finding         string `json:"finding,omitempty"`
	Extra
}

// ComplaintProposed: remedies put to the customer.
type ComplaintProposed struct {
	ComplaintRef
	ProposalID string   `json:"proposal_id,omitempty"` // default: the event's id
	Remedies   []Remedy `json:"remedies"`
	Extra
}

// ComplaintProposalAccepted: the customer agreed. Without a proposal id: to the latest proposal.
type ComplaintProposalAccepted struct {
	ComplaintRef
	ProposalID string `json:"proposal_id,omitempty"`
	Extra
}

// ComplaintProposalDeclined: the customer said no. Without a proposal id: to the latest proposal.
type ComplaintProposalDeclined struct {
	ComplaintRef
	ProposalID string `json:"proposal_id,omitempty"`
	Reason     string `json:"reason,omitempty"`
	Extra
}

// ComplaintDecided: the company's decision on the merits.
type ComplaintDecided struct {
	ComplaintRef
	Outcome string `json:"outcome"`
	Reasons string `json:"reasons,omitempty"`
	Extra
}

// ComplaintResponded: a response was sent to the customer.
type ComplaintResponded struct {
	ComplaintRef
	Kind    string `json:"kind"`
	Channel string `json:"channel,omitempty"`
	Timely  *bool  `json:"timely,omitempty"` // the source's own judgement, where it makes one
	Extra
}

// ComplaintResolved: put right, in the company's view.
type ComplaintResolved struct {
	ComplaintRef
	Remedies []Remedy `json:"remedies,omitempty"`
	Extra
}

// ComplaintDisputed: the customer disagrees with the response.
type ComplaintDisputed struct {
	ComplaintRef
	Reason string `json:"reason,omitempty"`
	Extra
}

// ComplaintWithdrawn: the customer took it back.
type ComplaintWithdrawn struct {
	ComplaintRef
	Reason string `json:"reason,omitempty"`
	Extra
}

// ComplaintReopened: work starts again after a resolution or a closing.
type ComplaintReopened struct {
	ComplaintRef
	Reason string `json:"reason,omitempty"`
	Extra
}

// ComplaintReferred: taken to an ombudsman, an ADR body, a regulator or a court.
type ComplaintReferred struct {
	ComplaintRef
	To        string `json:"to"`
	Reference string `json:"reference,omitempty"`
	Extra
}

// ComplaintRuled: what that body decided.
type ComplaintRuled struct {
	ComplaintRef
	Ruling       string     `json:"ruling"`
	ComplyBefore *time.Time `json:"comply_before,omitempty"`
	Money
	Extra
}

// ComplaintLinked: this complaint has to do with another one.
type ComplaintLinked struct {
	ComplaintRef
	RelatedComplaintID string `json:"related_complaint_id"`
	RelatedCustomerID  string `json:"related_customer_id,omitempty"` // default: the same customer
	Relation           string `json:"relation"`
	Extra
}

// ComplaintClosed: no more work is planned.
type ComplaintClosed struct {
	ComplaintRef
	Reason    string `json:"reason,omitempty"`
	Satisfied *bool  `json:"satisfied,omitempty"` // what the customer said at closing, if asked
	Extra
}
