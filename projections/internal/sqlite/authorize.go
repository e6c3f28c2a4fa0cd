package sqlite

import (
	"sync"
	"unsafe"

	"modernc.org/libc"
	lib "modernc.org/sqlite/lib"
)

// Action is what a statement wants to do, as the library asks while it compiles it.
type Action int32

// The actions that only read. Any other action changes something, or opens something.
const (
	ActionSelect    Action = lib.SQLITE_SELECT    // a SELECT at all
	ActionRead      Action = lib.SQLITE_READ      // arg1 table, arg2 column
	ActionFunction  Action = lib.SQLITE_FUNCTION  // arg2 function
	ActionRecursive Action = lib.SQLITE_RECURSIVE // a recursive WITH
	ActionPragma    Action = lib.SQLITE_PRAGMA    // arg1 pragma, arg2 its argument
)

// policies holds each connection's policy: the library calls back with the connection's handle, not with a Go value.
var policies sync.Map // uintptr -> func(Action, string, string) bool

func forget(db uintptr) { policies.Delete(db) }

// Authorize lets statements do only what allow agrees to, from now on; what it refuses fails with ErrDenied.
func (c *Conn) Authorize(allow func(action Action, arg1, arg2 string) bool) error {
	policies.Store(c.db, allow)
	if rc := lib.Xsqlite3_set_authorizer(c.tls, c.db, funcPointer(authorize), c.db); rc != lib.SQLITE_OK {
		forget(c.db)
		return c.failure(rc)
	}
	return nil
}

// authorize is called by the library. Without a policy everything is denied.
func authorize(_ *libc.TLS, db uintptr, action int32, arg1, arg2, _, _ uintptr) int32 {
	policy, ok := policies.Load(db)
	if ok && policy.(func(Action, string, string) bool)(Action(action), text(arg1), text(arg2)) {
		return lib.SQLITE_OK
	}
	return lib.SQLITE_DENY
}

func text(p uintptr) string {
	if p == 0 {
		return ""
	}
	return libc.GoString(p)
}

// funcPointer is the address under which the library calls a declared (not anonymous) function: a Go function value is a
// pointer to a word that holds the code's address, and the library's function pointers are such values.
func funcPointer[F any](f F) uintptr { return *(*uintptr)(unsafe.Pointer(&struct{ f F }{f})) }
