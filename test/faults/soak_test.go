//go:build soak

package faults

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"
)

// Ten minutes with 200 requests each second, a cut every ten seconds:
// memory is flat, and the book balances.
func TestSoak(t *testing.T) {
	length := 10 * time.Minute
	if d, err := time.ParseDuration(os.Getenv("SOAK")); err == nil {
		length = d
	}
	s := newServer(t)
	line := newProxy(t, s.target())
	c := start(t, line.url())
	kinds := []string{"json", "stream", "resumable"}
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	var waiting sync.WaitGroup
	var sizes []int
	calls := int(length / (5 * time.Millisecond))
	for i := range calls {
		<-tick.C
		id, answer := c.call(kinds[i%len(kinds)], 0)
		waiting.Go(func() { c.wait(id, answer) })
		if i%2000 == 1000 {
			line.cut()
		}
		if i%(calls/20) == 0 {
			sizes = append(sizes, c.resident())
		}
		s.mu.Lock()
		clear(s.resumed)
		s.mu.Unlock()
	}
	waiting.Wait()
	c.end()
	c.balance()
	t.Logf("%d calls, errors %v, memory in MB %v", calls, c.errors, sizes)
	settled, last := sizes[len(sizes)/4], sizes[len(sizes)-1]
	if last > settled+settled/2+4 {
		t.Errorf("memory grew from %d to %d MB", settled, last)
	}
}

// resident is the process's memory in MB.
func (c *client) resident() int {
	status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", c.cmd.Process.Pid))
	for line := range strings.Lines(string(status)) {
		var kb int
		if n, _ := fmt.Sscanf(line, "VmRSS: %d kB", &kb); n == 1 {
			return kb >> 10
		}
	}
	return 0
}
