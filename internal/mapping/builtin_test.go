package mapping

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// typesOf is what became of each row: the types of its events without their family, or its reason.
func typesOf(t *testing.T, m *Mapping, file string) []string {
	t.Helper()
	var out []string
	rows, _ := mapped(t, m, []byte(file))
	for _, row := range rows {
		if row.Err != nil {
			out = append(out, row.Err.Reason)
			continue
		}
		var types []string
		for _, raw := range row.Events {
			types = append(types, strings.TrimPrefix(parse(t, raw).Type, "complaint."))
		}
		out = append(out, strings.Join(types, " "))
	}
	return out
}

// The steps of made-up cases, among them some that the real log does not have.
func TestHelpdeskSteps(t *testing.T) {
	const header = "Case ID,Activity,Resource,Complete Timestamp,Variant,Variant index,Variant,seriousness,customer,product," +
		"responsible_section,seriousness_2,service_level,service_type,support_section,workgroup\n"
	var file strings.Builder
	file.WriteString(header)
	for _, step := range []string{"1,Insert ticket", "1,Wait", "1,Wait", "1,Take in charge ticket", "1,Wait", "1,Closed", "1,RESOLVED",
		"1,Closed", "1,Closed", "2,Wait", "2,Dance", "2,Insert ticket", "2,Resolve ticket", "3,Dance", "3,Closed", "4,Schedule intervention"} {
		id, activity, _ := strings.Cut(step, ",")
		file.WriteString("Case " + id + "," + activity + ",Value 1,2012/10/09 14:50:17.000,V,1,V,s,Value 9,p,r,s2,l,t,u,w\n")
	}
	want := []string{
		"registered",
		"paused",
		"paused",
		"resumed assigned",
		"paused",
		"closed",
		"reopened investigated",
		"closed",
		"reopened closed",
		"registered paused",
		`the lookup table "steps" has no entry for the value [column "Activity"]`,
		"resumed",
		"resolved",
		`the lookup table "steps" has no entry for the value [column "Activity"]`,
		"the first row of this case (row 14) was rejected",
		"registered classified",
	}
	if diff := cmp.Diff(want, typesOf(t, builtinMapping(t, "helpdesk"), file.String())); diff != "" {
		t.Error(diff)
	}
}

func TestCFPBRows(t *testing.T) {
	const header = "Date received,Product,Sub-product,Issue,Sub-issue,Consumer complaint narrative,Company public response,Company,State,ZIP code,Tags," +
		"Consumer consent provided?,Submitted via,Date sent to company,Company response to consumer,Timely response?,Consumer disputed?,Complaint ID\n"
	row := func(received, via, sent, response, timely, disputed, id string) string {
		return strings.Join([]string{received, "P", "", "I", "", "", "", "C", "CA", "330XX", "", "N/A", via, sent, response, timely, disputed, id}, ",") + "\n"
	}
	file := header +
		row("2020-03-18", "Web", "2020-03-19", "Closed with explanation", "Yes", "N/A", "1") +
		row("03/18/2020", "web", "03/19/2020", "Closed with relief", "Yes", "Yes", "2") +
		row("2020-03-18", "Web", "2020-03-19", "In progress", "Yes", "", "3") +
		row("2020-03-18", "Web", "2020-03-19", "Untimely response", "No", "No", "4") +
		row("2020-03-18", "Web", "", "", "", "", "5") +
		row("2020-03-18", "Pigeon", "2020-03-19", "In progress", "Yes", "", "6") +
		row("2020-03-18", "Web", "2020-03-19", "Closed with joy", "Yes", "", "7") +
		row("", "Web", "2020-03-19", "In progress", "Yes", "", "8") +
		row("2020-03-18", "Web", "2020-03-19", "In progress", "Yes", "", "")
	want := []string{
		"registered forwarded responded closed",
		"registered forwarded responded closed disputed",
		"registered forwarded responded",
		"registered forwarded responded",
		"registered",
		`the lookup table "channels" has no entry for the value [column "Submitted via"]`,
		`the lookup table "responses" has no entry for the value [column "Company response to consumer"]`,
		`column "Date received" is blank`,
		`column "Complaint ID" is blank`,
	}
	if diff := cmp.Diff(want, typesOf(t, builtinMapping(t, "cfpb"), file)); diff != "" {
		t.Error(diff)
	}
}
