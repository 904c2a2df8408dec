package server

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
)

const (
	prmPrefix = "/.well-known/oauth-protected-resource"
	// prmMaxAge lets clients keep the document for a while; it changes only
	// when the operator changes the configuration.
	prmMaxAge = "public, max-age=3600"
)

// resourceMetadata is the document of RFC 9728 section 3.2.
type resourceMetadata struct {
	Resource               string   `json:"resource"`
	AuthorizationServers   []string `json:"authorization_servers"`
	ScopesSupported        []string `json:"scopes_supported,omitempty"`
	BearerMethodsSupported []string `json:"bearer_methods_supported"`
	ResourceName           string   `json:"resource_name,omitempty"`
	Documentation          string   `json:"resource_documentation,omitempty"`
	Policy                 string   `json:"resource_policy_uri,omitempty"`
	Terms                  string   `json:"resource_tos_uri,omitempty"`
}

// About describes a resource to people (RFC 9728 section 2): clients may show it
// before anybody signs in. All of it may be empty.
type About struct {
	// Name of the resource; empty means whoami where it is that.
	Name string
	// Documentation, Policy and Terms are URLs of pages for developers, about
	// the use of data, and about the terms of service.
	Documentation, Policy, Terms string
}

func (a About) check() error {
	var errs []error
	for name, page := range map[string]string{"documentation": a.Documentation, "policy": a.Policy, "terms": a.Terms} {
		errs = append(errs, CheckPage(name, page))
	}
	return errors.Join(errs...)
}

// CheckPage reports why address cannot be that of a page for people; nil when it can,
// or is not given. The error begins with name.
func CheckPage(name, address string) error {
	if u, err := url.Parse(address); address != "" && (err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http") {
		return fmt.Errorf("%s %q: must be an http or https URL", name, address)
	}
	return nil
}

// layout is where things are: the public URLs clients see and the paths this
// handler answers.
type layout struct {
	resource     string // identifier, byte for byte as configured
	resourcePath string // its path; "" for a resource that is a bare origin
	origin       string
	// scheme and authority are those of the resource, the latter in the
	// spelling of [authority].
	scheme, authority string
	// prefix is the public path before /mcp, for a server behind a proxy that
	// mounts it at a sub-path; usually empty.
	prefix string
	// sseResource is the identifier published for the HTTP+SSE endpoint.
	//
	// Clients compare the published resource with the URL they were given.
	// mcp-go and go-sdk want them equal; the TypeScript SDK, and so mcp-remote,
	// accepts an identifier of the same origin whose path is a prefix. For
	// https://host/sse the identifier https://host/mcp passes neither check,
	// and no client could log in. So the endpoint names itself: a client on
	// /sse asks its provider for a token for .../sse, and tokens for either
	// identifier are accepted on both transports, since it is one server with
	// one set of rights. A provider that only issues tokens for registered
	// resources, like Logto, needs both registered if /sse is to be used.
	// Where the resource is a bare origin it is a prefix of /sse as well, and
	// one identifier serves both.
	sseResource string
}

func newLayout(cfg *Config) layout {
	u := cfg.Resource
	l := layout{
		resource:     u.String(),
		resourcePath: u.EscapedPath(),
		origin:       u.Scheme + "://" + u.Host,
		scheme:       u.Scheme,
		authority:    authority(u.Scheme, u.Host),
	}
	if l.resourcePath == "/" {
		// RFC 9728 section 3.1: only a slash right after the host is dropped.
		l.resourcePath = ""
	}
	if prefix, ok := strings.CutSuffix(strings.TrimSuffix(l.resourcePath, "/"), pathMCP); ok {
		l.prefix = prefix
	}
	l.sseResource = l.origin + l.prefix + pathSSE
	if l.resourcePath == "" {
		l.sseResource = l.resource
	}
	return l
}

// base is where the endpoints are.
func (l layout) base() string { return l.scheme + "://" + l.authority + l.prefix }

// has reports whether path is one of this resource: an endpoint, the metadata of
// one, or the page and the health check beside them.
func (l layout) has(path string) bool {
	path = strings.TrimPrefix(path, prmPrefix)
	switch path {
	case l.resourcePath, l.prefix + pathMCP, l.prefix + pathSSE, l.prefix + pathMessages, l.prefix + "/", l.prefix + pathHealth:
		return true
	}
	return false
}

// audiences are the aud values that mean this server.
func (l layout) audiences() []string {
	if l.sseResource == l.resource {
		return []string{l.resource}
	}
	return []string{l.resource, l.sseResource}
}

// Audiences returns the identifiers that a token may be issued for to be
// accepted by a server with this resource: the resource, and where clients of
// HTTP+SSE cannot use that, the URL of that endpoint. A provider that issues
// tokens only for registered resources needs to know them. resource must pass
// [CheckResource].
func Audiences(resource *url.URL) []string {
	return newLayout(&Config{Resource: resource}).audiences()
}

// metadataURL and sseMetadataURL are what challenges point to (RFC 9728
// section 3.1). They are built from the configuration and never from the Host
// header, so that nobody can have clients sent elsewhere.
func (l layout) metadataURL() string { return l.origin + prmPrefix + l.resourcePath }

func (l layout) sseMetadataURL() string { return l.origin + prmPrefix + l.prefix + pathSSE }

// resourceMetadataHandler serves the document that names resource. Pages of any
// origin may read it: it is public, and a browser-based client needs it before
// it has anything else.
func (s *Server) resourceMetadataHandler(resource string) (http.HandlerFunc, error) {
	issuers := make([]string, 0, len(s.providers))
	for _, p := range s.providers {
		issuers = append(issuers, p.issuer)
	}
	body, err := json.Marshal(resourceMetadata{
		Resource: resource, AuthorizationServers: issuers,
		ScopesSupported: s.scopes, BearerMethodsSupported: []string{"header"},
		ResourceName: s.about.Name, Documentation: s.about.Documentation, Policy: s.about.Policy, Terms: s.about.Terms,
	})
	if err != nil {
		return nil, fmt.Errorf("encode resource metadata: %w", err)
	}
	return func(w http.ResponseWriter, r *http.Request) {
		servePublic(w, r, prmMaxAge, body)
	}, nil
}

// relayIssuerMetadata serves the issuer's own document, byte for byte, for
// clients of revision 2025-03-26, which look for authorization server metadata
// at the MCP server's origin. Later clients find the issuer through the
// resource metadata first and never come here.
func (s *Server) relayIssuerMetadata(w http.ResponseWriter, r *http.Request) {
	meta, _, err := s.provider.metadata.get(r.Context())
	if err != nil {
		recordReason(r.Context(), err)
		w.Header().Set("Access-Control-Allow-Origin", "*")
		w.Header().Set("Retry-After", strconv.Itoa(pauseAfter(err)))
		problem{
			http.StatusServiceUnavailable, "temporarily_unavailable",
			"The authorization server's metadata cannot be read at present.",
		}.write(w)
		return
	}
	servePublic(w, r, "public, max-age=300", meta.document)
}

// servePublic answers GET and HEAD, and a browser's preflight, for a JSON
// document that anyone may read.
func servePublic(w http.ResponseWriter, r *http.Request, cache string, body []byte) {
	h := w.Header()
	h.Set("Access-Control-Allow-Origin", "*")
	switch r.Method {
	case http.MethodGet, http.MethodHead:
		h.Set("Content-Type", "application/json")
		h.Set("Cache-Control", cache)
		_, _ = w.Write(body)
	case http.MethodOptions:
		h.Set("Access-Control-Allow-Methods", "GET")
		// Clients send MCP-Protocol-Version along, which is not a header a
		// page may set without asking.
		h.Set("Access-Control-Allow-Headers", "*")
		h.Set("Access-Control-Max-Age", "600")
		w.WriteHeader(http.StatusNoContent)
	default:
		methodNotAllowed(w, "GET, HEAD, OPTIONS")
	}
}

func methodNotAllowed(w http.ResponseWriter, allow string) {
	w.Header().Set("Allow", allow)
	problem{http.StatusMethodNotAllowed, "invalid_request", "This method is not allowed here."}.write(w)
}
