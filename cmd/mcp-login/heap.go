package main

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// While little is in use, the collector is left to run half as often as usual:
// with some two megabytes in use, as while short calls are relayed, Go starts it
// at four, dozens of times a second, and here at six. What large messages need
// is collected as usual, so that they have no larger peak. Measured in pairs:
// docs/performance.md.
const (
	eagerPercent = 100 // Go's own
	lazyPercent  = 150
	littleHeap   = 4 << 20 // bytes
	// afterStart is when: it stops the world, and a start has better to do.
	afterStart = 200 * time.Millisecond
)

// gcPercent returns the percentage for the bytes that the last collection left.
func gcPercent(live uint64) int {
	if live > littleHeap {
		return eagerPercent
	}
	return lazyPercent
}

// relaxCollector sets the percentage, and again after each collection. A person
// who has set GOGC is left alone.
func relaxCollector(getenv func(string) string) {
	if getenv("GOGC") != "" {
		return
	}
	percent := lazyPercent
	debug.SetGCPercent(percent)
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	// An object that nobody has is collected in each cycle, and then its
	// finalizer runs.
	type cycle struct{ _ *byte }
	var next func(*cycle)
	next = func(c *cycle) {
		metrics.Read(live)
		if want := gcPercent(live[0].Value.Uint64()); want != percent {
			percent = want
			debug.SetGCPercent(percent)
		}
		runtime.SetFinalizer(c, next)
	}
	runtime.SetFinalizer(&cycle{}, next)
}
