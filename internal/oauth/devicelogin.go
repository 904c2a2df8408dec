package oauth

import (
	"context"
	"errors"

	"mcp-login/internal/foreign"
	"mcp-login/internal/hint"
	"mcp-login/internal/oauth/discovery"
	"mcp-login/internal/oauth/grant"
)

// byDevice decides whether the login uses the device grant.
func (c *Client) usesDevice(meta discovery.ServerMetadata, previous Credential) (bool, error) {
	policy := c.devicePolicy(previous)
	offered := meta.DeviceEndpoint != "" && meta.Grants(grant.TypeDevice)
	switch {
	case policy == DeviceNever, policy == DeviceIfOffered && !offered:
		return false, nil
	case !offered:
		return false, &grant.Error{
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

// loginByDevice shows the person an address and a code and asks the provider
// until they were used.
func (c *Client) loginByDevice(ctx context.Context, found discovery.Result, previous Credential, w renewal) (Credential, error) {
	meta := found.Server
	reg, err := c.register(ctx, meta, previous, "", w)
	if err != nil {
		return Credential{}, refusedDevice(err)
	}
	cred := c.prepare(found, reg, previous, w)
	device, err := c.grants.AuthorizeDevice(ctx, c.deviceTarget(cred, meta))
	if c.mayDropOffline(cred, err) {
		cred.WithoutOffline, cred.RequestedScopes = true, withoutOffline(cred.RequestedScopes)
		device, err = c.grants.AuthorizeDevice(ctx, c.deviceTarget(cred, meta))
	}
	if err != nil {
		return Credential{}, refusedDevice(err)
	}
	w.progress.clientReused = false // the provider knows the client

	if device.Lifetime > 0 { // else the login has its own end, and the provider says when the code has ended
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, device.Lifetime, grant.ErrLoginTimeout)
		defer cancel()
	}
	if err := c.recordAsk(ctx, &cred, w); err != nil {
		return Credential{}, err
	}
	c.saveAsked(ctx, cred, w)
	c.warnOfPrompt(cred, meta.DeviceEndpoint)
	c.log.Debug("waiting for the person to enter the code", "issuer", meta.Issuer, "scopes", cred.RequestedScopes)
	ctx, end := context.WithCancelCause(ctx)
	local, release := c.leadToCode(ctx, previous, meta, device.CompleteURI, end)
	defer release()
	c.ask(ctx, w, Prompt{Issuer: meta.Issuer, FoundAt: meta.FoundAt, URL: device.URI, UserCode: device.UserCode, CompleteURL: device.CompleteURI, Local: local})
	defer c.setPrompt(nil)
	t := cred.target(meta)
	token, err := c.grants.PollDevice(ctx, t, device)
	if err != nil {
		if hint.Of(context.Cause(ctx)) != "" {
			err = unanswered(context.Cause(ctx))
		}
		return Credential{}, err
	}
	cred.apply(token, t, c.now())
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
		_, _, err := redirect.Receive(ctx, grant.NewState(), func() { close(ready) })
		end(err)
	}()
	<-ready
	return local, func() {
		end(nil)
		<-done
		_ = redirect.Close()
	}
}

// deviceTarget is the target of a device authorization request.
func (c *Client) deviceTarget(cred Credential, meta discovery.ServerMetadata) *grant.Target {
	t := cred.target(meta)
	t.Consent = wantsConsent(cred, meta.DeviceEndpoint)
	return t
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
