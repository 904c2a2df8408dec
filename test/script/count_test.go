package script

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"mcp-login/internal/devidp"
)

// ledger writes down the requests to a server.
type ledger struct {
	inner http.Handler

	mu    sync.Mutex
	lines []string
}

func (l *ledger) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	l.mu.Lock()
	l.lines = append(l.lines, r.Method+" "+r.URL.Path)
	l.mu.Unlock()
	l.inner.ServeHTTP(w, r)
}

// take returns what was asked since the last time. Of the browser's walk through
// the provider's pages only the authorization request counts: the rest is the
// provider's own affair.
func (l *ledger) take() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := l.lines
	l.lines = nil
	return slices.DeleteFunc(all, func(line string) bool {
		return strings.HasSuffix(line, "/sign-in")
	})
}

// A cold login with dynamic registration takes at most 8 requests up to the
// answer to initialize, the browser's authorization request included; a start
// with a stored token sends the client's own request and nothing else. (npm
// mcp-remote 0.15.1 sends 14.) The provider publishes its metadata at the first
// address that a client has to ask; one like Logto, at the third, costs two more.
func TestRequestsOfALogin(t *testing.T) {
	f := newFickle(t)
	server := &ledger{inner: f.Config.Handler}
	f.Config.Handler = server
	provider := &ledger{}
	front := httptest.NewServer(provider)
	t.Cleanup(front.Close)
	idp, err := devidp.New(front.URL+"/oidc", devidp.Config{Registration: true, Resources: []devidp.Resource{{Indicator: f.URL + "/mcp"}}, Faults: devidp.Faults{InsertedMetadata: true}})
	if err != nil {
		t.Fatal(err)
	}
	provider.inner, f.issuer = idp, idp.Issuer()
	s := &storm{t: t, server: f, state: t.TempDir() + "/state"}

	first := s.start(1)
	if ask(t, first, 1) != 1 {
		t.Fatal("the first login failed")
	}
	toServer, toProvider := server.take(), provider.take()
	if n := len(toServer) + len(toProvider); n > 8 {
		t.Errorf("%d requests:\n%s", n, strings.Join(append(toServer, toProvider...), "\n"))
	}
	t.Logf("MEASURED cold login: %d requests: %v", len(toServer)+len(toProvider), append(toServer, toProvider...))
	if ask(t, first, 3) != 3 {
		t.Fatal("not answered")
	}
	if got := server.take(); len(got) != 3 || len(provider.take()) != 0 {
		t.Errorf("3 requests of the client became %v", got)
	}
	_ = first[0].in.Close()
	_ = first[0].cmd.Wait()
	server.take()

	if ask(t, s.start(1), 1) != 1 {
		t.Fatal("the second start failed")
	}
	if got, asked := server.take(), provider.take(); len(got) != 1 || len(asked) != 0 {
		t.Errorf("a start with a stored token sent %v and %v", got, asked)
	}
}
