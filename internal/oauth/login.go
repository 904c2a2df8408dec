package oauth

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"time"

	"golang.org/x/oauth2"

	"mcp-login/internal/hint"
	"mcp-login/internal/oauth/discovery"
	"mcp-login/internal/oauth/grant"
)

// SignInAhead signs in although the server has not asked for it: some let everybody list
// their tools, and want a token for calls. A token that can be presented is enough.
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
	_, err = c.renew(ctx, renewal{failed: hashOf(c.bearer(cred))})
	return true, err
}

// login asks the person; the caller holds LockLogin. Where the provider has
// forgotten the registration of an earlier login, one new registration is tried
// (RFC 6749, section 5.2, invalid_client). How a login failed is kept for the
// processes that wait for it.
func (c *Client) login(ctx context.Context, previous Credential, w renewal) (Credential, error) {
	outside := ctx
	ctx, cancel := context.WithTimeoutCause(ctx, c.cfg.LoginTimeout, grant.ErrLoginTimeout)
	defer cancel()
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	go c.watch(ctx, end, c.bootTime().Add(c.cfg.LoginTimeout))
	w.progress = &progress{began: c.now()}
	for {
		cred, err := c.loginOnce(ctx, previous, w)
		if err == nil {
			return cred, nil
		}
		var refused *grant.Error
		if errors.As(err, &refused) && grant.IsClientUnknown(refused.Code) && w.progress.clientReused {
			c.log.Debug("the provider does not know the registered client any more", "error", err)
			c.recordEnding(outside, w, AskForgotten)
			w.progress.clientUnknown = true
			previous.Registration, previous.Metadata = grant.Registration{Chosen: previous.Registration.Chosen}, discovery.ServerMetadata{}
			continue
		}
		if errors.Is(context.Cause(ctx), grant.ErrLoginTimeout) && (refused == nil || refused.Hint == "") {
			err = c.timeoutError(w)
		}
		if errors.Is(context.Cause(ctx), ErrEnded) {
			err = c.personNeeded(ErrEnded)
		}
		if forbidden := (*notAskedError)(nil); outside.Err() == nil && !errors.As(err, &forbidden) {
			c.recordEnding(outside, w, endingOf(err))
			c.recordFailure(outside, err, w)
		}
		return Credential{}, err
	}
}

// timeoutError says that nobody has signed in in time, and what the next login does
// about it. A provider that has forgotten its client says so to the browser alone.
func (c *Client) timeoutError(w renewal) error {
	e := &grant.Error{
		Op: "sign in to " + c.cfg.Server.Redacted(), Err: grant.ErrLoginTimeout,
		Hint: "try again; if the browser showed an error page of the provider instead of a login, the client id or its redirect URI is not registered there",
	}
	if w.progress.clientReused {
		e.Hint = "try again: in case the provider has forgotten this client and showed an error page, the next sign-in registers a new one"
	}
	return e
}

// watchInterval is how often a login looks whether it is to go on.
const watchInterval = 500 * time.Millisecond

// watch ends a login that is not wanted any more, and one whose time is over on the
// wall: the clock of timers stands still while the machine sleeps.
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

func (c *Client) loginOnce(ctx context.Context, previous Credential, w renewal) (Credential, error) {
	found, err := c.discover(ctx, previous, w)
	if err != nil {
		return Credential{}, err
	}
	meta := found.Server
	if err := c.mayAsk(ctx, c.question(meta.Issuer, c.scopes(found, previous, w), w), previous.Attempt); err != nil {
		return Credential{}, err
	}
	byDevice, err := c.usesDevice(meta, previous)
	if err != nil {
		return Credential{}, err
	}
	if byDevice {
		cred, err := c.loginByDevice(ctx, found, previous, w)
		var refused *deviceRefusedError
		if c.devicePolicy(previous) == DeviceAlways || !errors.As(err, &refused) {
			return cred, err
		}
		// Offered, though not to this client: Logto's native applications have
		// either this grant or the other.
		c.log.Debug("the device grant is refused to this client", "error", err)
	}
	if err := meta.CheckAuthorization(); err != nil {
		return Credential{}, err
	}
	if meta.SilentOnPKCE() && !c.cfg.AssumePKCE {
		c.log.Warn("the provider does not say that it checks PKCE; S256 is sent all the same", "issuer", meta.Issuer)
	}
	if _, err := c.BrowserURL(ctx, "authorization_endpoint", meta.AuthorizationEndpoint); err != nil {
		return Credential{}, err
	}
	// Bound before anything is registered or shown: nobody else can have the
	// port then.
	redirect, err := c.cfg.Listen(ctx, meta.Issuer, meta.FoundAt, redirectPort(previous.Registration.RedirectURI))
	if err != nil {
		return Credential{}, fmt.Errorf("listen for the redirect: %w", err)
	}
	defer func() { _ = redirect.Close() }()
	reg, err := c.register(ctx, meta, previous, redirect.URI(), w)
	if err != nil {
		return Credential{}, err
	}
	cred := c.prepare(found, reg, previous, w)
	if w.progress.clientReused && c.forgotten(ctx, meta, cred) {
		return Credential{}, &grant.Error{Op: "sign in", Code: "invalid_client", Err: errors.New("the provider does not know the registered client any more")}
	}
	w.progress.clientProven = provenBy(reg, previous)
	return c.authorize(ctx, redirect, meta, cred, w)
}

// prepare builds the credential that the login is to fill.
func (c *Client) prepare(found discovery.Result, reg grant.Registration, previous Credential, w renewal) Credential {
	meta := found.Server
	cred := Credential{
		Server: c.cfg.Server.String(), Resource: found.Resource, Issuer: meta.Issuer, FoundAt: meta.FoundAt,
		TokenEndpoint: meta.TokenEndpoint, RevocationEndpoint: meta.RevocationEndpoint, EndSessionEndpoint: meta.EndSessionEndpoint,
		Registration: reg, Metadata: meta, MetadataAt: c.now(),
		Attempt: previous.Attempt, Choices: c.cfg.Over(previous.Choices),
	}
	if c.cfg.Overrides() {
		cred.Named = c.cfg.Named
	}
	if meta.Assumed() { // nothing was read
		cred.Metadata = discovery.ServerMetadata{}
	}
	switch c.cfg.Key.Resource {
	case "":
	case NoResource:
		cred.Resource = ""
	default:
		cred.Resource = c.cfg.Key.Resource
	}
	cred.RequestedScopes = c.scopes(found, previous, w)
	same := previous.Provider().Same(meta.Provider())
	cred.RepeatScopes, cred.WithoutOffline = previous.RepeatScopes && same, previous.WithoutOffline && same
	if same {
		cred.Consents = previous.consentsInARow(c.now())
	}
	return cred
}

// scopeOrganizations is what Logto wants with organization_id.
const scopeOrganizations = "urn:logto:scope:organizations"

// scopes are those to request.
func (c *Client) scopes(found discovery.Result, previous Credential, w renewal) []string {
	var earlier []string
	if w.stepUp && previous.Provider().Same(found.Server.Provider()) {
		earlier = previous.RequestedScopes
	}
	scopes := found.Server.SelectScopes(c.cfg.Key.Scopes, w.challenge.Scopes(), found.ScopesSupported, earlier)
	if previous.WithoutOffline && previous.Provider().Same(found.Server.Provider()) && c.cfg.Key.Scopes == nil {
		scopes = withoutOffline(scopes)
	}
	if c.presentsIDToken(previous) {
		scopes = discovery.Union(scopes, []string{"openid"})
	}
	if c.grants.Param("organization_id") != "" && c.cfg.Key.Scopes == nil && slices.Contains(found.Server.ScopesSupported, scopeOrganizations) {
		scopes = discovery.Union(scopes, []string{scopeOrganizations})
	}
	return scopes
}

// authorize runs the authorization request of RFC 6749 section 4.1 with PKCE
// and exchanges the code. Where the provider refuses offline_access, which we have
// added, the tab that has brought the answer is sent there once more without it.
func (c *Client) authorize(ctx context.Context, redirect Redirect, meta discovery.ServerMetadata, cred Credential, w renewal) (Credential, error) {
	finish := func(string, error) {} // the tab that waits
	waiting, release := c.startProbe(ctx, meta, cred, w)
	defer release()
	if waiting.Err() != nil && ctx.Err() == nil {
		w.progress.clientRefusal = context.Cause(waiting) // it is not asked again at once
		return Credential{}, w.progress.clientRefusal
	}
	for again := false; ; again = true {
		verifier, state := oauth2.GenerateVerifier(), grant.NewState()
		p, err := c.promptFor(ctx, redirect, meta, cred, verifier, state)
		if err == nil {
			err = c.recordAsk(ctx, &cred, w)
		}
		consent := wantsConsent(cred, meta.AuthorizationEndpoint)
		c.warnOfPrompt(cred, meta.AuthorizationEndpoint)
		if consent && !w.stepUp {
			cred.Consents++
		}
		if err != nil {
			finish("", pageError{err})
			return Credential{}, err
		}
		p.Resumed = again
		tab := finish
		var answer url.Values
		answer, finish, err = redirect.Receive(waiting, state, func() {
			c.saveAsked(ctx, cred, w)
			c.ask(ctx, w, p)
			tab("", resumeError{cmp.Or(p.Local, p.URL)})
		})
		c.setPrompt(nil)
		if err != nil {
			return Credential{}, unanswered(err)
		}
		w.progress.answered, waiting = true, ctx // it knows the client
		t := cred.target(meta)
		code, err := c.grants.CheckAnswer(answer, t)
		if err == nil {
			var token grant.Token
			if token, err = c.grants.Exchange(ctx, t, code, verifier); err == nil {
				cred.apply(token, t, c.now())
			}
		}
		switch {
		case err == nil:
			if !consent && cred.RefreshToken.IsZero() {
				cred.Consents = 0 // it is needed for one
			}
			c.signedIn(ctx, cred, w)
			finish(cred.Account, nil)
			return cred, nil
		case again || !c.mayDropOffline(cred, err):
			finish("", pageError{err})
			return Credential{}, err
		}
		c.log.Debug("the provider refuses offline_access; asking once more without it", "reason", err)
		c.recordEnding(ctx, w, AskScopeRefused)
		cred.WithoutOffline, cred.RequestedScopes = true, withoutOffline(cred.RequestedScopes)
	}
}

// promptFor is what a person needs for the authorization request with verifier and
// state.
func (c *Client) promptFor(ctx context.Context, redirect Redirect, meta discovery.ServerMetadata, cred Credential, verifier, state string) (Prompt, error) {
	t := cred.target(meta)
	t.Consent = wantsConsent(cred, meta.AuthorizationEndpoint)
	address, err := c.grants.AuthorizationURL(t, verifier, state)
	if err == nil {
		address, err = c.BrowserURL(ctx, "authorization_endpoint", address)
	}
	if err != nil {
		return Prompt{}, err
	}
	c.log.Debug("waiting for the person to sign in", "issuer", meta.Issuer, "redirect", redirect.URI(), "scopes", cred.RequestedScopes)
	local, mark := redirect.Local(address)
	p := Prompt{Issuer: meta.Issuer, FoundAt: meta.FoundAt, URL: address, Local: local, Mark: mark, RedirectURI: redirect.Here()}
	if uri := redirect.URI(); uri != p.RedirectURI {
		p.PasteFrom = uri
	}
	return p, nil
}

// unanswered is a login that ended without an answer. What the redirect listener
// has to say about it ends it as a refusal.
func unanswered(err error) error {
	if own := (*grant.Error)(nil); errors.As(err, &own) {
		return err
	}
	if next := hint.Of(err); next != "" {
		return &grant.Error{Op: "wait for the browser", Err: fmt.Errorf("%w: %w", grant.ErrDenied, err), Hint: next}
	}
	return fmt.Errorf("wait for the browser: %w", err)
}

// ask shows p to the person.
func (c *Client) ask(ctx context.Context, w renewal, p Prompt) {
	p.Began = w.progress.began
	if deadline, ok := ctx.Deadline(); ok && (p.Deadline.IsZero() || deadline.Before(p.Deadline)) {
		p.Deadline = deadline
	}
	c.setPrompt(&p)
	c.cfg.ShowPrompt(ctx, p)
}

// signedIn keeps what a login has led to.
func (c *Client) signedIn(ctx context.Context, cred Credential, w renewal) {
	cred.Attempt.Succeeded, cred.Registration.Doubted = true, false
	c.change(ctx, func(Credential) Credential { return cred })
	// Afterwards: a process that dies in between has asked without an answer, and
	// the login is there. The other way round nobody would be asked again for a
	// login that nobody has.
	c.recordEnding(ctx, w, AskSignedIn)
	c.log.Debug("signed in", "issuer", cred.Issuer, "granted", cred.GrantedScopes, "expires", cred.Expiry, "refreshable", !cred.RefreshToken.IsZero())
}

// saveAsked keeps, before the address is shown, that a person is asked and
// which client was registered for that: a login that is given up must neither
// register another one the next time nor open a second tab at once. Tokens that
// still work stay with the client they belong to.
func (c *Client) saveAsked(ctx context.Context, cred Credential, w renewal) {
	c.change(ctx, func(stored Credential) Credential {
		next := stored.withoutTokens()
		next.Server, next.Issuer, next.FoundAt, next.Named, next.Registration = cred.Server, cred.Issuer, cred.FoundAt, cred.Named, cred.Registration
		next.Metadata, next.MetadataAt = cred.Metadata, cred.MetadataAt
		if old := stored.Registration; old.Doubted && old.Provider().Same(cred.Registration.Provider()) && !w.progress.clientReused && !w.progress.clientUnknown {
			next.Registration = old // until the new one has led to a login
		}
		if !stored.RefreshToken.IsZero() || c.fresh(stored) {
			next = stored
		}
		next.Attempt, next.WithoutOffline, next.Consents = cred.Attempt, cred.WithoutOffline, cred.Consents
		// Whoever is too slow with a new registration as well is slow, and the
		// earlier one has its turn again.
		next.Registration.Doubted = w.progress.clientReused
		return next
	})
}

// recordFailure keeps how an attempt ended, if another process may be waiting to
// hear of it, somebody was asked, or the provider was.
func (c *Client) recordFailure(ctx context.Context, err error, w renewal) {
	c.change(ctx, func(stored Credential) Credential {
		refused := w.progress.clientRefusal != nil && errors.Is(err, w.progress.clientRefusal)
		if w.awaited || refused || c.now().Sub(stored.Attempt.Asked) < c.cfg.LoginTimeout+AskWindow {
			stored.Server = c.cfg.Server.String()
			stored.Attempt = stored.Attempt.failed(err, c.now())
		}
		if refused {
			stored.Attempt.RefusedClient = c.chosenMetadata(stored.Registration).Hash()
		}
		if w.progress.answered && !w.progress.clientUnknown {
			stored.Registration.Doubted = false // only a client that is known gets an answer
		}
		return stored
	})
}
