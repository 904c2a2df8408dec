package cli

import (
	"errors"
	"os"
	"runtime"
	"testing"

	"mcp-login/internal/account"

	"github.com/spf13/pflag"
)

// Flags that contradict each other are refused before anything is sent; those that want a
// client when it is known whether one is kept.
func TestOptionsCheck(t *testing.T) {
	said := func(args ...string) (options, error) {
		var o options
		f := pflag.NewFlagSet("x", pflag.ContinueOnError)
		o.register(f, env())
		if err := f.Parse(args); err != nil {
			t.Fatal(err)
		}
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
	} {
		o, err := said(bad...)
		if _, other := o.identity(env()); err == nil && other == nil {
			t.Errorf("accepted %q", bad)
		}
	}
	if _, err := said("--auth-param", "prompt=select_account", "--auth-param", "audience=https://a.example/?x=y", "--no-resource", "--resource", "none", "--client-id", "x", "--client-key", "k", "--client-credentials", "--token-endpoint", "https://a.example/token"); err != nil {
		t.Error(err)
	}
}

// Secrets are found by us and by nobody that we start.
func TestTakeSecrets(t *testing.T) {
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
