//go:build unix

package main

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"mcp-login/test/binary"
)

// The issuer's metadata is read at the start, before any request, and again with
// every SIGHUP.
func TestMetadataIsReadAtStartAndOnHangup(t *testing.T) {
	read := make(chan struct{}, 16)
	issuer := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/.well-known/openid-configuration" {
			read <- struct{}{}
		}
		http.NotFound(w, r)
	}))
	t.Cleanup(issuer.Close)
	p := start(t, "--issuer", issuer.URL, "--listen", "127.0.0.1:0")
	<-read
	for range 2 {
		if err := syscall.Kill(syscall.Getpid(), syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
		p.stderr.Await(t, "reading the issuers' metadata")
		<-read
	}
	if code := p.stop(); code != exitOK {
		t.Errorf("exit %d", code)
	}
}

// With --dev there is nothing to read again: a closed terminal leaves nothing behind.
func TestDevEndsWithItsTerminal(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, binary.Build(t, "whoami-server"), "--dev", "--listen", "127.0.0.1:0", "--dev-listen", "127.0.0.1:0")
	said := &binary.Output{}
	cmd.Stderr = said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	said.Await(t, ` listening on `)
	if err := cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("%v: %s", err, said)
	}
}

// Under nohup, which ignores SIGHUP, --dev goes on when its terminal is closed.
func TestDevUnderNohupOutlivesItsTerminal(t *testing.T) {
	signal.Ignore(syscall.SIGHUP)
	defer signal.Notify(make(chan os.Signal, 1), syscall.SIGHUP) // later programs hear it, below nohup as well
	ctx := onHangup(t.Context(), true, func() {}, slog.New(slog.DiscardHandler))
	if err := syscall.Kill(syscall.Getpid(), syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	if !signal.Ignored(syscall.SIGHUP) || ctx.Err() != nil {
		t.Error("SIGHUP is not ignored any more")
	}
}

// Whoever reads the log with a program knows what its numbers are: durations have their unit
// in their name, and all else is a count or a status.
func TestNumbersInTheLogHaveAUnit(t *testing.T) {
	began := time.Now()
	var up atomic.Bool
	provider := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !up.Load() {
			http.NotFound(w, r)
			return
		}
		_ = json.NewEncoder(w).Encode(map[string]string{"issuer": "http://" + r.Host})
	}))
	t.Cleanup(provider.Close)
	p := start(t, "--issuer", provider.URL, "--listen", "127.0.0.1:0", "--log-format", "json", "--log-level", "debug")
	get(t, "http://"+p.address+"/")
	up.Store(true)
	if err := syscall.Kill(syscall.Getpid(), syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	p.stderr.Await(t, "the issuer answers again")
	p.stop()
	seen := map[string]bool{}
	for line := range strings.Lines(p.stderr.String()) {
		var entry map[string]any
		if json.Unmarshal([]byte(line), &entry) != nil {
			continue // what is said to whoever starts it
		}
		for name, value := range entry {
			number, is := value.(float64)
			unit := strings.HasSuffix(name, "_ms")
			if !is {
				continue
			}
			seen[name] = true
			if !unit && name != "status" && name != "failures" || unit && number > float64(time.Since(began).Milliseconds()) {
				t.Errorf("%s in %s", name, line)
			}
		}
	}
	for _, name := range []string{"status", "failures", "duration_ms", "drain_delay_ms"} {
		if !seen[name] {
			t.Errorf("nothing says %s in\n%s", name, p.stderr)
		}
	}
}
