package domain

import (
	"encoding/json"
	"time"
)

// RecordCorrected supersedes the payload (and, if given, the time) of an earlier record of the same customer. The original
// stays in the log and stays visible to whoever asks as known before the correction.
type RecordCorrected struct {
	EventID string `json:"event_id"`
	// EventSchema is the dataschema that Data obeys; the ledger fills it in when the sender left it out.
	EventSchema string          `json:"event_schema,omitempty"`
	Time        *time.Time      `json:"time,omitempty"`
	Reason      string          `json:"reason,omitempty"`
	Data        json.RawMessage `json:"data"`
	// Decoded is Data as a payload of the corrected record's type; the codec fills it.
	Decoded Data `json:"-"`
	Extra
}

// LegalHoldPlaced: nothing of this customer may be erased while it stands.
type LegalHoldPlaced struct {
	HoldID string     `json:"hold_id,omitempty"` // default: the event's id
	Reason string     `json:"reason"`
	Until  *time.Time `json:"until,omitempty"`
	Extra
}

// LegalHoldReleased ends a hold.
type LegalHoldReleased struct {
	HoldID string `json:"hold_id"`
	Reason string `json:"reason,omitempty"`
	Extra
}

// ErasureRequested: somebody asked that personal data be erased.
type ErasureRequested struct {
	ErasureID string   `json:"erasure_id,omitempty"` // default: the event's id
	Classes   []string `json:"classes"`
	Reason    string   `json:"reason"`
	Extra
}

// ErasureApproved: a second person agreed. The erasure is carried out as soon as nothing forbids it. Only the ledger makes it.
type ErasureApproved struct {
	ErasureID string `json:"erasure_id"`
	// SinglePerson: whoever asked for the erasure also approved it, because the ledger has one user only.
	SinglePerson bool `json:"single_person,omitempty"`
	// Retention are the rules of its classes that were in force at the approval. The erasure waits for them also where the
	// ledger is later run with shorter ones.
	Retention Retention `json:"retention,omitempty"`
	Extra
}

// ErasureCompleted: the keys are destroyed. Only the ledger makes it.
type ErasureCompleted struct {
	ErasureID string         `json:"erasure_id"`
	Classes   []string       `json:"classes"`
	Approver  string         `json:"approver,omitempty"`
	Keys      []DestroyedKey `json:"keys,omitempty"`
	Backups   string         `json:"backups,omitempty"` // for how long copies of the key store can still open what was erased
	Extra
}

// DestroyedKey is a data key that was destroyed.
type DestroyedKey struct {
	KeyID      string `json:"key_id"`
	CustomerID string `json:"customer_id"` // the customer's own, or that of one it absorbed
	Class      string `json:"class"`
	Epoch      int64  `json:"epoch"` // of the key-encryption key that wrapped it
}

// PolicyPublished: a deadline policy, in force from its own effective date. In the ledger's stream.
type PolicyPublished struct {
	PolicyID string          `json:"policy_id"`
	Version  string          `json:"version"`
	Policy   json.RawMessage `json:"policy"`
	Extra
}

// WeightsPublished: scorecard weights, in force from the event's time. In the ledger's stream.
type WeightsPublished struct {
	Version string          `json:"version"`
	SHA256  string          `json:"sha256"`
	Weights json.RawMessage `json:"weights"`
	Extra
}

// AccessRecorded: somebody read personal data. In the ledger's stream.
type AccessRecorded struct {
	CustomerID string `json:"customer_id"`
	Purpose    string `json:"purpose"`
	Scope      string `json:"scope"`
	Extra
}

// AccessGranted: an administrator made an API key. In the ledger's stream.
type AccessGranted struct {
	KeyID     string    `json:"key_id"`
	Roles     []string  `json:"roles"`
	Sources   []string  `json:"sources,omitempty"`
	ExpiresAt time.Time `json:"expires_at"`
	Extra
}

// AccessRevoked: an administrator ended an API key before its time. In the ledger's stream.
type AccessRevoked struct {
	KeyID  string `json:"key_id"`
	Reason string `json:"reason,omitempty"`
	Extra
}

// AccessDenied: a known caller asked for something that only an administrator may do. In the ledger's stream.
type AccessDenied struct {
	CallerID  string `json:"caller_id"`
	Operation string `json:"operation"`
	Extra
}

// CheckpointPublished: a signed head of the tree of sealed records (c2sp.org/tlog-checkpoint), so that it reaches whoever
// follows the log, and cannot be denied later. In the ledger's stream.
type CheckpointPublished struct {
	Size       int64  `json:"size"`       // how many records it covers
	Root       string `json:"root"`       // of the tree, base64
	Checkpoint string `json:"checkpoint"` // the signed note
	Extra
}
