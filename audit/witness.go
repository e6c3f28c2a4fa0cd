package audit

import "context"

type Witness struct{}

func (s *Sealer) witness(ctx context.Context) error { return nil }
