package domain

// refKey is what a row is found by.
type refKey struct {
	kind   refKind
	within string
	id     string
}

// scanRows is up to how many rows a search walks along; beyond that an index is kept. Most customers have a short history,
// for which an index would cost more memory than all the rest.
const scanRows = 24

// table is a growing list of rows, found by their keys.
type table[T any, P keyed[T]] struct {
	rows  []T
	index map[refKey]int32 // nil while there are few rows
}

// keyed is a pointer to a row.
type keyed[T any] interface {
	*T
	key() refKey
}

// find returns the row of the key, or nil. The pointer is good until the next add.
func (t *table[T, P]) find(k refKey) P {
	if t.index != nil {
		if i, ok := t.index[k]; ok {
			return &t.rows[i]
		}
		return nil
	}
	for i := range t.rows {
		if P(&t.rows[i]).key() == k {
			return &t.rows[i]
		}
	}
	return nil
}

// add appends a row whose key is not there yet.
func (t *table[T, P]) add(row T) {
	if n := len(t.rows); n == cap(t.rows) && n <= scanRows { // grow by little: there are many small tables
		t.rows = append(make([]T, 0, n+4), t.rows...)
	}
	t.rows = append(t.rows, row)
	switch n := len(t.rows); {
	case t.index != nil:
		t.index[P(&row).key()] = int32(n - 1)
	case n > scanRows:
		t.index = make(map[refKey]int32, 2*n)
		for i := range t.rows {
			t.index[P(&t.rows[i]).key()] = int32(i)
		}
	}
}
