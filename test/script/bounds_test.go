//go:build unix

package script

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"mcp-login/internal/devidp"
	"mcp-login/internal/server"
	"mcp-login/test/binary"
)

// endlessBodies are bodies without an end: as fast as they are read, and one byte
// a second.
var endlessBodies = map[string]func(w http.ResponseWriter, r *http.Request){
	"endless": func(w http.ResponseWriter, r *http.Request) {
		for chunk := make([]byte, 32<<10); r.Context().Err() == nil; {
			if _, err := w.Write(chunk); err != nil {
				return
			}
		}
	},
	"dribbling": func(w http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil {
			_, _ = w.Write([]byte("x"))
			w.(http.Flusher).Flush()
			select {
			case <-time.After(time.Second):
			case <-r.Context().Done():
			}
		}
	},
}

// A 401 or a 403 whose body never ends does not hold up the login that it asks
// for, nor the call behind it.
func TestA8EndlessRefusals(t *testing.T) {
	for kind, body := range endlessBodies {
		for _, status := range []int{http.StatusUnauthorized, http.StatusForbidden} {
			t.Run(fmt.Sprint(kind, " ", status), func(t *testing.T) {
				t.Parallel()
				address, refused := refusingServer(t, status, body)
				ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
				defer cancel()
				cmd := exec.CommandContext(ctx, binary.Build(t, "mcp-login"), "call", "--json", address, "whoami")
				cmd.Env = append(os.Environ(), "MCP_LOGIN_DIR="+filepath.Join(t.TempDir(), "state"), "MCP_LOGIN_STORE=file", "NO_PROXY=127.0.0.1", "MCP_LOGIN_BROWSER="+self(t)+" approve alice")
				out, err := cmd.CombinedOutput()
				if err != nil || !strings.Contains(string(out), "alice") || refused.Load() == 0 {
					t.Errorf("%v, refused %d times, the time was over: %v\n%s", err, refused.Load(), ctx.Err() != nil, out)
				}
			})
		}
	}
}

// refusingServer is a whoami server whose refusals without a token, or whose first
// one with a token, have the status and the body.
func refusingServer(t *testing.T, status int, body func(http.ResponseWriter, *http.Request)) (address string, refused *atomic.Int64) {
	t.Helper()
	srv, refused := httptest.NewUnstartedServer(nil), new(atomic.Int64)
	resource := &url.URL{Scheme: "http", Host: srv.Listener.Addr().String(), Path: "/mcp"}
	idp, err := devidp.Start(t.Context(), "127.0.0.1:0", devidp.Config{Registration: true, TokenClaims: true, Resources: []devidp.Resource{{Indicator: resource.String(), Scopes: []string{"more"}}}})
	if err != nil {
		t.Fatal(err)
	}
	whoami, err := server.New(server.Config{Resource: resource, Issuer: idp.Issuer()})
	if err != nil {
		t.Fatal(err)
	}
	srv.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		signed := r.Header.Get("Authorization") != ""
		if r.URL.Path != "/mcp" || signed != (status == http.StatusForbidden) || signed && !refused.CompareAndSwap(0, 1) {
			whoami.ServeHTTP(w, r)
			return
		}
		w.Header().Set("WWW-Authenticate", `Bearer resource_metadata="http://`+resource.Host+`/.well-known/oauth-protected-resource/mcp"`)
		if signed {
			w.Header().Set("WWW-Authenticate", `Bearer error="insufficient_scope", scope="more"`)
		} else {
			refused.Add(1)
		}
		w.WriteHeader(status)
		body(w, r)
	})
	srv.Start()
	t.Cleanup(func() {
		srv.CloseClientConnections()
		srv.Close()
		_ = whoami.Close(context.Background())
		_ = idp.Close()
	})
	return resource.String(), refused
}
