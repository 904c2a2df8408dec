package main

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"testing"
	"time"
)

// The collector follows what is in use, and a person's GOGC is left alone.
func TestCollectorFollowsWhatIsInUse(t *testing.T) {
	before := debug.SetGCPercent(120)
	t.Cleanup(func() { debug.SetGCPercent(before) })
	percent := func() uint64 {
		now := []metrics.Sample{{Name: "/gc/gogc:percent"}}
		metrics.Read(now)
		return now[0].Value.Uint64()
	}
	reach := func(want uint64, when string) {
		t.Helper()
		for end := time.Now().Add(10 * time.Second); percent() != want; runtime.Gosched() {
			if runtime.GC(); time.Now().After(end) {
				t.Fatalf("%d %s", percent(), when)
			}
		}
	}
	followHeap(func(name string) string { return map[string]string{"GOGC": "50"}[name] })
	if percent() != 120 {
		t.Fatalf("%d: GOGC of a person is overruled", percent())
	}
	large := make([]byte, 64<<20)
	runtime.GC()
	followHeap(func(string) string { return "" })
	if percent() != growthLarge {
		t.Fatalf("%d at the start, with 64 MiB in use", percent())
	}
	reach(growthLarge, "with 64 MiB in use")
	runtime.KeepAlive(large)
	reach(growthSmall, "after they are gone")
	large = make([]byte, 64<<20)
	reach(growthLarge, "with 64 MiB in use again")
	runtime.KeepAlive(large)
	for live, want := range map[uint64]int{0: growthSmall, littleInUse: growthSmall, littleInUse + 1: growthLarge} {
		if got := heapGrowth(live); got != want {
			t.Errorf("%d with %d bytes in use, want %d", got, live, want)
		}
	}
}
