package projections

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"

	"amends/domain"
)

// tables are all views that the projector writes, in the order of the dictionary.
var tables = func() []*table {
	list := []*table{
		customers.table(), events.table(), interactions.table(), complaints.table(), complaintDeadlines.table(), commitments.table(), redress.table(),
		surveys.table(), satisfaction.table(), churnRisk.table(), churnDrivers.table(), churnWeights.table(), parked.table(), dictionary.table(),
	}
	for i, t := range list {
		t.number = i
	}
	return list
}()

// The tables that the projector treats in a way of their own.
var (
	eventsTable       = tableNamed("events")
	interactionsTable = tableNamed("interactions")
	parkedTable       = tableNamed("parked")
	churnWeightsTable = tableNamed("churn_weights")
	dictionaryTable   = tableNamed("data_dictionary")
)

// tableNamed finds a table; nil if there is none.
func tableNamed(name string) *table {
	for _, t := range tables {
		if t.Name == name {
			return t
		}
	}
	return nil
}

// rules is the number of the rules by which rows are made. It goes up with every change of what a column's value means that
// does not show in the tables' definitions: then every file of views is built anew.
const rules = 1

// viewsVersion identifies what a file of views holds: the tables' definitions, the rules, the policies that are in force without
// being published, and the weights of the scores.
func viewsVersion(weights string) string {
	h := sha256.New()
	for _, t := range tables {
		fmt.Fprintln(h, t.ddl(), strings.Join(t.indexDDL(), ";"), t.Description)
		for _, c := range t.Columns {
			fmt.Fprintln(h, c.Name, c.Description)
		}
	}
	for _, p := range domain.NewPolicyBook().Policies() {
		fmt.Fprintln(h, p.SHA256)
	}
	return fmt.Sprintf("%d-%s-%s", rules, hex.EncodeToString(h.Sum(nil))[:12], weights)
}
