package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"mcp-login/bearer"
	"mcp-login/internal/build"
	"mcp-login/internal/foreign"
	"mcp-login/internal/hint"
	"mcp-login/internal/origin"
	"mcp-login/internal/server"
	"mcp-login/internal/server/bus"
)

const (
	exitOK      = 0
	exitFailure = 1
	exitUsage   = 2

	// stopTimeout is how long calls may go on after a signal.
	stopTimeout = 10 * time.Second
	// cutTimeout is how long they may take to end afterwards.
	cutTimeout = time.Second
	// issuerTimeout is how long a start waits for the issuer's metadata.
	issuerTimeout = 5 * time.Second
	// maxHeaderBytes leaves room for the longest token accepted.
	maxHeaderBytes = 64 << 10
	// headerTimeout is how long a client may take for the header of a request,
	// and a client of the operations listener for all of it.
	headerTimeout = 10 * time.Second
)

// verbs are words that take the options of the server, and do something else than to serve.
var verbs = []string{"healthcheck", "check"}

// run is the program without its surroundings. It ends with ctx and returns
// the exit code.
func run(ctx context.Context, args []string, getenv func(string) string, stdout, stderr io.Writer) int {
	var o options
	if wantsHelp(args) {
		o.flags(stdout).Usage()
		return exitOK
	}
	if len(args) > 0 && args[0] == "version" {
		return printVersion(args[1:], getenv, stdout, stderr)
	}
	program, verb := "whoami-server", ""
	if len(args) > 0 && slices.Contains(verbs, args[0]) {
		verb, args = args[0], args[1:]
		program += " " + verb
	}
	if err := o.read(program, args, getenv); err != nil {
		report(stderr, err)
		return exitUsage
	}
	if o.version == "true" {
		return printVersion(nil, getenv, stdout, stderr)
	}
	if verb == "healthcheck" {
		return healthcheck(ctx, &o, stderr)
	}
	if mistakes := o.parse(); len(mistakes) > 0 {
		for _, err := range append(mistakes, o.unknown...) {
			report(stderr, err)
		}
		return exitUsage
	}
	if verb == "check" {
		return check(ctx, &o, stdout, stderr)
	}
	if o.gateway.upstream != "" && getenv("GOGC") == "" {
		debug.SetGCPercent(heapGrowth)
	}
	if err := serve(ctx, &o, getenv, stdout, stderr); err != nil {
		report(stderr, err)
		return exitFailure
	}
	return exitOK
}

// heapGrowth is how far a gateway's heap may grow between two collections, in per cent of
// what is in use (GOGC, see package runtime). Little is in use, so that Go's own 100 starts
// the collector hundreds of times a second. Measured: docs/evidence/performance.md.
const heapGrowth = 200

func report(w io.Writer, err error) {
	_, _ = fmt.Fprintln(w, "error:", foreign.Message(err.Error()))
	if next := hint.Of(err); next != "" {
		_, _ = fmt.Fprintln(w, "hint:", foreign.Message(next))
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
func serve(ctx context.Context, o *options, getenv func(string) string, stdout, stderr io.Writer) error {
	log := newLog(o, stderr)
	warn(log, o)
	l, err := bind(ctx, o, getenv, log)
	if err != nil {
		return err
	}
	defer l.close()
	cfg := o.config
	cfg.Log = log
	if cfg.Resource == nil {
		if cfg.Resource, err = resourceAt(l.clients.Addr(), l.certificate != nil); err != nil {
			return err
		}
	}
	if cfg.Issuer == "" { // only with --dev
		provider, err := startDev(ctx, o.devListen, o.configs(cfg), log)
		if err != nil {
			return hint.With(err, "choose another --dev-listen, or stop what is using that one")
		}
		defer func() { _ = provider.Close() }()
		cfg.Issuer = provider.Issuer()
		printDev(stdout, cfg.Resource, o.others, cfg.Upstream == nil && cfg.ForwardAuth == nil)
	}
	if o.collector != "" {
		tracer, stop := startTracing(ctx, o.collector, o.ratio, cfg.Version, log)
		defer stop()
		cfg.Tracer = tracer
	}
	if cfg.Profiles = o.profiles(log); cfg.Profiles != nil {
		defer cfg.Profiles.Close()
	}
	registry := newRegistry(l.certificate)
	cfg.Metrics = registry
	configs := o.configs(cfg)
	leave, err := o.connect(configs, log)
	if err != nil {
		return fmt.Errorf("start: %w", err)
	}
	defer leave()
	handler, err := server.NewGroup(configs...)
	if err != nil {
		return fmt.Errorf("start: %w", err)
	}
	go handler.CheckUpstream(ctx) //nolint:errcheck // the log has what it returns
	ctx = onHangup(ctx, o.dev, handler.Reload, log)
	if l.ops != nil {
		stop := serveOperations(l.ops, handler.OperationsHandler(registry), log)
		defer stop()
		_, _ = fmt.Fprintf(stderr, "operations on %s\n", l.ops.Addr())
	}
	defer notify(getenv, "STOPPING=1")
	return serveChecked(ctx, func(ctx context.Context) error {
		if err := startIssuer(ctx, handler, cfg); err != nil {
			return err
		}
		_, _ = fmt.Fprintf(stderr, "whoami-server %s listening on %s, resource %s, issuer %s%s\n", cfg.Version, l.clients.Addr(), resourcesOf(configs), cfg.Issuer, behind(cfg))
		notify(getenv, "READY=1")
		return nil
	}, func(ctx context.Context) error { return serveHTTP(ctx, l, handler, o.drain, log) })
}

// connect gives each resource a bus of its own, over the same Redis: replicas and sessions of
// one are nothing to the others.
func (o *options) connect(configs []server.Config, log *slog.Logger) (leave func(), err error) {
	var all []*bus.Redis
	leave = func() {
		for _, b := range all {
			_ = b.Close()
		}
	}
	for k := range configs {
		if o.busURL == "" {
			break
		}
		resource := configs[k].Resource.String()
		connection, err := bus.Dial(o.busURL, resource, log.With("resource", resource))
		if err != nil {
			leave()
			return nil, err
		}
		all = append(all, connection)
		configs[k].Bus = connection
	}
	return leave, nil
}

// warn logs what an operator should know about the program and its settings.
func warn(log *slog.Logger, o *options) {
	if said := build.Outdated(); said != "" {
		log.Warn("this program is outdated", "reason", said)
	}
	for _, err := range o.unknown {
		log.Warn(err.Error(), "hint", hint.Of(err))
	}
	if u, err := url.Parse(o.config.Issuer); !o.dev && o.resource == "" && err == nil && !origin.Loopback(u.Hostname()) {
		log.Warn("no resource is set, so only clients on this machine can use the server", "hint", "give the public URL that clients use, e.g. --resource https://mcp.example.com/mcp")
	}
}

// serveChecked calls serve until ctx ends, or check fails meanwhile, whose error comes first.
func serveChecked(ctx context.Context, check, serve func(context.Context) error) error {
	ctx, end := context.WithCancel(ctx)
	defer end()
	failed := make(chan error, 1)
	go func() {
		err := check(ctx)
		if err != nil {
			end()
		}
		failed <- err
	}()
	err := serve(ctx)
	end()
	return cmp.Or(<-failed, err)
}

// startIssuer ends a start with an issuer in another spelling than its own: each request
// would be 503. It does not wait long for one that is down, which comes back. Without the
// others the tokens of the first are accepted all the same; the log says what is wrong with them.
func startIssuer(ctx context.Context, handler *server.Group, cfg server.Config) error {
	ctx, cancel := context.WithTimeout(ctx, issuerTimeout)
	defer cancel()
	if err := checkIssuer(ctx, handler, cfg, cfg.Issuer); !errors.Is(err, bearer.ErrUnavailable) {
		return err
	}
	return nil
}

// downHint is what to do about an issuer or an upstream that does not answer.
const downHint = "see that it runs and can be reached from this machine, or give another address"

// checkIssuer asks one of the issuers.
func checkIssuer(ctx context.Context, handler *server.Group, cfg server.Config, issuer string) error {
	name, err := handler.CheckIssuer(ctx, issuer)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, bearer.ErrUnavailable):
		return hint.With(err, downHint)
	case name == "" || hint.Quote(name) != name:
		return hint.With(err, issuerHint)
	}
	all := issuersOf(cfg)
	all[slices.Index(all, issuer)] = name
	return hint.With(err, "write --issuer "+hint.Quote(strings.Join(all, " ")))
}

func issuersOf(cfg server.Config) []string { return append([]string{cfg.Issuer}, cfg.OtherIssuers...) }

func newLog(o *options, to io.Writer) *slog.Logger {
	opts := &slog.HandlerOptions{Level: o.level}
	if o.logFormat == "json" {
		return slog.New(slog.NewJSONHandler(foreign.JSONWriter(to), opts))
	}
	return slog.New(slog.NewTextHandler(to, opts))
}

// newRegistry also counts what the process itself takes.
func newRegistry(own *certificate) *prometheus.Registry {
	r := prometheus.NewRegistry()
	r.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	if own != nil {
		r.MustRegister(own.expiry())
	}
	return r
}

// resourceAt is the resource of a server that was given none: the bound address,
// which has the port even where 0 was asked for.
func resourceAt(address net.Addr, secure bool) (*url.URL, error) {
	host, _, err := net.SplitHostPort(address.String())
	if err != nil || !origin.Loopback(host) {
		return nil, hint.With(fmt.Errorf("resource: missing, and %s is not a loopback address", address),
			"give the public URL that clients use, e.g. --resource https://mcp.example.com/mcp")
	}
	scheme := "http"
	if secure {
		scheme = "https"
	}
	return &url.URL{Scheme: scheme, Host: address.String(), Path: "/mcp"}, nil
}

// serveHTTP serves until ctx ends. Then it is not ready any more, but goes on for
// drain, in which a load balancer can notice; after that streams are ended and
// calls waited for. It returns nil after an orderly stop.
func serveHTTP(ctx context.Context, l *listeners, handler *server.Group, drain time.Duration, log *slog.Logger) error {
	srv := newHTTPServer(handler, log)
	failed := make(chan error, 1)
	go func() {
		if l.certificate != nil {
			srv.TLSConfig = l.certificate.config()
			failed <- srv.ServeTLS(l.clients, "", "")
			return
		}
		failed <- srv.Serve(l.clients)
	}()
	select {
	case err := <-failed:
		_ = handler.Close(context.WithoutCancel(ctx))
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
	}
	log.Info("stopping", slog.Int64("drain_delay_ms", drain.Milliseconds()))
	handler.Drain()
	select {
	case err := <-failed:
		_ = handler.Close(context.WithoutCancel(ctx))
		return fmt.Errorf("serve: %w", err)
	case <-time.After(drain):
	}
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
	defer cancel()
	// Both at once: Shutdown waits for the streams that Close ends.
	closed := make(chan error, 1)
	go func() { closed <- handler.Close(stop) }()
	err := srv.Shutdown(stop)
	if err = errors.Join(<-closed, err); err != nil {
		// They end at once, and what became of them is to be in the log.
		last, cancel := context.WithTimeout(context.WithoutCancel(ctx), cutTimeout)
		defer cancel()
		_ = srv.Shutdown(last)
		_ = srv.Close()
		return fmt.Errorf("stop: calls were cut off: %w", err)
	}
	return nil
}

// newHTTPServer has no ReadTimeout and no WriteTimeout, since streams stay open
// for hours: the handler bounds the time to send a message and to read an answer.
func newHTTPServer(handler http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler: handler, ReadHeaderTimeout: headerTimeout, IdleTimeout: 2 * time.Minute,
		MaxHeaderBytes: maxHeaderBytes,
		ErrorLog:       connectionLog(log),
	}
}

// serveOperations serves the operations handler until stop is called, which is
// after everything else has ended.
func serveOperations(l net.Listener, handler http.Handler, log *slog.Logger) (stop func()) {
	srv := newHTTPServer(handler, log)
	srv.ReadTimeout, srv.WriteTimeout = headerTimeout, headerTimeout
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			log.Error("operations listener", slog.Any("error", err))
		}
	}()
	return func() {
		_ = srv.Close()
		<-done
	}
}
