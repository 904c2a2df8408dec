package oauth

import (
	"context"
	"errors"
	"time"

	"mcp-login/internal/foreign"
	"mcp-login/internal/hint"
	"mcp-login/internal/oauth/discovery"
	"mcp-login/internal/oauth/grant"
)

// usesDevice decides whether the login uses the device grant.
func (c *Client) usesDevice(meta *discovery.ServerMetadata, previous *Credential) (bool, error) {
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
func (c *Client) devicePolicy(previous *Credential) DevicePolicy {
	if c.cfg.Over(previous.Choices).Device {
		return DeviceAlways
	}
	return c.cfg.Device
}

// byDevice shows the person an address and a code and asks the provider until
// they were used.
func (l *login) byDevice(ctx context.Context) error {
	reg, err := l.register(ctx, "")
	if err != nil {
		return refusedDevice(err)
	}
	l.prepare(reg)
	endpoint := l.found.Server.DeviceEndpoint
	t := l.target(endpoint)
	device, err := l.grants.AuthorizeDevice(ctx, t)
	if l.mayDropOffline(&l.next, err) {
		l.next.dropOffline()
		t = l.target(endpoint)
		device, err = l.grants.AuthorizeDevice(ctx, t)
	}
	if err != nil {
		return refusedDevice(err)
	}
	l.clientReused = false // the provider knows the client

	if device.Lifetime > 0 { // else the login has its own end, and the provider says when the code has ended
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, device.Lifetime, grant.ErrLoginTimeout)
		defer cancel()
	}
	if err := l.recordAsk(ctx); err != nil {
		return err
	}
	l.saveAsked(ctx)
	l.warnOfPrompt(t)
	l.log.Debug("waiting for the person to enter the code", "issuer", t.Server.Issuer, "scopes", t.Scopes)
	ctx, end := context.WithCancelCause(ctx)
	local, release := l.leadToCode(ctx, device.CompleteURI, end)
	defer release()
	l.showPrompt(ctx, Prompt{Issuer: t.Server.Issuer, FoundAt: t.Server.FoundAt, URL: device.URI, UserCode: device.UserCode, CompleteURL: device.CompleteURI, Local: local})
	defer l.setPrompt(nil)
	token, err := l.grants.PollDevice(ctx, t, device)
	if err != nil {
		if hint.Of(context.Cause(ctx)) != "" {
			err = unanswered(context.Cause(ctx))
		}
		return err
	}
	if err := l.checkPerson(token, t, false); err != nil {
		return err
	}
	l.next.apply(token, t, time.Now())
	l.signedIn(ctx)
	return nil
}

// leadToCode makes an address of this machine that leads once to address, which
// holds the user code: who reads the code where a browser is started can use it as
// himself. It is "" where there is no listener, and with a code that is for another
// device anyway. A second browser that opens it ends the login by end; release ends
// it all.
func (l *login) leadToCode(ctx context.Context, address string, end context.CancelCauseFunc) (local string, release func()) {
	release = func() { end(nil) }
	if l.devicePolicy(&l.previous) != DeviceAlways || l.cfg.Listen == nil || address == "" {
		return "", release
	}
	redirect, err := l.cfg.Listen(ctx, l.found.Server.Issuer, l.found.Server.FoundAt, 0)
	if err != nil {
		l.log.Debug("no address of this machine leads to the code", "error", err)
		return "", release
	}
	local, _ = redirect.Local(address, nil)
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

// deviceRefusedError marks that the provider refused before anybody was asked.
type deviceRefusedError struct{ error }

func (e *deviceRefusedError) Unwrap() error { return e.error }

func refusedDevice(err error) error {
	if errors.Is(err, discovery.ErrUnavailable) {
		return err
	}
	return &deviceRefusedError{err}
}
