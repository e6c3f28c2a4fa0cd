package domain

import (
	"strings"
	"time"
)

var noTime time.Time

const kindBroadcast = "broadcast"

// applyInteraction folds interaction.*: one touch each. A broadcast is one-way: it is listed, and is no contact.
func (c *Customer) applyInteraction(e *Event) {
	d, ok := e.Data.(*Interaction)
	if !ok {
		return
	}
	t := &Touch{ID: e.ID, CustomerID: e.Customer, Kind: strings.TrimPrefix(string(e.Type), "interaction."), At: e.Time,
		Direction: d.Direction, Purpose: d.Purpose, HandledBy: d.HandledBy, Outcome: d.Outcome, Sentiment: d.Sentiment,
		Effort: d.Effort, DurationSeconds: d.DurationSeconds, ComplaintID: d.ComplaintID,
		RepeatInfoRequested: d.RepeatInfoRequested}
	t.touchedBy(e)
	c.Interactions = append(c.Interactions, t)
	c.appended(thingInteraction, t.ID, new(Touch), t)
	if t.Kind != kindBroadcast {
		c.LastContactAt, c.LastContactBy = e.Time, e.ID
	}
	if d.ComplaintID != "" {
		k := c.complaint(e, d.ComplaintID)
		if d.Direction == "outbound" && t.Kind != kindBroadcast {
			k.LastVisibleUpdateAt = e.Time
		}
	}
}
