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
	"mcp-login/internal/hint"
	"mcp-login/internal/neterror"
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
	// their metadata apart by it. It is the revision of the pages that are cited here, not
	// the newest one of the messages.
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

// CheckEndpoint parses an address from metadata. It must be absolute, https or http
// on loopback (MCP 2025-11-25, Authorization, Communication Security), without user
// name or fragment (RFC 6749, section 3.1), and of at most foreign.MaxAddress bytes,
// so that what is stored of a login stays small. name is what the address is called
// in the error, which does not quote it.
func CheckEndpoint(name, raw string) (*url.URL, error) {
	u, err := url.Parse(raw)
	switch {
	case len(raw) > foreign.MaxAddress:
		return nil, fmt.Errorf("%s has more than %d bytes", name, foreign.MaxAddress)
	case err != nil || u.Opaque != "" || u.Hostname() == "":
		return nil, fmt.Errorf("%s is not an absolute URL", name)
	case u.Scheme != "https" && (u.Scheme != "http" || !origin.Loopback(u.Hostname())):
		return nil, fmt.Errorf("%s is neither https nor http on loopback", name)
	case u.User != nil:
		return nil, fmt.Errorf("%s carries a user name", name)
	case u.Fragment != "":
		return nil, fmt.Errorf("%s has a fragment", name)
	case !origin.ValidHost(u.Hostname()):
		return nil, fmt.Errorf("%s has unusual characters in its host", name)
	case !origin.ValidPort(u.Port()):
		return nil, fmt.Errorf("%s has no possible port", name)
	}
	return u, nil
}

// ErrUnavailable means that the provider could not be asked, or not now; nothing
// stored is lost and a later try may succeed.
var ErrUnavailable = errors.New("provider unavailable")

// Unavailable is the error for a request that brought no answer, with what stands in
// the way where that is known. It wraps [ErrUnavailable] and err.
func Unavailable(op string, err error) error {
	err = neterror.Explain(foreign.HTTPError(err))
	return &hint.Error{Op: op, Err: fmt.Errorf("%w: %w", ErrUnavailable, err), Hint: hint.Of(err)}
}

// Busy is the error for a provider that answered with a status that says it cannot
// answer now. It wraps [ErrUnavailable].
func Busy(op string, status int) error {
	return &hint.Error{Op: op, Err: fmt.Errorf("%w: status %d", ErrUnavailable, status), Hint: "the provider has a problem; try again later"}
}
