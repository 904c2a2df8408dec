package main

import (
	"context"
	"io"
	"log"
	"os"
	"os/signal"
	"syscall"

	"mcp-login/internal/cli"
)

// version can be set at link time: -ldflags "-X main.version=v1.2.3".
var version string

func main() {
	hideMemory() // before there is anything in it
	if code, ok := cli.RunStarter(os.Args[1:]); ok {
		os.Exit(code)
	}
	// net/http and other libraries write there what a peer has sent, tokens among
	// it, and hosts keep stderr in files.
	log.SetOutput(io.Discard)
	// A client that has gone is an error of Write, not the end of the process:
	// the session at the server is still to be ended.
	signal.Ignore(syscall.SIGPIPE)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	code := cli.Run(ctx, version, os.Args[1:])
	stop()
	os.Exit(code)
}

// dumpableName is the variable that lets other processes of the user look into
// this one.
const dumpableName = "MCP_LOGIN_DUMPABLE"
