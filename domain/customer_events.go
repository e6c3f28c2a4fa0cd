package domain

// Identity is a way by which a customer is known elsewhere.
type Identity struct {
	Kind  string `json:"kind"`
	Value string `json:"value"`
}

// CustomerRegistered: the company began to know this customer.
type CustomerRegistered struct {
	Identities       []Identity `json:"identities,omitempty"`
	Name             string     `json:"name,omitempty"`
	Tier             string     `json:"tier,omitempty"`
	Locale           string     `json:"locale,omitempty"`
	PreferredChannel string     `json:"preferred_channel,omitempty"`
	Since            string     `json:"since,omitempty"` // ISO 8601 date: a customer of the company since
	Extra
}

// CustomerProfileChanged: what is given here replaces what was known; what is not given stays.
type CustomerProfileChanged struct {
	Name             string `json:"name,omitempty"`
	Locale           string `json:"locale,omitempty"`
	PreferredChannel string `json:"preferred_channel,omitempty"`
	PreferredHours   string `json:"preferred_hours,omitempty"`
	Extra
}

// CustomerIdentityLinked: the customer is also known by this identity.
type CustomerIdentityLinked struct {
	Identity
	Extra
}

// CustomerTierAssigned: the company now treats the customer as key, major, regular or small.
type CustomerTierAssigned struct {
	Tier   string `json:"tier"`
	Reason string `json:"reason,omitempty"`
	Extra
}

// CustomerRelationshipSet: the intended relationship level (Kotler's five).
type CustomerRelationshipSet struct {
	Level  string `json:"level"`
	Reason string `json:"reason,omitempty"`
	Extra
}

// CustomerManagerAssigned: another person now looks after the customer.
type CustomerManagerAssigned struct {
	Manager string `json:"manager"`
	Reason  string `json:"reason,omitempty"`
	Extra
}

// CustomerMergedInto, in the stream of the customer that is no longer used: CustomerID is who it was found to be.
type CustomerMergedInto struct {
	CustomerID string `json:"customer_id"`
	Reason     string `json:"reason,omitempty"`
	Extra
}

// CustomerAbsorbed, in the surviving customer's stream: CustomerID was found to be the same customer. From here on the
// survivor's history includes the absorbed stream; both streams stay as they are.
type CustomerAbsorbed struct {
	CustomerID string `json:"customer_id"`
	Reason     string `json:"reason,omitempty"`
	Extra
}

// CustomerUnmerged, in both streams: the merger with CustomerID was a mistake and no longer holds.
type CustomerUnmerged struct {
	CustomerID string `json:"customer_id"`
	Reason     string `json:"reason,omitempty"`
	Extra
}

// CustomerDeparted: the customer left.
type CustomerDeparted struct {
	Reason string `json:"reason"`
	Detail string `json:"detail,omitempty"`
	Extra
}

// CustomerReturned: a departed customer came back.
type CustomerReturned struct {
	Reason string `json:"reason,omitempty"`
	Extra
}

// PurchaseRecorded: the customer bought something.
type PurchaseRecorded struct {
	PurchaseID string `json:"purchase_id,omitempty"`
	Product    string `json:"product,omitempty"`
	Channel    string `json:"channel,omitempty"`
	Money
	Extra
}

// ContractStarted: a contract runs from the event's time.
type ContractStarted struct {
	ContractID string `json:"contract_id,omitempty"` // default: the event's id
	Product    string `json:"product,omitempty"`
	EndsOn     string `json:"ends_on,omitempty"` // ISO 8601 date; empty: open-ended
	Money
	Extra
}

// ContractEnded: a contract ended at the event's time.
type ContractEnded struct {
	ContractID string `json:"contract_id"`
	Reason     string `json:"reason,omitempty"`
	Extra
}
