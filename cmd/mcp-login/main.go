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
	if len(os.Args) > 1 && os.Args[1] == startWord {
		os.Exit(startDetached(os.Args[2:]))
	}
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
	order, secrets := handedOver(os.Args, os.Stdin)
	env := newEnvironment(secrets)
	if order != nil {
		givenPipes.keep(order.Pipes)
	}
	time.AfterFunc(afterStart, func() { pace.Follow(heapPace, env.get) })
	a := &app{in: os.Stdin, term: terminal.System(env.get("NO_COLOR") != ""), getenv: env.get, env: env, order: order, open: browser.OpenURL}
	code := a.run(ctx, os.Args[1:])
	stop()
	os.Exit(code)
}

// dumpableName is the variable that lets other processes of the user look into
// this one.
const dumpableName = "MCP_LOGIN_DUMPABLE"
