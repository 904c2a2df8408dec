package hints

import (
	"context"
	"crypto/tls"
	"encoding/pem"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"mcp-login/bearer"
	"mcp-login/internal/devidp"
	"mcp-login/internal/server"
	"mcp-login/test/binary"
	"mcp-login/test/real"
)

func TestMain(m *testing.M) {
	binary.Main(m, map[string]binary.Role{"talk": talk, "lockless": lockless, "up": up})
}

// world is a server with its provider, a person, and a folder for all that a row
// does. Lines of shell run there.
type world struct {
	t   *testing.T
	dir string
	env []string
	idp *devidp.Server
	url string
	// whoami is the server, and site answers in its place, where a row says so.
	whoami, site http.Handler
	// far answers at https://example.com, to which site has to lead.
	far http.Handler
	// presents changes what the host with TLS presents, where a row says so.
	presents func(*tls.ClientHelloInfo) (*tls.Config, error)
}

// newWorld starts one. change has its say about the provider; $PORT in a redirect URI
// is the port that lines of shell have.
func newWorld(t *testing.T, change func(*devidp.Config)) *world {
	t.Helper()
	w := &world{t: t, dir: t.TempDir()}
	srv := httptest.NewUnstartedServer(nil)
	resource := &url.URL{Scheme: "http", Host: srv.Listener.Addr().String(), Path: "/mcp"}
	cfg := devidp.Config{Registration: true, TokenClaims: true, Resources: []devidp.Resource{{Indicator: resource.String()}}}
	if change != nil {
		change(&cfg)
	}
	port := strconv.Itoa(real.FreePort(t))
	for _, client := range cfg.Clients {
		for i, uri := range client.RedirectURIs {
			client.RedirectURIs[i] = strings.ReplaceAll(uri, "$PORT", port)
		}
	}
	idp, err := devidp.Start(context.Background(), "127.0.0.1:0", cfg)
	if err != nil {
		t.Fatal(err)
	}
	whoami, err := server.New(server.Config{Config: bearer.Config{Resource: resource, Issuer: idp.Issuer(), Leeway: time.Nanosecond}})
	if err != nil {
		t.Fatal(err)
	}
	srv.Config.Handler = http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if w.site != nil {
			w.site.ServeHTTP(rw, r)
			return
		}
		whoami.ServeHTTP(rw, r)
	})
	srv.Start()
	secure := httptest.NewUnstartedServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if w.far != nil && r.Host == "example.com" {
			w.far.ServeHTTP(rw, r)
			return
		}
		plain(rw, r)
	}))
	secure.TLS = &tls.Config{GetConfigForClient: func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		if w.presents == nil {
			return nil, nil //nolint:nilnil // the rest of the configuration holds
		}
		return w.presents(hello)
	}}
	secure.StartTLS()
	asking := httptest.NewUnstartedServer(http.HandlerFunc(plain))
	asking.TLS = &tls.Config{ClientAuth: tls.RequireAnyClientCert}
	asking.StartTLS()
	authority := filepath.Join(w.dir, "authority.pem")
	if err := os.WriteFile(authority, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: secure.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, s := range []*httptest.Server{secure, asking} {
		s.Config.ErrorLog = log.New(io.Discard, "", 0)
		t.Cleanup(s.Close)
	}
	w.idp, w.url, w.whoami = idp, resource.String(), whoami
	self := binary.Self(t)
	bin := filepath.Dir(binary.Build(t, "mcp-login"))
	binary.Build(t, "whoami-server")
	w.env = []string{
		"PATH=" + bin + string(os.PathListSeparator) + os.Getenv("PATH"), "HOME=" + w.dir, "TMPDIR=" + os.TempDir(), "NO_PROXY=127.0.0.1",
		"MCP_LOGIN_DIR=" + filepath.Join(w.dir, "state"), "MCP_LOGIN_STORE=file", "MCP_LOGIN_BROWSER=" + self + " approve alice",
		"NOBODY=" + self + " approve nobody", "PORT=" + port, "TALK=" + self + " talk", "UP=" + self + " up", "LOCKLESS=" + self + " lockless", "TLS=" + secure.URL, "MTLS=" + asking.URL, "CA=" + authority, "URL=" + w.url, "ISSUER=" + idp.Issuer(), "HOST=" + resource.Host,
	}
	t.Cleanup(func() {
		_, _ = w.run("mcp-login logout --all >/dev/null 2>&1")
		_ = whoami.Close(context.Background())
		srv.Close()
		_ = idp.Close()
	})
	return w
}

// limit is how long a line may take.
const limit = time.Minute

// run runs a line in sh and returns all that it says.
func (w *world) run(line string) (said string, err error) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, "sh", "-c", line)
	cmd.Dir, cmd.Env = w.dir, w.env
	cmd.WaitDelay = 5 * time.Second
	out, err := cmd.CombinedOutput()
	w.t.Logf("$ %s\n%s[%v]", line, out, err)
	return string(out), err
}

// pattern matches a hint as it is printed.
func pattern(hint string) *regexp.Regexp {
	if i := strings.LastIndex(hint, "mcp-login "+unknown+" ("); i >= 0 && strings.HasSuffix(hint, ")") {
		hint = hint[:i+len("mcp-login "+unknown)]
	}
	parts := strings.Split(hint, unknown)
	for i, part := range parts {
		parts[i] = regexp.QuoteMeta(part)
	}
	return regexp.MustCompile(`(?m)(` + strings.Join(parts, `.*?`) + `)`)
}

// command is the one that a printed hint says to run.
var command = regexp.MustCompile(`(?m)(?:run|again|see|them|instead|mean): (mcp-login .*)$|see (mcp-login .*--help)|(chmod \d+ (?:'[^']*'|\S+))|remove the files ((?:'[^']*'|\S+)\*)`)

// printed returns the command in what was said where the hint stands.
func printed(said string, at []int) string {
	rest := said[at[0]:]
	if end := strings.IndexByte(rest, '\n'); end >= 0 {
		rest = rest[:end]
	}
	found := command.FindStringSubmatch(rest)
	if found == nil {
		return ""
	}
	if found[4] != "" {
		return "rm " + found[4]
	}
	return found[1] + found[2] + found[3]
}
