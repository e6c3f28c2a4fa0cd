package domain

import "time"

// Customer is what a history adds up to: the state after folding the events known and happened up to a limit. A zero time
// means "not so far". It holds no personal field.
type Customer struct {
	ID       string
	Revision uint64 // of the customer's own stream, the last event folded (in revision order)
	Position uint64 // the highest position folded
	Events   int    // how many events were folded, absorbed streams included

	RegisteredAt     time.Time
	Since            string // ISO 8601 date
	Tier             string
	Relationship     string
	Manager          string
	ManagerChangedAt time.Time // a change from one manager to another; the first assignment is none
	ManagerChangedBy string    // the event that changed it
	Locale           string
	PreferredChannel string
	DepartedAt       time.Time // zero again once the customer returned
	DepartureReason  string
	ReturnedAt       time.Time
	MergedInto       string   // the surviving customer, while merged
	Absorbed         []string // customers merged into this one and those merged into them, in order of absorption

	FirstEventAt time.Time
	LastEventAt  time.Time
	// LastContactAt is the last two-way contact: an interaction other than a broadcast, in either direction.
	LastContactAt time.Time
	LastContactBy string // the event of that contact

	// Each list is in the order in which its members first appear in the fold.
	Complaints   []*Complaint
	Interactions []*Touch
	Commitments  []*Commitment
	Redress      []*Redress
	Apologies    []*Apology
	Followups    []*Followup
	Surveys      []*Survey
	Preventions  []*Prevention
	Contracts    []*Contract
	Purchases    []*Purchase
	Holds        []*Hold
	Erasures     []*Erasure

	fold foldState // how far the fold has come; of no meaning outside this package
}

// Touched is where a member of the state was last touched.
type Touched struct {
	Position uint64 // of the last event that touched it
	EventID  string // that event
}

// State is where a complaint stands. It is derived, never stored as truth.
type State string

// The states of a complaint, in the words of ISO 10002 where it has one.
const (
	StateRegistered    State = "registered"
	StateAcknowledged  State = "acknowledged"
	StateAssessed      State = "assessed" // classified or assigned
	StateInvestigating State = "investigating"
	StatePaused        State = "paused"
	StateProposed      State = "proposed"
	StateDecided       State = "decided"
	StateResponded     State = "responded"
	StateResolved      State = "resolved"
	StateDisputed      State = "disputed"
	StateReopened      State = "reopened"
	StateReferred      State = "referred"
	StateWithdrawn     State = "withdrawn"
	StateClosed        State = "closed"
)

// Complaint is one complaint's state.
type Complaint struct {
	Touched
	ID         string
	CustomerID string // the stream in which it was registered

	Brand, Channel, Product, SubProduct, Category, SubCategory string
	Cause                                                      string // as classified, or the root cause once investigated
	RootCause                                                  string // as investigated
	ResponsibleUnit                                            string
	Severity                                                   string
	Style                                                      string
	RemedySought                                               string
	Owner, Team                                                string
	Handoffs                                                   int   // changes of owner after the first
	Vulnerable                                                 *bool // nil: not told
	Systemic                                                   *bool

	State           State
	ResumesTo       State  // while paused: the state that goes on underneath, and shows again after the pause
	Outcome         string // of the last decision
	Response        string // kind of the last response
	Timely          *bool  // as the source judged; nil: not judged
	AwaitingWhom    string // while paused
	EscalationLevel string
	ReferredTo      string
	Ruling          string
	DuplicateOf     string
	Links           []Link
	ClosedSatisfied *bool

	// The first time that each of these happened. RespondedAt: the first final response.
	RegisteredAt, ForwardedAt, AcknowledgedAt, ConfirmedAt, ClassifiedAt, AssignedAt   time.Time
	InvestigatedAt, ProposedAt, DecidedAt, RespondedAt, FirstResolvedAt, FirstClosedAt time.Time
	// The latest time that each of these happened. A reopening clears ResolvedAt, WithdrawnAt and ClosedAt.
	EscalatedAt, AcceptedAt, OutcomeAt, ResolvedAt, DisputedAt, WithdrawnAt time.Time
	ReopenedAt, ReferredAt, RuledAt, ClosedAt                               time.Time

	RegisteredBy, DisputedBy, ReopenedBy, ClosedBy string // the events that did so, the latest of each

	PausedAt     time.Time // while paused: since when
	ExtendedTo   time.Time // the date promised by the last extension
	ExtendPolicy string
	ComplyBefore time.Time // what a ruling asks for

	PausedCount, ResolvedCount, ReopenedCount, EscalatedCount, ResponseCount int
	PausedTotal                                                              time.Duration // of pauses that have ended
	Proposals                                                                []Proposal

	// Redress delivered for this complaint, by currency; the view shows the one currency if there is just one.
	RedressMinor map[string]int64

	LastVisibleUpdateAt time.Time // the customer last saw something happen

	// What clocks are computed from (see Deadlines).
	source       string // who sent the registration
	facts        []fact
	pauses       []pauseSpan // that have ended, in order
	waitingSince time.Time   // while paused: since when for AwaitingWhom
}

// Open reports whether work is still owed: neither closed nor withdrawn.
func (c *Complaint) Open() bool { return c.State != StateClosed && c.State != StateWithdrawn }

// Registered reports whether the complaint's registration is part of the fold. Facts about a complaint that (by their times)
// precede its registration make a shell, which is not registered yet.
func (c *Complaint) Registered() bool { return !c.RegisteredAt.IsZero() }

// Link is a relation to another complaint.
type Link struct {
	ComplaintID, CustomerID, Relation string
}

// Proposal is one set of remedies put to the customer.
type Proposal struct {
	ID       string
	At       time.Time
	Remedies []Remedy
	Answer   string // accepted, declined, or empty
	AnswerAt time.Time
}

// Touch is one interaction.
type Touch struct {
	Touched
	ID                            string // the event's id
	CustomerID                    string
	Kind                          string // call, email, ...
	At                            time.Time
	Direction, Purpose, HandledBy string
	Outcome, Sentiment            string
	Effort                        *int
	DurationSeconds               *int64
	ComplaintID                   string
	RepeatInfoRequested           *bool
}

// Commitment is one promise.
type Commitment struct {
	Touched
	ID, CustomerID, ComplaintID string
	State                       string // open, kept, broken
	Medium, Owner, Approver     string
	MadeAt, DueAt, OriginalDue  time.Time
	KeptAt, BrokenAt            time.Time
	MadeBy, BrokenBy            string // the events that did so
	Renegotiated                int
}

// Overdue reports whether the promise is still open at the instant although its time has come.
func (c *Commitment) Overdue(at time.Time) bool {
	return c.State == CommitmentOpen && !c.DueAt.IsZero() && c.DueAt.Before(at)
}

// The states of a commitment.
const (
	CommitmentOpen     = "open"
	CommitmentIsKept   = "kept"
	CommitmentIsBroken = "broken"
)

// Late reports whether it was kept after it was due.
func (c *Commitment) Late() bool { return !c.KeptAt.IsZero() && c.KeptAt.After(c.DueAt) }

// Redress is one remedy.
type Redress struct {
	Touched
	ID, CustomerID, ComplaintID string
	Remedy                      string
	// State is offered, approved, accepted, declined, delivered or failed.
	State                                                                string
	AmountMinor                                                          *int64 // as delivered, else as offered
	Currency                                                             string
	Approver, Payer                                                      string // payer: who delivered
	OfferedAt, ApprovedAt, AcceptedAt, DeclinedAt, DeliveredAt, FailedAt time.Time
	FailedBy                                                             string // the event that did so
}

// The states of a redress.
const (
	RedressIsOffered   = "offered"
	RedressIsApproved  = "approved"
	RedressIsAccepted  = "accepted"
	RedressIsDeclined  = "declined"
	RedressIsDelivered = "delivered"
	RedressHasFailed   = "failed"
)

// Apology is one apology.
type Apology struct {
	Touched
	ID, CustomerID, ComplaintID string
	Kind, Level                 string
	Answer                      string // accepted, declined, or empty
	OfferedAt, AnsweredAt       time.Time
}

// Followup is one follow-up.
type Followup struct {
	Touched
	ID, CustomerID, ComplaintID string
	ScheduledAt, DueAt          time.Time
	CompletedAt                 time.Time
	CompletedBy                 string // the event that did so
	ScheduledBy                 string
	Owner                       string
	Reached                     bool
	Satisfied                   *bool
}

// Overdue reports whether the follow-up is still to be done at the instant although its time has come.
func (f *Followup) Overdue(at time.Time) bool {
	return f.CompletedAt.IsZero() && !f.DueAt.IsZero() && f.DueAt.Before(at)
}

// Survey is one question and, once there, its answer. A second answer under one survey id is kept as a survey of its own,
// whose id is the answering event's: the customer answered again, or the survey asks for more than one metric.
type Survey struct {
	Touched
	ID, CustomerID, ComplaintID string
	RepeatOf                    string // the survey under whose id this further answer came
	Metric, Channel             string
	SentAt, AnsweredAt          time.Time
	AnsweredBy                  string // the event that did so
	Score                       *int
}

// Prevention is one corrective action.
type Prevention struct {
	Touched
	ID, CustomerID   string
	Cause, Owner     string
	ComplaintIDs     []string
	PlannedAt, DueAt time.Time
	CompletedAt      time.Time
	Effective        *bool
}

// Contract is one contract.
type Contract struct {
	Touched
	ID, CustomerID, Product, EndsOn string
	EndReason                       string
	StartedAt, EndedAt              time.Time
	StartedBy, EndedBy              string // the events that did so
}

// Purchase is one purchase.
type Purchase struct {
	Touched
	ID         string // the purchase id, else the event's id
	CustomerID string
	Product    string
	Channel    string

	At          time.Time
	AmountMinor *int64
	Currency    string
}

// Hold is one legal hold.
type Hold struct {
	Touched
	ID, CustomerID              string
	PlacedAt, Until, ReleasedAt time.Time
}

// Standing reports whether the hold forbids erasure at the instant.
func (h *Hold) Standing(at time.Time) bool {
	return !h.PlacedAt.IsZero() && !h.PlacedAt.After(at) && (h.ReleasedAt.IsZero() || h.ReleasedAt.After(at)) &&
		(h.Until.IsZero() || h.Until.After(at))
}

// Erasure is one request to erase personal data, and what became of it.
type Erasure struct {
	Touched
	ID, CustomerID           string
	Classes                  []string // as completed, else as requested
	RequestedBy, ApprovedBy  string
	RequestedAt, CompletedAt time.Time
	ApprovedAt               time.Time
	Retention                Retention // as approved
}
