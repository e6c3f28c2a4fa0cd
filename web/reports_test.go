package web

import (
	"net/http"
	"testing"
)

func TestSatisfactionReport(t *testing.T) {
	g := newRig(t, nil)
	for _, e := range []string{
		event("e1", "survey.sent", "C1", `{"survey_id":"S1","metric":"csat"}`),
		event("e2", "survey.answered", "C1", `{"survey_id":"S1","metric":"csat","score":5}`),
		event("e3", "survey.answered", "C2", `{"metric":"ces","score":3}`),
		event("e4", "survey.sent", "C3", `{"survey_id":"S1","metric":"nps"}`),
	} {
		want(t, "status", g.post(t, typeJSON, e).status, http.StatusCreated)
	}
	rows := into[[]row](t, g.get(t, "/v1/reports/satisfaction?by=month&after=4"))
	want(t, "rows", len(rows), 8)
	for i, expected := range []row{
		{"metric": "ces", "method": "mean", "month": "2026-03", "value": 3.0, "low": nil, "n": 1.0, "sent": 0.0, "response_rate": nil},
		{"metric": "ces", "method": "share_5_to_7", "month": "2026-03", "value": 0.0, "low": 0.0, "n": 1.0},
		{"metric": "ces", "method": "mean", "month": "all", "value": 3.0},
		{"metric": "ces", "method": "share_5_to_7", "month": "all"},
		{"metric": "csat", "method": "top_2_box", "month": "2026-03", "value": 1.0, "high": 1.0, "sent": 1.0, "answered": 1.0, "response_rate": 1.0},
		{"metric": "csat", "month": "all"},
		{"metric": "nps", "method": "net_promoters", "month": "2026-03", "value": nil, "low": nil, "high": nil, "n": 0.0, "sent": 1.0, "response_rate": 0.0},
		{"metric": "nps", "month": "all"},
	} {
		for member, value := range expected {
			want(t, member, rows[i][member], value)
		}
	}
	a := g.get(t, "/v1/reports/satisfaction?from=2026-03-01&to=2026-03-01", "Accept", typeCSV)
	want(t, "CSV header", lines(a.body)[0], "metric,method,value,low,high,n,sent,answered,response_rate")
	want(t, "CSV lines", len(lines(a.body)), 5)
	want(t, "of a month without any", g.get(t, "/v1/reports/satisfaction?from=2026-04-01").body, "[]\n")
	for _, bad := range []string{"by=brand", "by=month,month", "from=x", "from=2026-03-02&to=2026-03-01", "to=2026-03"} {
		problemOf(t, g.get(t, "/v1/reports/satisfaction?"+bad), http.StatusBadRequest, "bad-parameter")
	}
}
