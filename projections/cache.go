package projections

import (
	"math"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

// cache keeps the entries used last, bounded by how many events they hold together. It forgets only when told to shrink, so
// that nothing is lost between taking events and writing their rows.
type cache struct {
	entries *simplelru.LRU[string, *entry]
	events  int
	limit   int
}

func newCache(limit int) *cache {
	entries, err := simplelru.NewLRU[string, *entry](math.MaxInt, nil)
	if err != nil {
		panic(err) // unreachable: only a size below 1 is refused
	}
	return &cache{entries: entries, limit: limit}
}

// get finds an entry and counts as a use of it.
func (c *cache) get(id string) *entry {
	e, _ := c.entries.Get(id)
	return e
}

func (c *cache) add(e *entry) {
	c.entries.Add(e.id, e)
	c.events += len(e.events)
}

// grew tells that an entry holds n more events.
func (c *cache) grew(n int) { c.events += n }

// shrink forgets the entries not used for the longest time until the rest is within the limit. The last one stays.
func (c *cache) shrink() {
	for c.events > c.limit && c.entries.Len() > 1 {
		_, e, _ := c.entries.RemoveOldest()
		c.events -= len(e.events)
	}
}

func (c *cache) clear() {
	c.entries.Purge()
	c.events = 0
}
