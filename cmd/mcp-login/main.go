package main

import (
	"context"
	"io"
	"log"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/pkg/browser"

	"mcp-login/internal/pace"
	"mcp-login/internal/terminal"
)

func main() {
	hideMemory() // before there is anything in it
	// net/http and other libraries write there what a peer has sent, tokens among
	// it, and hosts keep stderr in files.
	log.SetOutput(io.Discard)
	// What opens the browser may write neither into the MCP stream nor, what
	// pages say, to a terminal; and a browser that outlives us must not die of a
	// closed pipe.
	browser.Stdout, browser.Stderr = nil, nil
	// A client that has gone is an error of Write, not the end of the process:
	// the session at the server is still to be ended.
	signal.Ignore(syscall.SIGPIPE)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	getenv, secrets := takeSecrets()
	time.AfterFunc(afterStart, func() { pace.Follow(heapPace, getenv) })
	a := &app{in: os.Stdin, term: terminal.System(getenv("NO_COLOR") != ""), getenv: getenv, secrets: secrets, open: browser.OpenURL}
	code := a.run(ctx, os.Args[1:])
	stop()
	os.Exit(code)
}

// dumpableName is the variable that lets other processes of the user look into
// this one.
const dumpableName = "MCP_LOGIN_DUMPABLE"

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
