package ledger_test

import (
	"context"
	"iter"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"amends/eventstore"
)

// heldStore lets a test hold up what a ledger does.
type heldStore struct {
	eventstore.Store
	beforeAppend, beforeRead func(stream string)
}

func (s *heldStore) Append(ctx context.Context, stream string, expect eventstore.Expect, events ...eventstore.Event) (
	[]eventstore.Position, error) {
	s.beforeAppend(stream)
	return s.Store.Append(ctx, stream, expect, events...)
}

func (s *heldStore) Read(ctx context.Context, stream string, from eventstore.Revision) iter.Seq2[eventstore.Recorded, error] {
	s.beforeRead(stream)
	return s.Store.Read(ctx, stream, from)
}

// TestAppendsTogether: nothing is appended before every customer of the call is decided on, so that the store can commit all
// of them as one.
func TestAppendsTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var appends atomic.Int32
		store := &heldStore{Store: eventstore.NewMemory()}
		store.beforeAppend = func(string) { appends.Add(1) }
		store.beforeRead = func(stream string) {
			if stream == "C-2" {
				synctest.Wait() // until the others can do no more
				if n := appends.Load(); n != 0 {
					t.Errorf("%d customers were appended while another was still to be decided on", n)
				}
			}
		}
		record(t, newLedger(t, store), registered("C-1", "a", "K-1"), registered("C-2", "b", "K-2"), registered("C-3", "c", "K-3"))
		if n := appends.Load(); n != 3 {
			t.Errorf("%d appends instead of 3", n)
		}
	})
}

// TestHeldCustomer: a customer on whom another call is at work does not hold up the others of the call.
func TestHeldCustomer(t *testing.T) {
	reached, release := make(chan string, 3), make(chan struct{})
	store := &heldStore{Store: eventstore.NewMemory(), beforeRead: func(string) {}}
	store.beforeAppend = func(stream string) {
		reached <- stream
		if stream == "C-1" {
			<-release
		}
	}
	l := newLedger(t, store)
	failures := make(chan error, 2)
	send := func(raws ...[]byte) {
		_, err := l.Record(t.Context(), raws)
		failures <- err
	}
	go send(registered("C-1", "a", "K-1"))
	if stream := <-reached; stream != "C-1" {
		t.Errorf("%s was appended to first", stream)
	}
	go send(registered("C-1", "b", "K-2"), registered("C-2", "c", "K-3"))
	if stream := <-reached; stream != "C-2" { // if C-2 waited for C-1, nothing would ever be reached
		t.Errorf("%s was appended to while another call held C-1", stream)
	}
	close(release)
	for range 2 {
		if err := <-failures; err != nil {
			t.Error(err)
		}
	}
}
