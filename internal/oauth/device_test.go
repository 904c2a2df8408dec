package oauth_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"mcp-login/internal/devidp"
	"mcp-login/internal/hint"
	"mcp-login/internal/oauth"
	"mcp-login/internal/oauth/grant"
)

// RFC 8628, Logto: a login by device leads to a token for the resource, and
// shows the person address, code and complete address. Without interval five
// seconds count.
func TestDeviceLogin(t *testing.T) {
	inBubble(nil, func(t *testing.T, b *lab) {
		b.device = oauth.DeviceAlways
		b.think = 12 * time.Second
		s, start := b.store(""), time.Now()
		_, h := b.client(s, nil)
		b.mustCall(h, "1") // the server takes only tokens for itself
		p, page := b.prompt, "http://"+bubbleProvider+"/device"
		if p.URL != page || len(p.UserCode) != 9 || p.CompleteURL != page+"?user_code="+p.UserCode || p.RedirectURI != "" {
			t.Errorf("prompt %+v", p)
		}
		if !p.Deadline.Equal(start.Add(10 * time.Minute)) { // the life of the code, which is shorter than LoginTimeout
			t.Errorf("deadline %v after the start", p.Deadline.Sub(start))
		}
		if got, want := b.wire.pauses(tokenPath, start), []time.Duration{5 * time.Second, 5 * time.Second, 5 * time.Second}; !slices.Equal(got, want) {
			t.Errorf("asked after %v, want %v", got, want)
		}
		cred, err := s.Load(t.Context(), oauth.Key{Server: b.server().String()})
		if err != nil || !cred.Registration.DeviceGrant || cred.Resource != b.server().String() || cred.Account == "" {
			t.Errorf("stored %+v, %v", cred, err)
		}
		b.mustCall(h, "2")
		if stats := b.idp.Stats(); b.tabs.Load() != 1 || stats.Registrations != 1 || stats.DeviceAuthorizations != 1 || stats.DevicePolls != 3 {
			t.Errorf("%d tabs, %d registrations, %d polls", b.tabs.Load(), stats.Registrations, stats.DevicePolls)
		}
	})(t)
}

// A client registered by hand for the device grant, which in Logto excludes all
// others.
func TestDeviceLoginOfGivenClient(t *testing.T) {
	inBubble(func(c *devidp.Config) {
		c.Registration, c.Clients = false, []devidp.Client{{ID: "device", DeviceFlow: true}}
	}, func(t *testing.T, b *lab) {
		b.device = oauth.DeviceAlways
		_, h := b.client(b.store(""), func(c *oauth.Config) { c.Identity.ClientID = "device" })
		b.mustCall(h, "1")
	})(t)
}

// RFC 8628, sections 3.2 and 3.5: the interval has a floor; slow_down lengthens the pause by five seconds, for good;
// a provider out of reach doubles it. Neither ends the login.
func TestDevicePauses(t *testing.T) {
	for name, tc := range map[string]struct {
		faults devidp.Faults
		want   []int // seconds
	}{
		"no interval":          {devidp.Faults{}, []int{5, 5, 5, 5, 5, 5, 5, 5}},
		"interval":             {devidp.Faults{DeviceInterval: 7}, []int{7, 7, 7, 7, 7, 7}},
		"slow_down":            {devidp.Faults{DeviceInterval: 5, SlowDown: 2}, []int{5, 10, 15, 15}},
		"503 twice":            {devidp.Faults{TokenStatus: 503, TokenStatusTimes: 2}, []int{5, 10, 20, 20}},
		"429 with Retry-After": {devidp.Faults{TokenStatus: 429, TokenStatusTimes: 1, TokenRetryAfter: 33}, []int{5, 33, 33}},
		"a very long interval": {devidp.Faults{DeviceMembers: map[string]any{"interval": 1e300}}, []int{60}},
		// A billionth of a second must not lead to a billion questions.
		"a tiny interval":     {devidp.Faults{DeviceMembers: map[string]any{"interval": 1e-9}}, slices.Repeat([]int{1}, 40)},
		"a negative interval": {devidp.Faults{DeviceMembers: map[string]any{"interval": -1}}, []int{5, 5, 5, 5, 5, 5, 5, 5}},
	} {
		t.Run(name, inBubble(func(c *devidp.Config) { c.Faults = tc.faults }, func(t *testing.T, b *lab) {
			b.device = oauth.DeviceAlways
			b.think = 39*time.Second + time.Second/2 // no question falls on it
			start := time.Now()
			_, h := b.client(b.store(""), nil)
			b.mustCall(h, "1")
			var got []int
			for _, pause := range b.wire.pauses(tokenPath, start) {
				got = append(got, int(pause.Seconds()))
			}
			if !slices.Equal(got, tc.want) || b.tabs.Load() != 1 {
				t.Errorf("asked after %v s, want %v; %d prompts", got, tc.want, b.tabs.Load())
			}
		}))
	}
}

// A connection that cannot be made, or is cut, in the middle of the wait does
// not end it.
func TestDeviceProviderOutOfReach(t *testing.T) {
	inBubble(nil, func(t *testing.T, b *lab) {
		b.device = oauth.DeviceAlways
		b.think = 20 * time.Second
		polls := 0
		b.wire.fail = func(r *http.Request) error {
			if r.URL.Path == "/oidc/token" {
				if polls++; polls == 2 || polls == 3 {
					return errors.New("connection reset by peer")
				}
			}
			return nil
		}
		start := time.Now()
		_, h := b.client(b.store(""), nil)
		b.mustCall(h, "1")
		if got, want := b.wire.pauses(tokenPath, start), []time.Duration{5e9, 5e9, 10e9, 20e9}; !slices.Equal(got, want) {
			t.Errorf("asked after %v, want %v", got, want)
		}
	})(t)
}

// How a login by device ends without a token: with its cause, a next step, one
// prompt and no further question.
func TestFailedDeviceLoginAsksNothingMore(t *testing.T) {
	for name, tc := range map[string]struct {
		faults devidp.Faults
		who    string
		think  time.Duration
		want   error
		within time.Duration
	}{
		"the person refuses":     {devidp.Faults{}, "", time.Second, grant.ErrDenied, 5 * time.Second},
		"the provider refuses":   {devidp.Faults{Deny: true}, "", -1, grant.ErrDenied, 5 * time.Second},
		"nobody comes":           {devidp.Faults{}, "", -1, grant.ErrLoginTimeout, 10 * time.Minute},
		"nobody comes in time":   {devidp.Faults{DeviceTTL: 30 * time.Second}, "", -1, grant.ErrLoginTimeout, 30 * time.Second},
		"ended, as the provider": {devidp.Faults{DeviceTTL: 12 * time.Second, DeviceMembers: map[string]any{"expires_in": 600}}, "", -1, grant.ErrLoginTimeout, 15 * time.Second},
		"a code that lives for ever": {
			devidp.Faults{DeviceMembers: map[string]any{"expires_in": 1e300}}, "", -1, grant.ErrLoginTimeout, 10*time.Minute + 5*time.Second,
		},
		"no life": {devidp.Faults{DeviceMembers: map[string]any{"expires_in": nil}}, "", -1, grant.ErrLoginTimeout, 10*time.Minute + 5*time.Second},
	} {
		t.Run(name, inBubble(func(c *devidp.Config) { c.Faults = tc.faults }, func(t *testing.T, b *lab) {
			b.device = oauth.DeviceAlways
			b.who, b.think = tc.who, tc.think
			start := time.Now()
			_, h := b.client(b.store(""), nil)
			_, _, err := b.call(h, "1")
			took := time.Since(start)
			if !errors.Is(err, tc.want) || took > tc.within || b.tabs.Load() != 1 {
				t.Errorf("after %v and %d prompts: %v", took, b.tabs.Load(), err)
			}
			if hint.Of(err) == "" {
				t.Errorf("no advice: %v", err)
			}
			asked := len(b.wire.times(tokenPath))
			time.Sleep(time.Hour)
			if n := len(b.wire.times(tokenPath)) - asked; n != 0 {
				t.Errorf("%d questions after the end", n)
			}
		}))
	}
}

// Where the grant is not offered, DeviceAlways says so before anything is
// registered or shown; what an answer holds that cannot be shown is refused.
func TestDeviceRefused(t *testing.T) {
	for name, tc := range map[string]struct {
		faults devidp.Faults
		said   string
	}{
		"no endpoint":               {devidp.Faults{MetadataMembers: map[string]any{"device_authorization_endpoint": nil}}, "does not offer the device grant"},
		"no grant":                  {devidp.Faults{MetadataMembers: map[string]any{"grant_types_supported": []string{"authorization_code"}}}, "does not offer the device grant"},
		"endpoint by http":          {devidp.Faults{MetadataMembers: map[string]any{"device_authorization_endpoint": "http://as.example/device"}}, "neither https nor http on loopback"},
		"script":                    {devidp.Faults{DeviceMembers: map[string]any{"verification_uri": "javascript:alert(1)"}}, "verification_uri"},
		"escape in code":            {devidp.Faults{DeviceMembers: map[string]any{"user_code": "\x1b[2J"}}, "no usable code"},
		"no device code":            {devidp.Faults{DeviceMembers: map[string]any{"device_code": nil}}, "no usable code"},
		"sentence as code":          {devidp.Faults{DeviceMembers: map[string]any{"user_code": "call 555 1234 and tell them your password"}}, "no usable code"},
		"long code":                 {devidp.Faults{DeviceMembers: map[string]any{"user_code": "ABCDEFGHIJKLMNOPQRSTU"}}, "no usable code"},
		"code in another direction": {devidp.Faults{DeviceMembers: map[string]any{"user_code": "ABCD\u202e"}}, "no usable code"},
		"plain http page":           {devidp.Faults{DeviceMembers: map[string]any{"verification_uri": "http://as.example/device"}}, "neither https nor http on loopback"},
		"long page":                 {devidp.Faults{DeviceMembers: map[string]any{"verification_uri": "https://as.example/" + strings.Repeat("x", 9000)}}, "more than 8192 bytes"},
		"code of a number":          {devidp.Faults{DeviceMembers: map[string]any{"user_code": 12345678}}, "not the JSON object"},
	} {
		t.Run(name, inBubble(func(c *devidp.Config) { c.Faults = tc.faults }, func(t *testing.T, b *lab) {
			b.device = oauth.DeviceAlways
			_, h := b.client(b.store(""), nil)
			_, _, err := b.call(h, "1")
			if err == nil || !strings.Contains(err.Error(), tc.said) {
				t.Errorf("%v", err)
			}
			if stats := b.idp.Stats(); b.tabs.Load() != 0 || stats.DevicePolls != 0 || len(tc.faults.MetadataMembers) > 0 && stats.Registrations != 0 {
				t.Errorf("%d prompts, %d registrations, %d polls", b.tabs.Load(), stats.Registrations, stats.DevicePolls)
			}
		}))
	}
}

// A complete address that must not be opened is left out, and the login goes
// on without it.
func TestDeviceCompleteAddressIsOptional(t *testing.T) {
	inBubble(func(c *devidp.Config) {
		c.Faults.DeviceMembers = map[string]any{"verification_uri_complete": "file:///etc/passwd"}
	}, func(t *testing.T, b *lab) {
		b.device = oauth.DeviceAlways
		b.think = -1
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		c, _ := b.client(b.store(""), nil)
		if err := c.RunDetached(ctx, oauth.LoginRequest{}, func() {}); err == nil || b.prompt.CompleteURL != "" || b.prompt.UserCode == "" {
			t.Errorf("%+v, %v", b.prompt, err)
		}
	})(t)
}

// Closing in the middle of the wait ends it at once.
func TestCloseEndsADeviceLoginAtOnce(t *testing.T) {
	inBubble(nil, func(t *testing.T, b *lab) {
		b.device = oauth.DeviceAlways
		b.think = -1
		c, h := b.client(b.store(""), nil)
		done := make(chan error, 1)
		go func() { _, _, err := b.call(h, "1"); done <- err }()
		time.Sleep(13 * time.Second)
		start := time.Now()
		if _, shown := c.CurrentPrompt(); !shown {
			t.Error("nothing is awaited")
		}
		c.Close()
		if err := <-done; err == nil || time.Since(start) != 0 {
			t.Errorf("%v after %v", err, time.Since(start))
		}
	})(t)
}

// offline_access that a provider refuses when a code is asked for is left out of the
// next request for one, before anybody is asked.
func TestDeviceLoginWithoutOfflineAccess(t *testing.T) {
	inBubble(nil, func(t *testing.T, b *lab) {
		b.device = oauth.DeviceAlways
		var scopes []string
		b.wire.before(bubbleProvider, func(w http.ResponseWriter, r *http.Request) bool {
			_ = r.ParseForm()
			if r.PostForm.Has("scope") && !r.PostForm.Has("grant_type") {
				scopes = append(scopes, r.PostForm.Get("scope"))
			}
			refused := strings.Contains(r.PostForm.Get("scope"), "offline_access")
			if refused {
				says(http.StatusBadRequest, `{"error":"invalid_scope"}`)(w, r)
			}
			return refused
		})
		s := b.store("")
		_, h := b.client(s, nil)
		b.mustCall(h, "1")
		if cred := b.stored(s); !cred.WithoutOffline || b.tabs.Load() != 1 || len(scopes) != 2 || strings.Contains(scopes[1], "offline_access") {
			t.Errorf("%q, %d tabs, kept %v", scopes, b.tabs.Load(), cred.WithoutOffline)
		}
	})(t)
}
