package domain

import (
	"slices"
)

// applyCustomer folds customer.*: who the customer is and how the company deals with them.
//
// Of an absorbed customer's stream only the history counts, not the person: profile, tier and manager are the survivor's
// own, and the absorbed customer's fill in what the survivor does not have.
func (c *Customer) applyCustomer(e *Event) {
	own := e.Customer == c.ID
	set := replace[string]
	if !own {
		set = fill[string]
	}
	switch d := e.Data.(type) {
	case *CustomerRegistered:
		first(&c.RegisteredAt, e.Time)
		set(&c.Tier, d.Tier)
		set(&c.Locale, d.Locale)
		set(&c.PreferredChannel, d.PreferredChannel)
		if d.Since != "" && (c.Since == "" || d.Since < c.Since) {
			c.Since = d.Since
		}
	case *CustomerProfileChanged:
		set(&c.Locale, d.Locale)
		set(&c.PreferredChannel, d.PreferredChannel)
	case *CustomerTierAssigned:
		set(&c.Tier, d.Tier)
	case *CustomerRelationshipSet:
		set(&c.Relationship, d.Level)
	case *CustomerManagerAssigned:
		if own && c.Manager != "" && c.Manager != d.Manager {
			c.ManagerChangedAt, c.ManagerChangedBy = e.Time, e.ID
		}
		set(&c.Manager, d.Manager)
	case *CustomerMergedInto:
		if own {
			c.MergedInto = d.CustomerID
		}
	case *CustomerAbsorbed:
		c.absorb(merger{e.Customer, d.CustomerID})
	case *CustomerUnmerged:
		if own && c.MergedInto == d.CustomerID {
			c.MergedInto = ""
		}
		c.release(merger{e.Customer, d.CustomerID})
	case *CustomerDeparted:
		if own {
			c.DepartedAt, c.DepartureReason = e.Time, d.Reason
		}
	case *CustomerReturned:
		if own {
			c.DepartedAt, c.DepartureReason, c.ReturnedAt = noTime, "", e.Time
		}
	}
}

func (c *Customer) absorb(m merger) {
	if m.survivor == m.absorbed || slices.Contains(c.fold.mergers, m) {
		return
	}
	c.fold.mergers = append(c.fold.mergers, m)
	c.listAbsorbed()
}

func (c *Customer) release(m merger) {
	c.fold.mergers = slices.DeleteFunc(c.fold.mergers, func(other merger) bool { return other == m })
	c.listAbsorbed()
}

func (c *Customer) listAbsorbed() {
	c.Absorbed = nil
	for _, m := range c.fold.mergers {
		if m.absorbed != c.ID && !slices.Contains(c.Absorbed, m.absorbed) {
			c.Absorbed = append(c.Absorbed, m.absorbed)
		}
	}
}

// applyBusiness folds purchase.* and contract.*.
func (c *Customer) applyBusiness(e *Event) {
	switch d := e.Data.(type) {
	case *PurchaseRecorded:
		p := &Purchase{ID: ownID(d.PurchaseID, e), CustomerID: e.Customer, Product: d.Product, Channel: d.Channel,
			At: e.Time, AmountMinor: d.AmountMinor, Currency: d.Currency}
		p.touchedBy(e)
		c.Purchases = append(c.Purchases, p)
		c.appended(thingPurchase, p.ID, new(Purchase), p)
	case *ContractStarted:
		k := opened(c, thingContract, &c.Contracts, e, ownID(d.ContractID, e),
			func(k *Contract) bool { return !k.StartedAt.IsZero() }, newContract(e, ownID(d.ContractID, e)))
		k.CustomerID = e.Customer
		fill(&k.Product, d.Product)
		fill(&k.EndsOn, d.EndsOn)
		first(&k.StartedAt, e.Time)
		fill(&k.StartedBy, e.ID)
	case *ContractEnded:
		k := entry(c, thingContract, &c.Contracts, e, d.ContractID, newContract(e, d.ContractID))
		k.EndedAt, k.EndedBy, k.EndReason = e.Time, e.ID, d.Reason
	}
}

func newContract(e *Event, id string) func() *Contract {
	return func() *Contract { return &Contract{ID: id, CustomerID: e.Customer} }
}
