package domain_test

import (
	"slices"
	"testing"
	"time"

	"amends/domain"
	"amends/domain/domaintest"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"
)

// same compares two states in all that is shown of them.
func same(t *rapid.T, what string, want, got *domain.Customer) {
	t.Helper()
	if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(domain.Customer{}, domain.Complaint{})); diff != "" {
		t.Fatalf("%s (-want +got):\n%s", what, diff)
	}
}

// anyHistory is one customer's own records, or those of two customers of whom "c" absorbed the other for a while.
func anyHistory(t *rapid.T) []domain.Event {
	if rapid.Bool().Draw(t, "merged") {
		return domaintest.Merged(t, "c", "d")
	}
	return domaintest.History(t, "c")
}

// instant is a moment about which the history has something to say, or one just beside it.
func instant(t *rapid.T, history []domain.Event, of func(domain.Event) time.Time, label string) time.Time {
	e := rapid.SampledFrom(history).Draw(t, label)
	return of(e).Add(time.Duration(rapid.IntRange(-1, 1).Draw(t, label+" beside")))
}

func happened(e domain.Event) time.Time { return e.Time }
func recorded(e domain.Event) time.Time { return e.Recorded }

func anyLimits(t *rapid.T, history []domain.Event) domain.Limits {
	var l domain.Limits
	if rapid.Bool().Draw(t, "as of") {
		l.AsOf = instant(t, history, happened, "as of")
	}
	if rapid.Bool().Draw(t, "known at") {
		l.KnownAt = instant(t, history, recorded, "known at")
	}
	return l
}

func TestFoldDoesNotDependOnTheOrderOfItsInput(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		history := anyHistory(t)
		limits := anyLimits(t, history)
		want := domain.Fold("c", history, limits)
		same(t, "folded from a permutation", want, domain.Fold("c", rapid.Permutation(history).Draw(t, "order"), limits))
	})
}

func TestKnownAtIsTheFoldOfWhatWasRecordedByThen(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		history := anyHistory(t)
		at := instant(t, history, recorded, "known at")
		known := slices.DeleteFunc(slices.Clone(history), func(e domain.Event) bool { return e.Recorded.After(at) })
		same(t, "known at", domain.Fold("c", known, domain.Limits{}), domain.Fold("c", history, domain.Limits{KnownAt: at}))
	})
}

func TestAsOfIsTheFoldOfWhatHadHappenedByThen(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		history := anyHistory(t)
		at := instant(t, history, happened, "as of")
		var before []domain.Event
		for _, e := range effective(history) {
			if !e.Time.After(at) {
				before = append(before, e)
			}
		}
		same(t, "as of", domain.Fold("c", before, domain.Limits{}), domain.Fold("c", history, domain.Limits{AsOf: at}))
	})
}

// effective is the history with every correction written into the record that it corrects, so that a reader need know
// nothing of corrections: the plainest way to say what they mean.
func effective(history []domain.Event) []domain.Event {
	out := slices.Clone(history)
	for _, by := range history { // in the order of revisions, so that the last one stands
		d, ok := by.Data.(*domain.RecordCorrected)
		if !ok {
			continue
		}
		for i, e := range history {
			if e.Customer == by.Customer && e.ID == d.EventID {
				out[i].Data, out[i].Time, out[i].Accuracy = d.Decoded, e.Time, e.Accuracy
				if d.Time != nil {
					out[i].Time, out[i].Accuracy = *d.Time, domain.AccuracyExact
				}
			}
		}
	}
	for i := range out { // they have done their work; they still count as events
		if d, ok := out[i].Data.(*domain.RecordCorrected); ok {
			out[i].Data = &domain.RecordCorrected{EventID: "none", Reason: d.Reason}
		}
	}
	return out
}

func TestApplyingOneByOneEqualsFold(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		history := anyHistory(t)
		c := domain.Fold("c", nil, domain.Limits{})
		applied := 0
		for i, e := range history {
			before := domain.Fold("c", history[:i], domain.Limits{})
			if c.Apply(e) {
				applied++
				same(t, "after applying", domain.Fold("c", history[:i+1], domain.Limits{}), c)
				continue
			}
			same(t, "after an event that was not applied", before, c)
			c = domain.Fold("c", history[:i+1], domain.Limits{})
		}
		if applied == 0 && len(history) > 20 {
			t.Skip("nothing was in order")
		}
	})
}

func TestStepsEndWhereFoldEnds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		history := anyHistory(t)
		limits := anyLimits(t, history)
		want := domain.Fold("c", history, limits)
		steps, got := domain.Steps("c", history, limits)
		same(t, "final state", want, got)
		if len(steps) != want.Events {
			t.Fatalf("%d steps for %d events", len(steps), want.Events)
		}
		// The changes tell the whole story: replaying them alone gives each complaint's state.
		states := map[string]string{}
		for _, s := range steps {
			for _, ch := range s.Changes {
				if ch.From == ch.To {
					t.Fatalf("a change that changes nothing: %+v", ch)
				}
				if ch.Thing == "complaint" && ch.What == "state" {
					states[ch.ID] = ch.To
				}
			}
		}
		for _, k := range want.Complaints {
			if len(want.Absorbed) == 0 && states[k.ID] != string(k.State) {
				t.Fatalf("complaint %s is %s, but the changes say %q", k.ID, k.State, states[k.ID])
			}
		}
	})
}

func TestNoOrderOfTimesBreaksTheFold(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		history := anyHistory(t)
		for i := range history { // any event may have been told with any time
			history[i].Time = domaintest.Start.Add(time.Duration(rapid.IntRange(0, 100).Draw(t, "hour")) * time.Hour)
		}
		c := domain.Fold("c", history, anyLimits(t, history))
		for _, k := range c.Complaints {
			if (k.State == domain.StatePaused) == k.PausedAt.IsZero() {
				t.Fatalf("complaint %s is %s and paused at %v", k.ID, k.State, k.PausedAt)
			}
			if k.PausedTotal < 0 {
				t.Fatalf("complaint %s was paused for %v", k.ID, k.PausedTotal)
			}
		}
	})
}

func TestCheckAcceptsAndRefusesTheSameAgain(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		history := domaintest.History(t, "c")
		var refs domain.References
		for _, e := range history {
			first, second := refs.Check(e), refs.Check(e)
			if first != nil || second != nil {
				t.Fatalf("%s: %v, then %v", e.Type, first, second)
			}
			refs.Add(e)
			n := refs.Len()
			refs.Add(e)
			if refs.Len() != n {
				t.Fatalf("adding the same event twice added something")
			}
			if typ, ok := refs.Recorded(e.ID); !ok || typ != e.Type {
				t.Fatalf("recorded as %q, %v; want %q", typ, ok, e.Type)
			}
		}
	})
}

// What stands for a record is the same whether the fold is asked or the record alone.
func TestStandingCorrectionIsTheFoldsOwn(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		history := domaintest.History(t, "c")
		steps, _ := domain.Steps("c", history, domain.Limits{})
		for _, step := range steps {
			record, by := domain.StandingCorrection(history, step.Event.ID)
			standing := ""
			if by != nil {
				standing = by.ID
			}
			if record == nil || record.ID != step.Event.ID || standing != step.CorrectedBy {
				t.Fatalf("%s: %q stands, in the fold %q", step.Event.ID, standing, step.CorrectedBy)
			}
		}
		if record, _ := domain.StandingCorrection(history, "no such record"); record != nil {
			t.Fatalf("found %s", record.ID)
		}
	})
}
