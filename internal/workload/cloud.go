package workload

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"mcp-login/internal/foreign"
	"mcp-login/internal/hint"
	"mcp-login/internal/origin"
)

// googleMetadata is the metadata server of Google Cloud, by its address and not its name,
// for which anybody's DNS could answer.
const googleMetadata = "http://169.254.169.254"

// googleToken asks the metadata server at base for an identity token of the default service
// account.
func googleToken(ctx context.Context, base, audience string) (string, error) {
	const flavor = "Metadata-Flavor"
	address := base + "/computeMetadata/v1/instance/service-accounts/default/identity?" + url.Values{"audience": {audience}}.Encode()
	body, header, err := get(ctx, address, nil, http.Header{flavor: {"Google"}})
	switch {
	case err != nil:
		return "", hint.With(err, "it is there on Compute Engine, Cloud Run and GKE with a service account; elsewhere name another source")
	case header.Get(flavor) != "Google":
		return "", errors.New("what answers is not the metadata server of Google Cloud")
	}
	return string(body), nil
}

// The variables that GitHub sets for a job that may have a token.
const (
	githubURL    = "ACTIONS_ID_TOKEN_REQUEST_URL"
	githubBearer = "ACTIONS_ID_TOKEN_REQUEST_TOKEN"
)

// githubToken asks the service that GitHub names to a job for its identity token.
func githubToken(ctx context.Context, getenv func(string) string, audience string) (string, error) {
	address, token := getenv(githubURL), getenv(githubBearer)
	if address == "" || token == "" {
		return "", hint.With(errors.New("this job may have no token: "+githubURL+" and "+githubBearer+" are not both set"), "give the job in its workflow: permissions: id-token: write")
	}
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "https" && (u.Scheme != "http" || !origin.Loopback(u.Hostname())) {
		return "", errors.New(githubURL + " is no https URL")
	}
	query := u.Query()
	query.Set("audience", audience)
	u.RawQuery = query.Encode()
	body, _, err := get(ctx, u.String(), http.ProxyFromEnvironment, http.Header{"Authorization": {"Bearer " + token}, "Accept": {"application/json"}})
	if err != nil {
		return "", err
	}
	answer, err := foreign.ParseObject(body)
	if err != nil {
		return "", fmt.Errorf("read its answer: %w", err)
	}
	return answer.Text("value"), nil
}

// get returns the body and header of a success. No redirect is followed: what the request
// holds is for this address alone.
func get(ctx context.Context, address string, proxy func(*http.Request) (*url.URL, error), header http.Header) ([]byte, http.Header, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, nil, errors.New("its address is not a URL")
	}
	req.Header = header
	transport := &http.Transport{Proxy: proxy, MaxResponseHeaderBytes: maxToken}
	defer transport.CloseIdleConnections()
	resp, err := transport.RoundTrip(req) //nolint:bodyclose // foreign.ReadBody closes it
	if err != nil {
		return nil, nil, foreign.HTTPError(err)
	}
	body, err := foreign.ReadBody(resp, maxToken, timeout)
	switch {
	case err != nil:
		return nil, nil, fmt.Errorf("read its answer: %w", err)
	case resp.StatusCode != http.StatusOK:
		return nil, nil, fmt.Errorf("it answers with status %d", resp.StatusCode)
	}
	return body, resp.Header, nil
}
