package ledger

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"amends/domain"
	"amends/eventstore"
	"amends/schemas"
)

// policies is the book of policies as far as the ledger's own stream was read.
type policies struct {
	mu   sync.Mutex
	book *domain.PolicyBook
	read eventstore.Revision // the last revision read
}

// Policies is the book of all deadline policies that are in the log now. It reads only what came since it was last asked. What
// an older program recorded as a policy, and is none, is left out.
func (l *Ledger) Policies(ctx context.Context) (*domain.PolicyBook, error) {
	p := &l.policies
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.book == nil {
		p.book = domain.NewPolicyBook()
	}
	for rec, err := range l.cfg.Store.Read(ctx, domain.LedgerStream, p.read+1) {
		if err != nil {
			return nil, fmt.Errorf("read the policies: %w", err)
		}
		event, err := l.cfg.Codec.Decode(rec.Data)
		if err != nil {
			return nil, fmt.Errorf("the ledger's own stream, revision %d: %w", rec.Revision, err)
		}
		event.Position = uint64(rec.Position)
		p.book, _ = p.book.With(event)
		p.read = rec.Revision
	}
	return p.book, nil
}

// checkPolicy refuses to publish what is no policy, and another policy under a version that is taken.
func (l *Ledger) checkPolicy(ctx context.Context, d *domain.PolicyPublished) error {
	policy, err := d.Load()
	var refusal *domain.Refusal
	if errors.As(err, &refusal) {
		refusal.Pointer = "/data" + refusal.Pointer
		return &refusedError{refusal}
	}
	if err != nil {
		return &refusedError{err}
	}
	book, err := l.Policies(ctx)
	if err != nil {
		return err
	}
	if known, taken := book.Version(policy.ID, policy.Version); taken && known.SHA256 != policy.SHA256 {
		return &refusedError{&schemas.Problem{
			Type: "urn:amends:problem:version-taken", Title: "Version taken", Pointer: "/data/version",
			Detail: "the ledger has another policy under this version; a published version never changes: give the new one a version of its own",
		}}
	}
	return nil
}
