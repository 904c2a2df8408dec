package oauth

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"mcp-login/internal/foreign"
	"mcp-login/internal/oauth/discovery"
)

// grantDevice is the grant type of RFC 8628.
const grantDevice = "urn:ietf:params:oauth:grant-type:device_code"

// Pauses between two questions whether the person has finished (RFC 8628,
// sections 3.2 and 3.5).
const (
	defaultDeviceInterval = 5 * time.Second
	slowDownStep          = 5 * time.Second
	minDeviceInterval     = time.Second
	maxDeviceInterval     = time.Minute
)

// byDevice decides whether the login uses the device grant.
func (c *Client) byDevice(meta discovery.ServerMetadata, previous Credential) (bool, error) {
	policy := c.devicePolicy(previous)
	offered := meta.DeviceEndpoint != "" && (len(meta.GrantTypesSupported) == 0 || slices.Contains(meta.GrantTypesSupported, grantDevice))
	switch {
	case policy == DeviceNever, policy == DeviceIfOffered && !offered:
		return false, nil
	case !offered:
		return false, &Error{
			Op: "sign in by device", Err: meta.Missing("device_authorization_endpoint", foreign.ShortAddress(meta.Issuer)+" does not offer the device grant"),
			Hint: "leave out --device and paste the address that the browser ends at, or forward the callback port",
		}
	}
	return true, nil
}

// devicePolicy is what was said now, or when the account signed in.
func (c *Client) devicePolicy(previous Credential) DevicePolicy {
	if c.cfg.Over(previous.Choices).Device {
		return DeviceAlways
	}
	return c.cfg.Device
}

// deviceAuthorization is the answer of RFC 8628 section 3.2.
type deviceAuthorization struct {
	DeviceCode  string  `json:"device_code"`
	UserCode    string  `json:"user_code"`
	URI         string  `json:"verification_uri"`
	OldURI      string  `json:"verification_url"` // of drafts, and Google still
	CompleteURI string  `json:"verification_uri_complete"`
	ExpiresIn   float64 `json:"expires_in"`
	Interval    float64 `json:"interval"`
}

// loginByDevice shows the person an address and a code and asks the provider
// until they were used.
func (c *Client) loginByDevice(ctx context.Context, found discovery.Result, previous Credential, w want) (Credential, error) {
	meta := found.Server
	reg, err := c.register(ctx, meta, previous, "", w)
	if err != nil {
		return Credential{}, refusedDevice(err)
	}
	cred := c.prepare(found, reg, previous, w)
	device, err := c.authorizeDevice(ctx, meta, cred)
	if c.mayDropOffline(cred, err) {
		cred.WithoutOffline, cred.RequestedScopes = true, withoutOffline(cred.RequestedScopes)
		device, err = c.authorizeDevice(ctx, meta, cred)
	}
	if err != nil {
		return Credential{}, refusedDevice(err)
	}
	w.progress.remembered = false // the provider knows the client

	if device.ExpiresIn > 0 { // else the login has its own end, and the provider says when the code has ended
		life := time.Duration(min(device.ExpiresIn, 24*3600) * float64(time.Second))
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, life, ErrLoginTimeout)
		defer cancel()
	}
	if err := c.noteAsk(ctx, &cred, w); err != nil {
		return Credential{}, err
	}
	c.noteAsked(ctx, cred, w)
	c.warnOfPrompt(cred, meta.DeviceEndpoint)
	c.log.Debug("waiting for the person to enter the code", "issuer", meta.Issuer, "scopes", cred.RequestedScopes)
	ctx, end := context.WithCancelCause(ctx)
	local, release := c.leadToCode(ctx, previous, meta, device.CompleteURI, end)
	defer release()
	c.ask(ctx, w, Prompt{Issuer: meta.Issuer, FoundAt: meta.FoundAt, URL: device.URI, UserCode: device.UserCode, CompleteURL: device.CompleteURI, Local: local})
	defer c.setPrompt(nil)
	if err := c.pollDevice(ctx, &cred, device); err != nil {
		if asEnded(context.Cause(ctx)) != nil {
			err = unanswered(context.Cause(ctx))
		}
		return Credential{}, err
	}
	c.signedIn(ctx, cred, w)
	return cred, nil
}

// leadToCode makes an address of this machine that leads once to address, which
// holds the user code: who reads the code where a browser is started can use it as
// himself. It is "" where there is no listener, and with a code that is for another
// device anyway. A second browser that opens it ends the login by end; release ends
// it all.
func (c *Client) leadToCode(ctx context.Context, previous Credential, meta discovery.ServerMetadata, address string, end context.CancelCauseFunc) (local string, release func()) {
	release = func() { end(nil) }
	if c.devicePolicy(previous) != DeviceAlways || c.cfg.Listen == nil || address == "" {
		return "", release
	}
	redirect, err := c.cfg.Listen(ctx, meta.Issuer, meta.FoundAt, 0)
	if err != nil {
		c.log.Debug("no address of this machine leads to the code", "error", err)
		return "", release
	}
	local, _ = redirect.Local(address)
	ready, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		_, _, err := redirect.Receive(ctx, newState(), func() { close(ready) })
		end(err)
	}()
	<-ready
	return local, func() {
		end(nil)
		<-done
		_ = redirect.Close()
	}
}

// deviceRefusedError marks that the provider refused before anybody was asked.
type deviceRefusedError struct{ error }

func (e *deviceRefusedError) Unwrap() error { return e.error }

func refusedDevice(err error) error {
	if errors.Is(err, discovery.ErrUnavailable) {
		return err
	}
	return &deviceRefusedError{err}
}

func (c *Client) authorizeDevice(ctx context.Context, meta discovery.ServerMetadata, cred Credential) (deviceAuthorization, error) {
	const op = "begin the login by device"
	endpoint, err := discovery.CheckEndpoint("device_authorization_endpoint", meta.DeviceEndpoint)
	if err != nil {
		return deviceAuthorization{}, fmt.Errorf("%s: %w", op, err)
	}
	form, err := c.extraParams(cred, endpoint.String())
	if err != nil {
		return deviceAuthorization{}, fmt.Errorf("%s: %w", op, err)
	}
	if len(cred.RequestedScopes) > 0 {
		form.Set("scope", strings.Join(cred.RequestedScopes, " "))
	}
	if err := checkLength(len(form.Get("scope")), cred.RequestedScopes); err != nil {
		return deviceAuthorization{}, err
	}
	if cred.Resource != "" {
		form.Set("resource", cred.Resource)
	}
	answer, err := c.postForm(ctx, meta.DeviceEndpoint, cred, form)
	switch {
	case err != nil:
		return deviceAuthorization{}, unavailable(op, err)
	case answer.status == http.StatusTooManyRequests || answer.status >= 500:
		return deviceAuthorization{}, busy(op, answer.status)
	}
	device, err := answer.device()
	_, coded := answer.told()
	switch {
	case answer.status/100 != 2, device.DeviceCode == "" && coded:
		return device, answer.refusal(op, cred.Resource)
	case err != nil:
		return device, &Error{Op: op, Err: err}
	}
	return device, device.check(ctx, c.cfg.Guard, op)
}

// device reads the answer of a device authorization endpoint.
func (a tokenAnswer) device() (deviceAuthorization, error) {
	o, err := a.object()
	if err != nil {
		return deviceAuthorization{}, err
	}
	for _, name := range []string{"device_code", "user_code"} { // a number may have lost its zeros
		if o.Has(name) && o.Members[name].Kind() != '"' {
			return deviceAuthorization{}, foreign.ErrNoObject
		}
	}
	d := deviceAuthorization{
		DeviceCode: o.Text("device_code"), UserCode: o.Text("user_code"),
		URI: o.Text("verification_uri"), OldURI: o.Text("verification_url"), CompleteURI: o.Text("verification_uri_complete"),
	}
	d.ExpiresIn, _ = secondsOf(o.Members["expires_in"])
	d.Interval, _ = secondsOf(o.Members["interval"])
	return d, nil
}

// check refuses addresses that must not be shown or opened, and takes what
// is not needed for no reason to fail.
func (d *deviceAuthorization) check(ctx context.Context, g *discovery.Guard, op string) (err error) {
	if d.URI == "" {
		d.URI = d.OldURI
	}
	if d.URI, err = g.BrowserURL(ctx, "verification_uri", d.URI); err != nil {
		return fmt.Errorf("%s: %w", op, err)
	}
	if d.CompleteURI, err = g.BrowserURL(ctx, "verification_uri_complete", d.CompleteURI); err != nil {
		d.CompleteURI = ""
	}
	if d.DeviceCode == "" || !usableUserCode(d.UserCode) {
		return &Error{Op: op, Err: errors.New("the answer holds no usable code"), Hint: "this is a fault of the provider: a code is short, of letters and digits (RFC 8628, section 6.1)"}
	}
	return nil
}

// maxUserCode is over twice the length that RFC 8628 section 6.1 recommends, and
// less than a sentence that a person might act on.
const maxUserCode = 20

// usableUserCode reports whether a code is one to be typed: letters and digits, in
// groups.
func usableUserCode(code string) bool {
	return code != "" && len(code) <= maxUserCode && strings.Trim(code, alphanumeric+"-") == ""
}

// pollDevice asks for the token until there is one, the person has declined or
// time is up. A provider out of reach is asked again, more slowly.
func (c *Client) pollDevice(ctx context.Context, cred *Credential, device deviceAuthorization) error {
	const op = "wait for the login by device"
	interval := defaultDeviceInterval
	if device.Interval > 0 {
		interval = time.Duration(min(max(device.Interval, minDeviceInterval.Seconds()), maxDeviceInterval.Seconds()) * float64(time.Second))
	}
	for {
		select {
		case <-time.After(interval):
		case <-ctx.Done():
			return &Error{Op: op, Err: context.Cause(ctx), Hint: "start again and enter the code sooner"}
		}
		form := url.Values{"grant_type": {grantDevice}, "device_code": {device.DeviceCode}}
		if cred.Resource != "" {
			form.Set("resource", cred.Resource)
		}
		c.tokenParams(form)
		answer, err := c.postToken(ctx, cred, form)
		switch {
		case err != nil || answer.status == http.StatusTooManyRequests || answer.status >= 500:
			c.log.Debug("the provider could not be asked about the device code", "status", answer.status, "error", err)
			interval = min(max(2*interval, answer.retryAfter), maxDeviceInterval)
			continue
		case answer.granted():
			if err := answer.apply(cred, c.now()); err != nil {
				return &Error{Op: op, Err: err}
			}
			return nil
		}
		switch o, _ := answer.told(); o.Code {
		case "authorization_pending":
		case "slow_down":
			interval = min(interval+slowDownStep, maxDeviceInterval)
		case "access_denied":
			return refusedAnswer(o, cred.Resource)
		case "expired_token":
			return &Error{Op: op, Code: o.Code, Err: ErrLoginTimeout, Hint: "start again and enter the code sooner"}
		default:
			return c.explainParams(answer.refusal(op, cred.Resource))
		}
	}
}
