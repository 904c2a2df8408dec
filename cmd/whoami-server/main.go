package main

import (
	"context"
	"io"
	"log"
	"os"
	"os/signal"
	"syscall"

	"mcp-login/internal/foreign"
)

// version can be set at link time: -ldflags "-X main.version=v1.2.3".
var version string

func main() {
	// net/http and other libraries write there what a peer has sent: claims and
	// keys of a provider, tokens of a caller.
	log.SetOutput(io.Discard)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// From the first signal on the next one has its usual effect.
	context.AfterFunc(ctx, stop)
	os.Exit(run(ctx, os.Args[1:], os.Getenv, foreign.TextWriter(os.Stdout), foreign.TextWriter(os.Stderr)))
}
