//go:build unix

package doctor

import (
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A program that only has our name is asked within bounds: of what it prints little is read,
// and what it has started ends with it.
func TestCopiesAreAskedWithinBounds(t *testing.T) {
	for name, script := range map[string]string{
		"endless": "exec yes aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa 3>$HOME/alive",
		"parent":  "sleep 77 3>$HOME/alive",
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			alive := filepath.Join(dir, "alive")
			if err := syscall.Mkfifo(alive, 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, "mcp-login"), []byte("#!/bin/sh\n"+script+"\n"), 0o700); err != nil {
				t.Fatal(err)
			}
			ended := make(chan error, 1)
			go func() { // reads until nobody has the pipe open any more
				f, err := os.Open(alive)
				if err == nil {
					_ = f.SetReadDeadline(time.Now().Add(30 * time.Second))
					_, err = io.Copy(io.Discard, f)
				}
				ended <- err
			}()
			x := examination{Subject: Subject{Version: "1", Getenv: func(name string) string {
				return map[string]string{"HOME": dir, "PATH": dir + ":/usr/bin:/bin"}[name]
			}}}
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			others, differ := x.copies(t.Context(), "/opt/mcp-login")
			runtime.ReadMemStats(&after)
			if len(others) == 0 || !strings.HasSuffix(others[0], "(it does not say its version)") || !differ {
				t.Errorf("%q", others)
			}
			if read := after.TotalAlloc - before.TotalAlloc; read > 16<<20 {
				t.Errorf("%d MiB for its answer", read>>20)
			}
			if err := <-ended; err != nil {
				t.Errorf("it lives on: %v", err)
			}
		})
	}
}
