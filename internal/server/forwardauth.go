package server

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"path"
	"slices"
	"strings"

	"mcp-login/bearer"
	"mcp-login/internal/server/gateway"
)

// pathForwardAuth is where a proxy asks whether a request may pass: auth_request of nginx,
// forward_auth of Caddy, ForwardAuth of Traefik.
const pathForwardAuth = "/forward-auth"

// mayAsk returns an error unless the request comes from a proxy that is trusted. Nobody else
// has anything to ask, and what it says of a client is believed.
func (s *Server) mayAsk(r *http.Request) error {
	from, ok := parseAddress(r.RemoteAddr)
	if !ok || !slices.ContainsFunc(s.ops.TrustedProxies, func(p netip.Prefix) bool { return p.Contains(from) }) {
		return fmt.Errorf("%s is not in --trusted-proxy", from)
	}
	return nil
}

// forwardAuth judges the header of a request that a proxy asks about; a DPoP proof must be for the
// method and the address that the proxy says, and there is none where it says them not, or twice: the
// proxy has passed on then what the client wrote. It answers 204 with the headers that tell who calls, or the refusal that the
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
		if err := s.mayAsk(r); err != nil {
			recordReason(r.Context(), err)
			forbidden(w, "Only a proxy of this server may ask here.")
			return
		}
		serve := streamable
		asked, err := askedAbout(r.Header.Values("X-Forwarded-Uri"))
		if err != nil {
			recordReason(r.Context(), err)
			problem{http.StatusBadRequest, "invalid_request", "The address that the proxy asks about cannot be read."}.write(w)
			return
		}
		if other := s.group.askedElsewhere(s, r.URL, asked); other != nil {
			recordReason(r.Context(), other)
			forbidden(w, "The proxy asks about another resource than the one it protects.")
			return
		}
		method := ""
		if methods := r.Header.Values("X-Forwarded-Method"); asked != nil && len(methods) == 1 {
			method = methods[0]
		}
		r = r.WithContext(context.WithValue(r.Context(), askedMethodKey{}, method))
		if asked != nil {
			// A token in the query is refused, and clients of HTTP+SSE have metadata of their own.
			r.URL = asked
			if p := asked.EscapedPath(); p == s.layout.prefix+pathSSE || p == s.layout.prefix+pathMessages {
				serve = legacy
			}
		}
		serve(oneChallengeLine{w}, r)
	}
}

// askedMethodKey is that of the method which a proxy says of the request that it asks about; "" where it
// says none.
type askedMethodKey struct{}

// oneChallengeLine answers with all challenges in one field line (RFC 9110 section 5.3): nginx before 1.23
// passes on one line only.
type oneChallengeLine struct{ http.ResponseWriter }

func (w oneChallengeLine) WriteHeader(status int) {
	if all := w.Header().Values("WWW-Authenticate"); len(all) > 1 {
		w.Header().Set("WWW-Authenticate", strings.Join(all, ", "))
	}
	w.ResponseWriter.WriteHeader(status)
}

// askedAbout reads the address that a proxy asks about; nil if it does not say. What cannot be
// read is an error: the proxy may read it in its own way, and let pass what was not looked at.
func askedAbout(said []string) (*url.URL, error) {
	if len(said) == 0 {
		return nil, nil //nolint:nilnil // it does not say
	}
	if len(said) > 1 {
		return nil, errors.New("more than one X-Forwarded-Uri")
	}
	asked, err := url.ParseRequestURI(said[0])
	if err != nil {
		return nil, errors.New("X-Forwarded-Uri: not an address") // the reason may show a token
	}
	return asked, nil
}

// askedElsewhere says what is wrong if a proxy asks s, at the address at, about a request for
// another of several resources: a token for one must not open the other. asked may be nil.
func (g *Group) askedElsewhere(s *Server, at, asked *url.URL) error {
	if g == nil || len(g.servers) == 1 {
		return nil
	}
	if at.EscapedPath() != s.layout.prefix+pathForwardAuth {
		return fmt.Errorf("with several resources the proxy asks at %s, or where the others are", s.layout.prefix+pathForwardAuth)
	}
	if asked == nil {
		return nil
	}
	owner, below := s, path.Clean(asked.Path)
	for _, other := range g.servers {
		if s.layout.authority == other.layout.authority && strings.HasPrefix(below, other.layout.prefix+"/") &&
			(!strings.HasPrefix(below, owner.layout.prefix+"/") || len(other.layout.prefix) > len(owner.layout.prefix)) {
			owner = other
		}
	}
	if owner != s {
		return fmt.Errorf("X-Forwarded-Uri is of %s; ask about it at %s", owner.layout.resource, owner.layout.prefix+pathForwardAuth)
	}
	return nil
}
