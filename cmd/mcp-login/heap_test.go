package main

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"testing"
	"time"
)

// The collector is relaxed while little is in use, goes back to Go's own pace
// for large messages, and leaves a person's GOGC alone.
func TestRelaxCollector(t *testing.T) {
	before := debug.SetGCPercent(eagerPercent)
	t.Cleanup(func() { debug.SetGCPercent(before) })
	percent := func() uint64 {
		now := []metrics.Sample{{Name: "/gc/gogc:percent"}}
		metrics.Read(now)
		return now[0].Value.Uint64()
	}
	relaxCollector(func(name string) string { return map[string]string{"GOGC": "50"}[name] })
	if percent() != eagerPercent {
		t.Fatalf("%d: GOGC of a person is overruled", percent())
	}
	relaxCollector(func(string) string { return "" })
	if percent() != lazyPercent {
		t.Fatalf("%d at the start", percent())
	}
	large := make([]byte, 64<<20)
	for end := time.Now().Add(10 * time.Second); percent() != eagerPercent; runtime.Gosched() {
		if runtime.GC(); time.Now().After(end) {
			t.Fatalf("%d with %d bytes in use", percent(), len(large))
		}
	}
	runtime.KeepAlive(large)
	for live, want := range map[uint64]int{0: lazyPercent, littleHeap: lazyPercent, littleHeap + 1: eagerPercent} {
		if got := gcPercent(live); got != want {
			t.Errorf("%d with %d bytes in use, want %d", got, live, want)
		}
	}
}
