package ledger

import (
	"container/list"
	"sync"
)

// cache keeps what is known about customers, least recently used out first, and lets one writer at a time work on each.
type cache struct {
	mu      sync.Mutex
	entries map[string]*entry
	idle    *list.List // of *entry that nobody holds, least recently used in front
	records int        // in idle entries
	limit   int
}

// entry is one customer's place in the cache. The holder may read and replace customer; nil means not loaded.
type entry struct {
	id       string
	mu       sync.Mutex
	customer *customer

	// Guarded by cache.mu.
	users   int
	place   *list.Element // in idle
	records int           // counted while idle
}

func newCache(limit int) *cache {
	return &cache{entries: make(map[string]*entry), idle: list.New(), limit: limit}
}

// acquire waits until no other writer holds the customer, and holds it. If it has to wait it calls waits before.
func (c *cache) acquire(id string, waits func()) *entry {
	c.mu.Lock()
	e, ok := c.entries[id]
	if !ok {
		e = &entry{id: id}
		c.entries[id] = e
	}
	if e.place != nil {
		c.idle.Remove(e.place)
		e.place = nil
		c.records -= e.records
	}
	e.users++
	c.mu.Unlock()
	if !e.mu.TryLock() {
		waits()
		e.mu.Lock()
	}
	return e
}

// release lets go of the customer, and forgets those longest unused while there are too many records.
func (c *cache) release(e *entry) {
	records := 1
	if e.customer != nil {
		records += len(e.customer.seen)
	}
	e.mu.Unlock()

	c.mu.Lock()
	defer c.mu.Unlock()
	if e.users--; e.users > 0 {
		return
	}
	e.records = records
	c.records += records
	e.place = c.idle.PushBack(e)
	for c.records > c.limit && c.idle.Len() > 1 {
		oldest := c.idle.Remove(c.idle.Front()).(*entry)
		c.records -= oldest.records
		delete(c.entries, oldest.id)
	}
}
