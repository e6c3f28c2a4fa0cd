package verifier

import (
	"fmt"
	"strings"
)

// Text says in plain words what a checked bundle proves, what it does not, and on whose word.
func (r *Report) Text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "Evidence about customer %s. It is good.\n\n", r.Customer)
	fmt.Fprintf(&b, "Signed by   %s\n", strings.Join(r.Signers, ", "))
	fmt.Fprintf(&b, "Key         %s\n", r.Key)
	fmt.Fprintf(&b, "Checkpoint  %d records of the ledger %s, root %s\n\nProved:\n", r.Size, r.Ledger, r.Root)
	for _, s := range r.Streams {
		who := "customer " + s.Customer
		if s.Customer != r.Customer {
			who += " (absorbed)"
		}
		if s.Records == 0 {
			fmt.Fprintf(&b, "- At this checkpoint the ledger holds no record of %s.\n", who)
			continue
		}
		fmt.Fprintf(&b, "- These %d records are all that the ledger holds of %s at this checkpoint. None was altered, left out, added or reordered since it was sealed.\n",
			s.Records, who)
	}
	if r.Extends > 0 {
		fmt.Fprintf(&b, "- The ledger still holds, unaltered and in order, the %d records of the checkpoint that you held before.\n", r.Extends)
	}
	b.WriteString("\nNot proved:\n")
	b.WriteString("- That everything that happened was recorded, or that what was recorded is true.\n")
	b.WriteString("- What came after the checkpoint.\n")
	b.WriteString("- When it was sealed: a checkpoint carries no time, only a witness's cosignature does.\n")
	b.WriteString("- That the same person has no other customer id that was never merged with this one.\n")
	if len(r.Signers) < 2 {
		b.WriteString("- That others are shown the same ledger: compare checkpoints with them, or ask for a witness's cosignature.\n")
	}
	b.WriteString("- That the public key is the ledger's: that rests on where you have it from.\n")
	return b.String()
}
