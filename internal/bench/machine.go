package bench

import (
	"runtime"
	"time"
)

// Machine is where the figures were measured.
type Machine struct {
	Cores     int       `json:"cores"` // that this process may use
	OS        string    `json:"os"`
	Arch      string    `json:"arch"`
	GoVersion string    `json:"go_version"`
	Date      time.Time `json:"date"` // when the run began, UTC
}

func thisMachine(began time.Time) Machine {
	return Machine{
		Cores: runtime.GOMAXPROCS(0), OS: runtime.GOOS, Arch: runtime.GOARCH, GoVersion: runtime.Version(),
		Date: began.UTC().Truncate(time.Second),
	}
}

// heapBytes is what is in use on Go's heap once garbage is gone. What SQLite holds lies outside of it.
func heapBytes() float64 {
	// Twice: what has a finalizer, or lies in a pool, survives the first collection.
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc)
}
