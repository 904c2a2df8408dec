package cli

import (
	"os"
	"runtime"
	"testing"

	"mcp-login/internal/account"
)

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
