package demo

import (
	"encoding/json"
	"time"

	"amends/domain"
)

// envelope is a CloudEvent as a sender writes it, in the order of the record.
type envelope struct {
	SpecVersion     string          `json:"specversion"`
	ID              string          `json:"id"`
	Source          string          `json:"source"`
	Type            domain.Type     `json:"type"`
	Subject         string          `json:"subject"`
	Time            string          `json:"time"`
	TimeAccuracy    domain.Accuracy `json:"timeaccuracy,omitempty"`
	Actor           string          `json:"actor,omitempty"`
	CorrelationID   string          `json:"correlationid,omitempty"`
	DataContentType string          `json:"datacontenttype"`
	Data            any             `json:"data"`
}

// facts are the attributes of an event that not every event has.
type facts struct {
	actor       string // who did it; empty: the customer, or nobody told
	correlation string
	accuracy    domain.Accuracy
}

// add records that something happened and returns the event's id.
func (s *stream) add(at time.Time, typ domain.Type, data any, f facts) string {
	at = at.UTC().Truncate(time.Second)
	e := envelope{
		SpecVersion: "1.0", ID: s.nextID(), Source: "urn:larkfield:" + sourceOf(typ), Type: typ, Subject: s.customer,
		Time: at.Format(time.RFC3339), TimeAccuracy: f.accuracy, Actor: f.actor, CorrelationID: f.correlation,
		DataContentType: "application/json", Data: data,
	}
	raw, err := json.Marshal(e)
	if err != nil {
		panic(err) // only a payload that is not one of domain's could fail
	}
	s.events = append(s.events, entry{at, raw})
	return e.ID
}

// sourceOf is the invented system that tells of such events.
func sourceOf(typ domain.Type) string {
	switch typ.Family() {
	case "customer", "contract", "purchase":
		return "crm"
	case "survey":
		return "surveys"
	case "interaction":
		return "contact-centre"
	case "legal_hold", "erasure", "record":
		return "data-protection"
	}
	return "complaints"
}

func ptr[T any](v T) *T { return &v }
