package ledger

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/google/uuid"

	"amends/domain"
	"amends/schemas"
)

// source names the ledger itself as the sender of an event.
const source = "urn:amends:ledger"

// recordOwn records an event of the ledger's own making. A repeated id adds nothing.
func (l *Ledger) recordOwn(ctx context.Context, customer, id string, t domain.Type, actor string, data domain.Data) (Receipt, error) {
	receipt, err := l.sendOwn(ctx, customer, id, t, actor, data)
	if err == nil && receipt.Problem != nil { // refused, or the id stands for something else
		return receipt, fmt.Errorf("record %s: %w", t, receipt.Problem)
	}
	return receipt, err
}

// sendOwn is recordOwn for an event that carries what a caller gave, and which may therefore be refused.
func (l *Ledger) sendOwn(ctx context.Context, customer, id string, t domain.Type, actor string, data domain.Data) (Receipt, error) {
	payload, err := json.Marshal(data)
	if err != nil {
		return Receipt{}, fmt.Errorf("record %s: %w", t, err)
	}
	raw, err := json.Marshal(map[string]any{
		"specversion": "1.0", "id": id, "source": source, "type": t, "subject": customer, "actor": actor,
		"data": json.RawMessage(payload),
	})
	if err != nil {
		return Receipt{}, fmt.Errorf("record %s: %w", t, err)
	}
	receipts, err := l.record(ctx, &Author{Unbound: true}, [][]byte{raw}, true)
	if err != nil {
		return Receipt{}, err
	}
	return receipts[0], nil
}

// RecordAccess records that the actor reads personal data of the customer: before it is shown, so that nothing is read
// unrecorded. scope says what is read; neither it nor purpose may hold personal data.
func (l *Ledger) RecordAccess(ctx context.Context, customer, actor, purpose, scope string) error {
	_, err := l.recordOwn(ctx, domain.LedgerStream, uuid.Must(uuid.NewV7()).String(), "access.recorded", actor,
		&domain.AccessRecorded{CustomerID: customer, Purpose: purpose, Scope: scope})
	return err
}

// RecordCheckpoint records a signed head of the sealed records. The same head is recorded once.
func (l *Ledger) RecordCheckpoint(ctx context.Context, head domain.CheckpointPublished) error {
	_, err := l.recordOwn(ctx, domain.LedgerStream, CheckpointID+strconv.FormatInt(head.Size, 10), "checkpoint.published", sealerActor, &head)
	return err
}

// sealerActor is who publishes checkpoints.
const sealerActor = "system:sealer"

// CheckpointID begins the id of the event that publishes a checkpoint; how many records it covers follows.
const CheckpointID = "checkpoint-"

// erasureEventID is the id of what the ledger records about an erasure, so that it is recorded once.
func erasureEventID(erasure, what string) string {
	if len(erasure) > 100 { // an event's id has at most 128 characters
		sum := sha256.Sum256([]byte(erasure))
		erasure = hex.EncodeToString(sum[:])
	}
	return erasure + ":" + what
}

// reserved refuses what only the ledger itself may record.
func reserved(t domain.Type) *schemas.Problem {
	if !t.MadeByLedger() {
		return nil
	}
	instead := " Ask for an erasure, or approve one, instead."
	if t == "checkpoint.published" {
		instead = " A served ledger does so once an hour."
	}
	return &schemas.Problem{
		Type: "urn:amends:problem:set-by-ledger", Title: "Set by the ledger", Pointer: "/type",
		Detail: "Only the ledger itself records " + string(t) + ", when it is so." + instead,
	}
}
