package ledger

// SetFault makes erasures ask f between their steps.
func (l *Ledger) SetFault(f func(step string) error) { l.fault = f }
