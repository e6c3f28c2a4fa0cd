package domain

// Interaction is any touchpoint; the event's type says which kind (interaction.call, interaction.email, ...).
// interaction.broadcast is one-way and never counts as contact.
type Interaction struct {
	Direction           string     `json:"direction"` // inbound or outbound, seen from the company
	Purpose             string     `json:"purpose,omitempty"`
	HandledBy           string     `json:"handled_by,omitempty"` // an id, never a name
	Summary             string     `json:"summary,omitempty"`
	Outcome             string     `json:"outcome,omitempty"`
	Sentiment           string     `json:"sentiment,omitempty"`
	Effort              *int       `json:"effort,omitempty"` // 1 (very hard for the customer) to 7 (very easy): the CES 2.0 scale
	DurationSeconds     *int64     `json:"duration_seconds,omitempty"`
	ComplaintID         string     `json:"complaint_id,omitempty"`
	RepeatInfoRequested *bool      `json:"repeat_info_requested,omitempty"` // the customer was asked again for what was known
	Documents           []Document `json:"documents,omitempty"`
	Extra
}
