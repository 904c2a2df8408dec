package pace

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"testing"
	"time"
)

// The collector follows what is in use, and a person's GOGC is left alone.
func TestFollow(t *testing.T) {
	rule := Rule{Little: 16 << 20, Small: 170, Large: 90}
	before := debug.SetGCPercent(100)
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
	Follow(rule, func(name string) string { return map[string]string{"GOGC": "50"}[name] })
	if percent() != 100 {
		t.Fatalf("%d: GOGC of a person is overruled", percent())
	}
	large := make([]byte, 64<<20)
	runtime.GC()
	Follow(rule, func(string) string { return "" })
	if percent() != 90 {
		t.Fatalf("%d at the start, with 64 MiB in use", percent())
	}
	reach(90, "with 64 MiB in use")
	runtime.KeepAlive(large)
	reach(170, "after they are gone")
	large = make([]byte, 64<<20)
	reach(90, "with 64 MiB in use again")
	runtime.KeepAlive(large)
	for live, want := range map[uint64]int{0: 170, 16 << 20: 170, 16<<20 + 1: 90} {
		if got := rule.percent(live); got != want {
			t.Errorf("%d with %d bytes in use, want %d", got, live, want)
		}
	}
}
