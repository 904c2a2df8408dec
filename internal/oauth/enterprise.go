package oauth

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"mcp-login/internal/foreign"
	"mcp-login/internal/oauth/discovery"
	"mcp-login/internal/oauth/grant"
)

// Enterprise-managed authorization (MCP extension of that name): the person signs in at the
// company's provider, once for all servers. For each server that provider, if its policy
// allows it, gives an assertion about the person in exchange for the ID token, which is
// presented to the server's own authorization server for an access token.

// GrantEnterprise as Key.Grant is a person's login at the company's provider: an account of
// its own, whose ID token is exchanged.
const GrantEnterprise = "enterprise"

// Enterprise is the company's provider for one server.
type Enterprise struct {
	// Login signs in there; its Key is that of Key.Company.
	Login *Client
	// IDToken returns a token that was given in the place of that login. nil: a person
	// signs in.
	IDToken func() (grant.Secret, error)
}

// Company is the account of the company's provider whose login k uses.
func (k Key) Company() Key {
	return Key{Server: k.Enterprise, Profile: k.Profile, ClientID: k.EnterpriseClientID, Grant: GrantEnterprise}
}

// Uses reports whether k is a server that is signed in to through company. One that names
// no client there uses the login of any.
func (k Key) Uses(company Key) bool {
	return company.Grant == GrantEnterprise && k.Enterprise == company.Server && k.Profile == company.Profile &&
		(k.EnterpriseClientID == "" || k.EnterpriseClientID == company.ClientID)
}

// isCompany reports whether c signs in at a company's provider.
func (c *Client) isCompany() bool { return c.cfg.Key.Grant == GrantEnterprise }

// withoutRefreshToken reports whether an access token is renewed by what led to it, and not
// by a refresh token.
func (c *Client) withoutRefreshToken() bool {
	return WithoutPerson(c.cfg.Key.Grant) || c.cfg.Enterprise != nil
}

// notSignedInError says that there is no ID token to exchange, and only a person can help.
type notSignedInError struct {
	error
	failed tokenHash // the ID token that is of no use
}

// Unwrap returns the reason.
func (e *notSignedInError) Unwrap() error { return e.error }

// throughCompany gets an access token by way of the company's provider. A person signs in
// there if need be, once; no lock of the server's account is held meanwhile. A policy that
// refuses is no reason to ask a person.
func (c *Client) throughCompany(ctx context.Context, why renewal) (*Credential, error) {
	if why.challenge.WantsAuthentication() {
		if err := c.authenticateAtCompany(ctx, why); err != nil {
			return nil, err
		}
	}
	for asked := false; ; asked = true {
		cred, err := c.byAssertion(ctx, why)
		var absent *notSignedInError
		if asked || why.quiet || !errors.As(err, &absent) {
			return cred, err
		}
		if _, err := c.cfg.Enterprise.Login.renew(ctx, renewal{failed: absent.failed}); err != nil {
			return nil, err
		}
	}
}

// authenticateAtCompany has the person sign in at the company's provider as the server wants it
// (RFC 9470), unless somebody has signed in there since the token in use.
func (c *Client) authenticateAtCompany(ctx context.Context, why renewal) error {
	e := c.cfg.Enterprise
	if e.IDToken != nil {
		return nil // whoever gives it may have given another one
	}
	person, err := e.Login.latest(ctx)
	if used, _ := c.InUse(); err != nil || !person.SignedIn.IsZero() && !used.SignedIn.Equal(person.SignedIn) {
		return err
	}
	said := why.challenge.Params
	challenge := discovery.Challenge{Scheme: why.challenge.Scheme, Params: map[string]string{"error": said["error"], "acr_values": said["acr_values"], "max_age": said["max_age"]}}
	_, err = e.Login.renew(ctx, renewal{failed: hashOf(person.IDToken), challenge: challenge, stepUp: true, quiet: why.quiet})
	return err
}

// signInAgain says how a person signs in once more.
func (c *Client) signInAgain() (hint string) {
	switch {
	case c.cfg.Enterprise == nil:
		return "to sign in once more, run: " + c.command("login", "--again")
	case c.cfg.Enterprise.IDToken == nil:
		return "to sign in once more, run: " + c.cfg.Enterprise.Login.command("login", "--again")
	}
	return replaceIDToken
}

// replaceIDToken is what helps where the ID token is given.
const replaceIDToken = "replace the file with a newer ID token: it is read anew for each exchange"

// byAssertion exchanges the ID token and presents what comes of it, under the lock of the
// account.
func (c *Client) byAssertion(ctx context.Context, why renewal) (*Credential, error) {
	unlock, err := c.cfg.Store.Lock(ctx, c.cfg.Key)
	if err != nil {
		return nil, fmt.Errorf("wait for another process that renews the login: %w", err)
	}
	defer unlock()
	previous, err := c.stored(ctx)
	if err != nil {
		return nil, err
	}
	if c.serves(previous, why) {
		c.log.Debug("another process has got a token")
		return previous, nil
	}
	l := c.newLogin(why, previous)
	if l.found, err = c.discoverTokenEndpoint(ctx, previous, why); err != nil {
		return nil, err
	}
	err = l.asPerson(ctx)
	if l.clientUnknown {
		l.log.Debug("the provider does not know the registered client any more", "error", err)
		l.previous.Registration = grant.Registration{Chosen: l.previous.Registration.Chosen}
		err = l.asPerson(ctx)
	}
	if err != nil {
		l.keepRegistration(ctx)
		return nil, err
	}
	c.save(ctx, &l.next)
	return &l.next, nil
}

// keepRegistration keeps a client that was registered for nothing so far: the next try must not
// register another one.
func (l *login) keepRegistration(ctx context.Context) {
	if reg := l.next.Registration; reg.Dynamic && !l.clientReused {
		kept := l.previous.withoutTokens()
		kept.Server, kept.Issuer, kept.FoundAt, kept.Named, kept.Registration = l.next.Server, l.next.Issuer, l.next.FoundAt, l.next.Named, reg
		l.save(ctx, &kept)
	}
}

// asPerson fills next with a token for the person for whom the company's provider vouches.
func (l *login) asPerson(ctx context.Context) error {
	server := &l.found.Server
	if server.FoundAt != "" {
		// An assertion for a name that is not the provider's own would be good at whoever
		// owns the name.
		return &grant.Error{
			Op: "sign in to " + l.cfg.Server.Redacted(), Err: fmt.Errorf("%w: the assertion would be for %s", grant.ErrNotSent, server.Provider()),
			Hint: "leave out --accept-issuer: with --enterprise a provider has to have its own name",
		}
	}
	reg, err := l.register(ctx, "")
	if err != nil {
		return err
	}
	l.prepare(reg)
	l.next.Attempt = Attempt{}
	if l.next.Resource == "" && l.cfg.Key.Resource == "" {
		l.next.Resource = l.cfg.Server.String() // the extension requires one
	}
	if l.cfg.Key.Scopes == nil { // the ones of the company's own login
		l.next.RequestedScopes = slices.DeleteFunc(l.next.RequestedScopes, func(s string) bool { return s == discovery.OfflineAccess || s == "openid" })
	}
	t := l.next.target(server)
	assertion, person, err := l.cfg.Enterprise.vouch(ctx, t)
	if err != nil {
		return err
	}
	token, err := l.grants.JWTBearer(ctx, t, assertion)
	if err != nil {
		refused := (*grant.Error)(nil)
		l.clientUnknown = l.clientReused && errors.As(err, &refused) && grant.IsClientUnknown(refused.Code)
		return notTaken(err, l.cfg.Enterprise.Login.cfg.Server.String(), t)
	}
	l.next.apply(token, t, time.Now())
	// There is no refresh token: for each new token the company's provider is asked, who may
	// have ended the person's access.
	l.next.Account, l.next.SignedIn = person.Account, person.SignedIn
	l.next.EnterpriseClientID = l.cfg.Enterprise.Login.cfg.Key.ClientID
	return nil
}

// notTaken adds a hint to the refusal of an assertion by the server's provider.
func notTaken(err error, company string, t *grant.Target) error {
	if refused := (*grant.Error)(nil); errors.As(err, &refused) && refused.Code == "invalid_grant" {
		refused.Hint = "ask whoever runs " + foreign.ShortAddress(t.Server.Issuer) + " whether it trusts " + foreign.ShortAddress(company) +
			", and the administrator of that one whether it knows that the client is " + foreign.Line(t.Registration.ClientID) + " there"
	}
	return err
}

// vouch exchanges the ID token for an assertion about its person to the server of t, whose
// Scopes become those that it is good for. Where the provider takes the ID token no longer,
// another one is got, once, without asking anybody.
func (e *Enterprise) vouch(ctx context.Context, t *grant.Target) (assertion grant.Secret, person *Credential, err error) {
	failed := tokenHash("")
	for again := false; ; again = true {
		if person, err = e.person(ctx, failed); err != nil {
			return grant.Secret{}, nil, err
		}
		at := person.target(nil)
		at.Resource, at.Scopes = t.Resource, t.Scopes
		var scopes []string
		assertion, scopes, err = e.Login.grants.ExchangeIDToken(ctx, at, person.IDToken, t.Server.Issuer)
		if err == nil && scopes != nil {
			t.Scopes = scopes
		}
		if again || !person.maySubjectBeOver(err) {
			if refused := (*grant.Error)(nil); e.IDToken != nil && errors.As(err, &refused) && (refused.Code == "invalid_grant" || refused.Code == "insufficient_user_authentication") {
				refused.Hint = replaceIDToken
			}
			return assertion, person, err
		}
		failed = hashOf(person.IDToken)
	}
}

// maySubjectBeOver reports whether err, of an exchange, may be about an ID token that the
// provider takes no longer, so that a refresh is worth a try. RFC 8693, section 2.2.2, has one
// code for that, and the draft another. One that was got a moment ago is not what is wrong.
func (c *Credential) maySubjectBeOver(err error) bool {
	var refused *grant.Error
	return errors.As(err, &refused) && (refused.Code == "invalid_grant" || refused.Code == "invalid_request") &&
		!c.RefreshToken.IsZero() && time.Since(c.ObtainedAt) >= unknownLife
}

// person returns the login at the company's provider with an ID token that has not ended
// and is not the failed one. Nobody is asked.
func (e *Enterprise) person(ctx context.Context, failed tokenHash) (*Credential, error) {
	if e.IDToken != nil {
		return e.Login.GivenPerson(ctx, e.IDToken)
	}
	cred, err := e.Login.latest(ctx)
	if err == nil && !e.Login.serves(cred, renewal{failed: failed}) {
		failed = hashOf(cred.IDToken)
		cred, err = e.Login.renew(ctx, renewal{failed: failed, quiet: true})
	}
	if errors.Is(err, ErrLoginRequired) {
		return nil, &notSignedInError{err, failed}
	}
	return cred, err
}

// latest returns the login as it is stored now: another process may have ended it, or signed
// somebody else in. It is the one in memory where that could not be stored.
func (c *Client) latest(ctx context.Context) (*Credential, error) {
	c.mu.Lock()
	c.loaded = c.loaded && c.unstored
	c.mu.Unlock()
	return c.load(ctx)
}

// ofPerson returns cred, of a server, without its tokens where they are of another sign-in
// than the one at the company's provider now.
func (c *Client) ofPerson(ctx context.Context, cred Credential) (Credential, error) {
	if c.cfg.Enterprise == nil || !cred.HasToken() {
		return cred, nil
	}
	person := &Credential{}
	if c.cfg.Enterprise.IDToken == nil {
		var err error
		if person, err = c.cfg.Enterprise.Login.latest(ctx); err != nil {
			return cred, err
		}
	}
	if !cred.SignedIn.Equal(person.SignedIn) {
		c.log.Debug("somebody has signed in at the company's provider since, or the login there has ended")
		cred = cred.withoutTokens()
	}
	return cred, nil
}

// GivenPerson is a login at the company's provider by an ID token that was given. Nothing of
// it is kept.
func (c *Client) GivenPerson(ctx context.Context, read func() (grant.Secret, error)) (*Credential, error) {
	const op = "use the ID token that is given"
	token, err := read()
	if err != nil {
		return nil, err
	}
	l := c.newLogin(renewal{}, &Credential{})
	if l.found, err = c.discoverCompany(ctx); err != nil {
		return nil, err
	}
	server := &l.found.Server
	if c.cfg.Identity.ClientID == "" {
		return nil, &grant.Error{Op: op, Err: errors.New("the client that it was issued to is not given"), Hint: "add --enterprise-client-id"}
	}
	reg, err := c.givenClient(server, grant.Registration{}, "")
	if err != nil {
		return nil, err
	}
	if err := grant.CheckIDToken(token, server.Provider(), reg.ClientID, time.Now()); err != nil {
		return nil, &grant.Error{Op: op, Err: fmt.Errorf("%w: %w", grant.ErrNotSent, err), Hint: "give one that " + server.Provider().String() + " has issued to the client " + foreign.Line(reg.ClientID) + " a short time ago"}
	}
	l.prepare(reg)
	l.next.IDToken = token
	return &l.next, nil
}

// discoverCompany reads the metadata of the company's provider, which the person has named:
// no server has a say in it.
func (c *Client) discoverCompany(ctx context.Context) (discovery.Result, error) {
	m, err := discovery.FetchServer(ctx, c.cfg.HTTP, c.cfg.Named, c.cfg.IssuerChoice)
	if err != nil {
		return discovery.Result{}, grant.AsError(err)
	}
	return discovery.Result{Server: *m}, nil
}

// companyScopes are those of a login at the company's provider.
func companyScopes() []string { return []string{"openid", discovery.OfflineAccess} }

// checkPerson refuses the ID token of a sign-in at the company's provider that is not its own
// answer to this client. One by a code has the nonce of its request (OpenID Connect Core 1.0,
// section 3.1.3.7, number 11).
func (l *login) checkPerson(token grant.Token, t *grant.Target, byCode bool) error {
	if !l.isCompany() {
		return nil
	}
	err := errors.New("it gave no ID token")
	if !token.IDToken.IsZero() {
		err = grant.CheckIDToken(token.IDToken, t.Server.Provider(), t.Registration.ClientID, time.Now())
	}
	if err == nil && byCode && grant.NonceIn(token.IDToken) == "" {
		err = errors.New("the ID token lacks the nonce of the request")
	}
	if err != nil {
		return &grant.Error{Op: "sign in at " + t.Server.Provider().String(), Err: err, Hint: "this is a fault of the provider: tell its administrator"}
	}
	return nil
}

// errOtherPerson means that a provider has renewed a login with the ID token of somebody else.
var errOtherPerson = errors.New("the new ID token is about somebody else than the one before (OpenID Connect Core 1.0, section 12.2)")

// samePerson judges the ID token that came with a refresh, where it is what is presented.
func (c *Client) samePerson(before *Credential, token grant.Token) error {
	if !c.presentsIDToken(before) || token.IDToken.IsZero() || before.IDToken.IsZero() || grant.SameSubject(before.IDToken, token.IDToken) {
		return nil
	}
	return &grant.Error{
		Op: "renew the login at " + before.Provider().String(), Err: errOtherPerson,
		Hint: "nothing was sent on, and the login here has ended; tell the provider's administrator, and sign in again: " + c.command("login", "--again"),
	}
}

// plainIssuer is the address of a company's provider as it stands in a Key: that of
// CanonicalServer, without a slash that is its whole path.
func plainIssuer(address string) string {
	if scheme, rest, ok := strings.Cut(address, "://"); ok && strings.Count(rest, "/") == 1 {
		return scheme + "://" + strings.TrimSuffix(rest, "/")
	}
	return address
}

// CanonicalIssuer parses the address of a company's provider as a person typed it; see
// CanonicalServer.
func CanonicalIssuer(raw string, allowHTTP bool) (string, error) {
	u, err := CanonicalServer(raw, allowHTTP)
	if err != nil {
		return "", err
	}
	return plainIssuer(u.String()), nil
}
