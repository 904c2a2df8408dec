//go:build unix

package main

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"os/signal"
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
