package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/mark3labs/mcp-go/server"

	"mcp-login/internal/foreign"
)

const (
	pathMCP      = "/mcp"
	pathSSE      = "/sse"
	pathMessages = "/messages"
	pathHealth   = "/healthz"

	routeHealth  = "healthz"
	routeUnknown = "unknown"

	// answerTimeout bounds one answer that is no stream, visits to the provider
	// and a client that reads slowly included.
	answerTimeout = time.Minute
)

// route is one of the paths the server answers.
type route struct {
	name  string // for the log
	serve func(http.ResponseWriter, *http.Request)
}

// Server is whoami as an [http.Handler]. Make one with [New].
type Server struct {
	version  string
	scopes   []string // advertised
	required []string
	verify   Verifier
	provider *provider
	// providers are all issuers, provider the first of them.
	providers   []*provider
	results     *cache          // nil with a verifier that is not the built-in one
	opaque      *opaqueVerifier // nil without opaque tokens
	signatures  chan struct{}   // slots, see newSignatureSlots
	toolScopes  map[string][]string
	profiles    profileLog
	about       About
	originGuard originGuard
	layout      layout
	log         *slog.Logger

	routes     map[string]route
	backend    backend // whoami: the server itself
	mcp        *server.MCPServer
	streamable *server.StreamableHTTPServer

	ops          Operations
	metrics      *metrics
	sessions     SessionStore
	legacy       legacySessions
	watchers     watchers
	limits       *limits
	addressLimit *rateLimiter
	subjectLimit *rateLimiter

	life    context.Context // ends visits to the provider and every request
	endLife context.CancelFunc
	streams context.Context // ends open streams
	hangUp  context.CancelFunc

	draining atomic.Bool // not ready for new clients any more
	active   underWay    // protected requests
}

// New returns a server for cfg, or everything that is wrong with it in one
// error. Nothing is fetched before the first request, so the issuer may be down.
func New(cfg Config) (*Server, error) {
	if err := cfg.Check(); err != nil {
		return nil, fmt.Errorf("server configuration: %w", err)
	}
	s := &Server{
		toolScopes: maps.Clone(cfg.ToolScopes), scopes: cfg.advertised(), required: cfg.RequiredScopes,
		verify: cfg.Verify, originGuard: newOriginGuard(&cfg), layout: newLayout(&cfg),
		log: cfg.Log, version: cfg.Version,
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if s.version == "" {
		s.version = "dev"
	}
	s.ops = cfg.withDefaults()
	if s.limits = newLimits(s.ops); cfg.shared != nil {
		s.limits = cfg.shared.limits
	}
	s.life, s.endLife = context.WithCancel(context.Background())
	s.streams, s.hangUp = context.WithCancel(s.life)
	s.prepareVerification(&cfg)
	s.mcp = s.tools(&cfg, s.version)
	s.streamable = newStreamable(s.mcp, s.log)
	s.backend = s
	if err := errors.Join(s.checkToolScopes(), s.operate(), s.measureVerification(cfg.Metrics), s.mount(&cfg)); err != nil {
		s.endLife()
		return nil, err
	}
	return s, nil
}

// operate sets up limits, sessions, metrics, and the way to the replicas.
func (s *Server) operate() error {
	ops := s.ops
	s.legacy.open = make(map[string]*legacySession)
	s.watchers.of = make(map[string]map[int]context.CancelFunc)
	s.addressLimit, s.subjectLimit = newRateLimiter(ops.AddressRate), newRateLimiter(ops.SubjectRate)
	s.sessions = newMemorySessions()
	if ops.Bus != nil {
		s.sessions = ops.Bus
		s.joinReplicas(ops.Bus)
	}
	var err error
	s.metrics, err = newMetrics(ops.Metrics, s.version, ops.Bus)
	return err
}

// mount fills the routes. The endpoints answer below the public prefix and
// without it, so that a proxy may strip the prefix or leave it.
func (s *Server) mount(cfg *Config) error {
	main, err := s.resourceMetadataHandler(s.layout.resource)
	if err != nil {
		return err
	}
	legacy, err := s.resourceMetadataHandler(s.layout.sseResource)
	if err != nil {
		return err
	}
	page, err := s.pageHandler(cfg)
	if err != nil {
		return err
	}
	s.routes = map[string]route{pathHealth: {routeHealth, onlyGET(serveHealth)}}
	for _, prefix := range []string{"", s.layout.prefix} {
		s.routes[prefix+"/"] = route{"page", s.public(page)}
		s.routes[prefix+pathHealth] = s.routes[pathHealth]
		s.routes[prefix+pathMCP] = route{"mcp", s.protected(s.layout.metadataURL(), s.backend.serveStreamable)}
		s.routes[prefix+pathSSE] = route{"sse", s.protected(s.layout.sseMetadataURL(), s.backend.serveSSE)}
		s.routes[prefix+pathMessages] = route{"messages", s.protected(s.layout.sseMetadataURL(), s.backend.serveMessages)}
		s.routes[prmPrefix+prefix+pathMCP] = route{"resource-metadata", s.public(main)}
		s.routes[prmPrefix+prefix+pathSSE] = route{"resource-metadata-sse", s.public(legacy)}
	}
	if p := s.layout.resourcePath; p != "" {
		if _, taken := s.routes[p]; !taken {
			s.routes[p] = s.routes[pathMCP]
		} else if s.routes[p].name != "mcp" {
			return fmt.Errorf("resource %s: its path is one of this server's own", s.layout.resource)
		}
		s.routes[prmPrefix+p] = s.routes[prmPrefix+pathMCP]
	}
	s.routes[prmPrefix] = s.routes[prmPrefix+pathMCP]
	if cfg.RelayIssuerMetadata {
		relay := route{"issuer-metadata", s.public(s.relayIssuerMetadata)}
		s.routes["/.well-known/oauth-authorization-server"] = relay
		s.routes["/.well-known/openid-configuration"] = relay
	}
	return nil
}

// ServeHTTP implements [http.Handler].
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	limitTimes(w, r)
	to, ok := s.routes[r.URL.EscapedPath()]
	if !ok {
		to = route{routeUnknown, s.public(func(w http.ResponseWriter, _ *http.Request) {
			problem{http.StatusNotFound, "not_found", "There is nothing here."}.write(w)
		})}
	}
	s.logged(w, r, to.name, to.serve)
}

// public wraps a document that anyone may read, from any page.
func (s *Server) public(serve http.HandlerFunc) http.HandlerFunc {
	return s.named(func(w http.ResponseWriter, r *http.Request) {
		if s.withinRate(w, r) {
			serve(w, r)
		}
	})
}

// named wraps what is served under the server's own name only.
func (s *Server) named(serve http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if !s.originGuard.hostAllowed(r) {
			// The name helps whoever sets up a proxy, so it is in the log.
			recordReason(r.Context(), fmt.Errorf("host %.255q is not allowed", r.Host))
			forbidden(w, "This server is not known by the requested host name.")
			return
		}
		serve(w, r)
	}
}

// protected wraps an endpoint that needs a token, see the package comment for
// the order of the checks.
func (s *Server) protected(metadataURL string,
	serve func(http.ResponseWriter, *http.Request, Identity),
) http.HandlerFunc {
	return s.named(func(w http.ResponseWriter, r *http.Request) {
		if !s.originGuard.originAllowed(r) {
			recordReason(r.Context(), fmt.Errorf("origin %.255q is not allowed", r.Header.Get("Origin")))
			forbidden(w, "Requests from pages of this origin are not allowed.")
			return
		}
		if allowBrowser(w, r) {
			return
		}
		if !s.withinRate(w, r) {
			return
		}
		leave, ok := s.enter(w)
		if !ok {
			return
		}
		defer leave()
		ctx, cancel := endedBy(r.Context(), s.life)
		defer cancel()
		r = r.WithContext(ctx)

		id, ok := s.authenticate(w, r, metadataURL)
		if !ok {
			return
		}
		recordOf(ctx).subject = foreign.Line(id.Subject)
		if after, ok := s.subjectLimit.allow(id.Issuer + " " + id.Subject); !ok {
			s.refuseMore(w, limitSubject, after, "too_many_requests", "Too many requests of this user.")
			return
		}
		// A proxy that buffers would hold back events; a cache must keep none
		// of this.
		w.Header().Set("X-Accel-Buffering", "no")
		w.Header().Set("Cache-Control", "no-store")
		serve(w, r.WithContext(s.withPermit(ctx, metadataURL, id)), id)
	})
}

// endedBy returns ctx, ended by end as well. Close ends listen requests with
// the streams, at once, and everything in the end; the other streams say goodbye
// by themselves.
func endedBy(ctx, end context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(end, cancel)
	return ctx, func() { stop(); cancel() }
}

// enter admits a protected request, or answers it itself and returns false. What
// it may hold is decided once it is known whose it is.
func (s *Server) enter(w http.ResponseWriter) (leave func(), ok bool) {
	if s.active.enter() != nil {
		w.Header().Set("Connection", "close")
		retryLater(w, "The server is stopping.")
		return nil, false
	}
	s.metrics.inFlight.Inc()
	return func() {
		s.metrics.inFlight.Dec()
		s.active.exit()
	}, true
}

// Drain turns readiness off and leaves everything else as it is, so that a load
// balancer sends new clients elsewhere before Close is called.
func (s *Server) Drain() {
	s.draining.Store(true)
	s.metrics.draining.Set(1)
}

// Ready is nil as long as new clients are welcome.
func (s *Server) Ready() error {
	if s.draining.Load() {
		return errors.New("the server is stopping")
	}
	return nil
}

// Close ends the server: open streams with a goodbye and once what was posted to
// them is answered, calls under way when they are answered, both when ctx ends
// at the latest. New requests get 503. It returns ctx's error if calls had to be
// cut off. A second call returns nil.
func (s *Server) Close(ctx context.Context) error {
	s.Drain()
	drained, first := s.active.close()
	if !first {
		return nil
	}
	defer s.endLife()
	s.hangUp()
	select {
	case <-drained:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("close server: %w", ctx.Err())
	}
}

func forbidden(w http.ResponseWriter, text string) {
	problem{http.StatusForbidden, "forbidden", text}.write(w)
}

// serveHealth says that the process answers. It takes any Host, because
// probes address a server by its bare address, and asks nobody: a provider
// that is down is no reason to restart this server.
func serveHealth(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, map[string]string{"status": "ok"})
}

var _ http.Handler = (*Server)(nil)
