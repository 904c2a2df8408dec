package oauth

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"mcp-login/internal/foreign"
	"mcp-login/internal/origin"
)

// Bounds of discovery.
const (
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
// in the challenge, else from the well-known ones (RFC 9728, sections 3.1 and 5.1),
// else as servers of 2025-03-26 have it. known is the issuer of an earlier login and is
// preferred while the resource still names it. cached is metadata that need not
// be read again if it is the chosen issuer's. choice is what the person has said
// about the issuer, and chosen the resource that the person has chosen, "" for none.
func discover(ctx context.Context, client *http.Client, server *url.URL, challenge Challenge, chosen, known string, choice IssuerChoice, cached ServerMetadata) (Discovery, error) {
	resource, _, err := resourceMetadata(ctx, client, server, challenge, chosen != "")
	// Gateways answer 5xx, too, for what they have no route to.
	missing := errors.Is(err, errNotThere) || errors.Is(err, errNoObject) || errors.Is(err, ErrUnavailable)
	if err != nil && (!choice.names() || !missing) {
		return Discovery{}, err
	}
	d := Discovery{Resource: resource.Resource, ScopesSupported: resource.ScopesSupported}
	if d.Resource == "" && choice.names() {
		// The token is for this server, though it does not say its name (MCP
		// 2025-11-25, Authorization, Resource Parameter Implementation).
		d.Resource = server.String()
	}
	issuers, err := choice.among(resource.Issuers(server), known)
	if err != nil {
		return Discovery{}, err
	}
	var failures []error
	for _, issuer := range issuers {
		if choice.serves(cached, issuer) {
			d.Server = cached
			return d, nil
		}
		read := serverMetadata
		if len(resource.AuthorizationServers) == 0 && SameIssuer(issuer, originOf(server)) {
			read = legacyServerMetadata
		}
		meta, err := read(ctx, client, issuer, choice)
		if err == nil {
			d.Server = meta
			return d, nil
		}
		failures = append(failures, err)
	}
	return Discovery{}, errors.Join(failures...)
}

// IssuerMetadata reads and checks the metadata of the authorization server with
// this issuer (RFC 8414, OpenID Connect Discovery 1.0), or at this address of a
// document. An error wraps ErrUnavailable where the provider could not be asked.
// client is of NewHTTPClient.
func IssuerMetadata(ctx context.Context, client *http.Client, issuer string, choice IssuerChoice) (ServerMetadata, error) {
	return serverMetadata(ctx, client, issuer, choice)
}

// PublishedResource reads and checks the protected-resource metadata of server
// at its well-known addresses (RFC 9728, section 3); found is false when it
// publishes none.
func PublishedResource(ctx context.Context, client *http.Client, server *url.URL) (m ResourceMetadata, found bool, err error) {
	return resourceMetadata(ctx, client, server, Challenge{}, false)
}

// ChallengedResource is PublishedResource where a challenge may have named the
// address. chosen says that the person has chosen the resource: then its name is
// not compared.
func ChallengedResource(ctx context.Context, client *http.Client, server *url.URL, challenge Challenge, chosen bool) (m ResourceMetadata, found bool, err error) {
	return resourceMetadata(ctx, client, server, challenge, chosen)
}

// Issuers returns the authorization servers that the metadata of server lists.
// Without any the origin is the one, as for servers of 2025-03-26.
func (m ResourceMetadata) Issuers(server *url.URL) []string {
	if len(m.AuthorizationServers) == 0 {
		return []string{originOf(server)}
	}
	return m.AuthorizationServers
}

// preferred bounds the list and puts known first when it is in it.
func preferred(issuers []string, known string) []string {
	if len(issuers) > maxAuthorizationServers {
		issuers = issuers[:maxAuthorizationServers]
	}
	for _, issuer := range issuers {
		if SameIssuer(issuer, known) {
			return union([]string{issuer}, issuers)
		}
	}
	return issuers
}

// resourceMetadata reads the protected-resource metadata: at the address in the
// challenge, then at the well-known ones, the first document that is good. found
// is false when the server has none. The first fault is the error, if there is no
// good document; that a well-known address has none, or a page for people, is no
// fault. chosen says that the person has chosen the resource.
func resourceMetadata(ctx context.Context, client *http.Client, server *url.URL, challenge Challenge, chosen bool) (m ResourceMetadata, found bool, err error) {
	addresses, named := resourceWellKnown(server), 0
	if address := challenge.ResourceMetadata(); address != "" {
		addresses, named = append([]string{resolved(server, address)}, addresses...), 1
	}
	var fault error
	for i, address := range addresses {
		m, err := readResource(ctx, client, address, server, chosen)
		switch {
		case err == nil:
			return m, true, nil
		case fault == nil && i < named:
			fault = &Error{
				Op: "read protected-resource metadata at " + foreign.ShortAddress(address) + ", which the server's challenge names", Err: err,
				Hint: cmp.Or(HintOf(err), "this is a fault of the server: tell its operator that resource_metadata in WWW-Authenticate points nowhere"),
			}
		case fault == nil && !errors.Is(err, errNotThere) && !errors.Is(err, errNoObject):
			fault = fmt.Errorf("read protected-resource metadata: %w", err)
		}
	}
	return ResourceMetadata{}, false, fault
}

// readResource reads and checks the document at one address.
func readResource(ctx context.Context, client *http.Client, address string, server *url.URL, chosen bool) (ResourceMetadata, error) {
	doc, err := fetchMetadata(ctx, client, address, server)
	if err != nil {
		return ResourceMetadata{}, err
	}
	m, err := decodeResourceMetadata(doc.body)
	switch {
	case err != nil:
		return m, err
	case !chosen:
		return m, m.checkFor(server)
	case !origin.SameOrigin(doc.from, server):
		// Nothing of it is compared, so that the server itself must say it.
		return m, fmt.Errorf("%s is not on the server's own origin", foreign.ShortAddress(doc.from.String()))
	}
	return m, nil
}

// resolved is the address in a challenge. A relative one is the server's own: one
// that leads to another host is left as it is, which is no address to read.
func resolved(server *url.URL, address string) string {
	u, err := url.Parse(address)
	if err != nil || u.IsAbs() {
		return address
	}
	if u = server.ResolveReference(u); !origin.SameOrigin(u, server) {
		return address
	}
	return u.String()
}

// resourceWellKnown lists the addresses of RFC 9728 section 3.1: the path of
// the endpoint inserted, then the root.
func resourceWellKnown(server *url.URL) []string {
	root := url.URL{Scheme: server.Scheme, Host: server.Host, Path: wellKnown + "oauth-protected-resource"}
	path := strings.TrimSuffix(server.EscapedPath(), "/")
	if path == "" {
		return []string{root.String()}
	}
	return []string{root.String() + path, root.String()}
}

// checkFor validates metadata against the endpoint it was found for (RFC 9728,
// section 3.3):
// its resource is the endpoint, or a prefix of it on the same origin that ends
// at a path segment. Anything else would fetch a token for someone else.
func (m ResourceMetadata) checkFor(server *url.URL) error {
	const op = "check protected-resource metadata"
	if m.Resource == "" {
		return &Error{Op: op, Err: errors.New("no resource in it"), Hint: "this is a fault of the server (RFC 9728 requires the member); " + chooseResource(server)}
	}
	resource, err := url.Parse(m.Resource)
	if err != nil || !origin.SameOrigin(resource, server) || !segmentPrefix(resource.EscapedPath(), server.EscapedPath()) || resource.User != nil || strings.Contains(m.Resource, "#") {
		return &Error{
			Op:   op,
			Err:  fmt.Errorf("the server says it is %s, but it was reached as %s", foreign.ShortAddress(m.Resource), server.Redacted()),
			Hint: "use the address the server calls itself; " + chooseResource(server),
		}
	}
	return nil
}

// chooseResource is the way past a resource that does not fit.
func chooseResource(server *url.URL) string {
	return "or say what to ask a token for: --resource " + server.Redacted() + ", or --no-resource to leave it out"
}

func segmentPrefix(prefix, path string) bool {
	prefix = strings.TrimSuffix(prefix, "/")
	rest, ok := strings.CutPrefix(path, prefix)
	return ok && (rest == "" || rest[0] == '/')
}

// serverMetadata reads and checks the metadata of one issuer (RFC 8414, section 3;
// OpenID Connect Discovery 1.0, section 4), or the document at the address that a
// person, or the server in its list, has named.
func serverMetadata(ctx context.Context, client *http.Client, issuer string, choice IssuerChoice) (ServerMetadata, error) {
	op := "read metadata of the authorization server " + foreign.ShortAddress(issuer)
	u, err := checkEndpoint("issuer", issuer)
	if err != nil { // the address may hold a password
		return ServerMetadata{}, fmt.Errorf("read metadata of the authorization server: %w", err)
	}
	addresses := issuerWellKnown(u)
	if _, isDocument := named(u); isDocument {
		addresses = []string{issuer}
	} else if u.RawQuery != "" {
		return ServerMetadata{}, fmt.Errorf("%s: the issuer has a query (RFC 8414, section 2)", op)
	}
	m, err := firstServerMetadata(ctx, client, issuer, addresses, choice)
	switch {
	case errors.Is(err, errNotThere) && issuer == choice.Named:
		return ServerMetadata{}, &Error{Op: op, Err: errors.New("there is none"), Hint: "is --issuer right, and does the provider answer? It takes the address of the metadata itself as well, as in --issuer " + u.Scheme + "://" + u.Host + "/.well-known/openid-configuration"}
	case errors.Is(err, errNotThere):
		return ServerMetadata{}, &Error{Op: op, Err: errors.New("none of its well-known addresses has it"), Hint: "is the issuer in the MCP server's metadata right, and does the provider answer?"}
	case err != nil:
		return ServerMetadata{}, fmt.Errorf("%s: %w", op, err)
	}
	return m, nil
}

// firstServerMetadata returns the first document that is this issuer's and can be
// used. The error is the first fault, where there is none; a page for people is
// one only if nothing else is, and errNotThere that there is nothing at all.
func firstServerMetadata(ctx context.Context, client *http.Client, issuer string, addresses []string, choice IssuerChoice) (ServerMetadata, error) {
	fault := errNotThere
	for _, address := range addresses {
		m, err := readServer(ctx, client, address, issuer, choice)
		if err == nil {
			return m, nil
		}
		said := errors.Is(fault, errNotThere) || errors.Is(fault, errNoObject) && !errors.Is(err, errNoObject)
		if said && !errors.Is(err, errNotThere) {
			fault = err
		}
	}
	return ServerMetadata{}, fault
}

// readServer reads and checks the document at one address.
func readServer(ctx context.Context, client *http.Client, address, issuer string, choice IssuerChoice) (ServerMetadata, error) {
	doc, err := fetchMetadata(ctx, client, address, nil)
	if err != nil {
		return ServerMetadata{}, err
	}
	m, err := decodeServerMetadata(doc.body)
	if err != nil {
		return m, fmt.Errorf("%s: %w", foreign.ShortAddress(address), err)
	}
	if err := choice.identify(&m, issuer, doc.from); err != nil {
		return m, err
	}
	return m, m.check()
}

// issuerWellKnown lists where the metadata of an issuer can be (MCP 2025-11-25,
// Authorization, Authorization Server Metadata Discovery):
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
// protected-resource metadata (Authorization, Server Metadata Discovery): the origin of the MCP server is the
// issuer, and where it publishes nothing the endpoints have fixed names.
func legacyServerMetadata(ctx context.Context, client *http.Client, origin string, choice IssuerChoice) (ServerMetadata, error) {
	const op = "find the authorization server"
	u, err := url.Parse(origin)
	if err != nil {
		return ServerMetadata{}, fmt.Errorf("%s: %w", op, err)
	}
	origin = originOf(u)
	m, err := firstServerMetadata(ctx, client, origin, issuerWellKnown(u), choice)
	switch {
	case err == nil:
		return m, nil
	case !errors.Is(err, errNotThere) && !errors.Is(err, errNoObject):
		return ServerMetadata{}, fmt.Errorf("%s: %w", op, err)
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
