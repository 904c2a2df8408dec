package script

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"testing"

	"mcp-login/test/binary"
	"mcp-login/test/real"
)

// A proxy that is broken is at fault, in whatever way it is, and not the server, of
// which nothing is known then.
func TestDoctorBlamesTheProxy(t *testing.T) {
	answers := func(status int) string {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }))
		t.Cleanup(s.Close)
		return s.URL
	}
	says := func(words string) string {
		return real.Listen(t, func(c net.Conn) {
			_, _ = c.Read(make([]byte, 4096))
			fmt.Fprint(c, words)
		})
	}
	secure := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(secure.Close)
	const server = "https://server.invalid/mcp"
	for name, c := range map[string]struct{ proxy, server, want string }{
		"nobody there":             {"http://127.0.0.1:1", server, "the proxy does not answer"},
		"no such host":             {"http://no..name:3128", server, "the proxy does not answer"},
		"forbids":                  {answers(http.StatusForbidden), server, "the proxy opens no way to it: 403 Forbidden"},
		"out of order":             {answers(http.StatusBadGateway), server, "the proxy opens no way to it: 502 Bad Gateway"},
		"wants a password":         {answers(http.StatusProxyAuthRequired), server, "the proxy wants a name and a password"},
		"wants one, without TLS":   {answers(http.StatusProxyAuthRequired), "http://server.invalid/mcp", "the proxy wants a name and a password"},
		"hangs up":                 {says(""), server, "the proxy opens no way to the server"},
		"another protocol":         {says("SSH-2.0-x\r\n"), server, "the proxy opens no way to the server"},
		"no TLS":                   {"https://" + says("HTTP/1.1 400 Bad Request\r\n\r\n"), server, "the proxy: it does not speak TLS"},
		"unknown authority":        {secure.URL, server, "the proxy: its certificate is signed by an unknown authority"},
		"SOCKS that is none":       {"socks5://" + says("HTTP/1.1 400 Bad Request\r\n\r\n"), server, "the proxy opens no way to it"},
		"a port that is none":      {"http://proxy.invalid:port", server, "the proxy does not answer"},
		"the same, without scheme": {"proxy.invalid:port", server, "the proxy does not answer"},
		"no address at all":        {"[::1", server, "HTTPS_PROXY is not an address"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			scheme, _, _ := strings.Cut(c.server, ":")
			cmd := exec.Command(binary.Build(t, "mcp-login"), "doctor", "--allow-http", c.server)
			cmd.Env = append(os.Environ(), "MCP_LOGIN_DIR="+t.TempDir(), "MCP_LOGIN_STORE=file", "NO_PROXY=", "no_proxy=", strings.ToUpper(scheme)+"_PROXY="+c.proxy)
			out, err := cmd.Output()
			_, said, _ := strings.Cut(string(out), c.want)
			_, next, _ := strings.Cut(said, "→")
			if hint, _, _ := strings.Cut(next, "\n"); err == nil || !strings.Contains(hint, "HTTPS_PROXY") || strings.Contains(string(out), "is the server running") {
				t.Errorf("%v, no %q:\n%s", err, c.want, out)
			}
		})
	}
}
