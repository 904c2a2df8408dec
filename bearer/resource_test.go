package bearer

import (
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"mcp-login/test/issuer"
)

// To share the issuers of what is closed is an error at once, not 503 for ever.
func TestAClosedResourceIsNotShared(t *testing.T) {
	i := issuer.Start(t)
	closed := newServer(t, i, nil).Resource
	closed.Close()
	_, err := New(Config{Resource: mustURL(t, issuer.Resource), Issuer: i.URL, Share: closed})
	if err == nil || !strings.Contains(err.Error(), "closed") {
		t.Error(err)
	}
}

// Close leaves no connection to an issuer open.
func TestCloseLeavesNoConnection(t *testing.T) {
	i := issuer.InMemory(t)
	i.Client = nil
	srv := httptest.NewUnstartedServer(i)
	closed := make(chan struct{}, 8)
	srv.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateClosed {
			closed <- struct{}{}
		}
	}
	srv.Start()
	t.Cleanup(srv.Close)
	i.URL = srv.URL + "/oidc"
	s := newServer(t, i, nil)
	if _, err := s.Verify(t.Context(), i.Sign(t, issuer.Change{})); err != nil {
		t.Fatal(err)
	}
	s.Close()
	select {
	case <-closed:
	case <-time.After(10 * time.Second):
		t.Error("a connection stays open")
	}
}

// An issuer's cookies are not kept, whatever client is given: one would follow tokens of others.
func TestAnIssuersCookiesAreNotKept(t *testing.T) {
	i := issuer.Start(t)
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	i.Client = &http.Client{Jar: jar}
	sent := 0
	i.Userinfo = func(w http.ResponseWriter, r *http.Request) {
		sent += len(r.Cookies())
		http.SetCookie(w, &http.Cookie{Name: "who", Value: "alice"})
		issuer.UnknownToken(w, r)
	}
	s := newServer(t, i, nil)
	for _, token := range []string{"one", "two"} {
		_, _ = s.Verify(t.Context(), token)
	}
	if calls := i.UserinfoCalls.Load(); calls != 2 || sent != 0 || len(jar.Cookies(mustURL(t, i.URL))) != 0 {
		t.Errorf("%d calls, %d cookies", calls, sent)
	}
}
