package cli

import (
	"errors"
	"os"
	"runtime"
	"strings"
	"testing"

	"mcp-login/internal/account"
	"mcp-login/internal/oauth"

	"github.com/spf13/pflag"
)

// Where the person's browser is, judged by the environment.
func TestHasBrowser(t *testing.T) {
	windows := func(path string) bool { return strings.HasPrefix(path, "/mnt/c/") }
	nothing := func(string) bool { return false }
	for _, tc := range []struct {
		name, goos string
		env        []string
		exists     func(string) bool
		want       bool
	}{
		{"Linux with X", "linux", []string{"DISPLAY", ":0"}, nothing, true},
		{"Linux with Wayland", "linux", []string{"WAYLAND_DISPLAY", "wayland-0"}, nothing, true},
		{"a container, or a console", "linux", nil, nothing, false},
		{"SSH", "linux", []string{"SSH_CONNECTION", "1 2 3 4"}, nothing, false},
		{"SSH with a forwarded display", "linux", []string{"SSH_CONNECTION", "1 2 3 4", "DISPLAY", "localhost:10"}, nothing, true},
		{"macOS", "darwin", nil, nothing, true},
		{"SSH to macOS", "darwin", []string{"SSH_TTY", "/dev/ttys0"}, nothing, false},
		{"Windows", "windows", nil, nothing, true},
		{"SSH to Windows", "windows", []string{"SSH_CLIENT", "1 2 3"}, nothing, false},
		{"WSL", "linux", []string{"WSL_DISTRO_NAME", "Debian"}, windows, runtime.GOOS == "linux"},
		{"WSL cut off from Windows", "linux", []string{"WSL_DISTRO_NAME", "Debian"}, nothing, false},
	} {
		if got := hasBrowser(tc.goos, env(tc.env...), tc.exists); got != tc.want {
			t.Errorf("%s: %v", tc.name, got)
		}
	}
}

// Which way of signing in: a browser here, a code on another device, or an
// address to print. A program that was named means that there is a browser.
func TestWhenADeviceIsUsed(t *testing.T) {
	for _, tc := range []struct {
		name string
		o    options
		env  []string
		want oauth.DevicePolicy
	}{
		{"a screen", options{}, []string{"DISPLAY", ":0"}, oauth.DeviceNever},
		{"--device", options{Settings: account.Settings{Choices: oauth.Choices{Device: true}}}, []string{"DISPLAY", ":0"}, oauth.DeviceAlways},
		{"--no-browser", options{noBrowser: true}, nil, oauth.DeviceNever},
		{"MCP_LOGIN_BROWSER=none", options{browser: "none"}, nil, oauth.DeviceNever},
		{"MCP_LOGIN_BROWSER names a program", options{browser: "firefox"}, []string{"SSH_CONNECTION", "x"}, oauth.DeviceNever},
	} {
		if runtime.GOOS != "linux" {
			continue // there is always a screen
		}
		a := &app{getenv: env(tc.env...)}
		if got := a.device(tc.o); got != tc.want {
			t.Errorf("%s: %v", tc.name, got)
		}
	}
	a := &app{getenv: env("SSH_CONNECTION", "1 2 3 4")}
	if got := a.device(options{}); got != oauth.DeviceIfOffered {
		t.Errorf("SSH: %v", got)
	}
}

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
		return o, errors.Join(o.settle(f), o.check())
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
	t.Setenv(givenTokenName, "")
	t.Setenv("MY_KEY", "k3y")
	e := newEnvironment(map[string]string{"HANDED": "over"})
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
