package binary

import (
	"fmt"
	"net"
	"os"
	"sync/atomic"
	"testing"
)

var ports atomic.Int32 // how many were given out

// FreePort returns a port of 127.0.0.1 that nobody uses, another one at each call,
// for a program that must be told one before it listens, or would derive one from an
// address: mcp-remote, and its words here. It is below those that the system gives to
// connections and listeners, so that none of them takes it meanwhile. A connection that
// a client has closed keeps its own from listeners for a minute.
func FreePort(t *testing.T) int {
	t.Helper()
	for range 2000 {
		port := 12000 + (int(ports.Add(1))+100*os.Getpid())%9000
		if l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port)); err == nil {
			_ = l.Close()
			return port
		}
	}
	t.Fatal("no free port")
	return 0
}
