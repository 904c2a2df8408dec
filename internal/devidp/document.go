package devidp

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"mcp-login/internal/foreign"
	"mcp-login/internal/origin"
)

// Bounds of fetching a client's metadata document.
const (
	documentTTL  = 5 * time.Second
	maxDocument  = maxRegister
	maxDocuments = maxDynamic
)

// document is a client ID metadata document (OAuth Client ID Metadata Document,
// draft 02, section 4): metadata as in RFC 7591 with the client's ID, which is
// the document's address. Secrets make no sense where everybody can read.
type document struct {
	metadataOf
	ClientID string         `json:"client_id"`
	Secret   jsontext.Value `json:"client_secret"`
}

// documentAddress reports whether a client ID is the address of a document:
// https, or http on loopback, with a path that has no dot segments, and without
// fragment and user.
func documentAddress(id string) bool {
	u, err := url.Parse(id)
	if err != nil || u.User != nil || u.Path == "" || strings.ContainsAny(id, "#\\ ") || u.Hostname() == "" {
		return false
	}
	for segment := range strings.SplitSeq(u.Path, "/") {
		if segment == "." || segment == ".." {
			return false
		}
	}
	return u.Scheme == "https" || u.Scheme == "http" && origin.Loopback(u.Hostname())
}

// client finds a client by its ID. A metadata document is fetched when there is
// none yet, and when fresh is wanted, at the beginning of a login.
func (p *Provider) client(ctx context.Context, id string, fresh bool) (Client, *oauthError) {
	p.mu.Lock()
	client, known := p.clients[id]
	if !known && !fresh {
		client, known = p.documents[id]
	}
	p.mu.Unlock()
	switch {
	case known:
		return client, nil
	case p.cfg.MetadataDocuments && documentAddress(id):
	case fresh:
		return Client{}, badRequest("invalid_client", "invalid client "+id)
	default:
		return Client{}, badRequest("invalid_client", "client is invalid")
	}
	p.count(func(s *Stats) { s.Documents++ })
	body, err := p.fetchDocument(ctx, id)
	if err != nil {
		p.cfg.Log.Debug("client ID metadata document", "error", fmt.Errorf("fetch a client: %w", err))
		return Client{}, badRequest("invalid_client", "client_id metadata document fetch failed")
	}
	client, refusal := documentClient(id, body)
	if refusal != nil {
		return Client{}, refusal
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	makeRoom(p.documents, maxDocuments)
	p.documents[id] = client
	return client, nil
}

// fetchDocument follows no redirects and sends nothing but the request.
func (p *Provider) fetchDocument(ctx context.Context, address string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, documentTTL)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil) //nolint:gosec // the address is the stranger's to choose; only its form is checked
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "application/json")
	resp, err := p.cfg.DocumentTransport.RoundTrip(req) //nolint:bodyclose // foreign.ReadBody and Discard close it
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		foreign.Discard(resp)
		return nil, fmt.Errorf("status %d", resp.StatusCode)
	}
	return foreign.ReadBody(resp, maxDocument, documentTTL)
}

// documentClient makes a client of a document. Like Logto it lets a loopback
// redirect URI have any port, whatever the application type (RFC 8252, section
// 7.3), and gives no grants but those of a login; unlike Logto it gives
// refresh_token only to those that ask for it.
func documentClient(id string, body []byte) (Client, *oauthError) {
	var d document
	if err := json.Unmarshal(body, &d); err != nil {
		return Client{}, badRequest("invalid_client", "client_id metadata document fetch failed")
	}
	switch {
	case d.ClientID != id:
		return Client{}, badRequest("invalid_client_metadata", "client_id metadata document client_id does not match the expected value")
	case d.Secret != nil || slices.Contains([]string{"", authBasic, authPost}, d.AuthMethod): // "" is client_secret_basic (RFC 7591, section 2)
		return Client{}, badRequest("invalid_client_metadata", "client_id metadata document must not use secrets")
	}
	d.ApplicationType = "native"
	client, refusal := newClient(d.metadataOf, Faults{})
	if refusal != nil {
		return Client{}, refusal
	}
	client.ID, client.GrantTypes = id, only(client.GrantTypes, []string{grantCode, grantRefresh})
	if !client.may(grantCode) {
		return Client{}, badRequest("invalid_client_metadata", "grant_types must have authorization_code")
	}
	return client, nil
}
