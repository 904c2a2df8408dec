package discovery

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"mcp-login/internal/foreign"
	"mcp-login/internal/hint"
	"mcp-login/internal/origin"
)

// ResourceMetadata is the part of protected-resource metadata (RFC 9728,
// section 2) that a client acts on.
type ResourceMetadata struct {
	Resource             string   `json:"resource"`
	AuthorizationServers []string `json:"authorization_servers"`
	ScopesSupported      []string `json:"scopes_supported"`
	// DPoPAlgorithms are those of the proofs that the resource takes, and DPoPOnly tells
	// that it takes no bearer tokens.
	DPoPAlgorithms []string `json:"dpop_signing_alg_values_supported"`
	DPoPOnly       bool     `json:"dpop_bound_access_tokens_required"`
	// CertificateBound tells that it wants tokens that are bound to the certificate of the
	// client (RFC 8705, section 3).
	CertificateBound bool `json:"tls_client_certificate_bound_access_tokens"`
}

// Issuers returns the authorization servers that the metadata of server lists. Where
// it lists none, the server's origin is the one, as in MCP 2025-03-26.
func (m ResourceMetadata) Issuers(server *url.URL) []string {
	if len(m.AuthorizationServers) == 0 {
		return []string{originOf(server)}
	}
	return m.AuthorizationServers
}

// parseResourceMetadata reads protected-resource metadata. A document that names
// neither the resource nor an authorization server is foreign.ErrNoObject.
func parseResourceMetadata(body []byte) (ResourceMetadata, error) {
	o, err := foreign.ParseObject(body)
	if err != nil {
		return ResourceMetadata{}, err
	}
	m := ResourceMetadata{
		Resource: o.Text("resource"), AuthorizationServers: o.List("authorization_servers"), ScopesSupported: o.List("scopes_supported"),
		DPoPAlgorithms: o.List("dpop_signing_alg_values_supported"), DPoPOnly: o.Flag("dpop_bound_access_tokens_required"),
		CertificateBound: o.Flag("tls_client_certificate_bound_access_tokens"),
	}
	if m.Resource == "" && len(m.AuthorizationServers) == 0 {
		return m, foreign.ErrNoObject
	}
	return m, nil
}

// FetchResource returns the protected-resource metadata of server: the first good
// document, at the address in the challenge, then at the well-known ones (RFC 9728,
// sections 3.1 and 5.1). found is false when the server publishes none. Without a good
// document the first fault is the error; that a well-known address has no document, or
// a page for people, is no fault. resourceChosen says that the person has chosen the
// resource: then its name is not compared.
func FetchResource(ctx context.Context, client *http.Client, server *url.URL, challenge Challenge, resourceChosen bool) (m ResourceMetadata, found bool, err error) {
	addresses, challenged := resourceAddresses(server), 0
	if address := challenge.ResourceMetadata(); address != "" {
		addresses, challenged = append([]string{resolve(server, address)}, addresses...), 1
	}
	var fault error
	for i, address := range addresses {
		m, err := readResource(ctx, client, address, server, resourceChosen)
		switch {
		case err == nil:
			return m, true, nil
		case fault == nil && i < challenged:
			fault = &hint.Error{
				Op: "read protected-resource metadata at " + foreign.ShortAddress(address) + ", which the server's challenge names", Err: err,
				Hint: cmp.Or(hint.Of(err), "this is a fault of the server: tell its operator that resource_metadata in WWW-Authenticate points nowhere"),
			}
		case fault == nil && !errors.Is(err, errNotFound) && !errors.Is(err, foreign.ErrNoObject):
			fault = fmt.Errorf("read protected-resource metadata: %w", err)
		}
	}
	return ResourceMetadata{}, false, fault
}

// readResource reads and checks the document at one address.
func readResource(ctx context.Context, client *http.Client, address string, server *url.URL, resourceChosen bool) (ResourceMetadata, error) {
	doc, err := fetch(ctx, client, address, server)
	if err != nil {
		return ResourceMetadata{}, err
	}
	m, err := parseResourceMetadata(doc.body)
	switch {
	case err != nil:
		return m, err
	case !resourceChosen:
		return m, m.checkResource(server)
	case !origin.SameOrigin(doc.from, server):
		// Since the name is not compared, the server itself must have published it.
		return m, fmt.Errorf("%s is not on the server's own origin", foreign.ShortAddress(doc.from.String()))
	}
	return m, nil
}

// resolve returns the address in a challenge, a relative one resolved against the
// server's. One that would lead to another host stays relative, and so is not read.
func resolve(server *url.URL, address string) string {
	u, err := url.Parse(address)
	if err != nil || u.IsAbs() {
		return address
	}
	if u = server.ResolveReference(u); !origin.SameOrigin(u, server) {
		return address
	}
	return u.String()
}

// resourceAddresses lists the well-known addresses of RFC 9728 section 3.1: the path of
// the endpoint inserted, then the root.
func resourceAddresses(server *url.URL) []string {
	root := url.URL{Scheme: server.Scheme, Host: server.Host, Path: wellKnown + "oauth-protected-resource"}
	path := strings.TrimSuffix(server.EscapedPath(), "/")
	if path == "" {
		return []string{root.String()}
	}
	return []string{root.String() + path, root.String()}
}

// checkResource compares the published resource with the endpoint (RFC 9728, section
// 3.3): it must be the endpoint, or a prefix of it on the same origin that ends at a
// path segment. A token for anything else would be one for another server.
func (m ResourceMetadata) checkResource(server *url.URL) error {
	const op = "check protected-resource metadata"
	if m.Resource == "" {
		return &hint.Error{Op: op, Err: errors.New("no resource in it"), Hint: "this is a fault of the server (RFC 9728 requires the member); " + resourceFlags(server)}
	}
	resource, err := url.Parse(m.Resource)
	if err != nil || !origin.SameOrigin(resource, server) || !segmentPrefix(resource.EscapedPath(), server.EscapedPath()) || resource.User != nil || strings.Contains(m.Resource, "#") {
		return &hint.Error{
			Op:   op,
			Err:  fmt.Errorf("the server says it is %s, but it was reached as %s", foreign.ShortAddress(m.Resource), server.Redacted()),
			Hint: "use the address the server calls itself; " + resourceFlags(server),
		}
	}
	return nil
}

func resourceFlags(server *url.URL) string {
	return "or say what to ask a token for: --resource " + server.Redacted() + ", or --no-resource, for a server that takes tokens meant for none"
}

func segmentPrefix(prefix, path string) bool {
	prefix = strings.TrimSuffix(prefix, "/")
	rest, ok := strings.CutPrefix(path, prefix)
	return ok && (rest == "" || rest[0] == '/')
}
