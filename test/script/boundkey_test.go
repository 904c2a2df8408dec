package script

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"mcp-login/internal/devidp"
	"mcp-login/test/binary"
)

// A server that goes back to bearer tokens refuses a login that is bound to a key, and would refuse
// each other one: status and doctor name the logout.
func TestBoundLoginAtABearerServer(t *testing.T) {
	bearer := atomic.Bool{}
	srv := httptest.NewUnstartedServer(nil)
	base := "http://" + srv.Listener.Addr().String()
	idp, err := devidp.Start(context.Background(), "127.0.0.1:0", devidp.Config{Registration: true, Resources: []devidp.Resource{{Indicator: base + "/mcp"}}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = idp.Close() }()
	srv.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == "/.well-known/oauth-protected-resource/mcp":
			_, _ = io.WriteString(w, `{"resource":"`+base+`/mcp","authorization_servers":["`+idp.Issuer()+`"]}`)
		case bearer.Load():
			w.Header().Set("WWW-Authenticate", `Bearer error="invalid_token"`)
			w.WriteHeader(http.StatusUnauthorized)
		case r.Header.Get("DPoP") == "":
			w.Header().Set("WWW-Authenticate", "DPoP")
			w.WriteHeader(http.StatusUnauthorized)
		default:
			minimal(w, r)
		}
	})
	srv.Start()
	defer srv.Close()
	state := filepath.Join(t.TempDir(), "state")
	run := func(verb string) (string, error) {
		cmd := exec.Command(binary.Build(t, "mcp-login"), verb, base+"/mcp")
		cmd.Env = append(os.Environ(), "MCP_LOGIN_DIR="+state, "MCP_LOGIN_STORE=file", "MCP_LOGIN_BROWSER="+binary.Self(t)+" approve alice")
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	if out, err := run("login"); err != nil {
		t.Fatal(out)
	}
	bearer.Store(true)
	for _, verb := range []string{"status", "doctor"} {
		if out, err := run(verb); err == nil || !strings.Contains(out, "run: mcp-login logout "+base) || strings.Contains(out, "run: mcp-login login") {
			t.Errorf("%s: %v\n%s", verb, err, out)
		}
	}
}
