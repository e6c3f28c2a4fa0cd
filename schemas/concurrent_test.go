package schemas

import (
	"strings"
	"sync"
	"testing"
)

// TestConcurrentUse refuses and accepts records of all types at once with a new codec, whose library then compiles while it
// is in use. It means something under the race detector.
func TestConcurrentUse(t *testing.T) {
	c := newCodec(t)
	names := samples(t)
	var good, bad [][]byte
	for _, name := range names {
		good = append(good, readSample(t, name+".input.json"))
		bad = append(bad, event(t, name, map[string]any{"data.stranger": "x"}))
	}
	var workers sync.WaitGroup
	for worker := range 4 {
		workers.Go(func() {
			for i := range names {
				k := (i + worker*len(names)/4) % len(names)
				if _, err := c.ParseInput(good[k], testNow); err != nil {
					t.Errorf("%s: %v", names[k], err)
				}
				if _, err := c.ParseInput(bad[k], testNow); err == nil || !strings.Contains(err.Error(), "/data/stranger") {
					t.Errorf("%s with a stranger: %v", names[k], err)
				}
			}
		})
	}
	workers.Wait()
}
