package web

import (
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"time"

	"amends/access"
	"amends/domain"
	"amends/eventstore"
)

// Disclosure is the person's own data, as article 15 of the GDPR gives a right to it: every record with its personal values
// opened, and when they were looked at, what for and what of them. Members of staff appear by what they did, not by name or id: they are
// recipients within the company only by their role (CJEU C-579/21).
type Disclosure struct {
	Customer    string            `json:"customer_id"`
	MadeAt      time.Time         `json:"made_at"`
	Customers   []string          `json:"customer_ids" doc:"The customer's own id, and those that a merger made one person with it"`
	Records     []DisclosedRecord `json:"records" doc:"In the order in which things happened"`
	Accesses    []DisclosedAccess `json:"accesses" doc:"When the personal data was read, what for, and what of it"`
	Classes     []DisclosedClass  `json:"retention" doc:"How long what is kept"`
	ErasedCount int               `json:"erased_values" doc:"How many values were erased and cannot be had any more"`
}

// DisclosedRecord is one record, for its subject.
type DisclosedRecord struct {
	Customer string          `json:"customer_id"`
	Revision uint64          `json:"revision"`
	Type     string          `json:"type"`
	Title    string          `json:"title" doc:"The type in words"`
	Time     time.Time       `json:"time"`
	Recorded time.Time       `json:"recordedtime"`
	Source   string          `json:"source" doc:"The system that it came from"`
	Data     json.RawMessage `json:"data"`
	Erased   []Erased        `json:"erased,omitempty"`
}

// DisclosedAccess is one reading of the person's data.
type DisclosedAccess struct {
	At      time.Time `json:"at"`
	Purpose string    `json:"purpose" doc:"As given by whoever read; purpose not stated: none was given"`
	Scope   string    `json:"scope" doc:"The operation that read, and which retention classes of the data"`
}

// DisclosedClass says how long a class of personal data is kept.
type DisclosedClass struct {
	Class string `json:"class"`
	Years int    `json:"years,omitempty" doc:"From the receipt of the complaint; absent: until it is erased on request"`
	Basis string `json:"basis,omitempty"`
}

func (s *server) disclosureRoutes() []*route {
	return []*route{{
		method: http.MethodPost, path: "/v1/customers/{id}/disclosure", id: "disclose", summary: "A person's own data",
		needs: access.OpenPersonal,
		description: "All records of the person, also those of customers merged with this one in either direction, with the personal values " +
			"opened, and when they were read and what for. The disclosure itself is recorded as an access and is in the list.",
		query:     openParameters[1:],
		responses: []body{{mediaType: typeJSON, of: Disclosure{}, description: "The data"}},
		problems:  []int{http.StatusForbidden, http.StatusNotFound, http.StatusServiceUnavailable},
		serve:     s.disclose,
	}}
}

func (s *server) disclose(w http.ResponseWriter, r *http.Request) error {
	purpose, err := purposeOf(r)
	if err != nil {
		return err
	}
	records, err := s.cfg.Ledger.PersonHistory(r.Context(), r.PathValue("id"))
	switch {
	case errors.Is(err, eventstore.ErrInvalid):
		return err
	case err != nil:
		return unavailable(err)
	}
	if len(records) == 0 || r.PathValue("id") == domain.LedgerStream {
		return unknownCustomer(domain.Limits{}, nil)
	}
	stored := make(map[uint64][]byte, len(records))
	for _, rec := range records {
		stored[rec.Event.Position] = rec.Bytes
	}
	erased, err := s.openAll(r, purpose, "disclosure", stored)
	if err != nil {
		return err
	}
	out := Disclosure{Customer: r.PathValue("id"), MadeAt: s.cfg.Clock().UTC(), Customers: []string{r.PathValue("id")}}
	for _, rec := range records {
		if !slices.Contains(out.Customers, rec.Event.Customer) {
			out.Customers = append(out.Customers, rec.Event.Customer)
		}
		shown, err := s.disclosed(stored[rec.Event.Position], rec.Event)
		if err != nil {
			return err
		}
		shown.Erased = erased[rec.Event.Position]
		out.ErasedCount += len(shown.Erased)
		out.Records = append(out.Records, shown)
	}
	if out.Accesses, err = s.accesses(r, out.Customers); err != nil {
		return err
	}
	for _, class := range domain.RetentionClasses() {
		kept := DisclosedClass{Class: string(class)}
		for _, rule := range s.cfg.Ledger.Retention() {
			if rule.Class == class {
				kept.Years, kept.Basis = rule.Years, rule.Basis
			}
		}
		out.Classes = append(out.Classes, kept)
	}
	w.Header().Set("Cache-Control", "no-store")
	return answerJSON(w, http.StatusOK, out)
}

var errUnreadable = errors.New("an opened record cannot be read")

// disclosed is an opened record without the ids of staff.
func (s *server) disclosed(opened []byte, event domain.Event) (DisclosedRecord, error) {
	var envelope struct {
		Schema string                     `json:"dataschema"`
		Data   map[string]json.RawMessage `json:"data"`
	}
	if err := json.Unmarshal(opened, &envelope); err != nil {
		return DisclosedRecord{}, errUnreadable
	}
	for _, name := range s.cfg.Codec.StaffFields(envelope.Schema) {
		delete(envelope.Data, name)
	}
	if inner, ok := envelope.Data["data"]; ok { // a correction: the corrected payload names staff in the same fields
		correction, _ := event.Data.(*domain.RecordCorrected)
		var payload map[string]json.RawMessage
		if correction != nil && json.Unmarshal(inner, &payload) == nil {
			for _, name := range s.cfg.Codec.StaffFields(correction.EventSchema) {
				delete(payload, name)
			}
			text, err := json.Marshal(payload)
			if err != nil {
				return DisclosedRecord{}, err
			}
			envelope.Data["data"] = text
		}
	}
	data, err := json.Marshal(envelope.Data)
	if err != nil {
		return DisclosedRecord{}, err
	}
	return DisclosedRecord{
		Customer: event.Customer, Revision: event.Revision, Type: string(event.Type), Title: s.cfg.Codec.Title(event.Type),
		Time: event.Time, Recorded: event.Recorded, Source: event.Source, Data: data,
	}, nil
}

// disclosedPurpose is the purpose of an access in words that stand by themselves.
func disclosedPurpose(purpose string) string {
	if purpose == purposeNotStated {
		return "purpose not stated"
	}
	return purpose
}

// accesses reads from the ledger's own stream when the data of these customers was read, what for and what of it; not by whom:
// docs/decisions/0025.
func (s *server) accesses(r *http.Request, customers []string) ([]DisclosedAccess, error) {
	out := []DisclosedAccess{}
	for rec, err := range s.cfg.Store.Read(r.Context(), domain.LedgerStream, eventstore.Revision(1)) {
		if err != nil {
			return nil, unavailable(err)
		}
		if typeOfRecord(rec.Data) != "access.recorded" {
			continue
		}
		event, err := s.cfg.Codec.Decode(rec.Data)
		if err != nil {
			return nil, err
		}
		if d, ok := event.Data.(*domain.AccessRecorded); ok && slices.Contains(customers, d.CustomerID) {
			out = append(out, DisclosedAccess{At: event.Time, Purpose: disclosedPurpose(d.Purpose), Scope: d.Scope})
		}
	}
	return out, nil
}
