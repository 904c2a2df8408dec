//go:build unix

package main

import (
	"net/http"
	"net/http/httptest"
	"syscall"
	"testing"
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
