package main

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"testing"
	"time"
)

// The collector has Go's own pace while little is in use, is eager when much is,
// and leaves a person's GOGC alone.
func TestPaceCollector(t *testing.T) {
	const persons = 75
	before := debug.SetGCPercent(persons)
	t.Cleanup(func() { debug.SetGCPercent(before) })
	percent := func() uint64 {
		now := []metrics.Sample{{Name: "/gc/gogc:percent"}}
		metrics.Read(now)
		return now[0].Value.Uint64()
	}
	paceCollector(func(name string) string { return map[string]string{"GOGC": "75"}[name] })
	if percent() != persons {
		t.Fatalf("%d: GOGC of a person is overruled", percent())
	}
	paceCollector(func(string) string { return "" })
	if percent() != usualPercent {
		t.Fatalf("%d at the start", percent())
	}
	large := make([]byte, 64<<20)
	for end := time.Now().Add(10 * time.Second); percent() != eagerPercent; runtime.Gosched() {
		if runtime.GC(); time.Now().After(end) {
			t.Fatalf("%d with %d bytes in use", percent(), len(large))
		}
	}
	runtime.KeepAlive(large)
	for live, want := range map[uint64]int{0: usualPercent, littleHeap: usualPercent, littleHeap + 1: eagerPercent} {
		if got := gcPercent(live); got != want {
			t.Errorf("%d with %d bytes in use, want %d", got, live, want)
		}
	}
}
