package server

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"mcp-login/internal/hint"
)

// Group is several resources in one process, as one [http.Handler]. Each is a
// [Server] of its own, with its own tools, scopes, audience and verdicts, so a
// token for one is refused by the others. Issuers that several of them trust
// are visited once for all. Make one with [NewGroup].
type Group struct {
	servers []*Server
}

// NewGroup returns a group of one server per configuration, or everything that
// is wrong. The first one also answers whatever is no resource's own, such as
// /healthz. Two resources of one host must differ in the path before /mcp, as
// in https://host/notes/mcp and https://host/tasks/mcp: else they would share the
// HTTP+SSE endpoint, and with it an audience. HTTP of the first configuration
// performs all requests to issuers, and its limits are those of all together.
func NewGroup(configs ...Config) (*Group, error) {
	if len(configs) == 0 {
		return nil, errors.New("server group: no configuration")
	}
	g := &Group{}
	shared := newLimits(configs[0].withDefaults())
	var errs []error
	for _, cfg := range configs {
		if cfg.shared = shared; len(g.servers) > 0 {
			cfg.Share = g.servers[0].resource
		}
		s, err := New(cfg)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		for _, other := range g.servers {
			if base := s.layout.base(); base == other.layout.base() {
				errs = append(errs, hint.With(fmt.Errorf("resources %s and %s: both are %s/mcp", other.layout.resource, s.layout.resource, base),
					"write paths of their own before /mcp, e.g. https://mcp.example.com/notes/mcp"))
			}
		}
		s.group = g
		g.servers = append(g.servers, s)
	}
	if err := errors.Join(errs...); err != nil {
		for _, s := range g.servers {
			s.end()
		}
		return nil, fmt.Errorf("server group: %w", err)
	}
	return g, nil
}

// ServeHTTP implements [http.Handler].
func (g *Group) ServeHTTP(w http.ResponseWriter, r *http.Request) { g.serverFor(r).ServeHTTP(w, r) }

// serverFor finds the resource that a request is for: by host and path, else
// by path, else the first. Whether the host is allowed is its own decision.
func (g *Group) serverFor(r *http.Request) *Server {
	path := r.URL.EscapedPath()
	var byPath *Server
	for _, s := range g.servers {
		if !s.layout.has(path) {
			continue
		}
		if s.layout.authority == authority(s.layout.scheme, r.Host) {
			return s
		}
		if byPath == nil {
			byPath = s
		}
	}
	if byPath != nil {
		return byPath
	}
	return g.servers[0]
}

// Servers are the group's servers, in the order of their configurations.
func (g *Group) Servers() []*Server { return g.servers }

// CheckIssuer is [bearer.Resource.CheckIssuer] of the first resource.
func (g *Group) CheckIssuer(ctx context.Context, issuer string) (better string, err error) {
	return g.servers[0].resource.CheckIssuer(ctx, issuer) //nolint:wrapcheck // it says what was loaded
}

// CheckUpstream connects to the upstream, where there is one, and sends nothing. Why that
// fails is returned, and in the log.
func (g *Group) CheckUpstream(ctx context.Context) error {
	if u, ok := g.servers[0].backend.(*upstream); ok { // there is one resource then
		return u.reach(ctx)
	}
	return nil
}

// Reload is [Server.Reload] for all.
func (g *Group) Reload() {
	for _, s := range g.servers {
		s.Reload()
	}
}

// Drain is [Server.Drain] for all.
func (g *Group) Drain() {
	for _, s := range g.servers {
		s.Drain()
	}
}

// OperationsHandler is [Server.OperationsHandler]; all servers stop together, so
// the first one speaks for all.
func (g *Group) OperationsHandler(metrics prometheus.Gatherer) http.Handler {
	return g.servers[0].OperationsHandler(metrics)
}

// Close is [Server.Close] for all, at the same time.
func (g *Group) Close(ctx context.Context) error {
	errs := make([]error, len(g.servers))
	var wg sync.WaitGroup
	for k, s := range g.servers {
		wg.Go(func() { errs[k] = s.Close(ctx) })
	}
	wg.Wait()
	return errors.Join(errs...)
}

var _ http.Handler = (*Group)(nil)
