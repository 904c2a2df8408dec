package storage

import (
	"strings"
	"testing"

	"mcp-login/internal/store"
	"mcp-login/test/real"
)

const processes = 20

// together is twenty processes on one store of a kind, first with nothing, then
// with a token that has ended. The provider revokes everything when a refresh
// token comes twice.
func together(t *testing.T, kind store.Kind) {
	l := newLab(t, kind, -1)
	all := l.start(processes)
	if n, _ := ask(all); n != processes {
		t.Errorf("first start: %d of %d answered", n, processes)
	}
	first := l.idp.Stats()
	if first.Registrations != 1 || first.Logins != 1 || first.CodeExchanges != 1 || first.Refreshes != 0 {
		t.Errorf("first start: %d registrations, %d tabs, %d code exchanges, %d refreshes", first.Registrations, first.Logins, first.CodeExchanges, first.Refreshes)
	}
	for _, b := range all {
		b.end()
	}
	if t.Failed() {
		t.Fatalf("one said: %s", all[0].err)
	}
	l.intact()
	l.expire()
	all = l.start(processes)
	if n, _ := ask(all); n != processes {
		t.Errorf("expired: %d of %d answered", n, processes)
	}
	for _, b := range all {
		b.end()
		if strings.Contains(b.err.String(), "sign-in is needed") {
			t.Errorf("a store that works was not believed: %s", b.err)
		}
	}
	if s := l.idp.Stats(); s.Registrations != 1 || s.Logins != 1 || s.Refreshes != 1 || s.ReuseDetections != 0 {
		t.Errorf("expired: %d registrations, %d tabs, %d refreshes, %d reuses", s.Registrations, s.Logins, s.Refreshes, s.ReuseDetections)
	}
	l.intact()
	t.Logf("MEASURED %s: %d processes, 1 tab, 1 registration, 1 code exchange; then 1 refresh; %d of %d answered", kind, processes, 2*processes, 2*processes)
}

// Issue, "20 processes starting at once": one tab, one registration, one token
// request, 20 working bridges; and 20 whose token has ended: one refresh.
func TestTwentyAtOnce(t *testing.T) {
	for _, kind := range []store.Kind{store.KindFile, store.KindPassphrase} {
		t.Run(string(kind), func(t *testing.T) { together(t, kind) })
	}
}

// The same with the key in a real Secret Service: it is made once.
func TestTwentyAtOnceSecretService(t *testing.T) {
	if !real.SecretService(t) {
		return
	}
	together(t, store.KindKeyring)
}
