package discovery

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

// errNotFound means that an address has no document.
var errNotFound = errors.New("there is no document")

// document is a metadata document, and the address after redirects that it is from.
type document struct {
	body []byte
	from *url.URL
}

// fetch gets one document, following at most maxMetadataRedirects redirects. Any 4xx
// but 429 is errNotFound; an address that cannot be asked is another error, since an
// outage must not look like a server without login. own is the MCP server when it is
// asked about itself, nil otherwise: its address may be plain http, because the person
// has allowed it.
func fetch(ctx context.Context, client *http.Client, address string, own *url.URL) (document, error) {
	ctx, cancel := context.WithTimeout(ctx, metadataTimeout)
	defer cancel()
	u, err := url.Parse(address)
	if err != nil || own == nil || !origin.SameOrigin(u, own) || u.User != nil {
		if u, err = CheckEndpoint("metadata address", address); err != nil {
			return document{}, err
		}
	}
	for range maxMetadataRedirects + 1 {
		op := "get " + foreign.ShortAddress(u.Redacted())
		resp, err := getJSON(ctx, client, u) //nolint:bodyclose // foreign.ReadBody closes it
		if err != nil {
			return document{}, Unavailable(op, err)
		}
		body, readErr := foreign.ReadBody(resp, maxMetadataBytes, metadataTimeout)
		switch {
		case resp.StatusCode >= 300 && resp.StatusCode < 400:
			if u, err = redirectTarget(u, resp); err != nil {
				return document{}, fmt.Errorf("%s: %w", op, err)
			}
			continue
		case resp.StatusCode >= 400 && resp.StatusCode < 500 && resp.StatusCode != http.StatusTooManyRequests:
			return document{}, errNotFound
		case resp.StatusCode/100 != 2:
			return document{}, Busy(op, resp.StatusCode)
		case errors.Is(readErr, foreign.ErrTooLarge):
			return document{}, fmt.Errorf("%s: document larger than %d KiB", op, maxMetadataBytes>>10)
		case readErr != nil:
			return document{}, Unavailable(op, readErr)
		}
		return document{bytes.TrimPrefix(body, []byte("\xef\xbb\xbf")), u}, nil // byte order mark
	}
	return document{}, fmt.Errorf("get %s: too many redirects", foreign.ShortAddress(u.Redacted()))
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

// redirectTarget checks the target like any other address from metadata, and refuses
// one that leads from https to http.
func redirectTarget(from *url.URL, resp *http.Response) (*url.URL, error) {
	to, err := resp.Location()
	if err != nil {
		return nil, errors.New("redirect without a usable location")
	}
	if _, err := CheckEndpoint("redirect", to.String()); err != nil {
		return nil, err
	}
	if from.Scheme == "https" && to.Scheme != "https" {
		return nil, errors.New("redirect from https to http")
	}
	return to, nil
}
