package leak

import "runtime"

// Heap returns by how much run makes the live heap grow.
func Heap(run func()) int64 {
	live := func() int64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	before := live()
	run()
	return live() - before
}
