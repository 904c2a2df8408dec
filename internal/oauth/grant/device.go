package grant

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"mcp-login/internal/foreign"
	"mcp-login/internal/oauth/discovery"
	"mcp-login/internal/retry"
)

// Pauses between two questions whether the person has finished (RFC 8628,
// sections 3.2 and 3.5).
const (
	defaultDeviceInterval = 5 * time.Second
	slowDownStep          = 5 * time.Second
	minDeviceInterval     = time.Second
	maxDeviceInterval     = time.Minute
	maxDeviceLifetime     = 24 * time.Hour
)

// Device is an answered device authorization request.
type Device struct {
	// UserCode is what the person enters at URI, and CompleteURI an address that holds
	// it already, "" for none.
	UserCode, URI, CompleteURI string
	// Lifetime is that of the code, 0 where the provider does not say; at most a day.
	Lifetime time.Duration

	code     string
	interval time.Duration
}

// AuthorizeDevice requests a device code and a user code (RFC 8628, section 3.1).
func (c *Client) AuthorizeDevice(ctx context.Context, t *Target) (Device, error) {
	const op = opDevice
	if _, err := discovery.CheckEndpoint("device_authorization_endpoint", t.Server.DeviceEndpoint); err != nil {
		return Device{}, fmt.Errorf("%s: %w", op, err)
	}
	form, err := c.chosenParams(t)
	if err != nil {
		return Device{}, fmt.Errorf("%s: %w", op, err)
	}
	if len(t.Scopes) > 0 {
		form.Set("scope", strings.Join(t.Scopes, " "))
	}
	if err := checkLength(len(form.Get("scope")), t.Scopes); err != nil {
		return Device{}, err
	}
	if t.Resource != "" {
		form.Set("resource", t.Resource)
	}
	answer, err := c.postForm(ctx, t.Server.DeviceEndpoint, t, form)
	switch {
	case err != nil:
		return Device{}, unavailable(op, err)
	case answer.status == http.StatusTooManyRequests || answer.status >= 500:
		return Device{}, busy(op, answer.status)
	}
	device, err := answer.device()
	switch {
	case answer.status/100 != 2, device.code == "" && answer.Code != "":
		return Device{}, answer.asError(op, t.Resource)
	case err != nil:
		return Device{}, &Error{Op: op, Err: err}
	}
	return device.check(ctx, c.Guard, op)
}

// device reads the answer of a device authorization endpoint (RFC 8628, section 3.2).
func (a response) device() (Device, error) {
	o := a.object
	for _, name := range []string{"device_code", "user_code"} { // a number may have lost its zeros
		if o.Has(name) && o.Members[name].Kind() != '"' {
			return Device{}, foreign.ErrNoObject
		}
	}
	d := Device{
		UserCode: o.Text("user_code"), code: o.Text("device_code"), CompleteURI: o.Text("verification_uri_complete"),
		URI:      cmp.Or(o.Text("verification_uri"), o.Text("verification_url")), // of drafts, and Google still
		interval: defaultDeviceInterval,
	}
	if life, _ := o.Seconds("expires_in"); life > 0 {
		d.Lifetime = time.Duration(min(life, maxDeviceLifetime.Seconds()) * float64(time.Second))
	}
	if pause, _ := o.Seconds("interval"); pause > 0 {
		d.interval = time.Duration(min(max(pause, minDeviceInterval.Seconds()), maxDeviceInterval.Seconds()) * float64(time.Second))
	}
	return d, a.unread
}

// check refuses an answer whose address must not be shown or whose code is of no use. A
// complete address that must not be opened is left out.
func (d Device) check(ctx context.Context, g *discovery.Guard, op string) (Device, error) {
	var err error
	if d.URI, err = g.BrowserURL(ctx, "verification_uri", d.URI); err != nil {
		return Device{}, AsError(fmt.Errorf("%s: %w", op, err))
	}
	if d.CompleteURI, err = g.BrowserURL(ctx, "verification_uri_complete", d.CompleteURI); err != nil {
		d.CompleteURI = ""
	}
	if d.code == "" || !usableUserCode(d.UserCode) {
		return Device{}, &Error{Op: op, Err: errors.New("the answer holds no usable code"), Hint: "this is a fault of the provider: a code is short, of letters and digits (RFC 8628, section 6.1)"}
	}
	return d, nil
}

// maxUserCode is over twice the length that RFC 8628 section 6.1 recommends, and
// less than a sentence that a person might act on.
const maxUserCode = 20

// usableUserCode reports whether a code is one to be typed: letters and digits, in
// groups.
func usableUserCode(code string) bool {
	return code != "" && len(code) <= maxUserCode && strings.Trim(code, foreign.Alphanumeric+"-") == ""
}

// PollDevice asks for the token until there is one, the person has declined or ctx
// ends, whose cause is in the error then. A provider out of reach is asked again, more
// slowly.
func (c *Client) PollDevice(ctx context.Context, t *Target, device Device) (Token, error) {
	const op = opDeviceWait
	const next = "start again and enter the code sooner"
	for interval := device.interval; ; {
		if err := retry.Sleep(ctx, interval); err != nil {
			return Token{}, &Error{Op: op, Err: err, Hint: next}
		}
		form := url.Values{"grant_type": {TypeDevice}, "device_code": {device.code}}
		c.addTokenParams(form, t.Resource)
		answer, err := c.postToken(ctx, t, form)
		switch {
		case errors.Is(err, ErrNotSent):
			return Token{}, err
		case err != nil || answer.status == http.StatusTooManyRequests || answer.status >= 500:
			c.Log.Debug("the provider could not be asked about the device code", "status", answer.status, "error", err)
			interval = min(max(2*interval, answer.retryAfter), maxDeviceInterval)
			continue
		case answer.isGrant():
			token, err := answer.token(t)
			if err != nil {
				return Token{}, tokenError(op, err)
			}
			return token, nil
		}
		switch answer.Code {
		case "authorization_pending":
		case "slow_down":
			interval = min(interval+slowDownStep, maxDeviceInterval)
		case "access_denied":
			return Token{}, refusedAnswer(answer.oauthError, t.Resource)
		case "expired_token":
			return Token{}, &Error{Op: op, Code: answer.Code, Err: ErrLoginTimeout, Hint: next}
		default:
			return Token{}, c.explainParams(answer.asError(op, t.Resource))
		}
	}
}
