package oauth

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"time"

	"golang.org/x/oauth2"

	"mcp-login/internal/hint"
	"mcp-login/internal/oauth/discovery"
	"mcp-login/internal/oauth/grant"
)

// SignInAhead signs in although the server has not asked for it. Some servers list their
// tools to anybody and want a token only for calls. A token that can be presented is enough.
// Unless force is set, the server must publish protected-resource metadata: wanted
// is false where it does not.
func (c *Client) SignInAhead(ctx context.Context, force bool) (wanted bool, err error) {
	cred, err := c.load(ctx)
	if err != nil || c.fresh(cred) {
		return err == nil, err
	}
	if !force {
		if _, published, err := discovery.FetchResource(ctx, c.cfg.HTTP, c.cfg.Server, discovery.Challenge{}, c.cfg.Key.Resource != ""); err != nil || !published {
			return false, grant.AsError(err)
		}
	}
	_, err = c.renew(ctx, renewal{failed: hashOf(c.Bearer(cred))})
	return true, err
}

// login is one login of the account: why it is wanted, and how far it has come.
type login struct {
	*Client
	why      renewal
	previous Credential       // the stored credential
	found    discovery.Result // the metadata this attempt uses
	next     Credential       // the credential being built
	began    time.Time
	// asked tells that a person has been asked, and answered that the browser came back
	// from the provider.
	asked, answered bool
	// clientReused tells that the client was registered in an earlier login,
	// clientUnknown that the provider has forgotten that one, and clientProven that the
	// latest login worked with the same client.
	clientReused, clientUnknown, clientProven bool
	// clientOfProject tells that the client is the one of the project's metadata
	// document, and documentRefused that the provider does not take that.
	clientOfProject, documentRefused bool
	// clientRefusal is why no client could be registered, or why the provider takes none.
	clientRefusal error
}

func (c *Client) newLogin(why renewal, previous *Credential) *login {
	return &login{Client: c, why: why, previous: *previous, began: time.Now()}
}

// run asks the person; the caller holds LockLogin. Where the provider has
// forgotten the registration of an earlier login, one new registration is tried
// (RFC 6749, section 5.2, invalid_client). How a login failed is kept for the
// processes that wait for it.
func (l *login) run(ctx context.Context) (*Credential, error) {
	outside := ctx
	ctx, cancel := context.WithTimeoutCause(ctx, l.cfg.LoginTimeout, grant.ErrLoginTimeout)
	defer cancel()
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	go l.watch(ctx, end, l.bootTime().Add(l.cfg.LoginTimeout))
	for {
		err := l.try(ctx)
		if err == nil {
			cred := l.next
			return &cred, nil
		}
		var refused *grant.Error
		if errors.As(err, &refused) && grant.IsClientUnknown(refused.Code) && l.clientReused {
			l.log.Debug("the provider does not know the registered client any more", "error", err)
			l.recordEnding(outside, AskForgotten)
			l.clientUnknown = true
			l.previous.Registration, l.previous.Metadata = grant.Registration{Chosen: l.previous.Registration.Chosen}, discovery.ServerMetadata{}
			continue
		}
		if l.refusesDocument(err) {
			l.log.Debug("the provider does not take the client ID metadata document; the client registers itself", "error", err)
			l.recordEnding(outside, AskForgotten)
			l.documentRefused, l.clientRefusal = true, nil
			continue
		}
		if errors.Is(context.Cause(ctx), grant.ErrLoginTimeout) && (refused == nil || refused.Hint == "") {
			err = l.timeoutError()
		}
		if errors.Is(context.Cause(ctx), ErrEnded) {
			err = l.personNeeded(ErrEnded)
		}
		if forbidden := (*notAskedError)(nil); outside.Err() == nil && !errors.As(err, &forbidden) {
			l.recordEnding(outside, endingOf(err))
			l.recordFailure(outside, err)
		}
		return nil, err
	}
}

// timeoutError says that nobody has signed in in time, and what the next login does
// about it. A provider that has forgotten its client says so to the browser alone.
func (l *login) timeoutError() error {
	e := &grant.Error{
		Op: "sign in to " + l.cfg.Server.Redacted(), Err: grant.ErrLoginTimeout,
		Hint: "try again; if the browser showed an error page of the provider instead of a login, the client id or its redirect URI is not registered there",
	}
	if l.clientReused || l.clientOfProject && l.found.Server.RegistrationEndpoint != "" {
		e.Hint = "try again: in case the provider has forgotten this client and showed an error page, the next sign-in registers a new one"
	}
	return e
}

// watchInterval is how often a login looks whether it is to go on.
const watchInterval = 500 * time.Millisecond

// watch ends a login that is not wanted any more, and one whose time is over by
// bootTime: timers stand still while the machine sleeps.
func (c *Client) watch(ctx context.Context, end context.CancelCauseFunc, deadline time.Time) {
	look := time.NewTicker(watchInterval)
	defer look.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-look.C:
		}
		switch {
		case c.cfg.StillWanted != nil && !c.cfg.StillWanted():
			end(ErrEnded)
		case c.bootTime().After(deadline):
			end(grant.ErrLoginTimeout)
		}
	}
}

// try is one attempt at the login, which fills next.
func (l *login) try(ctx context.Context) (err error) {
	if l.found, err = l.discover(ctx, &l.previous, l.why); err != nil {
		return err
	}
	server := &l.found.Server
	if err := l.mayAsk(ctx, l.question(server.Issuer, l.scopes(), l.why), l.previous.Attempt); err != nil {
		return err
	}
	byDevice, err := l.usesDevice(server, &l.previous)
	if err != nil {
		return err
	}
	if byDevice {
		err := l.byDevice(ctx)
		var refused *deviceRefusedError
		if l.devicePolicy(&l.previous) == DeviceAlways || !errors.As(err, &refused) {
			return err
		}
		// Offered, though not to this client: Logto's native applications have
		// either this grant or the other.
		l.log.Debug("the device grant is refused to this client", "error", err)
	}
	if err := server.CheckAuthorization(); err != nil {
		return grant.AsError(err)
	}
	if server.SilentOnPKCE() && !l.cfg.AssumePKCE {
		l.log.Warn("the provider does not say that it checks PKCE; S256 is sent all the same", "issuer", server.Issuer)
	}
	if _, err := l.BrowserURL(ctx, "authorization_endpoint", server.AuthorizationEndpoint); err != nil {
		return err
	}
	// Bound before anything is registered or shown: nobody else can have the
	// port then.
	redirect, err := l.cfg.Listen(ctx, server.Issuer, server.FoundAt, redirectPort(l.previous.Registration.RedirectURI))
	if err != nil {
		return fmt.Errorf("listen for the redirect: %w", err)
	}
	defer func() { _ = redirect.Close() }()
	reg, err := l.register(ctx, redirect.URI())
	if err != nil {
		return err
	}
	l.prepare(reg)
	if l.clientReused && l.forgotten(ctx) {
		return &grant.Error{Op: "sign in", Code: "invalid_client", Err: errors.New("the provider does not know the registered client any more")}
	}
	l.clientProven = provenBy(reg, &l.previous)
	return l.authorize(ctx, redirect)
}

// prepare makes next the credential that the login is to fill.
func (l *login) prepare(reg grant.Registration) {
	previous, server := &l.previous, &l.found.Server
	same := previous.Provider().Same(server.Provider())
	l.next = Credential{
		Server: l.cfg.Server.String(), Resource: l.found.Resource, Issuer: server.Issuer, FoundAt: server.FoundAt,
		TokenEndpoint: server.TokenEndpoint, RevocationEndpoint: server.RevocationEndpoint, EndSessionEndpoint: server.EndSessionEndpoint,
		Registration: reg, Metadata: *server, MetadataAt: time.Now(),
		Attempt: previous.Attempt, Choices: l.cfg.Over(previous.Choices), RequestedScopes: l.scopes(),
		RepeatScopes: previous.RepeatScopes && same, WithoutOffline: previous.WithoutOffline && same,
	}
	l.bind()
	if l.cfg.Overrides() {
		l.next.Named = l.cfg.Named
	}
	if server.Assumed() { // nothing was read
		l.next.Metadata = discovery.ServerMetadata{}
	}
	switch l.cfg.Key.Resource {
	case "":
	case NoResource:
		l.next.Resource = ""
	default:
		l.next.Resource = l.cfg.Key.Resource
	}
	if l.next.Authentication = l.why.challenge.Authentication(); l.next.Authentication == (discovery.Authentication{}) && same {
		l.next.Authentication = previous.Authentication
	}
	if same {
		l.next.Consents = previous.consentsInARow(time.Now())
	}
}

// target is what the requests of the login have in common. endpoint is the one that a
// person is sent to.
func (l *login) target(endpoint string) *grant.Target {
	t := l.next.target(&l.found.Server)
	t.Consent, t.Authentication = wantsConsent(&l.next, endpoint), l.next.Authentication
	return t
}

// authorize runs the authorization request of RFC 6749 section 4.1 with PKCE
// and exchanges the code. Where the provider refuses offline_access, which we have
// added, the tab that has brought the answer is sent there once more without it.
func (l *login) authorize(ctx context.Context, redirect Redirect) error {
	finish := func(string, error) {} // the tab that waits
	waiting, release := l.startProbe(ctx)
	defer release()
	if waiting.Err() != nil && ctx.Err() == nil {
		l.clientRefusal = context.Cause(waiting) // it is not asked again at once
		return l.clientRefusal
	}
	for again := false; ; again = true {
		verifier, state := oauth2.GenerateVerifier(), grant.NewState()
		t := l.target(l.found.Server.AuthorizationEndpoint)
		p, err := l.promptFor(ctx, redirect, t, verifier, state)
		if err == nil {
			err = l.recordAsk(ctx)
		}
		l.warnOfPrompt(t)
		if t.Consent && !l.why.stepUp {
			l.next.Consents++
		}
		if err != nil {
			finish("", pageError{err})
			return err
		}
		p.Resumed = again
		tab := finish
		var answer url.Values
		answer, finish, err = redirect.Receive(waiting, state, func() {
			l.saveAsked(ctx)
			l.showPrompt(ctx, p)
			tab("", resumeError{cmp.Or(p.Local, p.URL)})
		})
		l.setPrompt(nil)
		if err != nil {
			return unanswered(err)
		}
		l.answered, waiting = true, ctx // the provider knows the client: the probe no longer counts
		err = l.exchange(ctx, t, answer, verifier)
		if err == nil {
			finish(l.next.Account, nil)
			return nil
		}
		if again || !l.mayDropOffline(&l.next, err) {
			finish("", pageError{err})
			return err
		}
		l.log.Debug("the provider refuses offline_access; asking once more without it", "reason", err)
		l.recordEnding(ctx, AskScopeRefused)
		l.next.dropOffline()
	}
}

// exchange judges the answer to an authorization request and spends the code in it.
func (l *login) exchange(ctx context.Context, t *grant.Target, answer url.Values, verifier string) error {
	code, err := l.grants.CheckAnswer(answer, t)
	if err != nil {
		return err
	}
	token, err := l.grants.Exchange(ctx, t, code, verifier)
	if err != nil {
		return err
	}
	if err := l.checkPerson(token, t, true); err != nil {
		return err
	}
	l.next.apply(token, t, time.Now())
	if !t.Consent && l.next.RefreshToken.IsZero() {
		l.next.Consents = 0 // without prompt=consent there was no refresh token: send it again
	}
	l.signedIn(ctx)
	return nil
}

// unanswered turns an error of Receive into the login's. One with a hint counts as a
// refusal (ErrDenied).
func unanswered(err error) error {
	if own := (*grant.Error)(nil); errors.As(err, &own) {
		return err
	}
	if next := hint.Of(err); next != "" {
		return &grant.Error{Op: "wait for the browser", Err: fmt.Errorf("%w: %w", grant.ErrDenied, err), Hint: next}
	}
	return fmt.Errorf("wait for the browser: %w", err)
}

func (l *login) showPrompt(ctx context.Context, p Prompt) {
	p.Began = l.began
	if deadline, ok := ctx.Deadline(); ok && (p.Deadline.IsZero() || deadline.Before(p.Deadline)) {
		p.Deadline = deadline
	}
	l.setPrompt(&p)
	l.cfg.ShowPrompt(ctx, p)
}

// signedIn keeps what the login has led to.
func (l *login) signedIn(ctx context.Context) {
	l.next.Attempt.Succeeded, l.next.Registration.Doubted, l.next.SignedIn = true, false, time.Now()
	l.change(ctx, func(stored *Credential) { *stored = l.next })
	// Only after the credential is saved. A process that dies in between leaves an
	// unanswered ask and a login that works. In the other order it would leave a
	// record of success without a login, and nobody would be asked again.
	l.recordEnding(ctx, AskSignedIn)
	l.log.Debug("signed in", "issuer", l.next.Issuer, "granted", l.next.GrantedScopes, "expires", l.next.Expiry, "refreshable", !l.next.RefreshToken.IsZero())
}

// saveAsked keeps, before the address is shown, that a person is asked and
// which client was registered for that: a login that is given up must neither
// register another one the next time nor open a second tab at once. Tokens that
// still work stay with the client they belong to.
func (l *login) saveAsked(ctx context.Context) {
	l.change(ctx, func(stored *Credential) {
		if stored.RefreshToken.IsZero() && !l.fresh(stored) {
			old := stored.Registration
			*stored = stored.withoutTokens()
			stored.Server, stored.Issuer, stored.FoundAt, stored.Named, stored.Registration = l.next.Server, l.next.Issuer, l.next.FoundAt, l.next.Named, l.next.Registration
			stored.Metadata, stored.MetadataAt = l.next.Metadata, l.next.MetadataAt
			if old.Doubted && old.Provider().Same(l.next.Registration.Provider()) && !l.clientReused && !l.clientUnknown {
				stored.Registration = old // until the new one has led to a login
			}
		}
		stored.Attempt, stored.WithoutOffline, stored.Consents = l.next.Attempt, l.next.WithoutOffline, l.next.Consents
		// If the new registration times out as well, the registration was not the
		// cause: the earlier one is used again.
		stored.Registration.Doubted = l.clientReused || l.clientOfProject && stored.Registration.ClientID == l.next.Registration.ClientID
	})
}

// recordFailure keeps how an attempt ended, if another process may be waiting to
// hear of it, somebody was asked, or the provider refused the client.
func (l *login) recordFailure(ctx context.Context, err error) {
	l.change(ctx, func(stored *Credential) {
		refused := l.clientRefusal != nil && errors.Is(err, l.clientRefusal)
		if l.why.awaited || refused || time.Since(stored.Attempt.Asked) < l.cfg.LoginTimeout+AskWindow {
			stored.Server = l.cfg.Server.String()
			stored.Attempt = stored.Attempt.failed(err, time.Now())
		}
		if refused {
			stored.Attempt.RefusedClient = l.chosenMetadata(stored.Registration).Hash()
		}
		if l.answered && !l.clientUnknown {
			stored.Registration.Doubted = false // only a client that is known gets an answer
		}
	})
}
