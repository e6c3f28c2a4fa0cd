package demo

import (
	"fmt"

	"amends/domain"
)

// mergers finds, for a few customers, that they were registered twice. It returns the duplicate's stream, or nil. One in
// three of these mergers was itself a mistake and is undone.
func (l *life) mergers(i int) *stream {
	if i%25 == 7 {
		l.eraseMarketing()
	}
	if i%20 != 11 {
		return nil
	}
	span := l.w.cfg.To.Sub(l.w.cfg.From)
	found := l.office(l.w.cfg.To.Add(-span / 5))
	start := l.office(l.w.cfg.To.Add(-span / 4))
	if len(l.events) > 0 && !l.events[0].at.Before(start) {
		return nil
	}
	twin := &stream{customer: fmt.Sprintf("lk-%04d-2", l.n+1)}
	twin.add(start, "customer.registered", domain.CustomerRegistered{Name: l.name, Tier: "small", PreferredChannel: "phone",
		Identities: []domain.Identity{{Kind: "phone", Value: fmt.Sprintf("+44 1632 961%03d", l.n%1000)}}}, facts{})
	who := pick(l.rng, agents)
	twin.add(start.AddDate(0, 0, 3), "interaction.call", domain.Interaction{Direction: "inbound", Purpose: "inquiry", HandledBy: who,
		Summary: "Has an account already, and cannot find it.", Outcome: "follow_up_needed", Sentiment: "negative", RepeatInfoRequested: ptr(true)}, facts{actor: who})
	why := "Same name and address"
	twin.add(found, "customer.merged_into", domain.CustomerMergedInto{CustomerID: l.customer, Reason: why}, facts{actor: who})
	l.add(found, "customer.absorbed", domain.CustomerAbsorbed{CustomerID: twin.customer, Reason: why}, facts{actor: who})
	if i%60 == 11 {
		undone := found.AddDate(0, 0, 20)
		why := "Father and son of the same name"
		twin.add(undone, "customer.unmerged", domain.CustomerUnmerged{CustomerID: l.customer, Reason: why}, facts{actor: leaders[0]})
		l.add(undone, "customer.unmerged", domain.CustomerUnmerged{CustomerID: twin.customer, Reason: why}, facts{actor: leaders[0]})
	}
	return twin
}

// eraseMarketing: the customer does not want to be written to any more. Whether that is approved is for those who try the demo.
func (l *life) eraseMarketing() {
	at := l.office(l.w.cfg.To.AddDate(0, -2, 0))
	if len(l.events) == 0 || !l.events[0].at.Before(at) {
		return
	}
	id := l.customer + "-erase"
	l.add(at, "erasure.requested", domain.ErasureRequested{ErasureID: id, Classes: []string{"marketing"}, Reason: "The customer asked for it"}, facts{})
}
