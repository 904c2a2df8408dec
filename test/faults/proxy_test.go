package faults

import (
	"maps"
	"net"
	"slices"
	"sync"
	"testing"
	"time"
)

// proxy is a line that can be made bad.
type proxy struct {
	listener net.Listener
	target   string
	work     sync.WaitGroup

	mu    sync.Mutex
	open  map[net.Conn]bool // each until the pump that reads it has ended
	gone  sync.Cond
	rate  int               // bytes each second towards the client, 0 for any
	dead  map[net.Conn]bool // half open: nothing passes, nothing is closed
	ended bool
}

func newProxy(t *testing.T, target string) *proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{listener: l, target: target, open: map[net.Conn]bool{}}
	p.gone.L = &p.mu
	p.work.Go(p.accept)
	t.Cleanup(func() {
		_ = l.Close()
		p.mu.Lock()
		p.ended = true
		p.mu.Unlock()
		p.cut()
		p.work.Wait()
	})
	return p
}

func (p *proxy) url() string { return "http://" + p.listener.Addr().String() + "/mcp" }

func (p *proxy) accept() {
	for {
		in, err := p.listener.Accept()
		if err != nil {
			return
		}
		out, err := net.Dial("tcp", p.target)
		if err != nil {
			_ = in.Close()
			continue
		}
		if !p.keep(in, out) {
			return
		}
		p.work.Go(func() { p.pump(out, in, false) })
		p.work.Go(func() { p.pump(in, out, true) })
	}
}

func (p *proxy) keep(conns ...net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range conns {
		if p.ended {
			_ = c.Close()
			continue
		}
		p.open[c] = true
	}
	return !p.ended
}

// pump copies until one end closes.
func (p *proxy) pump(to, from net.Conn, answers bool) {
	defer func() {
		_, _ = to.Close(), from.Close()
		p.mu.Lock()
		delete(p.open, from) // the other pump deletes to
		p.mu.Unlock()
		p.gone.Broadcast()
	}()
	buf := make([]byte, 32<<10)
	for {
		p.mu.Lock()
		rate := p.rate
		p.mu.Unlock()
		part := buf
		if rate > 0 && answers {
			part = buf[:min(len(buf), rate/20)]
			time.Sleep(time.Second / 20)
		}
		n, err := from.Read(part)
		if n > 0 && !p.isDead(from) {
			if _, err := to.Write(part[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// cut breaks every connection with a reset, as a network does that goes away. A
// connection that a pump still reads is not closed yet, so it waits for them.
func (p *proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := slices.Collect(maps.Keys(p.open))
	for _, c := range all {
		if tcp, ok := c.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0)
		}
		_ = c.Close()
	}
	for _, c := range all {
		for p.open[c] {
			p.gone.Wait()
		}
	}
}

// fall leaves every connection of now half open: what is sent is swallowed, and
// no end is told.
func (p *proxy) fall() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.dead = maps.Clone(p.open)
}

func (p *proxy) isDead(c net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.dead[c]
}

func (p *proxy) setRate(bytes int) {
	p.mu.Lock()
	p.rate = bytes
	p.mu.Unlock()
}
