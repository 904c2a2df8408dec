package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"mcp-login/internal/account"
	"mcp-login/internal/hint"
	"mcp-login/internal/oauth"
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

// The table of docs/exit-codes.md.
func TestExitCodes(t *testing.T) {
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	wrap := func(err error) error { return fmt.Errorf("outside: %w", &oauth.Error{Op: "x", Err: err}) }
	for _, tc := range []struct {
		ctx  context.Context
		err  error
		code int
	}{
		{t.Context(), nil, 0},
		{t.Context(), errors.New("x"), 1},
		{t.Context(), usageError{errors.New("x")}, 2},
		{t.Context(), wrap(oauth.ErrUnavailable), 3},
		{t.Context(), fmt.Errorf("x: %w", unreachableError{errors.New("x")}), 3},
		{t.Context(), wrap(oauth.ErrLoginRequired), 4},
		{t.Context(), wrap(oauth.ErrDenied), 4},
		{t.Context(), wrap(oauth.ErrLoginTimeout), 4},
		{t.Context(), wrap(oauth.ErrNotFound), 4},
		{t.Context(), storeError{errors.New("x")}, 5},
		{ended, errors.New("x"), 130},
		{ended, nil, 0},
	} {
		if got := exitCode(tc.ctx, tc.err); got != tc.code {
			t.Errorf("%v: %d, want %d", tc.err, got, tc.code)
		}
	}
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
	if err := o.settle(f); err != nil || o.Scopes != nil {
		t.Error("scopes without a flag")
	}
	if err := f.Parse([]string{"--scope", ""}); err != nil {
		t.Fatal(err)
	}
	if err := o.settle(f); err != nil || o.Scopes == nil {
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
	o.ClientID, o.saidClient, o.clientSecretFile = "", "", ""
	if _, err := o.identity(env("MCP_LOGIN_CLIENT_SECRET", "x")); err == nil {
		t.Error("a secret without a client")
	}
}

// What opens the browser: nothing, the person's program without a shell, or the
// system's way where there is a screen; and nothing but web addresses.
func TestBrowse(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the stand-in program is a shell script")
	}
	dir := t.TempDir()
	program, record := filepath.Join(dir, "browser"), filepath.Join(dir, "record")
	if err := os.WriteFile(program, []byte("#!/bin/sh\nfor a; do echo \"<$a>\" >> '"+record+"'; done\necho noise\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	const address = "https://a.example/auth?x=$(touch%20pwned)&y=`id`;z"
	opened := ""
	var out, errOut bytes.Buffer
	a := &app{term: onPipes(&out, &errOut), getenv: env("DISPLAY", ":0"), open: func(u string) error { opened = u; return nil }}
	for _, tc := range []struct {
		o            options
		record, open string
	}{
		{options{}, "", address},
		{options{noBrowser: true}, "", ""},
		{options{browser: "none"}, "", ""},
		{options{browser: program}, "<" + address + ">\n", ""},
		{options{browser: program + " --new %s --x"}, "<--new>\n<" + address + ">\n<--x>\n", ""},
	} {
		opened = ""
		_ = os.Remove(record)
		if err := a.browse(tc.o, address); err != nil {
			t.Errorf("%+v: %v", tc.o, err)
		}
		got, _ := os.ReadFile(record)
		if string(got) != tc.record || opened != tc.open {
			t.Errorf("%+v: ran with %q, opened %q", tc.o, got, opened)
		}
	}
	// A browser prints what pages say, and may outlive us.
	if out.Len() != 0 || errOut.Len() != 0 {
		t.Errorf("stdout %q, stderr %q", out.String(), errOut.String())
	}
	for _, bad := range []string{"javascript:alert(1)", "file:///etc/passwd", "--help", ""} {
		if err := a.browse(options{browser: program}, bad); err == nil {
			t.Errorf("opened %q", bad)
		}
	}
	a.getenv = env()
	if err := a.browse(options{}, address); runtime.GOOS == "linux" && err == nil {
		t.Error("a window without a screen")
	}
}

func TestKeyOfOptions(t *testing.T) {
	server := &url.URL{Scheme: "https", Host: "a.example", Path: "/mcp"}
	one, two := account.Settings{Profile: "work"}, account.Settings{Profile: "work", ClientID: "x"}
	if one.Key(server).ID() == two.Key(server).ID() {
		t.Error("two clients share a login")
	}
}
