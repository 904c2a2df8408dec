package oauth_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"mcp-login/internal/devidp"
	"mcp-login/internal/hint"
	"mcp-login/internal/oauth"
	"mcp-login/internal/oauth/grant"
)

// notInteractive makes a client as programs have it, where no person asked to be asked.
func notInteractive(c *oauth.Config) { c.Interactive = false }

// Whatever restarts a program, the same account opens no second tab within
// AskWindow: not after a refusal, not when a server refuses the token that was just
// issued. A person who insists is asked.
func TestNobodyIsAskedAgainAcrossRestarts(t *testing.T) {
	t.Run("after a refusal", func(t *testing.T) {
		l := newNetworkLab(t, nil)
		l.who = ""
		dir := t.TempDir()
		for n := range 5 {
			_, h := l.client(l.store(dir), notInteractive)
			_, _, err := l.call(h, "1")
			if !errors.Is(err, grant.ErrDenied) {
				t.Fatalf("%v", err)
			}
			// What it came to explains more than that nobody is asked.
			if said := err.Error(); n > 0 != strings.Contains(said, ": at the last try: sign-in refused; End-User aborted interaction: nobody is asked again so soon: ") {
				t.Errorf("call %d: %s", n, said)
			}
		}
		if l.tabs.Load() != 1 {
			t.Errorf("%d tabs", l.tabs.Load())
		}
		l.who = "alice"
		_, h := l.client(l.store(dir), func(c *oauth.Config) { c.Interactive = true })
		l.mustCall(h, "2")
	})
	t.Run("a server that refuses what was issued for it", func(t *testing.T) {
		l := newNetworkLab(t, nil)
		dir := t.TempDir()
		for range 3 {
			_, h := l.client(l.store(dir), func(c *oauth.Config) { c.Interactive, c.Key.Resource = false, oauth.NoResource })
			if _, _, err := l.call(h, "1"); !strings.Contains(hint.Of(err), "audience") {
				t.Errorf("%v", err)
			}
		}
		if l.tabs.Load() != 1 {
			t.Errorf("%d tabs", l.tabs.Load())
		}
	})
	t.Run("a login nobody finished, and its process died", func(t *testing.T) {
		l := newNetworkLab(t, nil)
		dir := t.TempDir()
		for range 2 { // the death of a process is forgiven once
			asked := make(chan struct{})
			c, h := l.client(l.store(dir), func(c *oauth.Config) {
				c.Interactive = false
				c.ShowPrompt = func(_ context.Context, _ oauth.Prompt) { l.tabs.Add(1); close(asked) }
			})
			done := make(chan error, 1)
			go func() { _, _, err := l.call(h, "1"); done <- err }()
			<-asked
			c.Close()
			<-done
		}
		for range 3 {
			_, h := l.client(l.store(dir), notInteractive)
			if _, _, err := l.call(h, "1"); !errors.Is(err, oauth.ErrLoginRequired) {
				t.Errorf("%v", err)
			}
		}
		if l.tabs.Load() != 2 {
			t.Errorf("%d tabs", l.tabs.Load())
		}
	})
}

// A provider that ends the login it has just given is another matter: the person
// is asked once more, and not a third time.
func TestAskedAgainWhenTheProviderEndsTheLogin(t *testing.T) {
	l := newNetworkLab(t, func(c *devidp.Config) { c.RefreshTokenTTL = -time.Second })
	dir := t.TempDir()
	_, h := l.client(l.store(dir), notInteractive)
	l.mustCall(h, "1")
	l.res.revokeSeen()
	l.mustCall(h, "2")
	l.res.revokeSeen()
	if _, _, err := l.call(h, "3"); !errors.Is(err, oauth.ErrLoginRequired) {
		t.Errorf("%v", err)
	}
	if l.tabs.Load() != 2 {
		t.Errorf("%d tabs", l.tabs.Load())
	}
}
