package sqlite

import (
	"unsafe"

	"modernc.org/libc"
	lib "modernc.org/sqlite/lib"
)

// cMemory is memory of the library's allocator, seen from both sides: at is its address for the library, bytes the same
// memory for Go. The library's code does pointer arithmetic that Go's rules allow only outside Go's own heap.
type cMemory struct {
	at    uintptr
	bytes []byte
}

func allocate(tls *libc.TLS, n int) (cMemory, error) {
	at := libc.Xmalloc(tls, libc.Tsize_t(n))
	if at == 0 {
		return cMemory{}, &Error{Code: lib.SQLITE_NOMEM, Message: "out of memory"}
	}
	return cMemory{at: at, bytes: unsafe.Slice(*(**byte)(unsafe.Pointer(&at)), n)}, nil
}

func (m cMemory) free(tls *libc.TLS) {
	if m.at != 0 {
		libc.Xfree(tls, m.at)
	}
}

// word is the i-th machine word of the memory: what the library returned by reference.
func (m cMemory) word(i int) *uintptr {
	return (*uintptr)(unsafe.Pointer(&m.bytes[i*wordBytes]))
}

// address is where the i-th word lies.
func (m cMemory) address(i int) uintptr { return m.at + uintptr(i*wordBytes) }

const wordBytes = int(unsafe.Sizeof(uintptr(0)))
