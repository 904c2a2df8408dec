package oauth

import (
	"errors"
	"net/url"
	"slices"
	"strings"
	"time"

	"mcp-login/internal/oauth/discovery"
	"mcp-login/internal/oauth/grant"
)

// OpenID Connect Core 1.0, section 11, wants prompt=consent with offline_access, and
// providers like Logto drop the scope without it. Others show an approval page for it
// each time, at which a person may be stuck: there prompt is left out, by the name of the
// provider or because nobody got further.

// entra are the sites of Microsoft Entra in all its clouds.
var entra = []string{
	"microsoftonline.com", "microsoftonline.us", "microsoftonline.cn", "microsoftonline.de", "chinacloudapi.cn", "windows.net", "ciamlogin.com", "b2clogin.com",
}

const (
	// maxConsents is how many times in a row a person is sent to an approval page.
	maxConsents = 2
	// consentRowLifetime is how long such a row lasts after a sign-in that led to no token, or to one
	// whose issuer does not say when it ends.
	consentRowLifetime = time.Hour
)

// wantsConsent reports whether the request for cred at an authorization endpoint is
// to have prompt=consent.
func wantsConsent(cred *Credential, endpoint string) bool {
	return slices.Contains(cred.RequestedScopes, discovery.OfflineAccess) && !atEntra(endpoint) && cred.Consents < maxConsents
}

func (c *Client) warnOfPrompt(t *grant.Target) {
	own := c.grants.Param("prompt")
	if own == "" || slices.Contains(strings.Fields(own), "consent") || !t.Consent {
		return
	}
	c.log.Warn("prompt is sent without consent, for which providers such as Logto give no refresh token: somebody has to sign in whenever the access token has ended",
		"prompt", own, "keep_it_with", "--auth-param 'prompt="+own+" consent'")
}

// atEntra names the provider where prompt=consent does harm: it gives refresh tokens
// anyway, and asking for consent there locks out everybody whose organization lets
// only administrators consent.
func atEntra(endpoint string) bool {
	u, err := url.Parse(endpoint)
	if err != nil {
		return false
	}
	host := strings.ToLower(u.Hostname())
	return slices.ContainsFunc(entra, func(site string) bool { return host == site || strings.HasSuffix(host, "."+site) })
}

// consentsInARow is Consents for the next sign-in. A row ends when a token has
// lived to its end: then a person is asked because that is due. That prompt is left
// out stays so.
func (c *Credential) consentsInARow(now time.Time) int {
	ends := c.Expiry
	if !c.Attempt.Succeeded || ends.IsZero() {
		ends = c.Attempt.Asked.Add(consentRowLifetime)
	}
	if c.Consents < maxConsents && now.After(ends) {
		return 0
	}
	return c.Consents
}

// scopeOrganizations is what Logto wants with organization_id.
const scopeOrganizations = "urn:logto:scope:organizations"

// scopes are those to request.
func (l *login) scopes() []string {
	server, chosen := &l.found.Server, l.cfg.Key.Scopes
	same := l.previous.Provider().Same(server.Provider())
	var earlier []string
	if l.why.stepUp && same {
		earlier = l.previous.RequestedScopes
	}
	scopes := server.SelectScopes(chosen, l.why.challenge.Scopes(), l.found.ScopesSupported, earlier)
	if l.isCompany() {
		scopes = companyScopes()
	}
	if l.previous.WithoutOffline && same && chosen == nil {
		scopes = withoutOffline(scopes)
	}
	if l.presentsIDToken(&l.previous) {
		scopes = discovery.Union(scopes, []string{"openid"})
	}
	if l.grants.Param("organization_id") != "" && chosen == nil && slices.Contains(server.ScopesSupported, scopeOrganizations) {
		scopes = discovery.Union(scopes, []string{scopeOrganizations})
	}
	return scopes
}

func withoutOffline(scopes []string) []string {
	return slices.DeleteFunc(slices.Clone(scopes), func(scope string) bool { return scope == discovery.OfflineAccess })
}

// dropOffline takes offline_access, which the provider refuses, out of what is requested.
func (c *Credential) dropOffline() {
	c.WithoutOffline, c.RequestedScopes = true, withoutOffline(c.RequestedScopes)
}

// mayDropOffline reports whether err is the provider's refusal of offline_access:
// it says so, or names no other scope of the request. What the person has chosen
// is not dropped.
func (c *Client) mayDropOffline(cred *Credential, err error) bool {
	var refused *grant.Error
	if c.cfg.Key.Scopes != nil || !slices.Contains(cred.RequestedScopes, discovery.OfflineAccess) || !errors.As(err, &refused) || refused.Err == nil {
		return false
	}
	said := strings.FieldsFunc(refused.Err.Error(), func(r rune) bool { return strings.ContainsRune(" \n\t\"'`,;()[]<>", r) })
	named := func(scope string) bool {
		return slices.ContainsFunc(said, func(word string) bool { return strings.TrimRight(word, ".:!?") == scope })
	}
	switch refused.Code {
	case "invalid_scope":
		return named(discovery.OfflineAccess) || !slices.ContainsFunc(cred.RequestedScopes, named)
	case "invalid_request", "unauthorized_client":
		return named(discovery.OfflineAccess)
	}
	return false
}
