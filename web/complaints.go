package web

import (
	"net/http"
	"slices"
	"strings"

	"amends/access"
)

// complaintParts are the views that tell more about one complaint, under the member names of the answer. They have the
// columns complaint_id and customer_id.
var complaintParts = []struct{ member, view string }{
	{"commitments", "commitments"},
	{"redress", "redress"},
	{"surveys", "surveys"},
	{"events", "events"},
}

// ComplaintFile is one complaint as the views have it.
type ComplaintFile struct {
	Complaint   map[string]any   `json:"complaint" doc:"The row of the view complaints"`
	Commitments []map[string]any `json:"commitments" doc:"Rows of commitments"`
	Redress     []map[string]any `json:"redress" doc:"Rows of redress"`
	Surveys     []map[string]any `json:"surveys" doc:"Rows of surveys"`
	Events      []map[string]any `json:"events" doc:"Rows of events, in order of position"`
}

// complaintFilters are the query parameters that filter by the column of the same meaning.
var complaintFilters = []struct{ parameter, column string }{
	{"customer", "customer_id"}, {"state", "state"}, {"product", "product"}, {"category", "category"},
	{"severity", "severity"}, {"outcome", "outcome"}, {"owner", "owner"},
}

func (s *server) complaintRoutes() []*route {
	query := []parameter{
		{name: "limit", integer: true, description: "At most so many rows. Default 1,000"},
		{name: "order", description: "column, or -column for descending; several are comma-separated. Default -registered_at"},
		afterParameter,
	}
	for _, f := range complaintFilters {
		query = append(query, parameter{name: f.parameter, description: "Only complaints with this " + f.column})
	}
	return []*route{
		{
			method: http.MethodGet, path: "/v1/complaints", id: "list-complaints", summary: "Complaints",
			needs:       access.ReadViews,
			description: "Rows of the view complaints, the newest first.",
			query:       query, responses: rowBodies, problems: []int{http.StatusServiceUnavailable},
			serve: s.listComplaints,
		},
		{
			method: http.MethodGet, path: "/v1/complaints/{id}", id: "read-complaint", summary: "One complaint",
			needs: access.ReadViews,
			description: "The complaint's row with its promises, redress, surveys and events. Complaint ids are the customer's own: where " +
				"several customers have the id, 409 asks for ?customer=.",
			query:     []parameter{{name: "customer", description: "Whose complaint"}, afterParameter},
			responses: []body{{mediaType: typeJSON, of: ComplaintFile{}, description: "The complaint"}},
			problems:  []int{http.StatusNotFound, http.StatusConflict, http.StatusServiceUnavailable},
			serve:     s.getComplaint,
		},
	}
}

func (s *server) listComplaints(w http.ResponseWriter, r *http.Request) error {
	q, err := s.viewQueryOf(r)
	if err != nil {
		return err
	}
	q.view = "complaints"
	for _, f := range complaintFilters {
		if v := value(r, f.parameter); v != "" {
			q.where = append(q.where, condition{f.column, "=", v})
		}
	}
	if len(q.order) == 0 {
		q.order = []ordering{{"registered_at", true}, {"position", true}}
	}
	if err := s.awaitViews(r); err != nil {
		return err
	}
	return s.answerQuery(w, r, q)
}

func (s *server) getComplaint(w http.ResponseWriter, r *http.Request) error {
	if err := s.awaitViews(r); err != nil {
		return err
	}
	of := []condition{{"complaint_id", "=", r.PathValue("id")}}
	if customer := value(r, "customer"); customer != "" {
		of = append(of, condition{"customer_id", "=", customer})
	}
	found, position, err := s.rowObjects(r.Context(), viewQuery{view: "complaints", where: of, limit: 20})
	if err != nil {
		return err
	}
	switch len(found) {
	case 0:
		return problemf(http.StatusNotFound, "unknown-complaint", "Unknown complaint", "the views have no such complaint")
	case 1:
	default:
		customers := make([]string, len(found))
		for i, row := range found {
			customers[i], _ = row.member("customer_id").(string)
		}
		slices.Sort(customers)
		p := problemf(http.StatusConflict, "ambiguous-complaint", "Several customers have this complaint id",
			"say which with ?customer=: %s", strings.Join(customers, ", "))
		p.Parameter = "customer"
		return p
	}
	answer := rowObject{columns: []string{"complaint"}, values: []any{found[0]}}
	customer, _ := found[0].member("customer_id").(string)
	for _, part := range complaintParts {
		rows, _, err := s.rowObjects(r.Context(), viewQuery{
			view:  part.view,
			where: []condition{{"complaint_id", "=", r.PathValue("id")}, {"customer_id", "=", customer}},
			order: []ordering{{"position", false}},
			limit: maxRows,
		})
		if err != nil {
			return err
		}
		answer.columns, answer.values = append(answer.columns, part.member), append(answer.values, rows)
	}
	setPosition(w, position)
	return answerJSON(w, http.StatusOK, answer)
}
