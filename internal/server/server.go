package server

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"mcp-login/internal/hint"
)

const (
	pathMCP      = "/mcp"
	pathSSE      = "/sse"
	pathMessages = "/messages"
	pathHealth   = "/healthz"
	pathKeySet   = "/.well-known/jwks.json"

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
	*front
	routes  map[string]route
	backend backend
	group   *Group // nil for a server by itself
}

// New returns a server for cfg, or everything that is wrong with it in one
// error. Nothing is fetched before the first request, so the issuer may be down.
func New(cfg Config) (*Server, error) {
	if err := cfg.Check(); err != nil {
		return nil, fmt.Errorf("server configuration: %w", err)
	}
	if cfg.About.Name == "" && cfg.MCP == nil && cfg.Upstream == nil && cfg.ForwardAuth == nil {
		cfg.About.Name = "whoami"
	}
	f, err := newFront(&cfg)
	if err != nil {
		return nil, fmt.Errorf("server configuration: %w", err)
	}
	s := &Server{front: f}
	if err = errors.Join(s.chooseBackend(&cfg), f.measureVerification(&cfg)); err == nil {
		err = s.mount(&cfg) // what the backend serves
	}
	if err != nil {
		f.end()
		return nil, err
	}
	return s, nil
}

// chooseBackend makes the backend, which --forward-auth has none of: it judges, and serves nothing.
func (s *Server) chooseBackend(cfg *Config) error {
	if cfg.ForwardAuth != nil {
		return nil
	}
	if cfg.Upstream != nil {
		u, err := newUpstream(s.front, cfg)
		if err != nil {
			return err
		}
		s.backend, s.upstreamUp = u, u.seen.up
		if cfg.Upstream.Assertion != "" {
			s.keySet = u.serveKeySet
		}
		return nil
	}
	w := newWhoami(s.front, cfg)
	s.backend = w
	return w.checkToolScopes(cfg.ToolScopes)
}

// mount fills the routes. The endpoints answer below the public prefix and
// without it, so that a proxy may strip the prefix or leave it.
func (s *Server) mount(cfg *Config) error {
	page, err := s.pageHandler(cfg)
	if err != nil {
		return err
	}
	main, legacy := s.resource.Metadata(), s.legacyResource.Metadata()
	s.routes = map[string]route{pathHealth: {routeHealth, onlyGET(serveHealth)}}
	for _, prefix := range []string{"", s.layout.prefix} {
		s.routes[prefix+"/"] = route{"page", s.public(page)}
		s.routes[prefix+pathHealth] = s.routes[pathHealth]
		if cfg.ForwardAuth != nil {
			s.routes[prefix+pathForwardAuth] = route{"forward-auth", onlyGET(s.forwardAuth(cfg.ForwardAuth))}
		} else {
			s.routes[prefix+pathMCP] = route{"mcp", s.endpoint(s.resource, s.backend.serveStreamable)}
			s.routes[prefix+pathSSE] = route{"sse", s.endpoint(s.legacyResource, s.serveSSE)}
			s.routes[prefix+pathMessages] = route{"messages", s.endpoint(s.legacyResource, s.serveMessages)}
		}
		s.routes[metadataPath+prefix+pathMCP] = route{"resource-metadata", s.public(main.ServeHTTP)}
		s.routes[metadataPath+prefix+pathSSE] = route{"resource-metadata-sse", s.public(legacy.ServeHTTP)}
	}
	if p := s.layout.resourcePath; p != "" {
		if _, taken := s.routes[p]; !taken && cfg.ForwardAuth == nil {
			s.routes[p] = s.routes[pathMCP]
		} else if taken && s.routes[p].name != "mcp" {
			return hint.With(fmt.Errorf("resource %s: its path is one of this server's own", s.layout.resource), "keep /mcp; clients of HTTP+SSE use /sse beside it")
		}
		s.routes[metadataPath+p] = s.routes[metadataPath+pathMCP]
	}
	s.routes[metadataPath] = s.routes[metadataPath+pathMCP]
	if s.keySet != nil {
		s.routes[pathKeySet] = route{"key-set", s.public(s.keySet)}
	}
	if cfg.RelayIssuerMetadata {
		relay := route{"issuer-metadata", s.public(func(w http.ResponseWriter, r *http.Request) {
			_, err := s.resource.IssuerMetadata(r.Context())
			recordReason(r.Context(), err)
			main.ServeHTTP(w, r)
		})}
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

// serveHealth says that the process answers. It takes any Host, because
// probes address a server by its bare address, and asks nobody: a provider
// that is down is no reason to restart this server.
func serveHealth(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, map[string]string{"status": "ok"})
}

var _ http.Handler = (*Server)(nil)
