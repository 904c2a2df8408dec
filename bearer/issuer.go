package bearer

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"mcp-login/internal/foreign"
	"mcp-login/internal/origin"
)

const (
	maxMetadataBytes = 1 << 20
	metadataMaxAge   = time.Hour
)

// metadata is the part of the issuer's metadata (RFC 8414, OpenID Connect
// Discovery) that a resource server needs, and the document itself.
type metadata struct {
	Issuer           string `json:"issuer"`
	JWKSURI          string `json:"jwks_uri"`
	UserinfoEndpoint string `json:"userinfo_endpoint"`

	IntrospectionEndpoint   string   `json:"introspection_endpoint"`
	IntrospectionAuth       []string `json:"introspection_endpoint_auth_methods_supported"`
	IntrospectionAlgorithms []string `json:"introspection_endpoint_auth_signing_alg_values_supported"`

	clientSupport

	document []byte
}

// provider talks to one issuer.
type provider struct {
	issuer   string
	client   *http.Client
	log      *slog.Logger
	metadata *remote[metadata]
	keys     *remote[keySet]

	metadataOutage, keyOutage *foreign.Outage

	// lastDocument is the document that logClientSupport last reported on. There is one
	// fetch at a time, so it needs no lock.
	lastDocument string
}

// newProvider prepares, and fetches nothing: the server must be able to start
// while its provider is down. life ends whatever is under way.
func newProvider(life context.Context, issuer string, client *http.Client, log *slog.Logger) *provider {
	p := &provider{issuer: issuer, client: client, log: log}
	p.metadataOutage, p.keyOutage = p.outage("metadata"), p.outage("keys")
	p.metadata = &remote[metadata]{
		name: "issuer metadata", life: life, fetch: p.fetchMetadata,
		maxAge: metadataMaxAge, minInterval: metadataMaxAge,
	}
	p.keys = &remote[keySet]{
		name: "signing keys", life: life, fetch: p.fetchKeys,
		maxAge: keysMaxAge, minInterval: keysMinInterval,
	}
	return p
}

func (p *provider) outage(endpoint string) *foreign.Outage {
	return &foreign.Outage{Peer: "the issuer", Log: p.log.With("endpoint", endpoint, "issuer", p.issuer)}
}

// plainClient returns a client that follows no redirect: a bearer token must
// not travel to where an endpoint points, and metadata that moved is for the
// operator to look at. own is its transport if it is nobody else's.
func plainClient(c *http.Client) (_ *http.Client, own *http.Transport) {
	plain := http.Client{}
	if c != nil {
		plain = *c
	}
	if plain.Transport == nil {
		if t, ok := http.DefaultTransport.(*http.Transport); ok {
			t = t.Clone()
			t.MaxResponseHeaderBytes = 64 << 10
			t.MaxIdleConnsPerHost = 16
			plain.Transport, own = t, t
		}
	}
	plain.Jar = nil
	plain.CheckRedirect = origin.NoRedirect
	return &plain, own
}

func (p *provider) fetchMetadata(ctx context.Context) (metadata, error) {
	m, err := p.findMetadata(ctx)
	p.metadataOutage.Report(err)
	if err == nil && p.lastDocument != string(m.document) {
		p.lastDocument = string(m.document)
		p.logClientSupport(m)
	}
	return m, err
}

// findMetadata tries the issuer's well-known locations in turn. A document is
// used only when it names this very issuer (RFC 8414 section 3.3).
func (p *provider) findMetadata(ctx context.Context) (metadata, error) {
	locations, err := wellKnown(p.issuer)
	if err != nil {
		return metadata{}, err
	}
	var errs []error
	complete := true // every location has said what it has
	for _, location := range locations {
		m, err := p.readMetadata(ctx, location)
		if err == nil {
			return m, nil
		}
		complete = complete && (errors.Is(err, errAbsent) || errors.As(err, new(*misnamedError)))
		errs = append(errs, fmt.Errorf("%s: %w", location, err))
	}
	if err = errors.Join(errs...); !complete && errors.As(err, new(*misnamedError)) {
		err = errors.New(err.Error()) // the right document may be where nothing was answered
	}
	return metadata{}, err
}

// wellKnown lists where the issuer's metadata may be: the OpenID Connect
// location, appended to the issuer, which is the one Logto serves, then that of
// RFC 8414 section 3.1, inserted before its path.
func wellKnown(issuer string) ([]string, error) {
	u, err := url.Parse(issuer)
	if err != nil {
		return nil, fmt.Errorf("parse issuer: %w", err)
	}
	origin := u.Scheme + "://" + u.Host
	path := strings.TrimSuffix(u.EscapedPath(), "/")
	return []string{
		origin + path + "/.well-known/openid-configuration",
		origin + "/.well-known/oauth-authorization-server" + path,
	}, nil
}

func (p *provider) readMetadata(ctx context.Context, location string) (metadata, error) {
	body, err := p.readOK(ctx, location, maxMetadataBytes)
	if err != nil {
		return metadata{}, err
	}
	var m metadata
	if err := json.Unmarshal(body, &m); err != nil {
		return metadata{}, fmt.Errorf("decode: %w", err)
	}
	if m.Issuer != p.issuer {
		return metadata{}, &misnamedError{p.issuer, m.Issuer}
	}
	for _, endpoint := range []string{m.JWKSURI, m.UserinfoEndpoint, m.IntrospectionEndpoint} {
		if err := p.checkEndpoint(endpoint); err != nil {
			return metadata{}, err
		}
	}
	m.document = body
	return m, nil
}

// checkEndpoint refuses an endpoint that is less protected than the issuer
// itself: plain http is for an issuer on this machine only, and then on this
// machine only.
func (p *provider) checkEndpoint(endpoint string) error {
	if endpoint == "" {
		return nil
	}
	u, err := url.Parse(endpoint)
	if err != nil {
		return errors.New("an endpoint is no URL")
	}
	if u.User != nil {
		return errors.New("endpoint with a user part")
	}
	if err := checkSecure(u); err != nil {
		return fmt.Errorf("endpoint %s: %w", foreign.ShortAddress(u.Redacted()), err)
	}
	if u.Scheme == "http" && strings.HasPrefix(p.issuer, "https:") {
		return fmt.Errorf("endpoint %s: %w", foreign.ShortAddress(u.Redacted()), errInsecure)
	}
	return nil
}

// errAbsent is that a location has no document.
var errAbsent = errors.New("not there")

// readOK reads a document that must be there.
func (p *provider) readOK(ctx context.Context, location string, limit int64) ([]byte, error) {
	status, _, body, err := p.read(ctx, location, "", limit)
	if err != nil {
		return nil, err
	}
	switch {
	case status == http.StatusRequestTimeout, status == http.StatusTooEarly, status == http.StatusTooManyRequests:
		return nil, fmt.Errorf("answered %d", status)
	case status/100 == 4:
		return nil, fmt.Errorf("%w: answered %d", errAbsent, status)
	case status != http.StatusOK:
		return nil, fmt.Errorf("answered %d", status)
	}
	return body, nil
}

// read performs one GET, with a bearer token if one is given, and reads at
// most limit bytes.
func (p *provider) read(ctx context.Context, location, token string, limit int64) (int, http.Header, []byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, location, nil)
	if err != nil {
		return 0, nil, nil, fmt.Errorf("make request: %w", err)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	return p.perform(req, limit)
}

// perform sends a request and reads at most limit bytes of its answer.
func (p *provider) perform(req *http.Request, limit int64) (int, http.Header, []byte, error) {
	req.Header.Set("Accept", "application/json")
	resp, err := p.client.Do(req) //nolint:bodyclose // ReadBody closes it
	if err != nil {
		return 0, nil, nil, fmt.Errorf("send request: %w", foreign.HTTPError(err))
	}
	body, err := foreign.ReadBody(resp, limit, fetchTimeout)
	if err != nil {
		return 0, nil, nil, fmt.Errorf("read answer: %w", err)
	}
	return resp.StatusCode, resp.Header, body, nil
}
