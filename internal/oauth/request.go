package oauth

import (
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

// warnOfPrompt says what a chosen prompt costs.
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
