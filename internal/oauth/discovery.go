package oauth

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"mcp-login/internal/foreign"
	"mcp-login/internal/origin"
)

// Bounds of one metadata document.
const (
	maxMetadataBytes     = 256 << 10
	metadataTimeout      = 10 * time.Second
	maxMetadataRedirects = 3
	// maxAuthorizationServers is how many of a resource's authorization
	// servers are tried.
	maxAuthorizationServers = 5
	// metadataLifetime is how long the metadata of an issuer is not read again.
	metadataLifetime = time.Hour
)

// Discovery is what the metadata of a protected MCP server says.
type Discovery struct {
	// Resource is the published resource identifier byte for byte, "" when
	// the server publishes no protected-resource metadata (2025-03-26).
	Resource string
	// ScopesSupported are the resource's scopes, nil when undefined.
	ScopesSupported []string
	// Server is the metadata of the chosen authorization server.
	Server ServerMetadata
}

// discover finds the authorization server of an MCP server: from the address
// in the challenge, else from the well-known ones (C3, C4), else as servers of
// 2025-03-26 have it (C10). known is the issuer of an earlier login and is
// preferred while the resource still names it. cached is metadata that need not
// be read again if it is the chosen issuer's. pinned is the only issuer to take,
// "" for any.
func discover(ctx context.Context, client *http.Client, server *url.URL, challenge Challenge, known, pinned string, cached ServerMetadata) (Discovery, error) {
	resource, found, err := resourceMetadata(ctx, client, server, challenge)
	if err != nil {
		return Discovery{}, err
	}
	if !found {
		if pinned != "" && pinned != originOf(server) {
			return Discovery{}, otherIssuer(pinned, originOf(server))
		}
		if cached.Issuer == originOf(server) {
			return Discovery{Server: cached}, nil
		}
		meta, err := legacyServerMetadata(ctx, client, server)
		return Discovery{Server: meta}, err
	}
	d := Discovery{Resource: resource.Resource, ScopesSupported: resource.ScopesSupported}
	issuers := preferred(resource.AuthorizationServers, known)
	if pinned != "" {
		if !slices.Contains(resource.AuthorizationServers, pinned) {
			return Discovery{}, otherIssuer(pinned, issuers...)
		}
		issuers = []string{pinned}
	}
	var failures []error
	for _, issuer := range issuers {
		if issuer == cached.Issuer && issuer != "" {
			d.Server = cached
			return d, nil
		}
		meta, err := serverMetadata(ctx, client, issuer)
		if err == nil {
			d.Server = meta
			return d, nil
		}
		failures = append(failures, err)
	}
	return Discovery{}, errors.Join(failures...)
}

// otherIssuer says that the server names other issuers than the person.
func otherIssuer(pinned string, named ...string) error {
	var shown []string
	for _, issuer := range named {
		shown = append(shown, foreign.ShortAddress(issuer))
	}
	return &Error{
		Op: "find the authorization server", Err: fmt.Errorf("the server names %s, and --issuer is %s: %w", foreign.Line(strings.Join(shown, ", ")), foreign.ShortAddress(pinned), ErrLoginRequired),
		Hint: "nothing was sent there; if the server has changed its provider, change --issuer, which is compared character for character",
	}
}

// IssuerMetadata reads and checks the metadata of the authorization server with
// this issuer (RFC 8414, OpenID Connect Discovery 1.0). An error wraps
// ErrUnavailable where the provider could not be asked. client is of
// NewHTTPClient.
func IssuerMetadata(ctx context.Context, client *http.Client, issuer string) (ServerMetadata, error) {
	return serverMetadata(ctx, client, issuer)
}

// PublishedResource reads and checks the protected-resource metadata of server
// at its well-known addresses (RFC 9728, section 3); found is false when it
// publishes none.
func PublishedResource(ctx context.Context, client *http.Client, server *url.URL) (m ResourceMetadata, found bool, err error) {
	return resourceMetadata(ctx, client, server, Challenge{})
}

// ChallengedResource is PublishedResource where a challenge may have named the
// address.
func ChallengedResource(ctx context.Context, client *http.Client, server *url.URL, challenge Challenge) (m ResourceMetadata, found bool, err error) {
	return resourceMetadata(ctx, client, server, challenge)
}

// preferred bounds the list and puts known first when it is in it.
func preferred(issuers []string, known string) []string {
	if len(issuers) > maxAuthorizationServers {
		issuers = issuers[:maxAuthorizationServers]
	}
	for _, issuer := range issuers {
		if issuer == known {
			return union([]string{known}, issuers)
		}
	}
	return issuers
}

// resourceMetadata reads the protected-resource metadata; found is false when
// the server has none.
func resourceMetadata(ctx context.Context, client *http.Client, server *url.URL, challenge Challenge) (m ResourceMetadata, found bool, err error) {
	const op = "read protected-resource metadata"
	var addresses []string
	named := challenge.ResourceMetadata()
	if named != "" {
		addresses = []string{named}
	} else {
		addresses = resourceWellKnown(server)
	}
	for _, address := range addresses {
		body, ok, err := fetchMetadata(ctx, client, address, server)
		if err != nil {
			return m, false, fmt.Errorf("%s: %w", op, err)
		}
		if !ok {
			continue
		}
		if err := decodeStrict(body, &m); err != nil {
			if named == "" { // an HTML page with status 200: look further
				m = ResourceMetadata{}
				continue
			}
			return m, false, fmt.Errorf("%s: %s: %w", op, foreign.ShortAddress(address), err)
		}
		return m, true, m.checkFor(server)
	}
	if named != "" {
		return m, false, &Error{
			Op:   op,
			Err:  errors.New("the address in the server's challenge holds no metadata"),
			Hint: "this is a fault of the server: tell its operator that resource_metadata in WWW-Authenticate points nowhere",
		}
	}
	return m, false, nil
}

// resourceWellKnown lists the addresses of RFC 9728 section 3.1: the path of
// the endpoint inserted, then the root.
func resourceWellKnown(server *url.URL) []string {
	const wellKnown = "/.well-known/oauth-protected-resource"
	root := url.URL{Scheme: server.Scheme, Host: server.Host, Path: wellKnown}
	path := strings.TrimSuffix(server.EscapedPath(), "/")
	if path == "" {
		return []string{root.String()}
	}
	return []string{root.String() + path, root.String()}
}

// checkFor validates metadata against the endpoint it was found for (C6, C7):
// its resource is the endpoint, or a prefix of it on the same origin that ends
// at a path segment. Anything else would fetch a token for someone else.
func (m ResourceMetadata) checkFor(server *url.URL) error {
	const op = "check protected-resource metadata"
	if m.Resource == "" {
		return &Error{Op: op, Err: errors.New("no resource in it"), Hint: "this is a fault of the server: RFC 9728 requires the resource member"}
	}
	resource, err := url.Parse(m.Resource)
	if err != nil || !origin.SameOrigin(resource, server) || !segmentPrefix(resource.EscapedPath(), server.EscapedPath()) || resource.User != nil || strings.Contains(m.Resource, "#") {
		return &Error{
			Op:   op,
			Err:  fmt.Errorf("the server says it is %s, but it was reached as %s", foreign.ShortAddress(m.Resource), server.Redacted()),
			Hint: "use the address the server calls itself; a token for another address would be of no use, or go to the wrong place",
		}
	}
	if len(m.AuthorizationServers) == 0 {
		return &Error{Op: op, Err: errors.New("no authorization server in it"), Hint: "this is a fault of the server: RFC 9728 metadata for MCP names at least one"}
	}
	return nil
}

func segmentPrefix(prefix, path string) bool {
	prefix = strings.TrimSuffix(prefix, "/")
	rest, ok := strings.CutPrefix(path, prefix)
	return ok && (rest == "" || rest[0] == '/')
}

// serverMetadata reads and checks the metadata of one issuer (C11 to C18).
func serverMetadata(ctx context.Context, client *http.Client, issuer string) (ServerMetadata, error) {
	op := "read metadata of the authorization server " + foreign.ShortAddress(issuer)
	u, err := checkEndpoint("issuer", issuer)
	if err != nil { // the address may hold a password
		return ServerMetadata{}, fmt.Errorf("read metadata of the authorization server: %w", err)
	}
	if u.RawQuery != "" {
		return ServerMetadata{}, fmt.Errorf("%s: the issuer has a query (RFC 8414, section 2)", op)
	}
	m, found, err := firstServerMetadata(ctx, client, issuerWellKnown(u))
	switch {
	case err != nil:
		return ServerMetadata{}, fmt.Errorf("%s: %w", op, err)
	case !found:
		return ServerMetadata{}, &Error{Op: op, Err: errors.New("none of its well-known addresses has it"), Hint: "is the issuer in the MCP server's metadata right, and does the provider answer?"}
	}
	return m, m.checkIssuer(op, issuer)
}

// firstServerMetadata returns the first document there is. What is no such
// document counts as not there.
func firstServerMetadata(ctx context.Context, client *http.Client, addresses []string) (m ServerMetadata, found bool, err error) {
	for _, address := range addresses {
		body, ok, err := fetchMetadata(ctx, client, address, nil)
		if err != nil {
			return ServerMetadata{}, false, err
		}
		var m ServerMetadata
		if ok && decodeStrict(body, &m) == nil {
			return m, true, nil
		}
	}
	return ServerMetadata{}, false, nil
}

func (m ServerMetadata) checkIssuer(op, issuer string) error {
	if m.Issuer != issuer {
		return &Error{
			Op:   op,
			Err:  fmt.Errorf("the document calls itself %s", foreign.ShortAddress(m.Issuer)),
			Hint: "both must be the same, character for character (RFC 8414, section 3.3); correct the issuer in the MCP server's configuration",
		}
	}
	if err := m.check(); err != nil {
		return fmt.Errorf("%s: %w", op, err)
	}
	return nil
}

// issuerWellKnown lists where the metadata of an issuer can be (C13, C14):
// RFC 8414 and OpenID Connect, the path inserted, then appended as OpenID
// Connect has it. One trailing slash is dropped for the address only. The root
// documents of an issuer with a path are never asked: they are another one's.
func issuerWellKnown(issuer *url.URL) []string {
	origin := issuer.Scheme + "://" + issuer.Host
	path := strings.TrimSuffix(issuer.EscapedPath(), "/")
	list := []string{
		origin + "/.well-known/oauth-authorization-server" + path,
		origin + "/.well-known/openid-configuration" + path,
	}
	if path != "" {
		list = append(list, origin+path+"/.well-known/openid-configuration")
	}
	return list
}

// legacyServerMetadata is for servers of 2025-03-26, which know no
// protected-resource metadata (C10): the origin of the MCP server is the
// issuer, and where it publishes nothing the endpoints have fixed names.
func legacyServerMetadata(ctx context.Context, client *http.Client, server *url.URL) (ServerMetadata, error) {
	const op = "find the authorization server"
	origin := originOf(server)
	m, found, err := firstServerMetadata(ctx, client, issuerWellKnown(&url.URL{Scheme: server.Scheme, Host: server.Host}))
	switch {
	case err != nil:
		return ServerMetadata{}, fmt.Errorf("%s: %w", op, err)
	case found:
		return m, m.checkIssuer(op, origin)
	}
	m = ServerMetadata{
		Issuer:                origin,
		AuthorizationEndpoint: origin + "/authorize",
		TokenEndpoint:         origin + "/token",
		RegistrationEndpoint:  origin + "/register",
		assumed:               true,
	}
	return m, m.check()
}

func originOf(u *url.URL) string { return u.Scheme + "://" + u.Host }

// fetchMetadata gets one document. ok is false when it is not there (any 4xx);
// an address that cannot be asked is an error, never «not there»: otherwise an
// outage would look like a server without login (C17). own is the MCP server
// when it is asked about itself: the person has then allowed its address, even
// one with plain http.
func fetchMetadata(ctx context.Context, client *http.Client, address string, own *url.URL) (body []byte, ok bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, metadataTimeout)
	defer cancel()
	u, err := url.Parse(address)
	if err != nil || own == nil || !origin.SameOrigin(u, own) || u.User != nil {
		if u, err = checkEndpoint("metadata address", address); err != nil {
			return nil, false, err
		}
	}
	for range maxMetadataRedirects + 1 {
		resp, err := getJSON(ctx, client, u) //nolint:bodyclose // foreign.ReadBody closes it
		if err != nil {
			return nil, false, unavailable("get "+u.Redacted(), err)
		}
		body, readErr := foreign.ReadBody(resp, maxMetadataBytes, metadataTimeout)
		switch {
		case resp.StatusCode >= 300 && resp.StatusCode < 400:
			if u, err = redirectTarget(u, resp); err != nil {
				return nil, false, err
			}
			continue
		case resp.StatusCode >= 400 && resp.StatusCode < 500 && resp.StatusCode != http.StatusTooManyRequests:
			return nil, false, nil
		case resp.StatusCode != http.StatusOK:
			return nil, false, busy("get "+u.Redacted(), resp.StatusCode)
		case errors.Is(readErr, foreign.ErrTooLarge):
			return nil, false, fmt.Errorf("get %s: document larger than %d KiB", u.Redacted(), maxMetadataBytes>>10)
		case readErr != nil:
			return nil, false, unavailable("get "+u.Redacted(), readErr)
		}
		return bytes.TrimPrefix(body, []byte("\xef\xbb\xbf")), true, nil
	}
	return nil, false, fmt.Errorf("get %s: too many redirects", u.Redacted())
}

func getJSON(ctx context.Context, client *http.Client, u *url.URL) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "application/json")
	// Servers of 2025-03-26 may tell their metadata apart by it (C10).
	req.Header.Set("MCP-Protocol-Version", "2025-11-25")
	return client.Do(req)
}

// redirectTarget checks a redirect like any other address from metadata, and
// does not let it go from https to http.
func redirectTarget(from *url.URL, resp *http.Response) (*url.URL, error) {
	to, err := resp.Location()
	if err != nil {
		return nil, fmt.Errorf("get %s: redirect without a usable location", from.Redacted())
	}
	if _, err := checkEndpoint("redirect", to.String()); err != nil {
		return nil, fmt.Errorf("get %s: %w", from.Redacted(), err)
	}
	if from.Scheme == "https" && to.Scheme != "https" {
		return nil, fmt.Errorf("get %s: redirect from https to http", from.Redacted())
	}
	return to, nil
}
