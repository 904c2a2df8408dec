package discovery

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"mcp-login/internal/foreign"
	"mcp-login/internal/hint"
)

// maxAuthorizationServers is how many of a resource's authorization servers are tried.
const maxAuthorizationServers = 5

// Query is what is known before discovery.
type Query struct {
	// Server is the MCP endpoint, and Challenge what it answered, if anything.
	Server    *url.URL
	Challenge Challenge
	// ResourceChosen says that the person has chosen the resource.
	ResourceChosen bool
	// Choice is what the person has said about the issuer.
	Choice IssuerChoice
	// KnownIssuer is the one of an earlier login, "" for none. It is preferred while
	// the resource still names it.
	KnownIssuer string
	// Cached is metadata that is not read again if it is the chosen issuer's.
	Cached ServerMetadata
	// Bound says that the account is bound to a key.
	Bound bool
}

// Result is what the metadata of a protected MCP server says.
type Result struct {
	// Resource is the published resource identifier byte for byte, "" when
	// the server publishes no protected-resource metadata (MCP 2025-03-26).
	Resource string
	// ScopesSupported are the resource's scopes, nil when undefined.
	ScopesSupported []string
	// Server is the metadata of the chosen authorization server.
	Server ServerMetadata
	// Binding says whether the token is to be bound to a key, and Asked that the resource
	// asks for bound ones, perhaps beside others.
	Binding Binding
	Asked   bool
}

// ResultOf is what the metadata of a resource and of its authorization server says. bound
// says that the account has been bound to a key before, from which there is no way back.
func ResultOf(challenge Challenge, resource *ResourceMetadata, server *ServerMetadata, bound bool) (r Result, err error) {
	r = Result{Resource: resource.Resource, ScopesSupported: resource.ScopesSupported, Server: *server, Asked: asksToBind(challenge, resource)}
	r.Server.CertificateWanted = resource.CertificateBound
	r.Binding, err = bindingOf(challenge, resource, server, bound)
	return r, err
}

// Discover finds the authorization server of an MCP server: by the address in the
// challenge, else by the well-known ones (RFC 9728, sections 3.1 and 5.1), else as
// servers of MCP 2025-03-26 have it. The error is a [*NotListedError], or it wraps
// [ErrUnavailable] where somebody could not be asked. client is one of
// [Guard.HTTPClient].
func Discover(ctx context.Context, client *http.Client, q Query) (Result, error) {
	resource, _, err := FetchResource(ctx, client, q.Server, q.Challenge, q.ResourceChosen)
	// Gateways answer 5xx, too, for what they have no route to.
	missing := errors.Is(err, errNotFound) || errors.Is(err, foreign.ErrNoObject) || errors.Is(err, ErrUnavailable)
	if err != nil && (!q.Choice.Overrides() || !missing) {
		return Result{}, err
	}
	if resource.Resource == "" && q.Choice.Overrides() {
		// The token is for this server, though it does not say its name (MCP
		// 2025-11-25, Authorization, Resource Parameter Implementation).
		resource.Resource = q.Server.String()
	}
	issuers, err := q.Choice.candidates(resource.Issuers(q.Server), q.KnownIssuer)
	if err != nil {
		return Result{}, err
	}
	var r Result
	choose := func(server *ServerMetadata) (err error) {
		r, err = ResultOf(q.Challenge, &resource, server, q.Bound)
		return err
	}
	var failures []error
	for _, issuer := range issuers {
		// Earlier versions have kept nothing of what the issuer can bind: then it is asked.
		unknown := q.Cached.DPoPAlgorithms == nil && asksToBind(q.Challenge, &resource)
		kept := q.Choice.allowsCached(&q.Cached, issuer)
		if kept && !unknown && choose(&q.Cached) == nil {
			return r, nil
		}
		fetchServer := FetchServer
		if len(resource.AuthorizationServers) == 0 && SameIssuer(issuer, originOf(q.Server)) {
			fetchServer = legacyServerMetadata
		}
		server, err := fetchServer(ctx, client, issuer, q.Choice)
		if kept && errors.Is(err, ErrUnavailable) && choose(&q.Cached) == nil {
			return r, nil
		}
		if err == nil {
			err = choose(server)
		}
		if err == nil {
			return r, nil
		}
		failures = append(failures, err)
	}
	return Result{}, errors.Join(failures...)
}

// FetchServer reads and checks the metadata of the authorization server with this
// issuer (RFC 8414, section 3; OpenID Connect Discovery 1.0, section 4), or the
// document at issuer where that is the address of one. An error wraps
// [ErrUnavailable] where the server could not be asked, and [ErrIssuerMismatch] where
// the document calls itself something that choice does not accept. client is one of
// [Guard.HTTPClient].
func FetchServer(ctx context.Context, client *http.Client, issuer string, choice IssuerChoice) (*ServerMetadata, error) {
	op := "read metadata of the authorization server " + foreign.ShortAddress(issuer)
	u, err := CheckEndpoint("issuer", issuer)
	if err != nil { // the address may hold a password
		return nil, fmt.Errorf("read metadata of the authorization server: %w", err)
	}
	addresses := issuerAddresses(u)
	if _, ok := issuerOfDocument(u); ok {
		addresses = []string{issuer}
	} else if u.RawQuery != "" {
		return nil, fmt.Errorf("%s: the issuer has a query (RFC 8414, section 2)", op)
	}
	m, err := firstServerMetadata(ctx, client, issuer, addresses, choice)
	switch {
	case errors.Is(err, errNotFound) && issuer == choice.Named:
		return nil, &hint.Error{Op: op, Err: errors.New("there is none"), Hint: "is --issuer right, and does the provider answer? It takes the address of the metadata itself as well, as in --issuer " + u.Scheme + "://" + u.Host + "/.well-known/openid-configuration"}
	case errors.Is(err, errNotFound):
		return nil, &hint.Error{Op: op, Err: errors.New("none of its well-known addresses has it"), Hint: "is the issuer in the MCP server's metadata right, and does the provider answer?"}
	case err != nil:
		return nil, fmt.Errorf("%s: %w", op, err)
	}
	return m, nil
}

// firstServerMetadata returns the first document that is this issuer's and can be
// used. Otherwise the error is the first fault; a page for people counts as one only if
// there is no other, and errNotFound means that there is nothing at all.
func firstServerMetadata(ctx context.Context, client *http.Client, issuer string, addresses []string, choice IssuerChoice) (*ServerMetadata, error) {
	fault := errNotFound
	for _, address := range addresses {
		m, err := readServer(ctx, client, address, issuer, choice)
		if err == nil {
			return m, nil
		}
		weaker := errors.Is(fault, errNotFound) || errors.Is(fault, foreign.ErrNoObject) && !errors.Is(err, foreign.ErrNoObject)
		if weaker && !errors.Is(err, errNotFound) {
			fault = err
		}
	}
	return nil, fault
}

// readServer reads and checks the document at one address.
func readServer(ctx context.Context, client *http.Client, address, issuer string, choice IssuerChoice) (*ServerMetadata, error) {
	doc, err := fetch(ctx, client, address, nil)
	if err != nil {
		return nil, err
	}
	m, err := parseServerMetadata(doc.body)
	if err != nil {
		return m, fmt.Errorf("%s: %w", foreign.ShortAddress(address), err)
	}
	if err := choice.checkIssuer(m, issuer, doc.from); err != nil {
		return m, err
	}
	return m, m.check()
}

// issuerAddresses lists where the metadata of an issuer can be (MCP 2025-11-25,
// Authorization, Authorization Server Metadata Discovery): those of RFC 8414 and OpenID
// Connect with the path inserted, then that of OpenID Connect with the path in front.
// One trailing slash is dropped for the address only. For an issuer with a path the
// root documents are never read: they are another issuer's.
func issuerAddresses(issuer *url.URL) []string {
	origin := originOf(issuer)
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

// legacyServerMetadata is for servers of MCP 2025-03-26, which know no
// protected-resource metadata (Authorization, Server Metadata Discovery): the origin of
// the MCP server is the issuer, and where it publishes nothing the endpoints have fixed
// names.
func legacyServerMetadata(ctx context.Context, client *http.Client, origin string, choice IssuerChoice) (*ServerMetadata, error) {
	const op = "find the authorization server"
	u, err := url.Parse(origin)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", op, err)
	}
	origin = originOf(u)
	m, err := firstServerMetadata(ctx, client, origin, issuerAddresses(u), choice)
	switch {
	case err == nil:
		return m, nil
	case !errors.Is(err, errNotFound) && !errors.Is(err, foreign.ErrNoObject):
		return nil, fmt.Errorf("%s: %w", op, err)
	}
	m = &ServerMetadata{
		Issuer:                origin,
		AuthorizationEndpoint: origin + "/authorize",
		TokenEndpoint:         origin + "/token",
		RegistrationEndpoint:  origin + "/register",
		assumed:               true,
	}
	return m, m.check()
}

func originOf(u *url.URL) string { return u.Scheme + "://" + u.Host }
