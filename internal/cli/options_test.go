package cli

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/spf13/pflag"
)

// A flag wins over its variable, an empty variable counts as unset, and the
// secret comes from a file or a variable only.
func TestAFlagWinsOverItsVariable(t *testing.T) {
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

// Flags that contradict each other are refused before anything is sent; those that want a
// client when it is known whether one is kept.
func TestContradictoryFlagsAreRefused(t *testing.T) {
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
