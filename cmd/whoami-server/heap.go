package main

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

// How far the heap may grow between two collections, in per cent of what is in use
// (GOGC, see package runtime). With known tokens some four megabytes are in use, and
// Go's own 100 is right. What many open streams or remembered tokens take is
// collected twice as often: it costs them little, and keeps the process small.
// Measured: docs/performance.md.
const (
	littleInUse = 8 << 20
	growthSmall = 100 // while no more than littleInUse is in use
	growthLarge = 50
)

func heapGrowth(inUse uint64) int {
	if inUse > littleInUse {
		return growthLarge
	}
	return growthSmall
}

// followHeap sets the percentage for what is in use, now and after each collection,
// until the process ends. A person's GOGC is left alone.
func followHeap(getenv func(string) string) {
	if getenv("GOGC") != "" {
		return
	}
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	percent := func() int {
		metrics.Read(live)
		return heapGrowth(live[0].Value.Uint64())
	}
	current := percent()
	debug.SetGCPercent(current)
	// An object that nobody has is collected in each cycle, and then its
	// finalizer runs.
	type cycle struct{ _ *byte }
	var next func(*cycle)
	next = func(c *cycle) {
		if wanted := percent(); wanted != current {
			current = wanted
			debug.SetGCPercent(current)
		}
		runtime.SetFinalizer(c, next)
	}
	runtime.SetFinalizer(&cycle{}, next)
}
