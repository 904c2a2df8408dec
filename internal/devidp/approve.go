package devidp

import (
	"context"
	"errors"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
)

// Outcome is what the person sees at the end of a login.
type Outcome struct {
	// Status and Body of the last page, the client's redirect URI included.
	Status int
	Body   string
}

// maxPage bounds the pages Approve reads.
const maxPage = 256 << 10

// Approve plays the person in front of the browser: it opens an authorization URL, or
// the complete verification URI of a device code, chooses the user on the page that
// comes ("" denies) and follows the redirects, the one to the client's redirect URI
// included, and keeps cookies on the way, as browsers do. Errors do not repeat
// addresses, which hold codes.
func Approve(ctx context.Context, client *http.Client, address, username string) (Outcome, error) {
	client = keepingCookies(client)
	page, at, err := fetch(ctx, client, http.MethodGet, address, nil)
	if err != nil {
		return Outcome{}, fmt.Errorf("open the page: %w", err)
	}
	form := url.Values{"user": {username}}
	switch at.Path {
	case pathSignIn:
		form.Set("interaction", at.Query().Get("interaction"))
	case pathDevice:
		form.Set("user_code", at.Query().Get("user_code"))
	default:
		return page, nil // refused, or redirected to the client at once
	}
	switch {
	case !strings.Contains(page.Body, `action="`+at.Path+`"`):
		return page, errors.New("the provider showed something else than the page to choose a user")
	case !strings.Contains(page.Body, `name="user" value="`+html.EscapeString(username)+`"`):
		return page, errors.New("the page does not offer this user")
	}
	end, _, err := fetch(ctx, client, http.MethodPost, at.Scheme+"://"+at.Host+at.Path, form)
	if err != nil {
		return Outcome{}, fmt.Errorf("choose the user: %w", err)
	}
	return end, nil
}

// keepingCookies is client with a cookie jar, if it has none.
func keepingCookies(client *http.Client) *http.Client {
	if client.Jar != nil {
		return client
	}
	kept := *client
	kept.Jar, _ = cookiejar.New(nil) // never fails without options
	return &kept
}

func fetch(ctx context.Context, client *http.Client, method, address string, form url.Values) (Outcome, *url.URL, error) {
	req, err := http.NewRequestWithContext(ctx, method, address, strings.NewReader(form.Encode()))
	if err != nil {
		return Outcome{}, nil, errors.New("not a URL")
	}
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	resp, err := client.Do(req)
	if err != nil {
		var wrapped *url.Error
		if errors.As(err, &wrapped) {
			err = wrapped.Err
		}
		return Outcome{}, nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxPage))
	return Outcome{resp.StatusCode, string(body)}, resp.Request.URL, err
}
