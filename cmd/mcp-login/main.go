package main

import (
	"context"
	"os"
	"os/signal"
	"slices"
	"syscall"
	"time"

	"github.com/pkg/browser"

	"mcp-login/internal/pace"
)

func main() {
	// The helper that opens the browser would otherwise write into the MCP
	// stream.
	browser.Stdout = os.Stderr
	// A client that has gone is an error of Write, not the end of the process:
	// the session at the server is still to be ended.
	signal.Ignore(syscall.SIGPIPE)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	getenv, secrets := takeSecrets()
	time.AfterFunc(afterStart, func() { pace.Follow(heapPace, getenv) })
	a := &app{in: os.Stdin, getenv: getenv, secrets: secrets, open: browser.OpenURL, terminal: isTerminal(os.Stderr), outTerminal: isTerminal(os.Stdout)}
	a.attach(os.Stdout, os.Stderr)
	if slices.Contains(os.Args, "--"+detachedFlag) {
		browser.Stdout, browser.Stderr = nil, nil // see browserOutput
	}
	code := a.run(ctx, os.Args[1:])
	stop()
	os.Exit(code)
}

// attach gives the verbs their output.
func (a *app) attach(out, err *os.File) {
	a.out, a.err = out, err
	if !a.terminal || a.getenv("NO_COLOR") != "" {
		return
	}
	a.screen.w, a.err = err, a.screen.above(err)
	if a.outTerminal {
		a.out = a.screen.above(out)
	}
}

// secretNames are the variables that hold secrets of ours.
var secretNames = []string{clientSecretName, givenTokenName, "MCP_LOGIN_PASSPHRASE"}

// takeSecrets takes the secrets out of the environment, so that no browser and
// no helper of one inherits them, and returns what still reads them, and the
// variables for the one child that needs them.
func takeSecrets() (getenv func(string) string, secrets []string) {
	taken := map[string]string{}
	for _, name := range secretNames {
		if value, ok := os.LookupEnv(name); ok {
			taken[name] = value
			secrets = append(secrets, name+"="+value)
			_ = os.Unsetenv(name)
		}
	}
	return func(name string) string {
		if value, ok := taken[name]; ok {
			return value
		}
		return os.Getenv(name)
	}, secrets
}

// isTerminal reports whether f is a character device that is not the null one.
func isTerminal(f *os.File) bool {
	info, err := f.Stat()
	if err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return false
	}
	null, err := os.Stat(os.DevNull)
	return err != nil || !os.SameFile(info, null)
}
