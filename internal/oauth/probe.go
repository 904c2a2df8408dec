package oauth

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"

	"mcp-login/internal/foreign"
	"mcp-login/internal/oauth/grant"
)

// probeTime is how long a person waits at most for the answer to a probe. The
// answer still counts afterwards, while the person is at it.
const probeTime = time.Second

// startProbe asks the provider whether it takes the authorization request, while the
// person gets ready. The context that it returns ends when the provider refuses the client
// for good, with a *grant.Error as its cause. A client that has signed in like this before
// costs no time, any other one at most probeTime. release ends it.
func (l *login) startProbe(ctx context.Context) (waiting context.Context, release func()) {
	if l.next.Registration.Dynamic { // it has just been registered, or asked about
		return ctx, func() {}
	}
	waiting, end := context.WithCancelCause(ctx)
	next := l.next // as it is now: authorize changes it meanwhile
	t, done := next.target(&l.found.Server), make(chan struct{})
	go func() {
		defer close(done)
		if reply, err := l.grants.Probe(waiting, t); err == nil {
			if err := l.probeRefusal(&next, reply); err != nil {
				end(err)
			}
		}
	}()
	if !l.clientProven {
		soon := time.NewTimer(probeTime)
		defer soon.Stop()
		select {
		case <-done:
		case <-soon.C:
		}
	}
	return waiting, func() { end(nil); <-done }
}

// probeRefusal is the error of a login for next whose browser would show an error that
// leads nowhere, nil for all other answers.
func (c *Client) probeRefusal(next *Credential, r grant.Reply) error {
	reg := &next.Registration
	e := &grant.Error{Op: "ask the provider about the client", Code: r.Code, Err: fmt.Errorf("%w: %s", grant.ErrDenied, cmp.Or(r.Description, "the provider gave no reason"))}
	advice := "; to find out more, run: " + c.command("doctor")
	switch {
	case r.ClientRefused() && c.cfg.Identity.ClientID == "" && (reg.ClientID == next.Choices.MetadataURL || reg.ClientID == c.cfg.Identity.Document):
		e.Hint = "the provider does not take the client ID metadata document; register a native (public) application there by hand and give its id with --client-id"
	case r.ClientRefused():
		e.Hint = "the provider does not know the client " + foreign.Line(reg.ClientID) + ": give the id of a native (public) application there with --client-id" + advice
	case r.RedirectRefused():
		e.Hint = "register " + redirectAdvice(reg.RedirectURI) + " for this client, which must be a native (public) application; an application of another kind is refused like this, too" + advice
	default:
		return nil
	}
	return e
}

// refusesDocument reports whether err is that the provider does not take the project's
// client ID metadata document, and the client can register itself in its place.
func (l *login) refusesDocument(err error) bool {
	var refused *grant.Error
	if !l.clientOfProject || l.found.Server.RegistrationEndpoint == "" || !errors.As(err, &refused) {
		return false
	}
	return l.clientRefusal != nil && errors.Is(err, l.clientRefusal) || grant.IsClientUnknown(refused.Code) || refused.Code == "invalid_redirect_uri"
}

// redirectAdvice is a redirect URI as a person registers it.
func redirectAdvice(uri string) string {
	if strings.HasPrefix(uri, "https:") {
		return "the redirect URI " + uri
	}
	return "the redirect URI " + withoutPort(uri) + " (without a port, or " + uri + ")"
}

// provenBy reports whether the latest login of the account has worked with the client
// and the redirect URI of reg, any port on this machine being the same.
func provenBy(r grant.Registration, previous *Credential) bool {
	before := previous.Registration
	return previous.Attempt.Succeeded && before.ClientID == r.ClientID && before.Provider().Same(r.Provider()) &&
		withoutPort(before.RedirectURI) == withoutPort(r.RedirectURI)
}

// forgotten asks the authorization endpoint whether it still knows a registration of an
// earlier login. Where it does not, a new one costs nobody anything.
func (l *login) forgotten(ctx context.Context) bool {
	reply, err := l.grants.Probe(ctx, l.next.target(&l.found.Server))
	if err != nil || !reply.ClientUnknown() {
		return false
	}
	l.log.Debug("the provider has forgotten the registered client", "status", reply.Status)
	return true
}

func redirectPort(uri string) int {
	u, err := url.Parse(uri)
	if err != nil {
		return 0
	}
	port, _ := strconv.Atoi(u.Port())
	return port
}

// withoutPort returns the redirect URI as it is registered at providers that
// grant any port on loopback (RFC 8252, section 7.3).
func withoutPort(uri string) string {
	u, err := url.Parse(uri)
	if err != nil {
		return uri
	}
	if host, _, err := net.SplitHostPort(u.Host); err == nil {
		u.Host = host
	}
	return u.String()
}
