package access

import (
	"fmt"
	"slices"
	"strings"
)

// Role is what somebody is to the ledger. A caller may have several.
type Role string

// The roles.
const (
	Recorder      Role = "recorder"
	Handler       Role = "handler"
	Analyst       Role = "analyst"
	Subscriber    Role = "subscriber"
	Auditor       Role = "auditor"
	Administrator Role = "administrator"
)

// Permission is what an operation needs of its caller. The zero value is no permission, and no role has it: an operation
// that does not say what it needs is open to nobody.
type Permission string

// The permissions.
const (
	Public         Permission = "public"          // needs no caller: the operation tells nothing about anybody
	RecordEvents   Permission = "record_events"   // send events and get their receipts
	ReadViews      Permission = "read_views"      // rows of the views, states, status: no personal fields
	RunSQL         Permission = "run_sql"         // questions in SQL on the same views
	ReadRecords    Permission = "read_records"    // records as they are stored: the log, histories, subscriptions
	OpenPersonal   Permission = "open_personal"   // personal fields of a customer in clear
	Prove          Permission = "prove"           // proofs, verification, evidence
	RequestErasure Permission = "request_erasure" // ask that a customer's personal data be erased
	ApproveErasure Permission = "approve_erasure" // let an erasure that another asked for be done
	Administer     Permission = "administer"      // keys, rebuilds, and records in the ledger's own stream
)

// Grant is a role and what it permits.
type Grant struct {
	Role        Role         `json:"role"`
	Description string       `json:"description"`
	Permissions []Permission `json:"permissions"`
}

// Grants is the one statement of what each role permits.
func Grants() []Grant {
	return []Grant{
		{Recorder, "a system that writes: sends events, sees their receipts, reads nothing", []Permission{RecordEvents}},
		{Handler, "people who deal with customers: record, read, open a customer's personal data, ask for erasure",
			[]Permission{RecordEvents, ReadViews, ReadRecords, OpenPersonal, RequestErasure}},
		{Analyst, "views and SQL; no records, no personal fields", []Permission{ReadViews, RunSQL}},
		{Subscriber, "a system downstream: follows the log as it is stored, opens no personal fields", []Permission{ReadRecords, ReadViews}},
		{Auditor, "reads everything as it is stored, proves and verifies, opens personal data for a recorded purpose; changes nothing",
			[]Permission{ReadViews, RunSQL, ReadRecords, OpenPersonal, Prove}},
		{Administrator, "everything", []Permission{
			RecordEvents, ReadViews, RunSQL, ReadRecords, OpenPersonal, Prove, RequestErasure, ApproveErasure, Administer,
		}},
	}
}

// grants is Grants by role, for look-ups.
var grants = func() map[Role][]Permission {
	out := make(map[Role][]Permission)
	for _, g := range Grants() {
		out[g.Role] = g.Permissions
	}
	return out
}()

// ParseRole reads a role's name.
func ParseRole(name string) (Role, error) {
	if _, ok := grants[Role(name)]; ok {
		return Role(name), nil
	}
	names := make([]string, 0, len(grants))
	for _, g := range Grants() {
		names = append(names, string(g.Role))
	}
	return "", fmt.Errorf("%w %q; the roles are %s", ErrUnknownRole, name, strings.Join(names, ", "))
}

// Known reports whether the permission is one that an operation may declare.
func (p Permission) Known() bool {
	return p == Public || slices.Contains(grants[Administrator], p)
}
