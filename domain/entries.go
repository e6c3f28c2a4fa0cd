package domain

import "time"

// thing is what an entry of the state is: the word for it in replays.
type thing string

const (
	thingCustomer    thing = "customer"
	thingInteraction thing = "interaction"
	thingPurchase    thing = "purchase"
	thingContract    thing = "contract"
	thingComplaint   thing = "complaint"
	thingApology     thing = "apology"
	thingRedress     thing = "redress"
	thingCommitment  thing = "commitment"
	thingFollowup    thing = "followup"
	thingSurvey      thing = "survey"
	thingPrevention  thing = "prevention"
	thingHold        thing = "legal_hold"
	thingErasure     thing = "erasure"
)

// entryRef names an entry within a fold. Ids are a stream's own: two merged customers may have used the same one.
type entryRef struct {
	thing  thing
	stream string
	id     string
}

// entry finds what the event means by the id: the entry of its own stream, else that of another stream of this history, else
// a new shell made by shell. It notes the event as the last to touch the entry.
func entry[T any, P touchable[T]](c *Customer, th thing, list *[]P, e *Event, id string, shell func() P) P {
	if p, ok := lookup(c, th, *list, e.Customer, id); ok {
		return touch(c, th, id, p, e)
	}
	for _, stream := range c.fold.streams {
		if p, ok := lookup(c, th, *list, stream, id); ok {
			return touch(c, th, id, p, e)
		}
	}
	return add(c, th, list, e, id, shell())
}

// opened finds the entry that the event opens under the id: its own stream's, else a shell that another stream's event made
// and that no stream has opened, else a new one.
func opened[T any, P touchable[T]](c *Customer, th thing, list *[]P, e *Event, id string, isOpen func(P) bool,
	shell func() P) P {
	if p, ok := lookup(c, th, *list, e.Customer, id); ok {
		return touch(c, th, id, p, e)
	}
	for _, stream := range c.fold.streams {
		if p, ok := lookup(c, th, *list, stream, id); ok && !isOpen(p) {
			c.fold.index[entryRef{th, e.Customer, id}] = c.fold.index[entryRef{th, stream, id}]
			return touch(c, th, id, p, e)
		}
	}
	return add(c, th, list, e, id, shell())
}

// add appends a new entry and makes it findable.
func add[T any, P touchable[T]](c *Customer, th thing, list *[]P, e *Event, id string, p P) P {
	if c.fold.index == nil {
		c.fold.index = make(map[entryRef]int32)
	}
	c.fold.index[entryRef{th, e.Customer, id}] = int32(len(*list))
	*list = append(*list, p)
	c.appended(th, id, new(T), p)
	p.touchedBy(e)
	return p
}

// appended tells whoever watches that there is a new entry; blank is what it was before: nothing.
func (c *Customer) appended(th thing, id string, blank, p any) {
	if c.fold.trace != nil {
		c.fold.trace.watch(th, id, blank, p)
	}
}

func lookup[P any](c *Customer, th thing, list []P, stream, id string) (P, bool) {
	i, ok := c.fold.index[entryRef{th, stream, id}]
	if !ok {
		var none P
		return none, false
	}
	return list[i], true
}

// touchable is a pointer to an entry.
type touchable[T any] interface {
	*T
	touchedBy(e *Event)
}

func (t *Touched) touchedBy(e *Event) { t.Position, t.EventID = e.Position, e.ID }

func touch[T any, P touchable[T]](c *Customer, th thing, id string, p P, e *Event) P {
	if c.fold.trace != nil {
		c.fold.trace.watch(th, id, p, p)
	}
	p.touchedBy(e)
	return p
}

// ownID is an opening event's id for what it opens: the one it gives, else its own.
func ownID(given string, e *Event) string {
	if given != "" {
		return given
	}
	return e.ID
}

// fill sets what is still empty.
func fill[T comparable](to *T, from T) {
	var empty T
	if *to == empty {
		*to = from
	}
}

// replace sets what the event tells and keeps what it does not.
func replace[T comparable](to *T, from T) {
	var untold T
	if from != untold {
		*to = from
	}
}

// first keeps the earliest of the times at which something happened; the fold comes by in order.
func first(to *time.Time, at time.Time) {
	if to.IsZero() {
		*to = at
	}
}
