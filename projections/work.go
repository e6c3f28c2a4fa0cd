package projections

import (
	"context"
	"time"
)

// Work finds what is to be done by the instant until: running and overdue clocks of complaints, and open promises, the most
// urgent first. An owner other than "" asks for theirs alone. It tells due_at and leaves it to the caller to say what is
// overdue.
func (v *Views) Work(ctx context.Context, owner string, until time.Time, limit int) (*Rows, error) {
	if v.isOutdated() {
		return nil, ErrOutdated
	}
	by := string(appendTime(nil, until))
	return v.read(ctx, `
		SELECT due_at, owner, team, customer_id, complaint_id, 'clock' AS kind, policy_id, clock AS name, label, citation, is_optional
		FROM complaint_deadlines WHERE state IN ('running', 'overdue') AND due_at <= ?1 AND (?2 = '' OR owner = ?2)
		UNION ALL
		SELECT due_at, owner, NULL, customer_id, complaint_id, 'promise', NULL, commitment_id, 'Promise to the customer', NULL, 0
		FROM commitments WHERE state = 'open' AND due_at <= ?1 AND (?2 = '' OR owner = ?2)
		ORDER BY 1, customer_id, complaint_id, kind, policy_id, name LIMIT ?3`,
		[]any{by, owner, int64(limit)})
}
