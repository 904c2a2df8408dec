//go:build unix

package main

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// What a service manager has opened counts as well, and so does what a name
// turns out to be.
func TestDevWithSocketsOfOthers(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	for network, address := range map[string]string{"tcp4": "0.0.0.0:0", "unix": path} {
		l, err := net.Listen(network, address)
		if err != nil {
			t.Fatal(err)
		}
		f, err := l.(interface{ File() (*os.File, error) }).File()
		if err != nil {
			t.Fatal(err)
		}
		_ = l.Close()
		cmd := exec.CommandContext(t.Context(), os.Args[0], "serve")
		cmd.Env = append(os.Environ(), "WHOAMI_DEV=true", "WHOAMI_DEV_LISTEN=127.0.0.1:0",
			"WHOAMI_RESOURCE=http://127.0.0.1:3001/mcp", "LISTEN_PID=self", "LISTEN_FDS=1")
		cmd.ExtraFiles = []*os.File{f}
		out, err := cmd.CombinedOutput()
		if code := exitCode(err); code != exitFailure || !strings.Contains(string(out), "not a loopback address") {
			t.Errorf("%s: exit %d, %s", network, code, out)
		}
	}
	l, err := net.Listen("tcp4", "0.0.0.0:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if err := (&listeners{clients: l}).onThisMachine(); err == nil {
		t.Error("a name that stands for all interfaces")
	}
}
