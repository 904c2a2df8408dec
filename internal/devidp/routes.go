package devidp

import (
	"net"
	"net/http"
	"strings"

	"mcp-login/internal/origin"
)

const (
	pathSignIn = "/sign-in"
	pathDevice = "/device"
	pathUsers  = "/api/users/"
)

// ServeHTTP implements http.Handler for the root of the host.
func (p *Provider) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.count(func(s *Stats) { s.request(r) })
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	h := w.Header()
	h.Set("Logto-Core-Request-Id", randomText(12))
	h.Set("Vary", "Accept-Encoding, Origin")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "SAMEORIGIN")
	if !origin.LoopbackHostPort(r.Host) || !arrivedOnLoopback(r) {
		// A page of another site whose name was pointed at this machine must
		// not get to the login page (DNS rebinding).
		http.Error(w, "This provider answers to loopback addresses only.", http.StatusMisdirectedRequest)
		return
	}
	route, ok := strings.CutPrefix(r.URL.Path, p.base.Path)
	switch {
	case ok && strings.HasPrefix(route, "/"):
		p.serveOIDC(w, r, route)
	case r.URL.Path == pathSignIn:
		p.signIn(w, r)
	case strings.HasPrefix(r.URL.Path, pathUsers):
		p.user(w, r)
	case r.URL.Path == pathDevice:
		p.devicePage(w, r)
	case r.URL.Path == "/.well-known/oauth-authorization-server"+p.base.Path && p.fault().InsertedMetadata:
		w.Header().Set("Access-Control-Allow-Origin", "*")
		_ = p.metadata(w, r)
	default:
		http.Error(w, "Not Found", http.StatusNotFound)
	}
}

// arrivedOnLoopback reports whether the connection ends at a loopback address,
// where it is known: a server that somebody else has put around this handler may
// listen anywhere.
func arrivedOnLoopback(r *http.Request) bool {
	local, ok := r.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr)
	return !ok || origin.LoopbackAddr(local)
}

func (p *Provider) serveOIDC(w http.ResponseWriter, r *http.Request, route string) {
	w.Header().Set("Access-Control-Allow-Origin", "*")
	w.Header().Set("Access-Control-Expose-Headers", "WWW-Authenticate, DPoP-Nonce")
	if r.Method == http.MethodOptions {
		w.Header().Set("Access-Control-Allow-Methods", "GET,POST")
		w.Header().Set("Access-Control-Allow-Headers", "Authorization, Content-Type, DPoP, MCP-Protocol-Version")
		w.Header().Set("Access-Control-Max-Age", "3600")
		w.WriteHeader(http.StatusNoContent)
		return
	}
	if other := p.fault().Endpoints[r.Method+" "+route]; other != nil {
		other(w, r)
		return
	}
	refusal := &oauthError{status: http.StatusNotFound, code: "invalid_request", description: "unrecognized route or not allowed method (" + r.Method + " on " + route + ")"}
	if answer := p.endpoint(r.Method + " " + route); answer != nil {
		refusal = answer(w, r)
	}
	if refusal != nil {
		refusal.write(w)
	}
}

// endpoint finds the function that answers, or returns why it does not; nil when there is
// none. Dynamic registration that is off has none, as in Logto.
func (p *Provider) endpoint(route string) func(http.ResponseWriter, *http.Request) *oauthError {
	switch route {
	case "GET /.well-known/openid-configuration", "GET /.well-known/oauth-authorization-server":
		return p.metadata
	case "GET /jwks":
		return p.jwks
	case "GET /auth":
		return p.authorize
	case "POST /request":
		return p.push
	case "POST /token":
		return p.token
	case "POST /device/auth":
		return p.deviceAuthorization
	case "GET /me", "POST /me":
		return p.userinfo
	case "POST /token/revocation":
		return p.revocation
	case "POST /token/introspection":
		return p.introspection
	case "GET /session/end", "POST /session/end":
		return p.endSession
	case "POST /reg":
		if p.cfg.Registration {
			return p.register
		}
	}
	return nil
}
