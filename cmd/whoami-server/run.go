package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"time"

	"mcp-login/internal/devidp"
	"mcp-login/internal/server"
)

const (
	exitOK      = 0
	exitFailure = 1
	exitUsage   = 2

	// stopTimeout is how long calls may go on after a signal.
	stopTimeout = 10 * time.Second
	// maxHeaderBytes leaves room for the longest token accepted.
	maxHeaderBytes = 64 << 10
)

// run is the program without its surroundings. It ends with ctx and returns
// the exit code.
func run(ctx context.Context, args []string, getenv func(string) string, stdout, stderr io.Writer) int {
	var o options
	if wantsHelp(args) {
		o.flags(stdout).Usage()
		return exitOK
	}
	if err := o.read(args, getenv, stderr); err != nil {
		return exitUsage
	}
	if o.version == "true" {
		_, _ = fmt.Fprintln(stdout, "whoami-server", programVersion())
		return exitOK
	}
	if mistakes := o.parse(); len(mistakes) > 0 {
		for _, m := range mistakes {
			report(stderr, m)
		}
		return exitUsage
	}
	if err := serve(ctx, &o, stdout, stderr); err != nil {
		var m mistake
		if !errors.As(err, &m) {
			m = mistake{err: err}
		}
		report(stderr, m)
		return exitFailure
	}
	return exitOK
}

// Error implements error.
func (m mistake) Error() string { return m.err.Error() }

func report(w io.Writer, m mistake) {
	_, _ = fmt.Fprintln(w, "error:", m.err)
	if m.hint != "" {
		_, _ = fmt.Fprintln(w, "hint:", m.hint)
	}
}

// wantsHelp looks for a help flag before everything else, so that the help goes
// to standard output and is a success.
func wantsHelp(args []string) bool {
	for _, a := range args {
		switch a {
		case "--":
			return false
		case "-h", "-help", "--help":
			return true
		}
	}
	return false
}

// serve binds, starts, waits for ctx, and stops.
func serve(ctx context.Context, o *options, stdout, stderr io.Writer) error {
	log := slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: o.level}))
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", o.listen)
	if err != nil {
		return mistake{fmt.Errorf("listen: %w", err), "choose another --listen, or stop what is using that one"}
	}
	defer func() { _ = listener.Close() }()
	cfg := o.config
	cfg.Log = log
	if cfg.Resource == nil {
		// The bound address has the port even where 0 was asked for.
		cfg.Resource = &url.URL{Scheme: "http", Host: listener.Addr().String(), Path: "/mcp"}
	}
	if cfg.Issuer == "" { // only with --dev
		provider, err := startDev(ctx, o.devListen, cfg.Resource, log)
		if err != nil {
			return mistake{err, "choose another --dev-listen, or stop what is using that one"}
		}
		defer func() { _ = provider.Close() }()
		cfg.Issuer = provider.Issuer()
		printDev(stdout, cfg.Resource.String())
	}
	handler, err := server.New(cfg)
	if err != nil {
		return fmt.Errorf("start: %w", err)
	}
	_, _ = fmt.Fprintf(stderr, "whoami-server %s listening on %s, resource %s, issuer %s\n",
		cfg.Version, listener.Addr(), cfg.Resource, cfg.Issuer)
	return serveHTTP(ctx, listener, handler, log)
}

func startDev(ctx context.Context, address string, resource *url.URL, log *slog.Logger) (*devidp.Server, error) {
	cfg := devidp.Config{Registration: true, TokenClaims: true, Log: log}
	for _, indicator := range server.Audiences(resource) {
		cfg.Resources = append(cfg.Resources, devidp.Resource{Indicator: indicator})
	}
	// Not ctx: calls that are under way at the end may still need it.
	provider, err := devidp.Start(context.WithoutCancel(ctx), address, cfg)
	if err != nil {
		return nil, fmt.Errorf("start the development provider: %w", err)
	}
	return provider, nil
}

// printDev says how to try it, for copying.
func printDev(w io.Writer, resource string) {
	_, _ = fmt.Fprintf(w, "Development mode, not for production: anybody who reaches it may sign in as anybody.\n\n"+
		"In a client's configuration:\n"+
		`  {"mcpServers":{"whoami":{"command":"mcp-login","args":["%[1]s"]}}}`+"\n"+
		"At a terminal:\n  mcp-login %[1]s\n", resource)
}

// serveHTTP serves until ctx ends, then ends streams and waits for calls. It
// returns nil after an orderly stop.
func serveHTTP(ctx context.Context, listener net.Listener, handler *server.Server, log *slog.Logger) error {
	srv := &http.Server{
		Handler: handler,
		// No WriteTimeout and no ReadTimeout: streams stay open for hours. The
		// handler bounds the time to send a message itself.
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
	failed := make(chan error, 1)
	go func() { failed <- srv.Serve(listener) }()
	select {
	case err := <-failed:
		_ = handler.Close(context.WithoutCancel(ctx))
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
	}
	log.Info("stopping")
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
	defer cancel()
	// Both at once: Shutdown waits for the streams that Close ends.
	closed := make(chan error, 1)
	go func() { closed <- handler.Close(stop) }()
	err := srv.Shutdown(stop)
	if err = errors.Join(<-closed, err); err != nil {
		_ = srv.Close()
		return fmt.Errorf("stop: calls were cut off: %w", err)
	}
	return nil
}
