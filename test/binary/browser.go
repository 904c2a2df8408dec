package binary

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"strings"
	"time"

	"mcp-login/internal/devidp"
)

// Browse is a test binary in the role of the browser: at devidp it signs user in,
// nobody for who is signed in already, and approves what address asks for, but a
// device code only if verb is approve-device. With approve-cancel it cancels instead,
// with approve-forgetful it keeps no cookies, and with approve-twice another browser
// opens the address first. It returns the exit code.
func Browse(verb, user, address string) int {
	if user == "nobody" {
		user = ""
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	play, client := devidp.Approve, &http.Client{CheckRedirect: notToDevices}
	switch verb {
	case "approve-device":
		client.CheckRedirect = nil
	case "approve-forgetful":
		client.Jar = forgetful{}
	case "approve-twice":
		resp, err := client.Get(address)
		if err != nil {
			fmt.Fprintln(os.Stderr, "browser:", err)
			return 1
		}
		_ = resp.Body.Close()
	case "approve-cancel":
		play = cancelConsent
	}
	if _, err := play(ctx, client, address, user); err != nil {
		fmt.Fprintln(os.Stderr, "browser:", err)
		return 1
	}
	return 0
}

// notToDevices stops in front of the page that asks for the code of a device.
func notToDevices(to *http.Request, _ []*http.Request) error {
	if to.URL.Path == "/device" {
		return http.ErrUseLastResponse
	}
	return nil
}

// cancelConsent plays a person who opens the authorization URL of a third-party
// application, cancels when asked for consent, and follows the redirect.
func cancelConsent(_ context.Context, _ *http.Client, address, _ string) (devidp.Outcome, error) {
	client := http.Client{Timeout: 30 * time.Second}
	client.Jar, _ = cookiejar.New(nil) // never fails without options
	resp, err := client.Get(address)
	if err != nil {
		return devidp.Outcome{}, fmt.Errorf("open the login page: %w", err)
	}
	page, _ := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	at := resp.Request.URL
	if !strings.Contains(string(page), `name="cancel"`) {
		return devidp.Outcome{}, fmt.Errorf("the provider asks for no consent: %s", resp.Status)
	}
	resp, err = client.PostForm(at.Scheme+"://"+at.Host+at.Path, url.Values{"interaction": {at.Query().Get("interaction")}, "cancel": {"1"}})
	if err != nil {
		return devidp.Outcome{}, fmt.Errorf("cancel: %w", err)
	}
	_ = resp.Body.Close()
	return devidp.Outcome{Status: resp.StatusCode}, nil
}

// forgetful keeps no cookies.
type forgetful struct{}

func (forgetful) SetCookies(*url.URL, []*http.Cookie) {}
func (forgetful) Cookies(*url.URL) []*http.Cookie     { return nil }
