package faults

import "testing"

// Through the binary: a connection whose other end is gone
// without a word (a laptop that slept, a NAT that forgot) costs one call an
// error at the limit that was set, and the next call takes a new connection.
// Before, between and after, nothing is carried out twice.
func TestHalfOpenConnectionCostsOneCall(t *testing.T) {
	s := newServer(t)
	line := newProxy(t, s.target())
	c := start(t, line.url(), "--headers-timeout", "500ms")
	good, bad := 0, 0
	for range 5 {
		if id, answer := c.call("json", 0); c.wait(id, answer).Error == nil {
			good++
		}
		line.fall()
		if id, answer := c.call("json", 0); c.wait(id, answer).Error != nil {
			bad++
		}
	}
	if id, answer := c.call("json", 0); c.wait(id, answer).Error == nil {
		good++
	}
	c.end()
	c.balance()
	t.Logf("5 falls: %d calls answered, %d errors, %v", good, bad, c.errors)
	if good != 6 || bad != 5 {
		t.Errorf("%d calls answered of 6, %d errors of 5", good, bad)
	}
	s.once(t)
}

// A server that falls silent in the middle of an answer.
func TestServerSilentInMidAnswer(t *testing.T) {
	s := newServer(t)
	line := newProxy(t, s.target())
	c := start(t, line.url(), "--body-timeout", "500ms", "--headers-timeout", "2s")
	line.setRate(20 << 10)
	id, answer := c.call("large", 1<<20)
	s.until(t, 1)
	line.fall()
	if m := c.wait(id, answer); m.Error == nil {
		t.Error("a silent answer ended well")
	}
	line.setRate(0)
	if id, answer := c.call("json", 0); c.wait(id, answer).Error != nil {
		t.Error("the call after it failed")
	}
	c.end()
	c.balance()
}
