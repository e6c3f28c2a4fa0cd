// Package domaintest makes believable random histories for tests: every event type a customer's stream can hold, valid by
// the schemas, accepted by domain.References, told in time and late, corrected and merged.
package domaintest

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"amends/domain"

	"pgregory.net/rapid"
)

// Start is when the first event of every history is recorded, at the earliest.
var Start = time.Date(2024, time.March, 1, 9, 0, 0, 0, time.UTC)

// History draws the records of one customer, in the order of their revisions: 1 to 60 events, positions rising with gaps.
func History(t *rapid.T, customer string) []domain.Event {
	w := newWorld(t)
	w.write(customer, rapid.IntRange(1, 60).Draw(t, "events"))
	if len(w.log) == 0 { // what was drawn had nothing to tell about
		w.register(w.customer(customer))
	}
	return w.log
}

// Merged draws the records of two customers in the order of the log, of whom the survivor absorbs the other at some time and
// perhaps lets it go again. The two may use the same ids.
func Merged(t *rapid.T, survivor, absorbed string) []domain.Event {
	w := newWorld(t)
	n := rapid.IntRange(1, 25)
	w.write(absorbed, n.Draw(t, "absorbed before"))
	w.write(survivor, n.Draw(t, "survivor before"))
	w.emit(absorbed, "customer.merged_into", &domain.CustomerMergedInto{CustomerID: survivor})
	w.emit(survivor, "customer.absorbed", &domain.CustomerAbsorbed{CustomerID: absorbed})
	w.write(survivor, n.Draw(t, "survivor after"))
	w.write(absorbed, n.Draw(t, "absorbed after"))
	if rapid.Bool().Draw(t, "unmerged") {
		w.emit(survivor, "customer.unmerged", &domain.CustomerUnmerged{CustomerID: absorbed})
		w.emit(absorbed, "customer.unmerged", &domain.CustomerUnmerged{CustomerID: survivor})
		w.write(survivor, n.Draw(t, "survivor later"))
	}
	return w.log
}

// Ledger draws records of the ledger's own stream.
func Ledger(t *rapid.T) []domain.Event {
	w := newWorld(t)
	for i := range rapid.IntRange(1, 10).Draw(t, "events") {
		switch rapid.IntRange(0, 6).Draw(t, "kind") {
		case 0:
			w.emit(domain.LedgerStream, "policy.published", w.policy(fmt.Sprint(i+2)))
		case 1:
			w.emit(domain.LedgerStream, "weights.published", &domain.WeightsPublished{Version: fmt.Sprintf("expert-%d", i+1),
				SHA256:  "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
				Weights: []byte(`{"version":"expert"}`)})
		case 2:
			w.emit(domain.LedgerStream, "access.granted", &domain.AccessGranted{KeyID: fmt.Sprintf("key%d", i+1),
				Roles: []string{w.one("recorder", "auditor")}, Sources: []string{"urn:northlight:helpdesk"}, ExpiresAt: w.now})
		case 3:
			w.emit(domain.LedgerStream, "access.revoked", &domain.AccessRevoked{KeyID: fmt.Sprintf("key%d", i), Reason: "leaked"})
		case 4:
			w.emit(domain.LedgerStream, "access.denied", &domain.AccessDenied{CallerID: "key:k1", Operation: "grant-key"})
		case 5:
			w.emit(domain.LedgerStream, "checkpoint.published", &domain.CheckpointPublished{Size: int64(i + 1),
				Root: "wn9+uMTHBXDsU8lwc+FwwhOaZTMjRToGwaGqaakaqpU=", Checkpoint: "amends.ledger/1\n1\n\n"})
		default:
			w.emit(domain.LedgerStream, "access.recorded", &domain.AccessRecorded{CustomerID: "c-1",
				Purpose: "subject access", Scope: "history"})
		}
	}
	return w.log
}

// policy draws a version of a shipped policy: for all complaints, with limits and an effective date of its own.
func (w *world) policy(version string) *domain.PolicyPublished {
	shipped := domain.ShippedPolicies()
	p := *shipped[rapid.IntRange(0, len(shipped)-1).Draw(w.t, "policy")]
	p.Version, p.AppliesIf = version, nil
	p.EffectiveFrom = Start.AddDate(0, 0, rapid.IntRange(-30, 30).Draw(w.t, "effective from")).Format(time.DateOnly)
	p.Clocks = slices.Clone(p.Clocks)
	for i := range p.Clocks {
		if limit := p.Clocks[i].Limit; limit != nil {
			p.Clocks[i].Limit = &domain.Limit{Count: rapid.IntRange(1, 2*limit.Count).Draw(w.t, "limit"), Unit: limit.Unit}
		}
	}
	text, err := json.Marshal(p)
	if err != nil {
		panic(err) // unreachable: a policy always has a JSON form
	}
	return &domain.PolicyPublished{PolicyID: p.ID, Version: version, Policy: text}
}

// world is the log as it grows: several customers, one clock.
type world struct {
	t         *rapid.T
	now       time.Time
	position  uint64
	log       []domain.Event
	customers map[string]*customer
}

// customer is what the generator remembers of one stream, to point at.
type customer struct {
	id                                          string
	revision                                    uint64
	refs                                        domain.References
	own                                         []int // indices into the log
	complaints, apologies, redress, commitments []string
	followups, surveys, actions, contracts      []string
	holds, erasures                             []string
	proposals                                   []proposal
	opened                                      int
	absorbs, mergedInto                         []string
}

type proposal struct{ complaint, id string }

func newWorld(t *rapid.T) *world {
	return &world{t: t, now: Start, customers: make(map[string]*customer)}
}

func (w *world) customer(id string) *customer {
	c := w.customers[id]
	if c == nil {
		c = &customer{id: id}
		w.customers[id] = c
	}
	return c
}

// write adds n drawn events to the customer's stream.
func (w *world) write(id string, n int) {
	c := w.customer(id)
	for range n {
		w.event(c)
	}
}

// emit records the payload with a drawn time. It fails the test if the references refuse it: then the generator is wrong.
func (w *world) emit(stream string, typ domain.Type, d domain.Data) string {
	c := w.customer(stream)
	w.now = w.now.Add(time.Duration(rapid.IntRange(0, 14*24*60).Draw(w.t, "minutes since")) * time.Minute)
	c.revision++
	w.position += 1 + uint64(rapid.IntRange(0, 2).Draw(w.t, "gap"))
	e := domain.Event{ID: w.eventID(c), Source: "urn:test", Type: typ, Customer: stream, Time: w.now, Recorded: w.now,
		Revision: c.revision, Position: w.position, Actor: w.one("", "a.kim", "b.osei", "bot"), Data: d}
	switch rapid.IntRange(0, 9).Draw(w.t, "told") {
	case 0: // late, by days
		e.Time = w.now.Add(-time.Duration(rapid.IntRange(1, 90*24).Draw(w.t, "hours late")) * time.Hour)
	case 1: // only the day is known
		e.Time, e.Accuracy = w.now.Truncate(24*time.Hour), domain.AccuracyDay
	case 2: // the sender's clock runs ahead
		e.Time = w.now.Add(time.Duration(rapid.IntRange(1, 300).Draw(w.t, "seconds ahead")) * time.Second)
	case 3:
		e.Accuracy = rapid.SampledFrom([]domain.Accuracy{domain.AccuracyNotBefore, domain.AccuracyNotAfter}).Draw(w.t, "accuracy")
	}
	if err := c.refs.Check(e); err != nil {
		w.t.Fatalf("the generator made an event that is refused: %s: %v", typ, err)
	}
	c.refs.Add(e)
	c.own = append(c.own, len(w.log))
	w.log = append(w.log, e)
	return e.ID
}

// eventID names the event of the customer's latest revision. An id begins with a letter or a digit; the ledger's stream does not.
func (w *world) eventID(c *customer) string {
	return fmt.Sprintf("%s:e-%d", strings.TrimPrefix(c.id, "_"), c.revision)
}

func (w *world) one(options ...string) string { return rapid.SampledFrom(options).Draw(w.t, "one") }

func (w *world) of(ids []string) string { return rapid.SampledFrom(ids).Draw(w.t, "id") }

// maybe is one of the ids or, often, none.
func (w *world) maybe(ids []string) string {
	if len(ids) == 0 || rapid.Bool().Draw(w.t, "without") {
		return ""
	}
	return w.of(ids)
}

// open gives an id for something new: one of its own, or none, when the event's id is to serve. In either case it returns
// how the thing will be known.
func (w *world) open(c *customer, prefix string) (given, known string) {
	c.opened++
	if rapid.Bool().Draw(w.t, "event's id") {
		return "", fmt.Sprintf("%s:e-%d", c.id, c.revision+1)
	}
	given = fmt.Sprintf("%s-%d", prefix, c.opened)
	return given, given
}

func (w *world) yes() *bool {
	switch rapid.IntRange(0, 2).Draw(w.t, "told") {
	case 0:
		return nil
	case 1:
		return new(bool)
	}
	yes := true
	return &yes
}

func (w *world) money() domain.Money {
	if rapid.Bool().Draw(w.t, "no amount") {
		return domain.Money{}
	}
	minor := int64(rapid.IntRange(0, 100_000).Draw(w.t, "minor"))
	return domain.Money{AmountMinor: &minor, Currency: w.one("GBP", "EUR", "CNY")}
}

func (w *world) due() time.Time {
	return w.now.Add(time.Duration(rapid.IntRange(-24, 24*30).Draw(w.t, "hours to due")) * time.Hour)
}

func (w *world) remedies() []domain.Remedy {
	return []domain.Remedy{{Kind: w.one(remedies...), Money: w.money()}}
}
