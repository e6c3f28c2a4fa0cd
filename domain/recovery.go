package domain

// applyCommitment folds commitment.*: promises. A promise found broken after it was called kept is broken; one kept after it
// was called broken is kept, late. A renegotiation makes a broken promise open again, with the new date.
func (c *Customer) applyCommitment(e *Event) {
	switch d := e.Data.(type) {
	case *CommitmentMade:
		id := ownID(d.CommitmentID, e)
		p := opened(c, thingCommitment, &c.Commitments, e, id,
			func(p *Commitment) bool { return !p.MadeAt.IsZero() }, newCommitment(e, id))
		p.CustomerID = e.Customer
		first(&p.MadeAt, e.Time)
		fill(&p.MadeBy, e.ID)
		fill(&p.ComplaintID, d.ComplaintID)
		fill(&p.DueAt, d.DueAt)
		fill(&p.OriginalDue, d.DueAt)
		fill(&p.Medium, d.Medium)
		fill(&p.Owner, d.Owner)
		fill(&p.Approver, d.Approver)
		c.visible(e, d.ComplaintID)
	case *CommitmentKept:
		p := c.commitment(e, d.CommitmentID)
		p.State = CommitmentIsKept
		first(&p.KeptAt, e.Time)
		c.visible(e, p.ComplaintID)
	case *CommitmentBroken:
		p := c.commitment(e, d.CommitmentID)
		p.State = CommitmentIsBroken
		p.BrokenAt, p.BrokenBy = e.Time, e.ID
		p.KeptAt = noTime
	case *CommitmentRenegotiated:
		p := c.commitment(e, d.CommitmentID)
		p.DueAt = d.NewDue
		p.Renegotiated++
		if p.State == CommitmentIsBroken {
			p.State = CommitmentOpen
		}
		c.visible(e, p.ComplaintID)
	}
}

func (c *Customer) commitment(e *Event, id string) *Commitment {
	return entry(c, thingCommitment, &c.Commitments, e, id, newCommitment(e, id))
}

func newCommitment(e *Event, id string) func() *Commitment {
	return func() *Commitment { return &Commitment{ID: id, CustomerID: e.Customer, State: CommitmentOpen} }
}

// visible notes that the customer saw something happen about the complaint; without a complaint there is nothing to note.
func (c *Customer) visible(e *Event, complaint string) {
	if complaint != "" {
		c.complaint(e, complaint).LastVisibleUpdateAt = e.Time
	}
}

// applyRedress folds redress.*: remedies with a life of their own. The state is that of the last fact, save that what has
// been delivered stays delivered when an offer, an approval or an acceptance is told afterwards.
func (c *Customer) applyRedress(e *Event) {
	switch d := e.Data.(type) {
	case *RedressOffered:
		c.offerRedress(e, d)
	case *RedressApproved:
		r := c.redress(e, d.RedressID)
		r.ApprovedAt = e.Time
		r.Approver = d.Approver
		fill(&r.Approver, e.Actor)
		r.advance(RedressIsApproved)
	case *RedressAccepted:
		r := c.redress(e, d.RedressID)
		r.AcceptedAt = e.Time
		r.advance(RedressIsAccepted)
	case *RedressDeclined:
		r := c.redress(e, d.RedressID)
		r.DeclinedAt = e.Time
		r.State = RedressIsDeclined
	case *RedressDelivered:
		c.deliverRedress(e, d)
	case *RedressFailed:
		c.failRedress(e, d)
	}
}

func (c *Customer) redress(e *Event, id string) *Redress {
	return entry(c, thingRedress, &c.Redress, e, id, newRedress(e, id))
}

func newRedress(e *Event, id string) func() *Redress {
	return func() *Redress { return &Redress{ID: id, CustomerID: e.Customer, State: RedressIsOffered} }
}

func (r *Redress) advance(to string) {
	if r.State != RedressIsDelivered {
		r.State = to
	}
}

func (c *Customer) offerRedress(e *Event, d *RedressOffered) {
	id := ownID(d.RedressID, e)
	r := opened(c, thingRedress, &c.Redress, e, id, func(r *Redress) bool { return !r.OfferedAt.IsZero() }, newRedress(e, id))
	if !r.OfferedAt.IsZero() {
		return
	}
	r.CustomerID = e.Customer
	r.OfferedAt = e.Time
	fill(&r.ComplaintID, d.ComplaintID)
	fill(&r.Remedy, d.Remedy)
	c.visible(e, r.ComplaintID)
	switch {
	case r.AmountMinor == nil:
		r.AmountMinor, r.Currency = d.AmountMinor, d.Currency
	case r.Currency == "":
		r.Currency = d.Currency
	}
	if r.State == RedressIsDelivered { // the delivery was told before the offer: only now its complaint is known
		c.creditRedress(e, r, r.AmountMinor)
	}
}

// deliverRedress notes a delivery. Without an amount of its own it delivers what was offered; a further delivery adds to
// what has been delivered, and without an amount adds nothing.
func (c *Customer) deliverRedress(e *Event, d *RedressDelivered) {
	r := c.redress(e, d.RedressID)
	again := !r.DeliveredAt.IsZero()
	first(&r.DeliveredAt, e.Time)
	r.State = RedressIsDelivered
	r.Payer = e.Actor
	delivered := r.AmountMinor
	switch {
	case again && d.AmountMinor == nil:
		delivered = nil
	case again && r.AmountMinor != nil && sameCurrency(d.Currency, r.Currency):
		sum := *r.AmountMinor + *d.AmountMinor
		delivered, r.AmountMinor = d.AmountMinor, &sum
	case d.AmountMinor != nil:
		delivered, r.AmountMinor = d.AmountMinor, d.AmountMinor
		replace(&r.Currency, d.Currency)
	}
	if !r.OfferedAt.IsZero() {
		c.creditRedress(e, r, delivered)
	}
	c.visible(e, r.ComplaintID)
}

// failRedress notes that the customer does not have it. What had been called delivered no longer counts as delivered.
func (c *Customer) failRedress(e *Event, d *RedressFailed) {
	r := c.redress(e, d.RedressID)
	r.FailedAt, r.FailedBy = e.Time, e.ID
	if r.State == RedressIsDelivered && !r.OfferedAt.IsZero() && r.AmountMinor != nil {
		taken := -*r.AmountMinor
		c.creditRedress(e, r, &taken)
	}
	r.DeliveredAt = noTime
	r.State = RedressHasFailed
}

func sameCurrency(a, b string) bool { return a == "" || a == b }

// creditRedress adds what was delivered to the complaint that it was delivered for.
func (c *Customer) creditRedress(e *Event, r *Redress, amount *int64) {
	if r.ComplaintID == "" || amount == nil {
		return
	}
	k := c.complaint(e, r.ComplaintID)
	if k.RedressMinor == nil {
		k.RedressMinor = make(map[string]int64, 1)
	}
	k.RedressMinor[r.Currency] += *amount
}

// applyApology folds apology.*.
func (c *Customer) applyApology(e *Event) {
	switch d := e.Data.(type) {
	case *ApologyOffered:
		id := ownID(d.ApologyID, e)
		a := opened(c, thingApology, &c.Apologies, e, id,
			func(a *Apology) bool { return !a.OfferedAt.IsZero() }, newApology(e, id))
		a.CustomerID = e.Customer
		first(&a.OfferedAt, e.Time)
		fill(&a.ComplaintID, d.ComplaintID)
		fill(&a.Kind, d.Kind)
		fill(&a.Level, d.Level)
		c.visible(e, d.ComplaintID)
	case *ApologyAccepted:
		a := entry(c, thingApology, &c.Apologies, e, d.ApologyID, newApology(e, d.ApologyID))
		a.Answer, a.AnsweredAt = "accepted", e.Time
	case *ApologyDeclined:
		a := entry(c, thingApology, &c.Apologies, e, d.ApologyID, newApology(e, d.ApologyID))
		a.Answer, a.AnsweredAt = "declined", e.Time
	}
}

func newApology(e *Event, id string) func() *Apology {
	return func() *Apology { return &Apology{ID: id, CustomerID: e.Customer} }
}
