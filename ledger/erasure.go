package ledger

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"amends/domain"
	"amends/schemas"
	"amends/vault"
)

// ErasureState says how far an erasure is.
type ErasureState string

// The states of an erasure.
const (
	ErasureRequested ErasureState = "requested" // it waits for approval
	ErasureApproved  ErasureState = "approved"  // it is carried out as soon as nothing forbids it
	ErasureCompleted ErasureState = "completed" // the keys are destroyed
)

// ErasureStatus is where an erasure stands.
type ErasureStatus struct {
	ErasureID   string       `json:"erasure_id"`
	Customer    string       `json:"customer_id"`
	State       ErasureState `json:"state"`
	Classes     []string     `json:"classes"`
	RequestedBy string       `json:"requested_by,omitempty"`
	ApprovedBy  string       `json:"approved_by,omitempty"`
	// Obstacles forbid it at present. PossibleAt is when all of them will have ended by themselves; nil: now, or not known.
	Obstacles  []Obstacle `json:"obstacles,omitempty"`
	PossibleAt *time.Time `json:"possible_at,omitempty"`
}

// Obstacle is what forbids an erasure at present, in words.
type Obstacle struct {
	Class    string     `json:"class,omitempty" doc:"The retention class that may not be erased yet; absent: none may"`
	Customer string     `json:"customer_id,omitempty" doc:"The customer merged with this one who has the hold or the complaint; absent: this one"`
	HoldID   string     `json:"hold_id,omitempty" doc:"The legal hold that stands"`
	Basis    string     `json:"basis,omitempty" doc:"The rule that wants the records kept"`
	Until    *time.Time `json:"until,omitempty" doc:"When it ends by itself; absent: that is not known"`
}

// ErasureRequest asks that a customer's personal data of some classes be erased.
type ErasureRequest struct {
	Customer string
	ID       string // of the erasure; empty: a new one. The same id again adds nothing
	Classes  []string
	Reason   string // without personal data
	Actor    string // who asks
}

// RequestErasure records the request. Nothing is erased before another person approves it. The error is a *schemas.Problem
// where the request is at fault.
func (l *Ledger) RequestErasure(ctx context.Context, r ErasureRequest) (ErasureStatus, error) {
	if r.ID == "" {
		r.ID = uuid.Must(uuid.NewV7()).String()
	}
	customer, err := l.fold(ctx, r.Customer)
	if err != nil {
		return ErasureStatus{}, err
	}
	if customer.Events == 0 {
		return ErasureStatus{}, refusal("unknown-customer", "/subject", "the ledger has no record of this customer")
	}
	receipt, err := l.sendOwn(ctx, r.Customer, r.ID, "erasure.requested", r.Actor,
		&domain.ErasureRequested{ErasureID: r.ID, Classes: r.Classes, Reason: r.Reason})
	if err != nil {
		return ErasureStatus{}, err
	}
	if receipt.Problem != nil {
		return ErasureStatus{}, receipt.Problem
	}
	return l.ErasureStatus(ctx, r.Customer, r.ID)
}

// ApproveErasure records that the actor agrees, and carries the erasure out if nothing forbids it. Whoever asked for an
// erasure cannot approve it, nor with an API key that they made, unless the ledger has a single user; then the record says so. An erasure that is forbidden at
// present is carried out later, by RunErasures. Approving again changes nothing, but carries out what was left undone.
func (l *Ledger) ApproveErasure(ctx context.Context, customer, erasure, actor string, singleUser bool) (ErasureStatus, error) {
	status, err := l.ErasureStatus(ctx, customer, erasure)
	if err != nil {
		return status, err
	}
	if status.State == ErasureRequested {
		same := status.RequestedBy == actor
		if same && !singleUser {
			return status, refusal("four-eyes", "", "whoever asked for an erasure cannot approve it; another person must")
		}
		if !same {
			made, err := l.descends(ctx, actor, status.RequestedBy)
			if err != nil {
				return status, err
			}
			if made {
				return status, refusal("four-eyes", "", "whoever asked for this erasure made the approver's API key, so it may be one person; "+
					"somebody must approve it whose key another made")
			}
		}
		if _, err := l.recordOwn(ctx, customer, erasureEventID(erasure, "approved"), "erasure.approved", actor,
			&domain.ErasureApproved{ErasureID: erasure, SinglePerson: same, Retention: l.cfg.Retention.Of(classesOf(status.Classes))}); err != nil {
			return status, err
		}
	}
	if err := l.step("approved"); err != nil {
		return status, err
	}
	if _, err := l.erase(ctx, customer, erasure); err != nil {
		return status, err
	}
	return l.ErasureStatus(ctx, customer, erasure)
}

// ErasureStatus says where an erasure stands. The error is a *schemas.Problem if there is none of that id.
func (l *Ledger) ErasureStatus(ctx context.Context, id, erasure string) (ErasureStatus, error) {
	person, err := l.person(ctx, id)
	if err != nil {
		return ErasureStatus{}, err
	}
	x := erasureOf(person[0], erasure)
	if x == nil {
		return ErasureStatus{}, refusal("unknown-erasure", "/data/erasure_id", "this customer has no such erasure")
	}
	return l.statusOf(person, x), nil
}

// Erasures lists the customer's erasures in the order in which they were asked for.
func (l *Ledger) Erasures(ctx context.Context, id string) ([]ErasureStatus, error) {
	person, err := l.person(ctx, id)
	if err != nil {
		return nil, err
	}
	out := make([]ErasureStatus, 0, len(person[0].Erasures))
	for _, x := range person[0].Erasures {
		if x.CustomerID == id {
			out = append(out, l.statusOf(person, x))
		}
	}
	return out, nil
}

// OpenErasures lists the erasures of all customers that are not completed.
func (l *Ledger) OpenErasures(ctx context.Context) ([]ErasureStatus, error) {
	if err := l.AwaitIndex(ctx); err != nil {
		return nil, err
	}
	open, err := l.cfg.Vault.OpenErasures(ctx)
	if err != nil {
		return nil, err
	}
	out := make([]ErasureStatus, 0, len(open))
	for _, e := range open {
		status, err := l.ErasureStatus(ctx, e.Customer, e.Erasure)
		if err != nil {
			return nil, err
		}
		out = append(out, status)
	}
	return out, nil
}

func (l *Ledger) statusOf(person []*domain.Customer, x *domain.Erasure) ErasureStatus {
	status := ErasureStatus{
		ErasureID: x.ID, Customer: x.CustomerID, State: ErasureRequested, Classes: x.Classes,
		RequestedBy: x.RequestedBy, ApprovedBy: x.ApprovedBy,
	}
	switch {
	case !x.CompletedAt.IsZero():
		status.State = ErasureCompleted
		return status
	case !x.ApprovedAt.IsZero():
		status.State = ErasureApproved
	}
	obstacles := l.obstacles(person, x)
	for _, o := range obstacles {
		other := o.CustomerID
		if other == x.CustomerID {
			other = ""
		}
		status.Obstacles = append(status.Obstacles,
			Obstacle{Class: string(o.Class), Customer: other, HoldID: o.Hold, Basis: o.Basis, Until: orNil(o.Until)})
	}
	if at, known := domain.PossibleAt(obstacles); known {
		status.PossibleAt = orNil(at)
	}
	return status
}

func orNil(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

func (l *Ledger) obstacles(person []*domain.Customer, x *domain.Erasure) []domain.Obstacle {
	// What was promised at the approval still counts when the rules are shorter now, or lost.
	rules := slices.Concat(l.cfg.Retention, x.Retention)
	return rules.Obstacles(classesOf(x.Classes), l.cfg.Clock().UTC(), person...)
}

func classesOf(names []string) []domain.RetentionClass {
	classes := make([]domain.RetentionClass, len(names))
	for i, name := range names {
		classes[i] = domain.RetentionClass(name)
	}
	return classes
}

func erasureOf(customer *domain.Customer, erasure string) *domain.Erasure {
	i := slices.IndexFunc(customer.Erasures, func(x *domain.Erasure) bool { return x.ID == erasure && x.CustomerID == customer.ID })
	if i < 0 || customer.Erasures[i].RequestedAt.IsZero() {
		return nil
	}
	return customer.Erasures[i]
}

// fold is the customer's state at present, all that is known.
func (l *Ledger) fold(ctx context.Context, id string) (*domain.Customer, error) {
	records, err := l.History(ctx, id, domain.Limits{})
	if err != nil {
		return nil, err
	}
	events := make([]domain.Event, len(records))
	for i := range records {
		events[i] = records[i].Event
	}
	return domain.Fold(id, events, domain.Limits{}), nil
}

// person folds the customer and then those into whom it is merged at present, one into the next: a hold on the survivor, or
// a complaint of the survivor's, is about the same person's data.
func (l *Ledger) person(ctx context.Context, id string) ([]*domain.Customer, error) {
	var person []*domain.Customer
	for next := id; next != ""; {
		customer, err := l.fold(ctx, next)
		if err != nil {
			return nil, err
		}
		person = append(person, customer)
		next = customer.MergedInto
		if slices.ContainsFunc(person, func(c *domain.Customer) bool { return c.ID == next }) {
			break // merged in a circle
		}
	}
	return person, nil
}

// RunErasures carries out every approved erasure that nothing forbids any more: those whose day has come, and those that a
// crash interrupted. It returns how many it completed. One that fails does not hold up the others.
func (l *Ledger) RunErasures(ctx context.Context) (completed int, err error) {
	open, err := l.cfg.Vault.OpenErasures(ctx)
	if err != nil {
		return 0, err
	}
	var errs []error
	for _, a := range open {
		if !a.Approved {
			continue
		}
		done, err := l.erase(ctx, a.Customer, a.Erasure)
		if err != nil {
			errs = append(errs, fmt.Errorf("erasure %s of customer %s: %w", a.Erasure, a.Customer, err))
		}
		if done {
			completed++
		}
	}
	return completed, errors.Join(errs...)
}

// erase carries an approved erasure out, unless something forbids it, and reports whether it completed it now. Each step can
// be done again: the decision depends on the log alone, the vault destroys once for an erasure, and the last record has an id
// of its own. So a crash at any point leaves either nothing done or a remainder that the next call does.
func (l *Ledger) erase(ctx context.Context, id, erasure string) (bool, error) {
	if l.cfg.Vault == nil {
		return false, errors.New("nothing is sealed here, so nothing can be erased")
	}
	person, err := l.person(ctx, id)
	if err != nil {
		return false, err
	}
	x := erasureOf(person[0], erasure)
	if x == nil || x.ApprovedAt.IsZero() || !x.CompletedAt.IsZero() {
		return false, nil
	}
	if len(l.obstacles(person, x)) > 0 {
		return false, nil
	}
	streams, err := l.streamsOf(ctx, id)
	if err != nil {
		return false, err
	}
	var destroyed []vault.DestroyedKey
	for _, stream := range streams {
		if err := l.step("destroy"); err != nil {
			return false, err
		}
		keys, err := l.destroy(ctx, stream, id, erasure, x)
		if err != nil {
			return false, err
		}
		destroyed = append(destroyed, keys...)
	}
	if err := l.step("destroyed"); err != nil {
		return false, err
	}
	completed := &domain.ErasureCompleted{ErasureID: erasure, Classes: x.Classes, Approver: x.ApprovedBy, Backups: backupsNote(destroyed)}
	for _, k := range destroyed {
		completed.Keys = append(completed.Keys, domain.DestroyedKey{
			KeyID: k.ID.String(), CustomerID: k.Customer, Class: k.Class, Epoch: int64(k.Epoch),
		})
	}
	_, err = l.recordOwn(ctx, id, erasureEventID(erasure, "completed"), "erasure.completed", x.ApprovedBy, completed)
	if err != nil {
		return false, err
	}
	return true, l.step("completed")
}

// destroy destroys the keys of one stream while nobody writes to it: no record may be sealed under a key that goes away
// before the record is stored. A hold or a complaint that was recorded since the decision is seen here, in the customer's own
// stream.
func (l *Ledger) destroy(ctx context.Context, stream, id, erasure string, x *domain.Erasure) ([]vault.DestroyedKey, error) {
	held := l.cache.acquire(stream, func() {})
	defer l.cache.release(held)
	person, err := l.person(ctx, id)
	if err != nil {
		return nil, err
	}
	if len(l.obstacles(person, x)) > 0 {
		return nil, fmt.Errorf("customer %s: a hold or a complaint was recorded while the erasure began; it waits for that", id)
	}
	// The erasure is the customer's, also where the keys are those of a customer it absorbed.
	return l.cfg.Vault.Destroy(ctx, stream, id+"/"+erasure, x.Classes)
}

// streamsOf lists the customer's own stream and those it has absorbed: the person's data are in all of them.
func (l *Ledger) streamsOf(ctx context.Context, id string) ([]string, error) {
	records, err := l.History(ctx, id, domain.Limits{})
	if err != nil {
		return nil, err
	}
	streams := []string{id}
	for _, r := range records {
		if !slices.Contains(streams, r.Event.Customer) {
			streams = append(streams, r.Event.Customer)
		}
	}
	return streams, nil
}

// backupsNote says for how long a copy of the vault still opens what was erased.
func backupsNote(keys []vault.DestroyedKey) string {
	if len(keys) == 0 {
		return "Nothing was sealed under these classes; no copy of the key store opens anything of them."
	}
	var epochs []string
	for _, k := range keys {
		if e := fmt.Sprint(k.Epoch); !slices.Contains(epochs, e) {
			epochs = append(epochs, e)
		}
	}
	slices.Sort(epochs)
	return "Copies of the key store from before open these keys for as long as they exist together with the key-encryption key of epoch " +
		strings.Join(epochs, ", ") + "; a rotation of the keys destroys the ledger's own copy of that."
}

func refusal(slug, pointer, detail string) *schemas.Problem {
	return &schemas.Problem{Type: "urn:amends:problem:" + slug, Title: titleOf(slug), Detail: detail, Pointer: pointer}
}

// Retention are the rules that erasures wait for.
func (l *Ledger) Retention() domain.Retention { return slices.Clone(l.cfg.Retention) }
