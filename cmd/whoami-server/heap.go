package main

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

// With known tokens some four megabytes are in use, and Go's own pace starts the
// collector when twice that is reached. What many open streams or remembered
// tokens take is collected twice as often: it costs them little, and keeps the
// process small. Measured: docs/performance.md.
const (
	usualPercent = 100 // Go's own
	eagerPercent = 50
	littleHeap   = 8 << 20 // bytes
)

// gcPercent returns the percentage for the bytes that the last collection left.
func gcPercent(live uint64) int {
	if live > littleHeap {
		return eagerPercent
	}
	return usualPercent
}

// paceCollector sets the percentage, and again after each collection. Who has set
// GOGC is left alone.
func paceCollector(getenv func(string) string) {
	if getenv("GOGC") != "" {
		return
	}
	percent := usualPercent
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
