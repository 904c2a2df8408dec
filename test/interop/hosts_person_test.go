package interop

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"mcp-login/internal/devidp"
	"mcp-login/test/binary"
)

// slow is a person who signs in when the test says so. Until then the tabs that were
// opened stand open.
type slow struct {
	t      *testing.T
	opened chan string // the address of each tab

	mu   sync.Mutex
	tabs []string
}

// slowPerson is the browser of a home from now on.
func (d *desk) slowPerson() *slow {
	d.t.Helper()
	p := &slow{t: d.t, opened: make(chan string, 16)}
	api := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		address, _ := io.ReadAll(io.LimitReader(r.Body, 1<<16))
		p.mu.Lock()
		p.tabs = append(p.tabs, string(address))
		p.mu.Unlock()
		p.opened <- string(address)
	}))
	d.t.Cleanup(api.Close)
	d.flags = []string{"--store", "file", "--browser-command", binary.Self(d.t) + " tab " + api.URL}
	return p
}

// openTab is this binary as the browser of a slow person.
func openTab(person, address string) int {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, person, strings.NewReader(address))
	if err == nil {
		var resp *http.Response
		if resp, err = http.DefaultClient.Do(req); err == nil {
			err = resp.Body.Close()
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "browser:", err)
		return 1
	}
	return 0
}

// signIn lets alice in at the one tab that is open.
func (p *slow) signIn() {
	p.t.Helper()
	p.mu.Lock()
	tabs := p.tabs
	p.mu.Unlock()
	if len(tabs) != 1 {
		p.t.Fatalf("%d tabs: %q", len(tabs), tabs)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if outcome, err := devidp.Approve(ctx, http.DefaultClient, tabs[0], "alice"); err != nil || outcome.Status != http.StatusOK {
		p.t.Errorf("nobody takes the sign-in any more: %v, %+v", err, outcome)
	}
}

// once fails the test if more than one tab was opened so far.
func (p *slow) once() {
	p.t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.tabs) != 1 {
		p.t.Errorf("%d tabs: %q", len(p.tabs), p.tabs)
	}
}
