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

// Approve plays the person in front of the browser: it opens the authorization
// URL, chooses the user on the login page ("" denies) and follows the
// redirects, the one to the client's redirect URI included, and keeps cookies on
// the way, as browsers do. Errors do not repeat addresses, which hold codes.
func Approve(ctx context.Context, client *http.Client, authorizationURL, username string) (Outcome, error) {
	client = keepingCookies(client)
	page, at, err := fetch(ctx, client, http.MethodGet, authorizationURL, nil)
	if err != nil {
		return Outcome{}, fmt.Errorf("open the login page: %w", err)
	}
	if at.Path != pathSignIn {
		return page, nil // refused, or redirected to the client at once
	}
	id := at.Query().Get("interaction")
	if id == "" || !strings.Contains(page.Body, `action="`+pathSignIn+`"`) {
		return page, errors.New("the provider showed something else than the login page")
	}
	return choose(ctx, client, page, at, url.Values{"interaction": {id}, "user": {username}})
}

// Cancel plays a person who opens the authorization URL of a third-party application,
// cancels when asked for consent, and follows the redirect.
func Cancel(ctx context.Context, client *http.Client, authorizationURL string) (Outcome, error) {
	client = keepingCookies(client)
	page, at, err := fetch(ctx, client, http.MethodGet, authorizationURL, nil)
	if err != nil {
		return Outcome{}, fmt.Errorf("open the login page: %w", err)
	}
	if at.Path != pathSignIn || !strings.Contains(page.Body, `name="cancel"`) {
		return page, errors.New("the provider asks for no consent")
	}
	end, _, err := fetch(ctx, client, http.MethodPost, at.Scheme+"://"+at.Host+at.Path, url.Values{"interaction": {at.Query().Get("interaction")}, "cancel": {"1"}})
	if err != nil {
		return Outcome{}, fmt.Errorf("cancel: %w", err)
	}
	return end, nil
}

// ApproveDevice plays the person at the page of the device grant: it opens
// verificationURI, the complete one, which has the user code in it, and chooses
// the user ("" denies).
func ApproveDevice(ctx context.Context, client *http.Client, verificationURI, username string) (Outcome, error) {
	page, at, err := fetch(ctx, client, http.MethodGet, verificationURI, nil)
	if err != nil {
		return Outcome{}, fmt.Errorf("open the device page: %w", err)
	}
	if at.Path != pathDevice || !strings.Contains(page.Body, `action="`+pathDevice+`"`) {
		return page, errors.New("the provider showed something else than the device page")
	}
	return choose(ctx, client, page, at, url.Values{"user_code": {at.Query().Get("user_code")}, "user": {username}})
}

// choose presses the user's button on page, which must have it.
func choose(ctx context.Context, client *http.Client, page Outcome, at *url.URL, form url.Values) (Outcome, error) {
	if !strings.Contains(page.Body, `name="user" value="`+html.EscapeString(form.Get("user"))+`"`) {
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
