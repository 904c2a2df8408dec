package oauth_test

import (
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"mcp-login/internal/oauth"
)

// dribbling lets the bodies of some answers come one byte a second, without end.
type dribbling struct {
	http.RoundTripper
	path   string // "METHOD path suffix"
	status int    // only answers with it, 0 for all
}

func (d *dribbling) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := d.RoundTripper.RoundTrip(r)
	if method, path, _ := strings.Cut(d.path, " "); err == nil && r.Method == method && strings.HasSuffix(r.URL.Path, path) && (d.status == 0 || resp.StatusCode == d.status) {
		resp.ContentLength = -1
		resp.Body = &dribbled{shut: make(chan struct{}), ctx: r}
	}
	return resp, err
}

type dribbled struct {
	once sync.Once
	shut chan struct{}
	ctx  *http.Request
}

func (d *dribbled) Read(p []byte) (int, error) {
	select {
	case <-time.After(time.Second):
		p[0] = ' '
		return 1, nil
	case <-d.shut:
		return 0, io.ErrClosedPipe
	case <-d.ctx.Context().Done():
		return 0, d.ctx.Context().Err()
	}
}

func (d *dribbled) Close() error {
	d.once.Do(func() { close(d.shut) })
	return nil
}

// An answer of the login that comes one byte a second ends it with an error soon:
// what counts is the time of the whole body, not that something came.
func TestDribblingAnswersEnd(t *testing.T) {
	for name, tc := range map[string]struct {
		path     string
		device   oauth.DevicePolicy
		signedIn bool
		most     time.Duration
	}{
		"resource metadata": {path: "GET /.well-known/oauth-protected-resource/mcp", most: time.Minute},
		"provider metadata": {path: "GET /oidc/.well-known/openid-configuration", most: time.Minute},
		"registration":      {path: "POST /reg", most: 40 * time.Second},
		"token":             {path: "POST /token", most: 40 * time.Second},
		"refresh":           {path: "POST /token", signedIn: true, most: 2 * time.Minute},
		"device":            {path: "POST /device/auth", device: oauth.DeviceAlways, most: 40 * time.Second},
	} {
		t.Run(name, inBubble(nil, func(t *testing.T, b *lab) {
			b.device = tc.device
			s := b.store("")
			if tc.signedIn {
				_, h := b.client(s, nil)
				b.mustCall(h, "1")
				b.res.revokeSeen()
			}
			_, h := b.client(s, func(c *oauth.Config) {
				c.HTTP.Transport = &dribbling{RoundTripper: b.wire, path: tc.path}
			})
			began := time.Now()
			_, _, err := b.call(h, "2")
			if took := time.Since(began); err == nil || took > tc.most {
				t.Errorf("after %v: %v", took, err)
			}
		}))
	}
}

// A refusal whose body does not end is put away, and the login goes on.
func TestDribblingRefusalsEnd(t *testing.T) {
	for _, status := range []int{http.StatusUnauthorized, http.StatusForbidden} {
		t.Run(http.StatusText(status), inBubble(nil, func(t *testing.T, b *lab) {
			if status == http.StatusForbidden {
				b.res.demand("mcp:write")
			}
			c, _ := b.client(b.store(""), nil)
			h := &http.Client{Transport: c.Transport(&dribbling{RoundTripper: b.wire, path: "POST /mcp", status: status})}
			began := time.Now()
			code, _, err := b.call(h, "1")
			if took := time.Since(began); err != nil || code != http.StatusOK || took > 20*time.Second {
				t.Errorf("after %v: %d, %v", took, code, err)
			}
		}))
	}
}
