package cli

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"mcp-login/internal/account"
	"mcp-login/internal/header"
)

// A flag wins over its variable, an empty variable counts as unset, and the
// secret comes from a file or a variable only.
func TestAFlagWinsOverItsVariable(t *testing.T) {
	f := pflag.NewFlagSet("x", pflag.ContinueOnError)
	var o options
	o.register(f, env("MCP_LOGIN_CLIENT_ID", "from-env", "MCP_LOGIN_STORE", "", "MCP_LOGIN_BROWSER", "", "BROWSER", "firefox"))
	must(t, f.Parse([]string{"--store", "file"}))
	if o.ClientID != "from-env" || o.store != "file" || o.browser != "firefox" {
		t.Errorf("%+v", o)
	}
	if err := o.resolve(f); err != nil || o.Scopes != nil {
		t.Error("scopes without a flag")
	}
	must(t, f.Parse([]string{"--scope", ""}))
	if err := o.resolve(f); err != nil || o.Scopes == nil {
		t.Error(`--scope "" is a choice`)
	}
	file := filepath.Join(t.TempDir(), "secret")
	must(t, os.WriteFile(file, []byte("s3cret\n"), 0o600))
	o.clientSecretFile = file
	if id, err := o.identity(env(), nil); err != nil || id.ClientSecret.Reveal() != "s3cret" {
		t.Errorf("%v", err)
	}
	o.ClientID, o.givenClientID, o.clientSecretFile = "", "", ""
	if _, err := o.identity(env("MCP_LOGIN_CLIENT_SECRET", "x"), nil); err == nil {
		t.Error("a secret without a client")
	}
}

// Flags that contradict each other are refused before anything is sent; those that want a
// client when it is known whether one is kept.
func TestContradictoryFlagsAreRefused(t *testing.T) {
	said := func(args ...string) (options, error) {
		var o options
		f := pflag.NewFlagSet("x", pflag.ContinueOnError)
		o.register(f, env())
		must(t, f.Parse(args))
		return o, errors.Join(o.resolve(f), o.check())
	}
	for _, bad := range [][]string{
		{"--auth-param", "prompt"},
		{"--auth-param", "=x"},
		{"--auth-param", "redirect_uri=https://evil.example"},
		{"--auth-param", "state=1"},
		{"--auth-param", "code_challenge_method=plain"},
		{"--auth-param", "request_uri=urn:x"},
		{"--no-resource", "--resource", "https://a.example"},
		{"--token-endpoint", "https://a.example/token"},
		{"--client-key", "key.pem"},
		{"--redirect-uri", "http://app.example/cb"},
		{"--client-credentials"},
		{"--client-credentials", "--client-id", "x", "--device"},
		{"--assertion", "spiffe", "--device"},
		{"--assertion", "eyJhbGciOiJFUzI1NiJ9.e30.x"},
		{"--assertion", "spiffe", "--client-credentials"},
		{"--assertion", "spiffe", "--client-credentials", "--client-id", "x", "--client-key", "k"},
		{"--assertion", "spiffe", "--token-command", "cat token"},
	} {
		o, err := said(bad...)
		if _, other := o.identity(env(), nil); err == nil && other == nil {
			t.Errorf("accepted %q", bad)
		}
	}
	if _, err := said("--auth-param", "prompt=select_account", "--auth-param", "audience=https://a.example/?x=y", "--no-resource", "--resource", "none", "--client-id", "x", "--client-key", "k", "--client-credentials", "--token-endpoint", "https://a.example/token"); err != nil {
		t.Error(err)
	}
}

// What a flag says that no sign-in can be made with is refused at the start, whoever reads
// it later; nothing is sent before.
func TestValuesAreJudgedBeforeAnythingIsSent(t *testing.T) {
	const url = "http://127.0.0.1:1/mcp" // nobody listens
	for _, bad := range [][]string{
		{"--callback-host", "0.0.0.0"},
		{"--callback-host", "example.com"},
		{"--callback-host", "127.0.0.2"},
		{"--callback-port", "99999"},
		{"--callback-port", "-1"},
		{"--callback-path", "x"},
		{"--callback-path", "/a b"},
		{"--callback-bind", "localhost"},
		{"--redirect-uri", "http://example.com/cb"},
		{"--success-url", "done"},
		{"--issuer", "id.example.com"},
		{"--issuer", "x"},
		{"--client-metadata-url", "ftp://a.example/b"},
		{"--client-uri", "x"},
		{"--client-credentials", "--client-id", "x", "--token-endpoint", "id.example.com/token"},
		{"--timeout", "-5s"},
		{"--login-patience", "-1s"},
		{"--connect-timeout", "-1s"},
		{"--ping-interval", "-1s"},
		{"--client-metadata", "x"},
		{"--client-cert", "/nope"},
		{"--ca-file", "/nope"},
		{"--header-file", "/nope"},
		{"--transport", "x"},
		{"--log-level", "x"},
		{"--auth-param", "x"},
		{"--header", "x"},
		{"--token-command", "'"},
	} {
		code, _, said := runWith(t, "", append([]string{"login", url}, bad...), "MCP_LOGIN_DIR", t.TempDir())
		if code != exitUsage || strings.Contains(said, "127.0.0.1:1") {
			t.Errorf("%q: %d %s", bad, code, said)
		}
	}
	for _, good := range [][]string{
		{"--callback-host", "::1", "--callback-port", "65535", "--callback-path", "/a/b", "--callback-bind", "0.0.0.0"},
		{"--issuer", "https://id.example.com", "--client-metadata-url", "https://a.example/b", "--timeout", "1ms", "--login-patience", "0"},
	} {
		code, _, said := runWith(t, "", append([]string{"login", url}, good...), "MCP_LOGIN_DIR", t.TempDir())
		if code != exitUnreachable {
			t.Errorf("%q: %d %s", good, code, said)
		}
	}
}

// Names end at a colon or an equals sign; variables have either spelling, and one
// that is missing is named. Nothing of a refused header is shown, and no header can
// smuggle in another one. internal/header has more of what lines may be.
func TestAHeaderLineBecomesOneHeaderOrIsRefused(t *testing.T) {
	getenv := env("KEY", "s3cret", "EVIL", "a\r\nX: y", "BLANK", " \n", "LINE", "abc\n")
	for line, want := range map[string]string{
		"X-Key=abc": "abc", "X-Key = a:b=c": "a:b=c", "X-Key:a=b": "a=b", "X-Key: ${env:KEY}": "s3cret", "X-Key:": "", "X-Key: ${}$KEY${": "${}$KEY${", "X-Key: ${LINE}": "abc",
		"X-Key: ${KEY}${KEY}": "s3crets3cret", "X-Key:a$b${": "a$b${",
	} {
		h, err := (&options{headers: []string{line, "X-Two: 1", "X-Two: ${KEY}"}}).header(getenv)
		if err != nil || h.Get("X-Key") != want || len(h.Values("X-Key")) != 1 || strings.Join(h["X-Two"], ",") != "1,s3cret" {
			t.Errorf("%q: %v, %v", line, h, err)
		}
	}
	for line, named := range map[string]string{
		"X-Key: ${NOPE}": "NOPE", "X-Key: ${KEY} ${NOPE}": "NOPE", "X-Key: ${BLANK}": "BLANK", "X-Key: ${env:NOPE}": "NOPE", "X-Key: ${s3cret!}": "X-Key",
		"Authorization: Bearer": "Bearer", "authorization=Basic ": "Basic",
		"no colon s3cret": "", ": s3cret": "", "X Y: s3cret": "", "X\r\nY: s3cret": "", "X: ${EVIL}": "", "X: a\x00b": "",
	} {
		_, err := (&options{headers: []string{line}}).header(getenv)
		if err == nil || !strings.Contains(err.Error(), named) || strings.Contains(err.Error(), "s3cret") || exitCode(t.Context(), err) != exitUsage {
			t.Errorf("%q: %v", line, err)
		}
	}
}

// The User-Agent is the program's, with the address of the project in a release that somebody
// has published, unless the person chose one; what would begin another header is refused.
func TestUserAgentIsOursUnlessOneIsChosen(t *testing.T) {
	o := options{generalOptions: generalOptions{version: "(devel)"}}
	ours := agent("", o.version)
	if ours != "mcp-login/devel" {
		t.Errorf("%q", ours)
	}
	for value, want := range map[string]string{"Desktop/7 (Linux)": "Desktop/7 (Linux)", "": ours, "  ": ours} {
		chosen := options{generalOptions: generalOptions{userAgent: value, version: o.version}}
		h, err := chosen.header(env())
		if err != nil || chosen.check() != nil || h.Get("User-Agent") != want {
			t.Errorf("%q: %q, %v", value, h.Get("User-Agent"), err)
		}
	}
	for _, bad := range []string{"a\r\nX-Evil: 1", "a\nb", "a\x00", "a\x7f"} {
		if err := (&options{generalOptions: generalOptions{userAgent: bad}}).check(); err == nil || strings.Contains(err.Error(), "a") && strings.Contains(err.Error(), "Evil") {
			t.Errorf("%q: %v", bad, err)
		}
	}
	o.headers = []string{"user-agent: Desktop/7"}
	if h, err := o.header(env()); err != nil || len(h.Values("User-Agent")) != 1 || h.Get("User-Agent") != "Desktop/7" {
		t.Errorf("%v, %v", h, err)
	}
}

// FuzzHeader: whatever stands in a line and a variable, one header comes of it, in a
// form that can be sent, or an error.
func FuzzHeader(f *testing.F) {
	for _, line := range []string{"X-Key: ${A}", "X=${env:A}:", "Authorization: Bearer ${A}${", "a\r\nb: c", "${A}: x", "=x", ":", "X: ${${A}}"} {
		f.Add(line, "value")
		f.Add(line, "a\r\nX-Evil: 1")
	}
	f.Fuzz(func(t *testing.T, line, value string) {
		h, err := (&options{headers: []string{line}, generalOptions: generalOptions{userAgent: "x"}}).header(func(string) string { return value })
		if err != nil {
			return
		}
		if len(h) > 2 {
			t.Fatalf("%q: %v", line, h)
		}
		for name, values := range h {
			if _, _, ok := header.Split(name + ":"); !ok || !header.ValidValue(strings.Join(values, "")) {
				t.Errorf("%q: %q: %q", line, name, values)
			}
		}
	})
}

// Secrets are found by us and by nobody that we start.
func TestSecretsAreFoundByNobodyThatWeStart(t *testing.T) {
	t.Setenv(clientSecretName, "s3cret")
	t.Setenv(account.TokenVariable, "")
	t.Setenv("MY_KEY", "k3y")
	e := newEnvironment(&account.Handover{Secrets: map[string]string{"HANDED": "over"}})
	a := &app{env: e, getenv: e.get}
	getenv := e.get
	for _, name := range []string{"MY_KEY", "HOME"} { // a header names them
		if got := a.variables(options{getenv: e.get})(name); got == "" && runtime.GOOS == "linux" {
			t.Errorf("%s is lost", name)
		}
	}
	if getenv(clientSecretName) != "s3cret" || getenv("HANDED") != "over" || getenv("MY_KEY") != "k3y" || e.secrets()["MY_KEY"] != "k3y" || os.Getenv("MY_KEY") != "" {
		t.Errorf("%q", e.secrets())
	}
	if got := a.variables(options{})("MY_KEY"); got != "" {
		t.Error("a variable reaches one of several servers")
	}
	if os.Getenv(clientSecretName) != "" {
		t.Error("a browser would inherit the secret")
	}
	if got := env("x", "y")("x"); got != "y" || getenv("HOME") == "" && runtime.GOOS == "linux" {
		t.Error("other variables are lost")
	}
}
