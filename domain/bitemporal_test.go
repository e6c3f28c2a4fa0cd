package domain_test

import (
	"slices"
	"testing"

	"amends/domain"

	"github.com/google/go-cmp/cmp"
)

// correct is a correction, recorded and made on a day.
func correct(n int, event string, as domain.Data) domain.Event {
	return on(n, "record.corrected", &domain.RecordCorrected{EventID: event, Decoded: as})
}

func decided(outcome string) domain.Data {
	return &domain.ComplaintDecided{ComplaintRef: about, Outcome: outcome}
}

func TestTwoAxes(t *testing.T) {
	asOf := func(n int) domain.Limits { return domain.Limits{AsOf: day(n)} }
	knownAt := func(n int) domain.Limits { return domain.Limits{KnownAt: day(n)} }
	outcome := func(c *domain.Customer) any {
		if len(c.Complaints) == 0 {
			return "no complaint"
		}
		return c.Complaints[0].Outcome
	}
	registered := facts["registered"] // on day 0
	moved := correct(9, "e-2", decided("upheld"))
	moved.Data.(*domain.RecordCorrected).Time = ptr(day(6))

	tests := []struct {
		name   string
		given  []domain.Event
		limits domain.Limits
		want   any
	}{
		{"a late report counts from when it happened", []domain.Event{registered, recordedOn(20, on(5, "complaint.decided", decided("upheld")))}, asOf(5), "upheld"},
		{"before it happened it does not", []domain.Event{registered, recordedOn(20, on(5, "complaint.decided", decided("upheld")))}, asOf(4), ""},
		{"before it was known it does not", []domain.Event{registered, recordedOn(20, on(5, "complaint.decided", decided("upheld")))}, knownAt(19), ""},
		{"what we knew on day 19 about day 5", []domain.Event{registered, recordedOn(20, on(5, "complaint.decided", decided("upheld")))}, domain.Limits{AsOf: day(5), KnownAt: day(19)}, ""},
		{"what we know now about day 5", []domain.Event{registered, recordedOn(20, on(5, "complaint.decided", decided("upheld")))}, domain.Limits{AsOf: day(5), KnownAt: day(20)}, "upheld"},

		{"a known correction counts", []domain.Event{registered, on(2, "complaint.decided", decided("not_upheld")), correct(9, "e-2", decided("upheld"))}, knownAt(9), "upheld"},
		{"a correction not known yet does not", []domain.Event{registered, on(2, "complaint.decided", decided("not_upheld")), correct(9, "e-2", decided("upheld"))}, knownAt(8), "not_upheld"},
		{"a correction's own time plays no part in what had happened", []domain.Event{registered, on(2, "complaint.decided", decided("not_upheld")), correct(9, "e-2", decided("upheld"))}, asOf(2), "upheld"},
		{"of two corrections the later one stands", []domain.Event{registered, on(2, "complaint.decided", decided("not_upheld")),
			correct(9, "e-2", decided("upheld")), correct(10, "e-2", decided("lapsed"))}, domain.Limits{}, "lapsed"},
		{"of two corrections the later one known stands", []domain.Event{registered, on(2, "complaint.decided", decided("not_upheld")),
			correct(9, "e-2", decided("upheld")), correct(10, "e-2", decided("lapsed"))}, knownAt(9), "upheld"},
		{"a correction may move the fact: before its new time it had not happened", []domain.Event{registered, on(2, "complaint.decided", decided("not_upheld")), moved}, asOf(5), ""},
		{"a correction may move the fact: at its new time it had", []domain.Event{registered, on(2, "complaint.decided", decided("not_upheld")), moved}, asOf(6), "upheld"},
		{"a moved fact is where it was, for those who did not know", []domain.Event{registered, on(2, "complaint.decided", decided("not_upheld")), moved}, domain.Limits{AsOf: day(5), KnownAt: day(8)}, "not_upheld"},
		{"a correction of another type of payload changes nothing", []domain.Event{registered, on(2, "complaint.decided", decided("not_upheld")),
			correct(9, "e-2", &domain.ComplaintClosed{ComplaintRef: about})}, domain.Limits{}, "not_upheld"},
		{"before the registration there was no complaint", []domain.Event{on(5, "complaint.registered", registered.Data)}, asOf(4), "no complaint"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := outcome(domain.Fold("c", tell("c", 0, slices.Clone(tt.given)...), tt.limits))
			if got != tt.want {
				t.Errorf("%v, want %v", got, tt.want)
			}
		})
	}
}

func TestMergers(t *testing.T) {
	own := tell("c", 0,
		on(1, "customer.registered", &domain.CustomerRegistered{Tier: "key"}),
		on(10, "customer.absorbed", &domain.CustomerAbsorbed{CustomerID: "d"}),
		on(20, "customer.unmerged", &domain.CustomerUnmerged{CustomerID: "d"}),
		on(30, "customer.absorbed", &domain.CustomerAbsorbed{CustomerID: "d"}),
	)
	others := tell("d", 1,
		on(2, "customer.registered", &domain.CustomerRegistered{Tier: "small", Locale: "zh-CN"}),
		on(3, "complaint.registered", &domain.ComplaintRegistered{ComplaintRef: about}),
		on(10, "customer.merged_into", &domain.CustomerMergedInto{CustomerID: "c"}),
		recordedOn(40, on(12, "complaint.closed", &domain.ComplaintClosed{ComplaintRef: about})),
	)
	stranger := tell("x", 2, on(2, "complaint.registered", &domain.ComplaintRegistered{ComplaintRef: about}))
	history := slices.Concat(own, others, stranger)

	tests := []struct {
		name       string
		limits     domain.Limits
		absorbed   []string
		complaints []string // state, of the stream
	}{
		{"now", domain.Limits{}, []string{"d"}, []string{"closed d"}},
		{"as of before the merger", domain.Limits{AsOf: day(9)}, nil, nil},
		{"as of the merger, with what was before it", domain.Limits{AsOf: day(10)}, []string{"d"}, []string{"registered d"}},
		{"as of the unmerging", domain.Limits{AsOf: day(20)}, nil, nil},
		{"as of the second merger", domain.Limits{AsOf: day(30)}, []string{"d"}, []string{"closed d"}},
		{"known before the merger", domain.Limits{KnownAt: day(9)}, nil, nil},
		{"known at the second merger, before the late report", domain.Limits{KnownAt: day(39)}, []string{"d"}, []string{"registered d"}},
		{"known at the first merger, as of day 12", domain.Limits{KnownAt: day(15), AsOf: day(12)}, []string{"d"}, []string{"registered d"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := domain.Fold("c", history, tt.limits)
			var complaints []string
			for _, k := range c.Complaints {
				complaints = append(complaints, string(k.State)+" "+k.CustomerID)
			}
			if diff := cmp.Diff(tt.complaints, complaints); diff != "" {
				t.Errorf("complaints (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.absorbed, c.Absorbed); diff != "" {
				t.Errorf("absorbed (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.absorbed, domain.Absorbed(own, tt.limits)); diff != "" {
				t.Errorf("Absorbed (-want +got):\n%s", diff)
			}
			if c.Tier != "key" || c.MergedInto != "" {
				t.Errorf("tier %q, merged into %q", c.Tier, c.MergedInto)
			}
		})
	}
	d := domain.Fold("d", others, domain.Limits{})
	if d.MergedInto != "c" || len(d.Complaints) != 1 {
		t.Errorf("the absorbed customer: merged into %q, %d complaints", d.MergedInto, len(d.Complaints))
	}
}

// A chain of mergers counts as a whole, and a ring of them ends.
func TestMergersOfMergers(t *testing.T) {
	absorbs := func(n int, id string) domain.Event {
		return on(n, "customer.absorbed", &domain.CustomerAbsorbed{CustomerID: id})
	}
	history := slices.Concat(
		tell("c", 0, absorbs(1, "d")),
		tell("d", 1, absorbs(2, "e")),
		tell("e", 2, on(3, "complaint.registered", &domain.ComplaintRegistered{ComplaintRef: about}), absorbs(4, "c")),
	)
	c := domain.Fold("c", history, domain.Limits{})
	if diff := cmp.Diff([]string{"d", "e"}, c.Absorbed); diff != "" || len(c.Complaints) != 1 || c.Events != 4 {
		t.Errorf("%d complaints, %d events, absorbed (-want +got):\n%s", len(c.Complaints), c.Events, diff)
	}
	if got := domain.Absorbed(history[:1], domain.Limits{}); !slices.Equal(got, []string{"d"}) {
		t.Errorf("one stream tells only of its own mergers: %v", got)
	}
}

// Two merged customers may have used the same id for different complaints; an event means its own stream's first.
func TestSameIDInTwoStreams(t *testing.T) {
	registered := func(n int, product string) domain.Event {
		return on(n, "complaint.registered", &domain.ComplaintRegistered{ComplaintRef: about, Product: product})
	}
	closed := on(9, "complaint.closed", &domain.ComplaintClosed{ComplaintRef: about})
	c := domain.Fold("c", slices.Concat(
		tell("c", 0, registered(1, "kettle"), on(5, "customer.absorbed", &domain.CustomerAbsorbed{CustomerID: "d"})),
		tell("d", 1, registered(2, "toaster"), closed),
	), domain.Limits{})
	var got []string
	for _, k := range c.Complaints {
		got = append(got, k.CustomerID+" "+k.Product+" "+string(k.State))
	}
	if diff := cmp.Diff([]string{"c kettle registered", "d toaster closed"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestApplyWantsARefold(t *testing.T) {
	base := func() []domain.Event { return story("registered", "acknowledged", "decided") }
	next := func(e domain.Event) domain.Event {
		e.ID, e.Customer, e.Revision, e.Position, e.Recorded = "next", "c", 4, 40, day(50)
		return e
	}
	tests := []struct {
		name string
		when domain.Event
		want bool
	}{
		{"later", next(on(3, "complaint.closed", facts["closed"].Data)), true},
		{"at the same time, later in the log", next(on(2, "complaint.closed", facts["closed"].Data)), true},
		{"earlier", next(on(1, "complaint.closed", facts["closed"].Data)), false},
		{"a correction", next(correct(5, "e-1", &domain.ComplaintRegistered{ComplaintRef: about})), false},
		{"an absorption", next(on(5, "customer.absorbed", &domain.CustomerAbsorbed{CustomerID: "d"})), false},
		{"an unmerging", next(on(5, "customer.unmerged", &domain.CustomerUnmerged{CustomerID: "d"})), false},
		{"the last one again", base()[2], false},
		{"another stream's", func() domain.Event {
			e := next(on(5, "purchase.recorded", &domain.PurchaseRecorded{}))
			e.Customer = "d"
			return e
		}(), false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := domain.Fold("c", base(), domain.Limits{})
			if got := c.Apply(tt.when); got != tt.want {
				t.Errorf("%v, want %v", got, tt.want)
			}
			if tt.want != (c.Events == 4) {
				t.Errorf("%d events folded", c.Events)
			}
		})
	}
}
