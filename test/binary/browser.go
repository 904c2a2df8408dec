package binary

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"time"

	"mcp-login/internal/devidp"
)

// Browse is a test binary in the role of the browser: at devidp it signs user in,
// nobody for who is signed in already, and approves what address asks for, a device
// code if verb is approve-device. With approve-forgetful it keeps no cookies, and with
// approve-twice another browser opens the address first. It returns the exit code.
func Browse(verb, user, address string) int {
	if user == "nobody" {
		user = ""
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	play, client := devidp.Approve, http.DefaultClient
	switch verb {
	case "approve-forgetful":
		client = &http.Client{Jar: forgetful{}}
	case "approve-twice":
		resp, err := client.Get(address)
		if err != nil {
			fmt.Fprintln(os.Stderr, "browser:", err)
			return 1
		}
		_ = resp.Body.Close()
	case "approve-device":
		play = devidp.ApproveDevice
	case "approve-cancel":
		play = func(ctx context.Context, c *http.Client, address, _ string) (devidp.Outcome, error) {
			return devidp.Cancel(ctx, c, address)
		}
	}
	if _, err := play(ctx, client, address, user); err != nil {
		fmt.Fprintln(os.Stderr, "browser:", err)
		return 1
	}
	return 0
}

// forgetful keeps no cookies.
type forgetful struct{}

func (forgetful) SetCookies(*url.URL, []*http.Cookie) {}
func (forgetful) Cookies(*url.URL) []*http.Cookie     { return nil }
