package eventstore_test

import (
	"testing"

	"amends/eventstore"
	"amends/eventstore/storetest"
)

func TestMemory(t *testing.T) {
	storetest.Run(t, storetest.Harness{Open: func(*testing.T) eventstore.Store { return eventstore.NewMemory() }})
}
