package server

import (
	"net/url"
	"strings"
)

// metadataPath stands before the path of a resource (RFC 9728 section 3.1).
const metadataPath = "/.well-known/oauth-protected-resource"

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

func newLayout(u *url.URL) layout {
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
	l.sseResource = l.sseEndpoint()
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
	path = strings.TrimPrefix(path, metadataPath)
	switch path {
	case l.resourcePath, l.prefix + pathMCP, l.prefix + pathSSE, l.prefix + pathMessages, l.prefix + "/", l.prefix + pathHealth, l.prefix + pathForwardAuth:
		return true
	}
	return false
}

// public is the path of a request as its client sees it: a proxy may have taken the prefix away, or
// have led the resource's own path to /mcp.
func (l layout) public(path string) string {
	switch {
	case path == pathMCP && l.resourcePath != "" && !strings.HasSuffix(l.resourcePath, pathMCP):
		return l.resourcePath
	case strings.HasPrefix(path, l.prefix+"/"):
		return path
	}
	return l.prefix + path
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
// [bearer.CheckIdentifier].
func Audiences(resource *url.URL) []string {
	return newLayout(resource).audiences()
}

// sseEndpoint is the public URL of the HTTP+SSE endpoint.
func (l layout) sseEndpoint() string { return l.origin + l.prefix + pathSSE }
