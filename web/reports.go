package web

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"amends/access"
	"amends/projections"
)

// SatisfactionMeasure is one row of the satisfaction report as OpenAPI describes it; a row also has a member for each dimension that
// was asked for.
type SatisfactionMeasure struct {
	Metric       *string  `json:"metric" doc:"csat, nps, ces or acsi; null: surveys sent without a metric and not answered"`
	Method       *string  `json:"method" doc:"csat top_2_box (share of 4 and 5, 0 to 1); nps net_promoters (-100 to 100); ces mean (1 to 7) and share_5_to_7 (0 to 1); acsi one_item (0 to 100)"`
	Value        *float64 `json:"value" doc:"The measure; null: no answers"`
	Low          *float64 `json:"low" doc:"Lower end of the interval of 95 % (Wilson; nps: adjusted Wald); null: none is published for the method"`
	High         *float64 `json:"high" doc:"Its upper end"`
	N            int      `json:"n" doc:"Answers given in the window, also unasked ones; all count alike"`
	Sent         int      `json:"sent" doc:"Surveys sent in the window, once for each metric"`
	Answered     int      `json:"answered" doc:"Those of them answered by now"`
	ResponseRate *float64 `json:"response_rate" doc:"answered / sent; null: none was sent"`
}

func (s *server) reportRoutes() []*route {
	return []*route{{
		method: http.MethodGet, path: "/v1/reports/satisfaction", id: "report-satisfaction",
		summary: "CSAT, NPS, CES and ACSI as they are published",
		needs:   access.ReadViews,
		description: "The published measures over all customers: unweighted, in calendar windows (UTC), each with its interval of 95 %, the " +
			"number of answers behind it and the response rate. by tells groups apart, in the order of the subtotals; `all` is the value of a " +
			"total. Few answers have wide intervals; no answers give null.",
		query: []parameter{
			{name: "by", repeats: true, description: "Any of " + strings.Join(projections.SatisfactionDimensions, ", ") +
				"; repeated or comma-separated. tier is the customer's present one, product that of the complaint which the survey is about"},
			{name: "from", description: "First day, such as 2026-01-01"},
			{name: "to", description: "Last day, such as 2026-03-31"},
			afterParameter,
		},
		responses: []body{
			{mediaType: typeJSON, of: []SatisfactionMeasure{}, description: "An array of row objects"},
			{mediaType: typeNDJSON, description: "One row object a line"},
			{mediaType: typeCSV, description: "RFC 4180 with a header line; NULL is an empty field"},
		},
		problems: []int{http.StatusServiceUnavailable},
		serve:    s.reportSatisfaction,
	}}
}

func (s *server) reportSatisfaction(w http.ResponseWriter, r *http.Request) error {
	ask := projections.SatisfactionReport{By: list(r, "by")}
	for i, d := range ask.By {
		if !slices.Contains(projections.SatisfactionDimensions, d) || slices.Contains(ask.By[:i], d) {
			return badParameter("by", "takes each of %s once at most", strings.Join(projections.SatisfactionDimensions, ", "))
		}
	}
	var err error
	if ask.From, err = dayOf(r, "from"); err != nil {
		return err
	}
	if ask.To, err = dayOf(r, "to"); err != nil {
		return err
	}
	if !ask.To.IsZero() {
		if ask.To = ask.To.AddDate(0, 0, 1); !ask.From.Before(ask.To) {
			return badParameter("to", "lies before from")
		}
	}
	if err := s.awaitViews(r); err != nil {
		return err
	}
	setPosition(w, uint64(s.cfg.Views.Cursor()))
	measures, err := s.cfg.Views.Satisfaction(r.Context(), ask)
	if err != nil {
		return err
	}
	columns := append([]string{"metric", "method"}, ask.By...)
	columns = append(columns, "value", "low", "high", "n", "sent", "answered", "response_rate")
	return s.writeRows(w, r, rowsAnswer{columns: columns, rows: func(yield func([]any, error) bool) {
		for i := range measures {
			if !yield(measureCells(&measures[i]), nil) {
				return
			}
		}
	}})
}

// measureCells are the cells of one row. What is not known, or cannot be said, is NULL.
func measureCells(m *projections.MeasureRow) []any {
	known := func(s string) any {
		if s == "" {
			return nil
		}
		return s
	}
	cells := []any{known(m.Metric), known(m.Method)}
	for _, value := range m.Group {
		cells = append(cells, known(value))
	}
	var value, low, high, rate any
	if m.N > 0 && m.Method != "" {
		value = m.Value
		if m.HasInterval {
			low, high = m.Low, m.High
		}
	}
	if share, ok := m.ResponseRate(); ok {
		rate = share
	}
	return append(cells, value, low, high, int64(m.N), int64(m.Sent), int64(m.Answered), rate)
}

// dayOf reads a date: its midnight in UTC. Absent is the zero time.
func dayOf(r *http.Request, name string) (time.Time, error) {
	text := value(r, name)
	if text == "" {
		return time.Time{}, nil
	}
	day, err := time.Parse(time.DateOnly, text)
	if err != nil {
		return time.Time{}, badParameter(name, "must be a date such as 2026-03-31")
	}
	return day, nil
}
