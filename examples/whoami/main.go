package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"mcp-login/internal/devidp"
	"mcp-login/internal/server"
)

// patience is how long a person may take to sign in.
const patience = 5 * time.Minute

func main() {
	auto := flag.Bool("auto", false, "sign in as alice without asking anybody")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, *auto, os.Stdout, os.Stderr)
	stop()
	if err != nil {
		fmt.Fprintf(os.Stderr, "whoami demo: error: %v\n", err)
		os.Exit(1)
	}
}

// run plays the whole piece. Steps go to out as they happen.
func run(ctx context.Context, auto bool, out, errOut io.Writer) (err error) {
	ctx, cancel := context.WithTimeout(ctx, patience+time.Minute)
	defer cancel()
	folder, err := os.MkdirTemp("", "mcp-login-demo-")
	if err != nil {
		return fmt.Errorf("make a temporary folder: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	say := narrator(out)

	say("building mcp-login")
	binary, err := build(ctx, folder, errOut)
	if err != nil {
		return err
	}
	start := time.Now()
	stage, err := open(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stage.close()) }()
	say("provider (devidp, behaves like Logto) at %s", stage.provider.Issuer())
	say("whoami server at %s", stage.endpoint)

	say("client starts: mcp-login %s", stage.endpoint)
	p := &play{ctx: ctx, binary: binary, state: filepath.Join(folder, "state"), endpoint: stage.endpoint, auto: auto, say: say, errOut: errOut}
	claims, err := p.callWhoami()
	if err != nil {
		return err
	}
	say("whoami answered through the bridge:")
	fmt.Fprintf(out, "\n%s\n\n", claims)
	stats := stage.provider.Stats()
	say("done in %.2f s: %d registration, %d login, %d code exchange; the next start would open no browser",
		time.Since(start).Seconds(), stats.Registrations, stats.Logins, stats.CodeExchanges)
	return nil
}

// narrator numbers the steps.
func narrator(out io.Writer) func(format string, args ...any) {
	n := 0
	return func(format string, args ...any) {
		n++
		fmt.Fprintf(out, "%2d. "+format+"\n", append([]any{n}, args...)...)
	}
}

// stage is the provider and the server.
type stage struct {
	provider *devidp.Server
	whoami   *server.Server
	http     *http.Server
	served   chan struct{}
	endpoint string
}

// open starts both on free ports. The server's address is bound first, because
// the provider has to know it as a resource.
func open(ctx context.Context) (*stage, error) {
	var lc net.ListenConfig
	ln, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	resource := &url.URL{Scheme: "http", Host: ln.Addr().String(), Path: "/mcp"}
	provider, err := devidp.Start(ctx, "127.0.0.1:0", devidp.Config{
		Registration: true, TokenClaims: true,
		Resources: []devidp.Resource{{Indicator: resource.String()}},
	})
	if err != nil {
		_ = ln.Close()
		return nil, fmt.Errorf("start the provider: %w", err)
	}
	whoami, err := server.New(server.Config{
		Resource: resource, Issuer: provider.Issuer(), Scopes: []string{"openid", "profile", "email"},
		RelayIssuerMetadata: true, Version: "demo", Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		_ = ln.Close()
		return nil, errors.Join(fmt.Errorf("start the server: %w", err), provider.Close())
	}
	s := &stage{
		provider: provider, whoami: whoami, endpoint: resource.String(), served: make(chan struct{}),
		http: &http.Server{Handler: whoami, ReadHeaderTimeout: 5 * time.Second},
	}
	go func() {
		defer close(s.served)
		_ = s.http.Serve(ln) // ends with close
	}()
	return s, nil
}

func (s *stage) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	err := errors.Join(s.whoami.Close(ctx), s.http.Shutdown(ctx), s.provider.Close())
	<-s.served
	return err
}
