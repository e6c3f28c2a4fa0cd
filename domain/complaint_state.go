package domain

import "time"

// FinalResponse reports whether a response of the kind answers the complaint. A holding response and "in progress" only tell
// the customer that more is to come.
func FinalResponse(kind string) bool {
	return kind != "holding_response" && kind != "in_progress"
}

// stage is how far work has come in a state that work moves on from; 0: work facts do not move the state.
func (s State) stage() int {
	switch s {
	case StateRegistered:
		return 1
	case StateAcknowledged:
		return 2
	case StateAssessed, StateReopened, StateDisputed:
		return 3
	case StateInvestigating:
		return 4
	case StateProposed:
		return 5
	case StateDecided:
		return 6
	case StateResponded:
		return 7
	}
	return 0
}

// advance moves the state forward for a fact about the work. The transitions of a complaint, as a whole:
//
//	fact                          from                                                  to
//	registered                    (nothing)                                             registered
//	acknowledged                  registered                                            acknowledged
//	classified, assigned          registered, acknowledged                              assessed
//	investigated                  the above, assessed, reopened, disputed               investigating
//	proposed                      the above, investigating                              proposed
//	decided                       the above, proposed                                   decided
//	responded, finally            the above, decided                                    responded
//	paused                        any but resolved, withdrawn, closed                   paused
//	resumed                       paused                                                the state underneath
//	resolved                      any but withdrawn, closed                             resolved
//	disputed                      any but referred, withdrawn, closed                   disputed
//	referred                      any but withdrawn, closed                             referred
//	withdrawn                     any but closed                                        withdrawn
//	closed                        any                                                   closed
//	reopened                      any                                                   reopened
//	any other                     any                                                   unchanged
//
// A fact that finds another state is kept in its own fields and leaves the state as it is. So work moves a state only
// forward; resolved and referred are not left by mere work; closed and withdrawn are left by a reopening alone. During a
// pause, work, disputes and referrals move the state underneath, to which a resumption returns; resolved, withdrawn, closed
// and reopened end the pause.
func (k *Complaint) advance(to State) {
	if from := k.underneath(); from.stage() > 0 && to.stage() > from.stage() {
		k.move(to)
	}
}

// underneath is the state apart from a pause.
func (k *Complaint) underneath() State {
	if k.State == StatePaused {
		return k.ResumesTo
	}
	return k.State
}

func (k *Complaint) move(to State) {
	if k.State == StatePaused {
		k.ResumesTo = to
	} else {
		k.State = to
	}
}

// contest is a dispute or a referral by the customer.
func (k *Complaint) contest(to State) {
	switch from := k.underneath(); {
	case from == StateClosed, from == StateWithdrawn:
	case from == StateReferred && to == StateDisputed:
	default:
		k.move(to)
	}
}

// conclude is a resolution, a withdrawal or a closing.
func (k *Complaint) conclude(to State, at time.Time) {
	switch from := k.underneath(); {
	case from == StateClosed && to != StateClosed:
	case from == StateWithdrawn && to == StateResolved:
	default:
		k.resume(at)
		k.State = to
	}
}

// reopen starts the work again: what had concluded it no longer holds.
func (k *Complaint) reopen(at time.Time) {
	k.resume(at)
	k.State = StateReopened
	k.ResolvedAt, k.WithdrawnAt, k.ClosedAt = noTime, noTime, noTime
	k.ClosedSatisfied = nil
}

// pause notes that work waits, and for whom. Where no work is under way there is nothing to pause.
func (k *Complaint) pause(at time.Time, awaiting string) {
	switch k.State {
	case StateResolved, StateWithdrawn, StateClosed:
		return
	case StatePaused:
		k.endSpan(at)
		k.AwaitingWhom = awaiting // the same pause, now for somebody else
		return
	}
	k.ResumesTo, k.State = k.State, StatePaused
	k.PausedAt, k.AwaitingWhom, k.waitingSince = at, awaiting, at
	k.PausedCount++
}

// endSpan ends the waiting for whoever is waited for.
func (k *Complaint) endSpan(at time.Time) {
	k.pauses = append(k.pauses, pauseSpan{span{k.waitingSince, at}, k.AwaitingWhom})
	k.waitingSince = at
}

// resume ends a pause, if there is one.
func (k *Complaint) resume(at time.Time) {
	if k.State != StatePaused {
		return
	}
	k.endSpan(at)
	k.PausedTotal += at.Sub(k.PausedAt)
	k.State, k.ResumesTo = k.ResumesTo, ""
	k.PausedAt, k.AwaitingWhom = noTime, ""
}
