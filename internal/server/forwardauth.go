package server

import (
	"net/http"
	"net/netip"
	"net/url"
	"slices"

	"mcp-login/bearer"
	"mcp-login/internal/server/gateway"
)

// pathForwardAuth is where a proxy asks whether a request may pass: auth_request of nginx,
// forward_auth of Caddy, ForwardAuth of Traefik.
const pathForwardAuth = "/forward-auth"

// mayAsk reports whether the request comes from a proxy that is trusted. Nobody else has
// anything to ask, and what it says of a client is believed.
func (s *Server) mayAsk(r *http.Request) bool {
	from, ok := parseAddress(r.RemoteAddr)
	return ok && slices.ContainsFunc(s.ops.TrustedProxies, func(p netip.Prefix) bool { return p.Contains(from) })
}

// forwardAuth answers 204 with the headers that tell who calls, or the refusal that the
// client is to get. It sees the header of a request and nothing of its body.
func (s *Server) forwardAuth(identity []gateway.IdentityHeader) http.HandlerFunc {
	pass := func(w http.ResponseWriter, r *http.Request, id bearer.Identity) {
		if err := gateway.WriteIdentity(w.Header(), identity, id); err != nil {
			recordReason(r.Context(), err)
			forbidden(w, "Your server cannot be told who calls.")
			return
		}
		for _, header := range identity {
			// Where a claim is missing the header is empty: Caddy tells the name of its own
			// variable instead of one that is not there.
			if w.Header()[header.Name] == nil {
				w.Header()[header.Name] = []string{""}
			}
		}
		w.WriteHeader(http.StatusNoContent)
	}
	streamable := s.protected(s.resource, pass)
	legacy := s.protected(s.legacyResource, pass)
	return func(w http.ResponseWriter, r *http.Request) {
		if !s.mayAsk(r) {
			forbidden(w, "Only a proxy of this server may ask here.")
			return
		}
		serve := streamable
		if asked, err := url.ParseRequestURI(r.Header.Get("X-Forwarded-Uri")); err == nil {
			// A token in the query is refused, and clients of HTTP+SSE have metadata of their own.
			r.URL = asked
			if path := asked.EscapedPath(); path == s.layout.prefix+pathSSE || path == s.layout.prefix+pathMessages {
				serve = legacy
			}
		}
		serve(w, r)
	}
}
