package server

import (
	"net"
	"net/http"
	"net/url"
	"slices"

	"mcp-login/internal/origin"
)

// originGuard decides which Host and Origin values may reach the endpoints, which
// keeps a web page from driving a server on its visitor's own machine by DNS
// rebinding. mcp-go's own protection is off: it refuses every request
// that a reverse proxy on the same machine passes on with its public Host.
type originGuard struct {
	scheme  string   // of the resource, decides which port is the default one
	hosts   []string // authorities, see [authority]
	origins []string // serialised origins, see [origin]
}

func newOriginGuard(cfg *Config) originGuard {
	g := originGuard{
		scheme:  cfg.Resource.Scheme,
		hosts:   []string{authority(cfg.Resource.Scheme, cfg.Resource.Host)},
		origins: []string{originOf(cfg.Resource)},
	}
	for _, h := range cfg.AllowedHosts {
		g.hosts = append(g.hosts, authority(cfg.Resource.Scheme, h))
	}
	for _, o := range cfg.AllowedOrigins {
		if u, err := url.Parse(o); err == nil {
			g.origins = append(g.origins, originOf(u))
		}
	}
	return g
}

// originOf serialises u's origin (RFC 6454 section 6.2) in one spelling.
func originOf(u *url.URL) string { return u.Scheme + "://" + authority(u.Scheme, u.Host) }

// hostAllowed reports whether the Host header may be served. Loopback names of
// any port are fine where the connection itself ends at a loopback address: a
// port that is forwarded, or a proxy that rewrites Host.
func (g originGuard) hostAllowed(r *http.Request) bool {
	if slices.Contains(g.hosts, authority(g.scheme, r.Host)) {
		return true
	}
	local, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	return ok && origin.LoopbackHostPort(local.String()) && origin.LoopbackHostPort(r.Host)
}

// originAllowed reports whether the Origin header, if any, may be served. Only
// browsers send one. "null" is refused, for any page can have that one.
func (g originGuard) originAllowed(r *http.Request) bool {
	values := r.Header.Values("Origin")
	if len(values) == 0 {
		return true
	}
	if len(values) > 1 {
		return false
	}
	u, err := url.Parse(values[0])
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return false
	}
	return origin.Loopback(u.Hostname()) || slices.Contains(g.origins, originOf(u))
}

// allowBrowser lets a page of an allowed origin read the answer (Fetch
// standard, CORS), and answers its preflight, in which case it returns true. A
// preflight carries no token by design and reveals nothing.
func allowBrowser(w http.ResponseWriter, r *http.Request) bool {
	h := w.Header()
	h.Add("Vary", "Origin, Access-Control-Request-Headers")
	from := r.Header.Get("Origin")
	if from == "" {
		return false
	}
	h.Set("Access-Control-Allow-Origin", from)
	h.Set("Access-Control-Expose-Headers", "WWW-Authenticate, DPoP-Nonce, Retry-After, "+headerSessionID+", "+requestIDHeader)
	if r.Method != http.MethodOptions || r.Header.Get("Access-Control-Request-Method") == "" {
		return false
	}
	h.Set("Access-Control-Allow-Methods", "GET, POST, DELETE")
	if names := r.Header.Get("Access-Control-Request-Headers"); names != "" {
		h.Set("Access-Control-Allow-Headers", names)
	}
	h.Set("Access-Control-Max-Age", "600")
	w.WriteHeader(http.StatusNoContent)
	return true
}
