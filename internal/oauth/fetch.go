package oauth

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"mcp-login/internal/foreign"
	"mcp-login/internal/origin"
)

// Bounds of one metadata document.
const (
	maxMetadataBytes     = 256 << 10
	metadataTimeout      = 10 * time.Second
	maxMetadataRedirects = 3
)

// errNotThere is an address without a document.
var errNotThere = errors.New("there is no document")

// document is one that was read, and the address that it came from in the end.
type document struct {
	body []byte
	from *url.URL
}

// fetchMetadata gets one document. errNotThere says that it is not there (any
// 4xx); an address that cannot be asked is another error, never «not there»:
// otherwise an outage would look like a server without login. own is the
// MCP server when it is asked about itself: the person has then allowed its
// address, even one with plain http.
func fetchMetadata(ctx context.Context, client *http.Client, address string, own *url.URL) (document, error) {
	ctx, cancel := context.WithTimeout(ctx, metadataTimeout)
	defer cancel()
	u, err := url.Parse(address)
	if err != nil || own == nil || !origin.SameOrigin(u, own) || u.User != nil {
		if u, err = checkEndpoint("metadata address", address); err != nil {
			return document{}, err
		}
	}
	for range maxMetadataRedirects + 1 {
		resp, err := getJSON(ctx, client, u) //nolint:bodyclose // foreign.ReadBody closes it
		if err != nil {
			return document{}, unavailable("get "+u.Redacted(), err)
		}
		body, readErr := foreign.ReadBody(resp, maxMetadataBytes, metadataTimeout)
		switch {
		case resp.StatusCode >= 300 && resp.StatusCode < 400:
			if u, err = redirectTarget(u, resp); err != nil {
				return document{}, err
			}
			continue
		case resp.StatusCode >= 400 && resp.StatusCode < 500 && resp.StatusCode != http.StatusTooManyRequests:
			return document{}, errNotThere
		case resp.StatusCode/100 != 2:
			return document{}, busy("get "+u.Redacted(), resp.StatusCode)
		case errors.Is(readErr, foreign.ErrTooLarge):
			return document{}, fmt.Errorf("get %s: document larger than %d KiB", u.Redacted(), maxMetadataBytes>>10)
		case readErr != nil:
			return document{}, unavailable("get "+u.Redacted(), readErr)
		}
		return document{bytes.TrimPrefix(body, []byte("\xef\xbb\xbf")), u}, nil
	}
	return document{}, fmt.Errorf("get %s: too many redirects", u.Redacted())
}

func getJSON(ctx context.Context, client *http.Client, u *url.URL) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "application/json")
	// MCP 2025-03-26, Authorization, Server Metadata Discovery: servers may tell
	// their metadata apart by it.
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
