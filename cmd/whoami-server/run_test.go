package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"mcp-login/internal/build"
	"mcp-login/internal/hint"
	"mcp-login/test/binary"
)

// program is a running whoami-server.
type program struct {
	address, resource string
	stdout, stderr    *binary.Output
	stop              func() int // as by SIGTERM; returns the exit code
}

func noEnv(string) string { return "" }

func start(t *testing.T, args ...string) *program {
	t.Helper()
	p := &program{stdout: &binary.Output{}, stderr: &binary.Output{}}
	ctx, cancel := context.WithCancel(context.Background())
	code := make(chan int, 1)
	go func() {
		code <- run(ctx, args, noEnv, p.stdout, p.stderr)
	}()
	p.stop = sync.OnceValue(func() int {
		cancel()
		return <-code
	})
	t.Cleanup(func() { p.stop() })
	m := p.stderr.Await(t, `whoami-server \S+ listening on (\S+), resource (\S+)[^,]*, issuer .+\n`)
	p.address, p.resource = m[1], m[2]
	return p
}

// All mistakes at once, each with a hint, nothing on standard output, exit 2.
func TestMistakesAreReportedTogether(t *testing.T) {
	var stdout, stderr bytes.Buffer
	code := run(t.Context(), []string{
		"--issuer", "http://id.example", "--resource", "http://mcp.example/mcp", "--listen", "3001",
		"--log-level", "loud", "--relay-issuer-metadata=perhaps", "--scope", `a"b`, "--allow-origin", "h.example",
	}, noEnv, &stdout, &stderr)
	if code != exitUsage || stdout.Len() != 0 {
		t.Errorf("exit %d, stdout %q", code, stdout.String())
	}
	for _, want := range []string{
		"error: issuer http://id.example", "error: resource http://mcp.example/mcp", "error: listen:",
		"error: log-level:", "error: relay-issuer-metadata:", `scope "a\"b"`, `allowed origin "h.example"`,
	} {
		if !strings.Contains(stderr.String(), want) {
			t.Errorf("%q is missing in:\n%s", want, stderr.String())
		}
	}
	if e, h := strings.Count(stderr.String(), "error:"), strings.Count(stderr.String(), "hint:"); e != h || e < 6 {
		t.Errorf("%d errors and %d hints", e, h)
	}
}

// Each kind of mistake by itself, with what its text must name.
func TestEachMistakeIsNamed(t *testing.T) {
	issuer := []string{"--issuer", "https://id.example"}
	gateway := []string{"--issuer", "https://id.example", "--upstream", "http://127.0.0.1:8000/mcp"}
	tests := map[string]struct {
		args []string
		want string
	}{
		"no issuer":           {nil, "issuer: missing"},
		"unknown flag":        {[]string{"--nope"}, "nope"},
		"argument":            {append(issuer, "serve"), `"serve"`},
		"public listen":       {append(issuer, "--listen", "0.0.0.0:3001"), "resource: missing"},
		"all interfaces":      {append(issuer, "--listen", ":3001"), "resource: missing"},
		"bad port":            {append(issuer, "--listen", "127.0.0.1:99999"), "not a port"},
		"S14 http resource":   {append(issuer, "--resource", "http://mcp.example/mcp"), "must be https"},
		"resource no URL":     {append(issuer, "--resource", "::"), "resource"},
		"resource spelling":   {append(issuer, "--resource", "HTTPS://mcp.example/mcp"), "hint: write https://mcp.example/mcp"},
		"dev and issuer":      {append(issuer, "--dev"), "--dev brings its own"},
		"dev on the network":  {[]string{"--dev", "--dev-listen", "0.0.0.0:3002"}, "not a loopback address"},
		"secret algorithm":    {append(issuer, "--algorithm", "HS256"), "hint: keys are public"},
		"scope in quotes":     {append(issuer, "--scope", `"a"`), "hint: scopes are separated"},
		"host with scheme":    {append(issuer, "--allow-host", "http://whoami:3001"), "hint: hosts are"},
		"host with path":      {append(issuer, "--allow-host", "whoami/mcp"), "hint: hosts are"},
		"origin":              {append(issuer, "--allow-origin", "h.example"), "hint: origins are"},
		"default header":      {append(gateway, "--assertion-header", "x-forwarded-user"), "assertion-header: header X-Forwarded-User: identity-header has it too\nhint: name headers"},
		"header twice":        {append(gateway, "--pass-header", "X-Forwarded-User"), "pass-header: header X-Forwarded-User: identity-header has it too\nhint: name headers"},
		"header of HTTP":      {append(gateway, "--pass-header", "Authorization"), "pass-header: header Authorization: it means something else\nhint: name headers"},
		"one address":         {append(issuer, "--ops-listen", "127.0.0.1:3001"), "ops-listen: 127.0.0.1:3001 is taken by --listen 127.0.0.1:3001\nhint: give each"},
		"all interfaces too":  {[]string{"--dev", "--ops-listen", ":3002"}, "dev-listen: 127.0.0.1:3002 is taken by --ops-listen :3002\nhint: give each"},
		"asked, with session": {append(issuer, "--forward-auth", "--trusted-proxy", "127.0.0.1", "--stateful"), "stateful: "},
		"asked, with Cookie":  {append(issuer, "--forward-auth", "--trusted-proxy", "127.0.0.1", "--identity-header", "Cookie=sub"), "identity-header: header Cookie: it means something else\nhint: name headers"},
		"asked, with time":    {append(issuer, "--forward-auth", "--trusted-proxy", "127.0.0.1", "--upstream-timeout", "9s"), "upstream-timeout: there is no upstream"},
		"asked, with length":  {append(issuer, "--forward-auth", "--trusted-proxy", "127.0.0.1", "--identity-header", "Content-Length=sub"), "identity-header: header Content-Length: it means something else\nhint: name headers"},
		"metadata of OpenID":  {[]string{"--issuer", "https://id.example/oidc/.well-known/openid-configuration"}, "hint: write --issuer https://id.example/oidc\n"},
		"metadata of OAuth":   {[]string{"--issuer", "https://id.example/.well-known/oauth-authorization-server/oidc"}, "hint: write --issuer https://id.example/oidc\n"},
		"dev address":         {[]string{"--dev", "--dev-listen", "3002"}, "dev-listen"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			code := run(t.Context(), tt.args, noEnv, &stdout, &stderr)
			if code != exitUsage || !strings.Contains(stderr.String(), tt.want) || stdout.Len() != 0 {
				t.Errorf("exit %d, stderr %s", code, stderr.String())
			}
		})
	}
}

// A flag wins over a variable, a variable over the default.
func TestFlagThenVariableThenDefault(t *testing.T) {
	env := map[string]string{
		"WHOAMI_ISSUER": "https://env.example", "WHOAMI_SCOPE": "from-env, two", "WHOAMI_RELAY_ISSUER_METADATA": "false",
		"WHOAMI_LOG_LEVEL": "error", "WHOAMI_JWT_ONLY": "1", "WHOAMI_ALLOW_HOST": "a b:1",
		"WHOAMI_REQUIRED_SCOPE": "need", "WHOAMI_VERSION": "true",
	}
	o, m := parsed(t, env, "--log-level", "debug", "--issuer=https://flag.example")
	if len(m) != 0 {
		t.Fatal(m)
	}
	c := o.config
	if c.Issuer != "https://flag.example" || o.level.String() != "DEBUG" || o.version == "true" {
		t.Errorf("flags: %+v, %s", c, o.level)
	}
	if strings.Join(c.Scopes, "|") != "from-env|two" || c.RelayIssuerMetadata || !c.JWTOnly ||
		strings.Join(c.AllowedHosts, "|") != "a|b:1" || strings.Join(c.RequiredScopes, "|") != "need" {
		t.Errorf("variables: %+v", c)
	}
	if o.listen != "127.0.0.1:3001" || o.devListen != "127.0.0.1:3002" || c.AllowUntypedJWT || c.Resource != nil {
		t.Errorf("defaults: %+v", o)
	}
}

func TestVersionAndHelpGoToStdout(t *testing.T) {
	for arg, want := range map[string]string{"--version": "whoami-server ", "version": "whoami-server ", "--help": "WHOAMI_RELAY_ISSUER_METADATA"} {
		var stdout, stderr bytes.Buffer
		code := run(t.Context(), []string{arg}, noEnv, &stdout, &stderr)
		if code != exitOK || !strings.Contains(stdout.String(), want) || stderr.Len() != 0 {
			t.Errorf("%s: exit %d, %q, %q", arg, code, stdout.String(), stderr.String())
		}
		for line := range strings.Lines(stdout.String()) {
			if wide := strings.ReplaceAll(line, "    \t", "        "); len(strings.TrimSpace(wide)) > 72 || strings.HasSuffix(strings.TrimSpace(line), " string") {
				t.Errorf("%s: %s", arg, line)
			}
		}
	}
}

// Programs read the same of both programs: what they were built from, and whence they came.
func TestVersionForPrograms(t *testing.T) {
	var stdout, stderr bytes.Buffer
	if code := run(t.Context(), []string{"version", "--json"}, noEnv, &stdout, &stderr); code != exitOK || stderr.Len() != 0 {
		t.Fatalf("exit %d, %q", code, stderr.String())
	}
	var got build.Report
	if err := json.Unmarshal(stdout.Bytes(), &got); err != nil || got != build.ReportOf("whoami-server", version, noEnv) {
		t.Errorf("%v: %s", err, stdout.String())
	}
}

// It starts although its issuer is down; the resource follows the bound
// address; header limits hold; and it stops with 0 while a stream could be open.
func TestStartsWithoutItsIssuer(t *testing.T) {
	p := start(t, "--issuer", "http://127.0.0.1:1/oidc", "--listen", "127.0.0.1:0")
	if p.resource != "http://"+p.address+"/mcp" {
		t.Errorf("resource %s at %s", p.resource, p.address)
	}
	for _, tt := range []struct {
		path   string
		header []string
		want   int
	}{
		{"/healthz", nil, 200},
		{"/mcp", nil, 401},
		{"/mcp", []string{"Authorization", "Bearer opaque"}, 503}, // the issuer is down
		{"/mcp", []string{"Authorization", "Bearer " + strings.Repeat(".", 40<<10)}, 401},
		{"/mcp", []string{"X", strings.Repeat("x", 2*maxHeaderBytes)}, 431},
	} {
		if resp, _ := get(t, "http://"+p.address+tt.path, tt.header...); resp.StatusCode != tt.want {
			t.Errorf("%s with %.30q: %d, want %d", tt.path, tt.header, resp.StatusCode, tt.want)
		}
	}
	if code := p.stop(); code != exitOK {
		t.Errorf("exit %d", code)
	}
	if p.stdout.String() != "" {
		t.Errorf("stdout %q", p.stdout.String())
	}
	if strings.Contains(p.stderr.String(), "opaque\"") || strings.Contains(p.stderr.String(), "....") {
		t.Error("a token is in the log")
	}
}

// A bus that is wrong from the start on is in the log, where somebody may look for it.
func TestABusThatIsNotThereIsInTheLog(t *testing.T) {
	t.Parallel()
	p := start(t, "--issuer", "http://127.0.0.1:1/oidc", "--listen", "127.0.0.1:0", "--bus", "redis://:SECRET@127.0.0.1:1")
	p.stderr.Await(t, `level=WARN msg="the bus is down" .*connection refused`)
	if strings.Contains(p.stderr.String(), "SECRET") {
		t.Error("the password is in the log")
	}
}

// An address in use is a failure at run time with a hint.
func TestAddressInUse(t *testing.T) {
	p := start(t, "--issuer", "http://127.0.0.1:1/oidc", "--listen", "127.0.0.1:0")
	for name, args := range map[string][]string{
		"listen":     {"--issuer", "http://127.0.0.1:1/oidc", "--listen", p.address},
		"dev-listen": {"--dev", "--listen", "127.0.0.1:0", "--dev-listen", p.address},
	} {
		var stdout, stderr bytes.Buffer
		code := run(t.Context(), args, noEnv, &stdout, &stderr)
		if code != exitFailure || !strings.Contains(stderr.String(), "hint: choose another --"+name) {
			t.Errorf("%s: exit %d, %s", name, code, stderr.String())
		}
	}
}

// An issuer in another spelling than its metadata has ends the start, and what the hint says
// works. One that is down, or that is not the first, does not.
func TestAMisnamedIssuerEndsTheStart(t *testing.T) {
	var name atomic.Value // what the metadata says
	provider := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/oidc/.well-known/openid-configuration" {
			http.NotFound(w, r)
			return
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"issuer": name.Load(), "jwks_uri": "http://" + r.Host + "/keys"})
	}))
	t.Cleanup(provider.Close)
	base := provider.URL
	atLocalhost := strings.Replace(base, "127.0.0.1", "localhost", 1)
	other := base + "/other"
	for what, tt := range map[string]struct{ configured, named, hint string }{
		"a slash too many":       {base + "/oidc/", base + "/oidc", "write --issuer " + base + "/oidc\n"},
		"a slash too few":        {base + "/oidc", base + "/oidc/", "write --issuer " + base + "/oidc/\n"},
		"another case":           {strings.ToUpper(atLocalhost[:16]) + atLocalhost[16:] + "/oidc", atLocalhost + "/oidc", "write --issuer " + atLocalhost + "/oidc\n"},
		"another name":           {base + "/oidc", atLocalhost + "/oidc", "write --issuer " + atLocalhost + "/oidc\n"},
		"the first of two":       {base + "/oidc/ " + other, base + "/oidc", "write --issuer " + hint.Quote(base+"/oidc "+other) + "\n"},
		"nowhere to be found":    {base + "/oidc", base + "/gone", issuerHint},
		"for all tenants":        {base + "/oidc", base + "/{tenantid}/v2.0", issuerHint},
		"nothing":                {base + "/oidc", "", issuerHint},
		"words for the terminal": {base + "/oidc", base + "/oidc\x1b[2J;id", issuerHint},
	} {
		name.Store(tt.named)
		var stdout, stderr bytes.Buffer
		code := run(t.Context(), []string{"--issuer", tt.configured, "--listen", "127.0.0.1:0"}, noEnv, &stdout, &stderr)
		said := stderr.String()
		if code != exitFailure || !strings.Contains(said, "hint: "+tt.hint) || strings.Contains(said, "listening on") {
			t.Errorf("%s: exit %d, want the hint %q in\n%s", what, code, tt.hint, said)
		}
		if strings.HasPrefix(tt.hint, "write ") {
			start(t, "--issuer", strings.Join(append([]string{tt.named}, strings.Fields(tt.configured)[1:]...), " "), "--listen", "127.0.0.1:0")
		}
	}
	good := base + "/oidc"
	// The right document may be where nothing is answered for the moment.
	halfDown := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/oidc/") {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"issuer": "http://" + r.Host, "jwks_uri": "http://" + r.Host + "/keys"})
	}))
	t.Cleanup(halfDown.Close)
	start(t, "--issuer", halfDown.URL+"/oidc", "--listen", "127.0.0.1:0")
	name.Store(good)
	p := start(t, "--issuer", good+" "+good+"/", "--listen", "127.0.0.1:0")
	p.stderr.Await(t, `level=WARN .*endpoint=metadata issuer=`+good+`/ .*its metadata calls it`)
	start(t, "--issuer", other+" "+good, "--listen", "127.0.0.1:0") // has no metadata now
}

// While an issuer does not answer, the server does.
func TestProbesAreAnsweredWhileTheIssuerIsSilent(t *testing.T) {
	asked, answer := make(chan struct{}), make(chan struct{})
	var once sync.Once
	silent := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		once.Do(func() { close(asked) })
		<-answer
	}))
	t.Cleanup(func() { close(answer); silent.Close() })
	ctx, cancel := context.WithCancel(context.Background())
	stderr := &binary.Output{}
	ended := make(chan int, 1)
	go func() {
		ended <- run(ctx, []string{"--issuer", silent.URL, "--listen", "127.0.0.1:0", "--ops-listen", "127.0.0.1:0"}, noEnv, io.Discard, stderr)
	}()
	<-asked
	ops := stderr.Await(t, `operations on (\S+)\n`)[1]
	resp, err := http.Get("http://" + ops + "/healthz")
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusOK || strings.Contains(stderr.String(), "listening on") {
		t.Errorf("status %d, and it said:\n%s", resp.StatusCode, stderr)
	}
	cancel()
	if code := <-ended; code != 0 {
		t.Errorf("exit %d:\n%s", code, stderr)
	}
}
