package pace

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

// Rule is how far the heap may grow between two collections, in per cent of what
// is in use.
type Rule struct {
	// Little is up to how many bytes in use Small holds; beyond, Large does.
	Little       uint64
	Small, Large int
}

// percent returns the percentage for the bytes that the last collection left.
func (r Rule) percent(live uint64) int {
	if live > r.Little {
		return r.Large
	}
	return r.Small
}

// Follow keeps the collector to r until the process ends; once is enough. It
// stops the world for a moment. With GOGC in the environment that getenv shows it
// does nothing.
func Follow(r Rule, getenv func(string) string) {
	if getenv("GOGC") != "" {
		return
	}
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	wanted := func() int {
		metrics.Read(live)
		return r.percent(live[0].Value.Uint64())
	}
	percent := wanted() // by what is in use already
	debug.SetGCPercent(percent)
	// An object that nobody has is collected in each cycle, and then its
	// finalizer runs.
	type cycle struct{ _ *byte }
	var next func(*cycle)
	next = func(c *cycle) {
		if want := wanted(); want != percent {
			percent = want
			debug.SetGCPercent(percent)
		}
		runtime.SetFinalizer(c, next)
	}
	runtime.SetFinalizer(&cycle{}, next)
}
