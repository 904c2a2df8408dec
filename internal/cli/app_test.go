package cli

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"mcp-login/internal/hint"
	"mcp-login/internal/terminal"
)

func env(pairs ...string) func(string) string {
	return func(name string) string {
		for i := 0; i+1 < len(pairs); i += 2 {
			if pairs[i] == name {
				return pairs[i+1]
			}
		}
		return ""
	}
}

// onPipes is a terminal whose output nobody sees but a test.
func onPipes(out, err io.Writer) *terminal.Terminal {
	return terminal.New(terminal.Config{Out: out, Err: err})
}

func TestReport(t *testing.T) {
	var b bytes.Buffer
	a := &app{term: onPipes(io.Discard, &b)}
	a.term.Error(usageError{hint.With(errors.New("one\ntwo"), "do\nthis")})
	if got := b.String(); got != "mcp-login: error: one; two\nmcp-login: hint: do; this\n" {
		t.Errorf("%q", got)
	}
}

// ${NAME} in header values; nothing of a refused header is shown; no header can
// smuggle in another one.
func TestHeaders(t *testing.T) {
	getenv := env("KEY", "s3cret", "EVIL", "a\r\nX: y")
	o := options{headers: []string{"X-Key: ${KEY}", "X-Plain:a$b${", "X-Key: two"}}
	h, err := o.header(getenv)
	if err != nil || strings.Join(h["X-Key"], ",") != "s3cret,two" || h.Get("X-Plain") != "a$b${" {
		t.Errorf("%v, %v", h, err)
	}
	for _, bad := range []string{"no colon s3cret", ": s3cret", "X Y: s3cret", "X\r\nY: s3cret", "X: ${EVIL}", "X: a\x00b"} {
		o.headers = []string{bad}
		if _, err := o.header(getenv); err == nil || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

// A flag wins over its variable, an empty variable counts as unset, and the
// secret comes from a file or a variable only.
func TestOptions(t *testing.T) {
	f := pflag.NewFlagSet("x", pflag.ContinueOnError)
	var o options
	o.register(f, env("MCP_LOGIN_CLIENT_ID", "from-env", "MCP_LOGIN_STORE", "", "MCP_LOGIN_BROWSER", "", "BROWSER", "firefox"))
	if err := f.Parse([]string{"--store", "file"}); err != nil {
		t.Fatal(err)
	}
	if o.ClientID != "from-env" || o.store != "file" || o.browser != "firefox" {
		t.Errorf("%+v", o)
	}
	if err := o.resolve(f); err != nil || o.Scopes != nil {
		t.Error("scopes without a flag")
	}
	if err := f.Parse([]string{"--scope", ""}); err != nil {
		t.Fatal(err)
	}
	if err := o.resolve(f); err != nil || o.Scopes == nil {
		t.Error(`--scope "" is a choice`)
	}
	file := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(file, []byte("s3cret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	o.clientSecretFile = file
	if id, err := o.identity(env()); err != nil || id.ClientSecret.Reveal() != "s3cret" {
		t.Errorf("%v", err)
	}
	o.ClientID, o.givenClientID, o.clientSecretFile = "", "", ""
	if _, err := o.identity(env("MCP_LOGIN_CLIENT_SECRET", "x")); err == nil {
		t.Error("a secret without a client")
	}
}
