package domain

// applyFollowup folds followup.*. A completed follow-up that nobody scheduled is known by its event's id.
func (c *Customer) applyFollowup(e *Event) {
	switch d := e.Data.(type) {
	case *FollowupScheduled:
		id := ownID(d.FollowupID, e)
		f := opened(c, thingFollowup, &c.Followups, e, id,
			func(f *Followup) bool { return !f.ScheduledAt.IsZero() }, newFollowup(e, id))
		f.CustomerID = e.Customer
		first(&f.ScheduledAt, e.Time)
		fill(&f.ScheduledBy, e.ID)
		fill(&f.ComplaintID, d.ComplaintID)
		fill(&f.DueAt, d.DueAt)
		fill(&f.Owner, d.Owner)
	case *FollowupCompleted:
		id := ownID(d.FollowupID, e)
		f := entry(c, thingFollowup, &c.Followups, e, id, newFollowup(e, id))
		f.CompletedAt, f.CompletedBy = e.Time, e.ID
		fill(&f.ComplaintID, d.ComplaintID)
		f.Reached, f.Satisfied = d.Reached, d.Satisfied
		if d.Reached {
			c.visible(e, f.ComplaintID)
		}
	}
}

func newFollowup(e *Event, id string) func() *Followup {
	return func() *Followup { return &Followup{ID: id, CustomerID: e.Customer} }
}

// applySurvey folds survey.*. An answer is never overwritten: a second one under the same survey id stands beside the first.
func (c *Customer) applySurvey(e *Event) {
	switch d := e.Data.(type) {
	case *SurveySent:
		id := ownID(d.SurveyID, e)
		s := opened(c, thingSurvey, &c.Surveys, e, id,
			func(s *Survey) bool { return !s.SentAt.IsZero() }, newSurvey(e, id))
		s.CustomerID = e.Customer
		first(&s.SentAt, e.Time)
		fill(&s.Metric, d.Metric)
		fill(&s.Channel, d.Channel)
		fill(&s.ComplaintID, d.ComplaintID)
	case *SurveyAnswered:
		id := ownID(d.SurveyID, e)
		s := entry(c, thingSurvey, &c.Surveys, e, id, newSurvey(e, id))
		if s.Score != nil {
			sent := s
			s = entry(c, thingSurvey, &c.Surveys, e, e.ID, newSurvey(e, e.ID))
			s.RepeatOf = sent.ID
			fill(&s.ComplaintID, sent.ComplaintID)
			fill(&s.SentAt, sent.SentAt)
		}
		s.Metric = d.Metric
		s.AnsweredAt, s.AnsweredBy = e.Time, e.ID
		score := d.Score
		s.Score = &score
		replace(&s.Channel, d.Channel)
		replace(&s.ComplaintID, d.ComplaintID)
	}
}

func newSurvey(e *Event, id string) func() *Survey {
	return func() *Survey { return &Survey{ID: id, CustomerID: e.Customer} }
}

// applyPrevention folds prevention.*: corrective actions.
func (c *Customer) applyPrevention(e *Event) {
	switch d := e.Data.(type) {
	case *PreventionPlanned:
		id := ownID(d.ActionID, e)
		p := opened(c, thingPrevention, &c.Preventions, e, id,
			func(p *Prevention) bool { return !p.PlannedAt.IsZero() }, newPrevention(e, id))
		p.CustomerID = e.Customer
		if p.PlannedAt.IsZero() {
			p.ComplaintIDs = d.ComplaintIDs
		}
		first(&p.PlannedAt, e.Time)
		fill(&p.Cause, d.Cause)
		fill(&p.Owner, d.Owner)
		if d.DueAt != nil {
			fill(&p.DueAt, *d.DueAt)
		}
	case *PreventionCompleted:
		p := entry(c, thingPrevention, &c.Preventions, e, d.ActionID, newPrevention(e, d.ActionID))
		p.CompletedAt, p.Effective = e.Time, d.Effective
	}
}

func newPrevention(e *Event, id string) func() *Prevention {
	return func() *Prevention { return &Prevention{ID: id, CustomerID: e.Customer} }
}

// applyErasure folds legal_hold.* and erasure.*.
func (c *Customer) applyErasure(e *Event) {
	switch d := e.Data.(type) {
	case *LegalHoldPlaced:
		id := ownID(d.HoldID, e)
		h := opened(c, thingHold, &c.Holds, e, id, func(h *Hold) bool { return !h.PlacedAt.IsZero() }, newHold(e, id))
		h.CustomerID = e.Customer
		first(&h.PlacedAt, e.Time)
		if d.Until != nil {
			fill(&h.Until, *d.Until)
		}
	case *LegalHoldReleased:
		entry(c, thingHold, &c.Holds, e, d.HoldID, newHold(e, d.HoldID)).ReleasedAt = e.Time
	case *ErasureRequested:
		id := ownID(d.ErasureID, e)
		x := opened(c, thingErasure, &c.Erasures, e, id,
			func(x *Erasure) bool { return !x.RequestedAt.IsZero() }, newErasure(e, id))
		x.CustomerID = e.Customer
		first(&x.RequestedAt, e.Time)
		fill(&x.RequestedBy, e.Actor)
		if x.Classes == nil {
			x.Classes = d.Classes
		}
	case *ErasureApproved:
		x := entry(c, thingErasure, &c.Erasures, e, d.ErasureID, newErasure(e, d.ErasureID))
		first(&x.ApprovedAt, e.Time)
		fill(&x.ApprovedBy, e.Actor)
		if x.Retention == nil {
			x.Retention = d.Retention
		}
	case *ErasureCompleted:
		x := entry(c, thingErasure, &c.Erasures, e, d.ErasureID, newErasure(e, d.ErasureID))
		x.CompletedAt, x.Classes = e.Time, d.Classes
	}
}

func newHold(e *Event, id string) func() *Hold {
	return func() *Hold { return &Hold{ID: id, CustomerID: e.Customer} }
}

func newErasure(e *Event, id string) func() *Erasure {
	return func() *Erasure { return &Erasure{ID: id, CustomerID: e.Customer} }
}
