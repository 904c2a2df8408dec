package script

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"mcp-login/bearer"
	"mcp-login/internal/devidp"
	"mcp-login/internal/retry"
	"mcp-login/internal/server"
	"mcp-login/test/binary"
)

func TestMain(m *testing.M) {
	roles := map[string]binary.Role{"approve-after": func(args []string) int { // the person is ready when args[0] answers
		if resp, err := http.Get(args[0]); err == nil {
			_ = resp.Body.Close()
		}
		return approve("approve", "alice", args[1])
	}}
	roles["print"] = func(args []string) int { // a program that prints a token
		b, err := os.ReadFile(args[0])
		fmt.Print(string(b))
		if err != nil {
			return 1
		}
		return 0
	}
	for _, verb := range []string{"approve", "approve-device", "approve-cancel"} {
		roles[verb] = func(args []string) int { return approve(verb, args[0], args[1]) }
	}
	binary.Main(m, roles)
}

// approve is this test binary in the role of the browser. It is noisy, as
// browsers' helpers are.
func approve(verb, user, address string) int {
	fmt.Println("Opening in existing browser session.")
	return binary.Browse(verb, user, address)
}

func TestScripts(t *testing.T) {
	bin := filepath.Dir(binary.Build(t, "mcp-login"))
	binary.Build(t, "whoami-server")
	self := binary.Self(t)
	testscript.Run(t, testscript.Params{
		Dir: "testdata",
		Setup: func(env *testscript.Env) error {
			env.Setenv("PATH", bin+string(os.PathListSeparator)+env.Getenv("PATH"))
			env.Setenv("BIN", bin)
			env.Setenv("HOME", filepath.Join(env.WorkDir, "home"))
			env.Setenv("MCP_LOGIN_DIR", filepath.Join(env.WorkDir, "state"))
			env.Setenv("MCP_LOGIN_STORE", "file")
			env.Setenv("ALICE", self+" approve alice")
			env.Setenv("BOB", self+" approve bob")
			env.Setenv("DEVICE", self+" approve-device alice")
			env.Setenv("NOBODY", self+" approve nobody")
			env.Setenv("CANCEL", self+" approve-cancel alice")
			env.Setenv("PRINT", self+" print")
			env.Setenv("MCP_LOGIN_BROWSER", self+" approve alice")
			env.Setenv("NO_PROXY", "127.0.0.1")
			env.Values[providerOf] = new(*devidp.Server)
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"lab": lab, "site": site, "talk": talk, "provider": provider, "platform": platform},
	})
}

// applications are one of each type that Logto has, with the mistakes that people make.
var applications = []devidp.Client{
	{ID: "native", RedirectURIs: []string{"http://127.0.0.1/callback"}},
	{ID: "empty"},
	{ID: "elsewhere", RedirectURIs: []string{"http://localhost/callback"}},
	{ID: "slash", RedirectURIs: []string{"http://127.0.0.1/callback/"}},
	{ID: "spa", ApplicationType: "web", RedirectURIs: []string{"http://127.0.0.1/callback"}},
	{ID: "traditional", ApplicationType: "web", Secret: "s3cret", RedirectURIs: []string{"http://127.0.0.1/callback"}},
	{ID: "tv", DeviceFlow: true},
	{ID: "m2m", ApplicationType: "web", Secret: "s3cret", GrantTypes: []string{"client_credentials"}, Organizations: []string{"org1"}},
	{ID: "third", ThirdParty: true, Scopes: []string{"profile"}, RedirectURIs: []string{"http://127.0.0.1/callback"}},
	{ID: "third-email", ThirdParty: true, Scopes: []string{"profile", "email"}, RedirectURIs: []string{"http://127.0.0.1/callback"}},
}

// lab starts a provider and a whoami server and sets $URL, $SSE and $ISSUER. With
// "short" access tokens live for a second, with "unregistered" the provider does
// not know the server, with "closed" it registers nobody; with "scopes" the tool
// whoami_details needs a scope of its own, which with "norole" the provider does
// not grant. A "slow" server is still at its first answer when the client has left.
func lab(ts *testscript.TestScript, neg bool, args []string) {
	if neg {
		ts.Fatalf("lab does not fail")
	}
	whoami := httptest.NewUnstartedServer(nil)
	base := "http://" + whoami.Listener.Addr().String()
	resource, err := url.Parse(base + "/mcp")
	ts.Check(err)
	cfg := devidp.Config{Registration: true, TokenClaims: true, Resources: []devidp.Resource{{Indicator: resource.String()}, {Indicator: base + "/sse"}}}
	var toolScopes, required map[string][]string
	var pause time.Duration
	for _, arg := range args {
		switch arg {
		case "scopes":
			toolScopes = map[string][]string{"whoami": {"whoami:read"}, "whoami_details": {"whoami:details"}}
			for k := range cfg.Resources {
				cfg.Resources[k].Scopes = []string{"whoami:read", "whoami:details"}
			}
		case "norole": // after scopes: the person may not have the tool's
			for k := range cfg.Resources {
				cfg.Resources[k].Scopes = []string{"whoami:read"}
			}
		case "short":
			cfg.AccessTokenTTL = time.Second
		case "unregistered":
			cfg.Resources = nil
		case "quick": // about device codes
			cfg.Faults.DeviceInterval = 1
		case "codeonly":
			cfg.Faults.MetadataMembers = map[string]any{"device_authorization_endpoint": nil}
		case "closed":
			cfg.Registration = false
			cfg.Clients = []devidp.Client{{ID: "native-app", RedirectURIs: []string{"http://127.0.0.1/callback"}}}
		case "applications":
			cfg.Registration, cfg.Clients = false, applications
			cfg.Users = []devidp.User{{Subject: "alice0000001", Username: "alice", Name: "Alice Example", Email: "alice@example.test", Organizations: []string{"org1"}}}
		case "lacks": // after scopes: Logto knows them, and no role of the person has them
			cfg.Users = []devidp.User{{Subject: "alice0000001", Username: "alice", Email: "alice@example.test", Lacks: []string{"whoami:read", "whoami:details"}}}
		case "members": // of one organization only
			required = map[string][]string{"organization_id": {"org1"}}
		case "noscript":
			cfg.TokenClaims = false
		case "slow":
			pause = 300 * time.Millisecond
		default:
			ts.Fatalf("lab: unknown word %q", arg)
		}
	}
	idp, err := devidp.Start(context.Background(), "127.0.0.1:0", cfg)
	ts.Check(err)
	scopes := append([]string{"openid", "profile", "email"}, toolScopes["whoami"]...)
	handler, err := server.New(server.Config{Config: bearer.Config{
		Resource: resource, Issuer: idp.Issuer(), Scopes: scopes, ToolScopes: toolScopes, RequiredClaims: required, RelayIssuerMetadata: true, Leeway: time.Nanosecond,
	}})
	ts.Check(err)
	whoami.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if retry.Sleep(r.Context(), pause) == nil {
			handler.ServeHTTP(w, r)
		}
	})
	whoami.Start()
	ts.Defer(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		_ = handler.Close(ctx)
		whoami.Close()
		_ = idp.Close()
	})
	*ts.Value(providerOf).(**devidp.Server) = idp
	ts.Setenv("URL", resource.String())
	ts.Setenv("SSE", base+"/sse")
	ts.Setenv("ISSUER", idp.Issuer())
}

// providerOf names the provider of the last lab.
const providerOf = "provider"

// provider has the provider of the last lab go down, or refuse what is revoked, or compares
// how many tokens it was asked to revoke: "provider revoked N".
func provider(ts *testscript.TestScript, _ bool, args []string) {
	idp := *ts.Value(providerOf).(**devidp.Server)
	switch strings.Join(args[:1], "") {
	case "down":
		_ = idp.Close()
	case "refuses":
		idp.SetFaults(devidp.Faults{Endpoints: map[string]http.HandlerFunc{"POST /token/revocation": func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, `{"error":"invalid_request"}`, http.StatusBadRequest)
		}}})
	case "revoked":
		if got := strconv.Itoa(idp.Stats().Revocations); got != args[1] {
			ts.Fatalf("the provider was asked to revoke %s tokens, not %s", got, args[1])
		}
	default:
		ts.Fatalf("provider: unknown words %q", args)
	}
}

// site starts a web server that is no MCP server: html, gone (a closed port)
// or broken (503), and sets $URL.
func site(ts *testscript.TestScript, _ bool, args []string) {
	kind := strings.Join(args, " ")
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		switch kind {
		case "html":
			w.Header().Set("Content-Type", "text/html")
			fmt.Fprint(w, "<html><body>Welcome</body></html>")
		case "broken":
			w.Header().Set("Retry-After", "7")
			w.WriteHeader(http.StatusServiceUnavailable)
		default:
			w.WriteHeader(http.StatusNotFound)
		}
	}))
	ts.Setenv("URL", srv.URL+"/mcp")
	if kind == "gone" {
		srv.Close()
		return
	}
	ts.Defer(srv.Close)
}

// talk FILE ARGS... runs mcp-login as a client does: it writes the lines of FILE,
// keeps stdin open until every request in them is answered, closes it, and
// waits. What the program wrote is in the files out and err.
func talk(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: talk FILE ARGS...")
	}
	lines := ts.ReadFile(args[0])
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, filepath.Join(ts.Getenv("BIN"), "mcp-login"), args[1:]...)
	cmd.Dir = ts.MkAbs(".")
	for _, name := range []string{"PATH", "HOME", "TMPDIR", "MCP_LOGIN_DIR", "MCP_LOGIN_STORE", "MCP_LOGIN_BROWSER", "NO_PROXY"} {
		cmd.Env = append(cmd.Env, name+"="+ts.Getenv(name))
	}
	stdin, err := cmd.StdinPipe()
	ts.Check(err)
	stdout, err := cmd.StdoutPipe()
	ts.Check(err)
	var out, errOut strings.Builder
	cmd.Stderr = &errOut
	ts.Check(cmd.Start())
	_, err = io.WriteString(stdin, lines)
	ts.Check(err)
	answers := bufio.NewScanner(stdout)
	for waiting := strings.Count(lines, `"id":`); waiting > 0 && answers.Scan(); {
		out.WriteString(answers.Text() + "\n")
		if strings.Contains(answers.Text(), `"id":`) && !strings.Contains(answers.Text(), `"id":null`) {
			waiting--
		}
	}
	ts.Check(stdin.Close())
	for answers.Scan() {
		out.WriteString(answers.Text() + "\n")
	}
	waitErr := cmd.Wait()
	ts.Check(os.WriteFile(ts.MkAbs("out"), []byte(out.String()), 0o600))
	ts.Check(os.WriteFile(ts.MkAbs("err"), []byte(errOut.String()), 0o600))
	ts.Logf("[stdout]\n%s[stderr]\n%s", out.String(), errOut.String())
	ts.Check(waitErr)
}
