package cli

import (
	"runtime/debug"
	"time"
)

// heapGrowth is how far the heap may grow between two collections, in per cent of
// what is in use (GOGC, see package runtime). While short calls are relayed some two
// megabytes are in use, and Go's own 100 starts the collector dozens of times a
// second. Measured in pairs: docs/performance.md.
const heapGrowth = 150

// afterStart is when it is set: that stops the world, and a start has better to do.
const afterStart = 200 * time.Millisecond

// setHeapGrowth leaves a person's GOGC alone.
func setHeapGrowth(getenv func(string) string) {
	if getenv("GOGC") == "" {
		debug.SetGCPercent(heapGrowth)
	}
}
