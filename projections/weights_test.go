package projections

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"amends/domain"
)

// publication is a record that publishes the expert weights under another version, with another horizon.
func (r *rig) publication(version string, horizon int, at time.Time) domain.Event {
	r.Helper()
	w := *domain.ExpertWeights()
	w.Version, w.Forms = version, append([]domain.Form(nil), w.Forms...)
	for i := range w.Forms {
		w.Forms[i].HorizonDays = horizon
	}
	file, err := json.Marshal(w)
	if err != nil {
		r.Fatal(err)
	}
	loaded, err := domain.LoadWeights(file)
	if err != nil {
		r.Fatal(err)
	}
	e := r.say(domain.LedgerStream, "weights.published", &domain.WeightsPublished{Version: version, SHA256: loaded.SHA256, Weights: file})
	e.Time = at
	return e
}

const weightsUsed = "select weights_version, min(horizon_days), count(*) from churn_risk group by 1 order by 1"

// Published weights count from their time, for those who are touched at once and for the others with the next refresh; at any
// moment the live views are what a rebuild makes.
func TestScoresAreMadeWithTheWeightsInForce(t *testing.T) {
	r := newRig(t)
	r.record(r.called("c-1"), r.called("c-2"), r.called("c-3"))
	v := r.follow()
	r.caughtUp()
	want(t, r.table(weightsUsed), "expert-2 90 3")

	r.record(r.publication("later", 77, noon.Add(48*time.Hour)), r.publication("now", 60, noon.Add(-time.Hour)))
	r.record(r.called("c-1"))
	r.caughtUp()
	select {
	case <-v.Reweighted():
	case <-time.After(30 * time.Second):
		t.Fatal("nobody was told of the publication")
	}
	want(t, r.table(weightsUsed), "expert-2 90 2", "now 60 1")
	r.sound()
	if n, err := v.Refresh(t.Context(), r.now()); err != nil || n != 2 {
		t.Errorf("%d were scored anew (%v), want 2", n, err)
	}
	want(t, r.table(weightsUsed), "now 60 3")
	if n, err := v.Refresh(t.Context(), r.now()); err != nil || n != 0 {
		t.Errorf("%d were scored again (%v)", n, err)
	}
	r.sound()

	// What cannot be used is told, and changes nothing.
	bad := r.publication("bad", 60, noon.Add(-time.Minute))
	bad.Data.(*domain.WeightsPublished).SHA256 = strings.Repeat("0", 64)
	r.record(bad, r.called("c-1"))
	r.caughtUp()
	want(t, r.table(weightsUsed), "now 60 3")
	want(t, r.table("select weights_version, is_usable, problem is null from churn_weights order by position"),
		"later true 1", "now true 1", "bad false 0")
	r.sound()

	// The schedule outlives the program, and another build of the views knows it from its beginning.
	r.close()
	r.pass(72 * time.Hour)
	v = r.follow()
	if status, err := v.Status(t.Context()); err != nil || status.WeightsVersion != "later" {
		t.Errorf("in force is %s (%v), want later", status.WeightsVersion, err)
	}
	if n, err := v.Refresh(t.Context(), r.now()); err != nil || n != 3 {
		t.Errorf("%d were scored anew (%v), want 3", n, err)
	}
	want(t, r.table(weightsUsed), "later 77 3")
	r.sound()
	if err := v.Rebuild(t.Context(), nil, nil); err != nil {
		t.Fatal(err)
	}
	want(t, r.table(weightsUsed), "later 77 3")
	r.sound()
}

// A log that is read in parts is scored with the weights at its end, also what is projected before the publication is met.
func TestABuildInPartsUsesTheWeightsAtItsEnd(t *testing.T) {
	r := newRig(t)
	for i := range 300 {
		r.record(r.called(fmt.Sprintf("c-%d", i%50)))
	}
	r.record(r.publication("now", 60, noon.Add(-time.Hour)))
	v := r.follow(func(c *Config) { c.CacheEvents = 40 })
	r.caughtUp()
	if err := v.Rebuild(t.Context(), nil, nil); err != nil {
		t.Fatal(err)
	}
	want(t, r.table(weightsUsed), "now 60 50")
	r.sound()
}
